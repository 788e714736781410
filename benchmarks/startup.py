"""Start-up over bare Python: `aigc --version`, `aigc --help`, and the second run of a thousand levels.

    python benchmarks/startup.py [--count 1000] [--repeats 10] [--build DIR]

The commands take turns with ``python -c pass``; the least of the repeats is compared. ``--build DIR`` takes the
folder that ``benchmarks/levels.py --keep DIR`` left; without it the levels are built first.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import building
import recipes
from figures import heading, table

LIMITS = {"aigc --version": 0.15, "aigc --help": 0.3, "second build": 1.0}
"""Seconds over bare Python."""


def seconds(command: list[str]) -> float:
    """Wall time of a command that must succeed."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def measure(recipe: Path, out: Path, repeats: int) -> dict[str, float]:
    """Least seconds by command, bare Python among them; the build must be done already."""
    aigc = str(building.AIGC)
    commands = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "aigc --version": [aigc, "--version"],
        "aigc --help": [aigc, "--help"],
        "second build": [aigc, "build", str(recipe), "--out", str(out)],
    }
    least = dict.fromkeys(commands, float("inf"))
    for _ in range(repeats):
        for name, command in commands.items():
            least[name] = min(least[name], seconds(command))
    return least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000, help="levels of the build")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--build", type=Path, help="a folder that benchmarks/levels.py --keep left")
    options = parser.parse_args()
    print(heading("Start-up", seed=options.seed, repeats=options.repeats))
    with tempfile.TemporaryDirectory(prefix="aigc-startup-") as temporary:
        work = options.build or Path(temporary)
        recipe, out = work / "levels.yaml", work / "levels"
        if options.build is None:
            building.build(recipes.write(recipes.asked(options.count, options.seed), recipe), out, 2)
        count = len((out / "manifest.jsonl").read_text("utf-8").splitlines())
        least = measure(recipe, out, options.repeats)
    bare = least["python -c pass"]
    rows = [
        (f"{name} of {count} levels" if name == "second build" else name, least[name], least[name] - bare, limit)
        for name, limit in LIMITS.items()
    ]
    print(table(("command", "seconds", f"over bare Python ({bare:.3f} s)", "at most"), rows))


if __name__ == "__main__":
    main()
