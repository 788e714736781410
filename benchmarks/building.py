"""Run `aigc build` as a user does, and read what it wrote."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

AIGC = Path(sys.executable).with_name("aigc")


@dataclass(frozen=True)
class Slot:
    """A line of the manifest.

    Attributes:
        job: name.
        params: as the recipe writes them.
        stem: the emitted files' path without suffix; None for a slot that got no level.
        attempts: how many were made.
        metrics: as the manifest has them; empty for a failure.
        constraints: how often each constraint failed, for a failure.
    """

    job: str
    params: Mapping[str, Any]
    stem: Path | None
    attempts: int
    metrics: Mapping[str, Any]
    constraints: Mapping[str, int]


def build(recipe: Path, out: Path, workers: int) -> float:
    """Seconds that ``aigc build`` takes, start-up included.

    Raises:
        RuntimeError: it ended otherwise than with 0, or with 1 for slots that could not be filled.
    """
    command = [str(AIGC), "build", str(recipe), "--out", str(out), "--workers", str(workers)]
    start = time.perf_counter()
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if ended.returncode not in (0, 1):
        raise RuntimeError(f"{' '.join(command)} ended with {ended.returncode}\n{ended.stderr}")
    return seconds


def slots(recipe: Path, out: Path) -> Iterator[Slot]:
    """What a build made, in the order of its plan, with the params as the recipe writes them."""
    params = {job["name"]: job["params"] for job in json.loads(recipe.read_text("utf-8"))["jobs"]}
    for line in (out / "manifest.jsonl").read_text("utf-8").splitlines():
        entry = json.loads(line)
        texts = [file["path"] for file in entry["files"] if file["path"].endswith(".txt")]
        yield Slot(
            job=entry["job"],
            params=params[entry["job"]],
            stem=(out / texts[0]).with_suffix("") if texts else None,
            attempts=entry["attempts"],
            metrics=entry["metrics"],
            constraints=entry["verdict"].get("constraints", {}),
        )
