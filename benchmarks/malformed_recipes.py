"""Thousands of malformed recipes: each must end with exit status 2, a message, no traceback, within 2 seconds.

    python benchmarks/malformed_recipes.py --count 10000

Good recipes are damaged by seeded mutations. What is still valid afterwards is not counted. Each is validated in this
process (`aigc validate`: reading, planning, checking params with the real plugins); a sample is also built by a
process of its own, which must write nothing. Times are of the processor, so that a busy machine does not matter.
Exits with 1 when any recipe breaks the rule.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from aigc_content.cli import main

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 2.0
PLACE = re.compile(r"^.*?:\d+:\d+.*?: [A-Z]{1,4}\d{3}: ", re.DOTALL)
CODE = re.compile(r"\b([A-Z]{1,4}\d{3}): ")

SEEDS = [
    """\
version: 1
seed: 7
jobs:
  - name: caves
    generator: levels
    count: 24
    params: {game: dungeon, width: 32, height: 24, difficulty: 0.4}
    export: [tiled, png]
""",
    """\
# two jobs that share parameters
version: 1
jobs:
  - name: easy
    generator: levels
    params: &base
      min: {enemy: 2, loot: 3}
      max: {enemy: 5}
      path_length: {min: 20, max: 200}
  - name: hard
    generator: levels
    count: 3
    params:
      <<: *base
      difficulty: 0.9
    export:
      - text
    reject: [hard-000002, 0123abcd]
    max_attempts: 5
""",
    """\
version: 1
seed: 123456789
jobs:
- name: "swept"
  generator: 'levels'
  count: 2
  sweep:
    difficulty: [0.2, 0.5, 0.8]
    min.enemy: [1, 3]
  params:
    fixed: |
      ??????????
      ??<?????>?
      ??????????
      ??????????
      ??????????
      ??????????
      ??????????
      ??????????
  export: [png]
