"""What the network's first drawings are worth, before anything is drawn again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import independent
from aigc_levels import generator as levels

from aigc_content import Infeasible, Request, Stream
from aigc_content.plan import Job, make_plan
from aigc_content.plugins import discover
from aigc_content.recipe import parse_recipe

BATCH = 8


@dataclass(frozen=True)
class Draw:
    """One first drawing.

    Attributes:
        job: name of its job.
        passed: it is all that was asked.
        winnable: it can be won, whatever else fails; by the independent check.
        constraint: what fails by the plugin's check; empty when it passed.
    """

    job: str
    passed: bool
    winnable: bool
    constraint: str


def jobs_of(recipe: str) -> tuple[Job, ...]:
    """The jobs of a recipe's text."""
    return make_plan(parse_recipe(recipe.encode(), Path.cwd() / "draws.yaml", "draws.yaml"), discover()).jobs


def opened(job: Job) -> levels.Levels:
    """The job's generator, ready to draw."""
    generator = levels.Levels(job.models)
    generator.open()
    return generator


def first_draws(generator: levels.Levels, job: Job, indices: Sequence[int]) -> Iterator[Draw]:
    """The first drawing at each index of a job, `BATCH` at once, by the random numbers of a build's first attempt."""
    for start in range(0, len(indices), BATCH):
        slots = [job.slot(index) for index in indices[start : start + BATCH]]
        requests = [Request(job.params, Stream(slot.stream).child("1")) for slot in slots]
        for outcome, rows in _first_turns(generator, requests):
            failed = isinstance(outcome, Infeasible)
            yield Draw(
                job=job.name,
                passed=not failed,
                winnable=bool(rows) and independent.check("\n".join(rows), job.written).winnable,
                constraint=outcome.constraint if failed else "",
            )


def _first_turns(generator: levels.Levels, requests: Sequence[Request[Any]]) -> list[tuple[Any, Sequence[str]]]:
    """What the plugin finds at each request's first turn, and the rows it looked at (none where it has none)."""
    seen: list[tuple[Any, Sequence[str]]] = []
    check = levels._check

    def recorded(draft: Any, params: Any, turn: int) -> Any:
        outcome: Any = check(draft, params, turn)
        rows = params.rules.rows(draft.grid) if draft.problem is None else ()
        seen.append((outcome, rows))
        return None  # whatever it is, it counts as made: there is no second turn

    with patch.object(levels, "_check", recorded):
        generator.generate_batch(requests)
    return seen
