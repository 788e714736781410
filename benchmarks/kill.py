"""Kill builds at random moments, run them again, and compare every byte with an undisturbed build.

    python benchmarks/kill.py [--light 180] [--real 20] [--seed 1] [--recipe examples/first-levels.yaml]

Each round starts ``aigc build`` in a process of its own, kills it with signal 9 after a random part of the time that
an undisturbed build takes (once, or twice in a row; a quarter of the kills wait for the moment at which files are put
in place), runs it to its end and compares. In every fourth light round the recipe changes between the kill and the
last run, over the same file names. After the last run the output must equal that of an undisturbed build, and the
host's folder must hold no temporary file, blob or journal.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIGHT = ROOT / "tests" / "light_plugin"


def light_recipe(letters: str) -> str:
    params = {"fail_percent": 30, "letters": letters, "length": 4, "milliseconds": 12}
    jobs = [
        {"name": "words", "count": 36, "params": params, "export": ["text", "alphabet", "book"]},
        {"name": "more", "count": 12, "params": {"letters": letters}, "export": ["text"]},
    ]
    return json.dumps({"version": 1, "seed": 5, "jobs": [{"generator": "light", **job} for job in jobs]})


def tree(out: Path) -> dict[str, bytes]:
    paths = (path for path in out.rglob("*") if not path.is_dir())
    files = {path.relative_to(out).as_posix(): path.read_bytes() for path in paths}
    return {name: data for name, data in sorted(files.items()) if not name.startswith(".aigc/")}


class Rounds:
    """Kill and compare, for one kind of build.

    Args:
        folder: for everything that is written.
        recipe: the recipe to build; ``other`` is one over the same file names, or None.
        executors: one is drawn each round.
    """

    def __init__(self, folder: Path, recipe: Path, other: Path | None, executors: list[str], seed: int) -> None:
        self.folder = folder
        self.recipe = recipe
        self.other = other
        self.executors = executors
        self.rng = random.Random(seed)
        self.stages: Counter[str] = Counter()
        self.expected: dict[str, bytes] = {}
        self.seconds = {executor: self.undisturbed(executor) for executor in executors}

    def start(self, recipe: Path, out: Path, executor: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "aigc_content.cli", "build", recipe, "--out", out]
        command += ["--executor", executor, "--workers", "2"]
        environment = os.environ | {"AIGC_PLUGINS_DIR": str(LIGHT)}
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment)

    def finish(self, recipe: Path, out: Path, executor: str) -> None:
        process = self.start(recipe, out, executor)
        text, _ = process.communicate(timeout=600)
        if process.returncode:
            raise SystemExit(f"the build of {out} ended with {process.returncode}:\n{text.decode()}")

    def undisturbed(self, executor: str) -> float:
        start = time.monotonic()
        out = self.folder / f"undisturbed-{executor}"
        self.finish(self.recipe, out, executor)
        seconds = time.monotonic() - start
        found = tree(out)
        if self.expected and found != self.expected:
            raise SystemExit(f"{executor} gives other bytes than {self.executors[0]}")
        self.expected = found
        return seconds

    def round(self, number: int) -> None:
        out = self.folder / f"round-{number}"
        executor = self.rng.choice(self.executors)
        changes = self.other is not None and number % 4 == 3
        for _ in range(self.rng.choice((1, 1, 2))):
            process = self.start(self.other if changes else self.recipe, out, executor)
            if self.rng.random() < 0.25:  # the shortest stage, and the one in which most can go wrong
                while process.poll() is None and not (out / ".aigc" / "journal").exists():
                    time.sleep(0.001)
                time.sleep(self.rng.uniform(0.0, 0.08))
            else:
                time.sleep(self.rng.uniform(0.0, 1.05) * self.seconds[executor])
            process.send_signal(signal.SIGKILL)
            process.communicate()
            self.stages[self.stage(out)] += 1
        self.finish(self.recipe, out, executor)
        found = tree(out)
        if found != self.expected:
            names = sorted(
                name for name in found.keys() | self.expected.keys() if found.get(name) != self.expected.get(name)
            )
            raise SystemExit(f"round {number}: {len(names)} files differ in {out}: {names[:5]}")
        left = [*(out / ".aigc" / "tmp").glob("*"), *(out / ".aigc" / "blobs").glob("*"), out / ".aigc" / "journal"]
        left = [path for path in left if path.exists()]
        if left:
            raise SystemExit(f"round {number}: {len(left)} stray files in {out}: {left[:5]}")
        shutil.rmtree(out)

    def stage(self, out: Path) -> str:
        """How far a killed build had come."""
        own = out / ".aigc"
        if not (own / "lock").exists():
            return "before the lock"
        if (own / "journal").exists():
            return "putting files in place"
        if (own / "state").exists():
            return "after its end"
        return "making and exporting" if (own / "store").exists() else "starting"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--light", type=int, default=180)
    parser.add_argument("--real", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--recipe", type=Path, default=ROOT / "examples" / "first-levels.yaml")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="aigc-kill-"))
    result: dict[str, object] = {}
    if arguments.light:
        recipe, other = folder / "light.yaml", folder / "other" / "light.yaml"
        other.parent.mkdir()
        recipe.write_text(light_recipe("abcdef"))
        other.write_text(light_recipe("uvwxyz"))
        result["light"] = kill(
            folder / "light", recipe, other, ["processes", "inline"], arguments.light, arguments.seed
        )
    if arguments.real:
        result["real"] = kill(folder / "real", arguments.recipe, None, ["processes"], arguments.real, arguments.seed)
    shutil.rmtree(folder)
    print(json.dumps(result, indent=1))


def kill(folder: Path, recipe: Path, other: Path | None, executors: list[str], count: int, seed: int) -> object:
    rounds = Rounds(folder, recipe, other, executors, seed)
    for number in range(count):
        rounds.round(number)
        print(f"\r{folder.name}: {number + 1} of {count}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    seconds = {name: round(time, 2) for name, time in rounds.seconds.items()}
    return {"rounds": count, "same_bytes": count, "killed": dict(rounds.stages), "undisturbed_s": seconds}


if __name__ == "__main__":
    main()