""",
]
JUNK = [
    *("null", "~", "true", "[]", "{}", "[[]]", "{a: {b: c}}", "-1", "0", "1e308", "1e999", ".nan", "-.inf", "0x1F"),
    *("99999999999999999999", "9" * 5000, "'text'", '""', "!!python/object:os.system x", "!!binary aGk=", "*nowhere"),
    *("&a [*a]", "2024-01-01", "12:30", "\u2603", "../../etc/passwd", "/dev/zero", "con", "x" * 3000, '"\\u0000"'),
    *("|\n      text", ">", "? key", "%TAG", "@", "`", "[1, 2", "{a: 1", '"open', "<<", "- - - -", "\x00", "\ufeff"),
    *("con", ".hidden", "a/b", "'a\\b'", "{1: 2}", "{null: 1}", "{[1]: 2}", "0.1.2", "1_000", "no", "nan", "inf"),
]

EXTRA = "\n  - name: extra\n    generator: levels\n    params: "

Mutation = Callable[[random.Random, str], bytes]


def flip(draw: random.Random, text: str) -> bytes:
    data = bytearray(text.encode())
    for _ in range(draw.randint(1, 6)):
        data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(data)


def delete(draw: random.Random, text: str) -> bytes:
    start = draw.randrange(len(text))
    return (text[:start] + text[start + draw.randint(1, 30) :]).encode()


def insert(draw: random.Random, text: str) -> bytes:
    start = draw.randrange(len(text))
    middle = draw.choice([draw.choice(JUNK), draw.choice("[]{}:,-?*&!|>'\"%@`#\t\n \\"), "\r", "\u2028", "\u00a0"])
    return (text[:start] + middle + text[start:]).encode("utf-8", "surrogatepass")


def raw_bytes(draw: random.Random, text: str) -> bytes:
    data = text.encode()
    start = draw.randrange(len(data))
    return data[:start] + draw.randbytes(draw.randint(1, 40)) + data[start:]


def truncate(draw: random.Random, text: str) -> bytes:
    return text[: draw.randrange(len(text))].encode()


def swap_type(draw: random.Random, text: str) -> bytes:
    places = [match.span(1) for match in re.finditer(r"(?<=[:\[,-]) ?([\w.'\"-]+|\[.*?\]|\{.*?\})(?=[,\]}\n])", text)]
    start, end = draw.choice(places)
    return (text[:start] + draw.choice(JUNK) + text[end:]).encode("utf-8", "surrogatepass")


def wrong_key(draw: random.Random, text: str) -> bytes:
    start, end = draw.choice([match.span(1) for match in re.finditer(r"([\w.]+)(?=:)", text)])
    word = list(text[start:end])
    place = draw.randrange(len(word))
    word[place] = draw.choice(["", word[place] * 2, draw.choice("abcxyz019_-.$ "), word[place].upper(), "\u00e9"])
    return (text[:start] + "".join(word) + text[end:]).encode()


def shuffle_lines(draw: random.Random, text: str) -> bytes:
    lines = text.splitlines(keepends=True)
    one, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    if draw.random() < 0.5:
        lines.insert(draw.randrange(len(lines)), draw.choice(lines))
    return "".join(lines).encode()


def indent(draw: random.Random, text: str) -> bytes:
    lines = text.splitlines(keepends=True)
    place = draw.randrange(len(lines))
    lines[place] = draw.choice([" ", "   ", "\t", " \t", "-", "- "]) + lines[place]
    return "".join(lines).encode()


def deep(draw: random.Random, text: str) -> bytes:
    depth = draw.choice([33, 100, 1000, 10_000, 200_000])
    opening = draw.choice(["[", "{a: ", "- ", "? ", "[{a: ", "&x [", "!!seq ["])
    return (text + EXTRA + opening * (min(depth, 900_000 // len(opening)))).encode()


def bomb(draw: random.Random, text: str) -> bytes:
    width, levels = draw.randint(5, 40), draw.randint(5, 30)
    lines = ["a: &a0 [" + ", ".join(["x"] * width) + "]"]
    lines += [f"b{level}: &a{level} [{', '.join([f'*a{level - 1}'] * width)}]" for level in range(1, levels)]
    if draw.random() < 0.5:
        lines = [line.replace("[", "{").replace("]", "}").replace("{*", "{<<: *", 1) for line in lines]
    body = "\n".join("      " + line for line in lines)
    return (text + f"{EXTRA}\n{body}\n").encode()


def huge(draw: random.Random, text: str) -> bytes:
    size = draw.choice([100_000, 500_000, 1_040_000, 3_000_000])
    filler = draw.choice(["#", "a", "- ", "a: b\n", "[],", "'", "\n", "x: &x y\n", "\u2603"])
    return (text + EXTRA + filler * (size // len(filler.encode()))).encode()


def many_jobs(draw: random.Random, text: str) -> bytes:
    jobs = "".join(f"  - {{name: j{number}, generator: levels}}\n" for number in range(draw.randint(1001, 9000)))
    axis = ", ".join(map(str, range(draw.randint(40, 400))))
    swept = f"  - {{name: s, generator: levels, sweep: {{width: [{axis}], height: [{axis}]}}}}\n"
    return ("version: 1\njobs:\n" + draw.choice([jobs, swept])).encode()


def odd_encoding(draw: random.Random, text: str) -> bytes:
    return text.replace("caves", "h\u00f6hle").encode(
        draw.choice(["utf-16", "utf-32", "utf-16-be", "utf-7", "cp037"])
    )


MUTATIONS: list[Mutation] = [
    *(flip, delete, insert, raw_bytes, truncate, swap_type, swap_type, wrong_key, wrong_key, shuffle_lines, indent),
    *(deep, bomb, huge, many_jobs, odd_encoding),
]


@dataclass
class Tally:
    """What one kind of mutation gave."""

    malformed: int = 0
    valid: int = 0
    placed: int = 0
    slowest: float = 0.0
    codes: Counter[str] = field(default_factory=Counter)


def recipes(seed: int) -> Iterator[tuple[str, bytes]]:
    """Damaged recipes without end, each with the name of its mutation."""
    draw = random.Random(seed)
    good = [*SEEDS, *(path.read_text() for path in sorted((ROOT / "examples").glob("*.yaml")))]
    while True:
        mutation = draw.choice(MUTATIONS)
        yield mutation.__name__, mutation(draw, draw.choice(good))


def run_here(path: Path) -> tuple[int, str, float]:
    """Validate a recipe in this process: exit status, messages, seconds."""
    errors = io.StringIO()
    start = time.process_time()
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        status = main(["validate", str(path)])
    return status, errors.getvalue(), time.process_time() - start


def run_process(path: Path, out: Path) -> tuple[int, str, float]:
    """Build a recipe in a process of its own."""
    before = os.times()
    command = [sys.executable, "-m", "aigc_content.cli", "build", str(path), "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return done.returncode, done.stderr, used


def problem(status: int, message: str, seconds: float) -> str:
    """How a run breaks the rule; empty when it does not."""
    if status != 2:
        return f"exit status {status}"
    if "Traceback" in message:
        return "a traceback"
    if not CODE.search(message):
        return "no code"
    return f"{seconds:.1f} s" if seconds > LIMIT else ""


def check(count: int, seed: int, sample: int) -> tuple[dict[str, Tally], list[str]]:
    """Check ``count`` malformed recipes here, ``sample`` of them in processes of their own."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    broken: list[str] = []
    done = 0
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / "recipe.yaml", Path(folder) / "out"
        for kind, data in recipes(seed):
            if done == count:
                break
            path.write_bytes(data)
            status, message, seconds = run_here(path)
            tally = tallies[kind]
            if status == 0:
                tally.valid += 1
                continue
            done += 1
            tally.malformed += 1
            tally.placed += bool(PLACE.match(message))
            tally.slowest = max(tally.slowest, seconds)
            tally.codes.update(CODE.findall(message)[:1])
            why = problem(status, message, seconds)
            if not why and sample and done % max(1, count // sample) == 0:
                why = problem(*run_process(path, out))
                why = why and f"{why} in a process of its own"
                why = why or ("wrote files" if out.exists() else "")
            if why:
                kept = Path(tempfile.mkdtemp(prefix="malformed-")) / "recipe.yaml"
                kept.write_bytes(data)
                broken.append(f"{kind}: {why}: {kept}: {message[:300]}")
    return tallies, broken


def run() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--sample", type=int, default=100, help="how many also run as processes of their own")
    options = parser.parse_args()
    start = time.perf_counter()
    tallies, broken = check(options.count, options.seed, options.sample)
    print(f"{'mutation':<14} {'malformed':>9} {'placed':>7} {'still valid':>11} {'slowest':>9}  codes")
    for kind, tally in sorted(tallies.items()):
        codes = " ".join(f"{code} {number}" for code, number in tally.codes.most_common(6))
        placed = tally.placed / tally.malformed if tally.malformed else 1
        print(f"{kind:<14} {tally.malformed:>9} {placed:>7.0%} {tally.valid:>11} {tally.slowest:>7.3f} s  {codes}")
    slowest = max(tally.slowest for tally in tallies.values())
    print(f"{options.count:,} malformed recipes in {time.perf_counter() - start:.0f} s; slowest {slowest:.3f} s")
    for line in broken[:20]:
        print(f"BROKEN {line}")
    print(f"{len(broken)} break the rule" if broken else "all end with exit status 2, a message, no traceback")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(run())
