"""The recipes that the benchmarks build, written as JSON, which is YAML too."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

WIDTH, HEIGHT = 32, 24
EXPORTS = ("tiled", "png", "text")

Params = Mapping[str, Any]

JOBS: Mapping[str, Params] = {
    "free": {},
    "easy": {"difficulty": 0.2},
    "middling": {"difficulty": 0.5},
    "hard": {"difficulty": 0.8},
    "enemies": {"min": {"enemy": 5}, "max": {"enemy": 12}},
    "treasury": {"difficulty": 0.4, "min": {"loot": 6, "key": 1}, "max": {"loot": 14, "key": 2}},
    "locked": {"difficulty": 0.6, "min": {"locked_door": 1, "key": 1}, "max": {"locked_door": 2, "key": 3}},
    "doors": {"min": {"door": 6, "water": 12}, "max": {"door": 14, "water": 120}},
    "long": {"difficulty": 0.7, "path_length": {"min": 50, "max": 100}},
    "everything": {
        "min": {"enemy": 3, "loot": 2, "key": 1, "locked_door": 1, "door": 3},
        "max": {"enemy": 9, "loot": 8, "key": 2, "locked_door": 2, "door": 12, "trap": 3, "water": 80},
        "path_length": {"min": 25, "max": 70},
    },
}
"""Params by job: a sweep of difficulty, and ranges of every kind that a recipe can ask."""


def asked(count: int, seed: int, model: Path | None = None) -> dict[str, Any]:
    """``count`` levels of 32 x 24, spread over `JOBS`; by a model folder of one's own, if one is named."""
    names = list(JOBS)
    jobs = []
    for place, name in enumerate(names):
        share = count * (place + 1) // len(names) - count * place // len(names)
        if share:
            params = {"width": WIDTH, "height": HEIGHT, **JOBS[name], **_by(model)}
            jobs.append(_job(name, share, params, EXPORTS))
    return _recipe(seed, jobs)


def sized(
    shapes: Sequence[tuple[int, int]], seed: int, model: Path | None = None, style: str = "any"
) -> dict[str, Any]:
    """One level for each (height, width), told nothing but size and style."""
    jobs = [
        _job(
            size_name(height, width),
            number,
            {"width": width, "height": height, "style": style, **_by(model)},
            ("text",),
        )
        for (height, width), number in sorted(Counter(shapes).items())
    ]
    return _recipe(seed, jobs)


def size_name(height: int, width: int) -> str:
    """The job's name in `sized`."""
    return f"size-{width}x{height}"


def write(recipe: Mapping[str, Any], path: Path) -> Path:
    """Write a recipe and give its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(recipe, indent=1) + "\n", "utf-8")
    return path


def _job(name: str, count: int, params: Params, export: Sequence[str]) -> dict[str, Any]:
    return {"name": name, "generator": "levels", "count": count, "params": dict(params), "export": list(export)}


def _by(model: Path | None) -> Params:
    return {} if model is None else {"model": str(model.resolve())}


def _recipe(seed: int, jobs: list[dict[str, Any]]) -> dict[str, Any]:
    return {"version": 1, "seed": seed, "jobs": jobs}
