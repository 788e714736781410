"""What levels are worth as the network draws them: first drawings, and after parts were drawn again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import independent
from aigc_levels.generator import REMASKS, Levels
from figures import percent, table

from aigc_content import Infeasible, Request, Stream
from aigc_content.plan import Job, make_plan
from aigc_content.plugins import discover
from aigc_content.recipe import parse_recipe

FIRST, REMASKED = 1, 1 + REMASKS
"""Turns of `Levels.attempts`: the first drawing, and with what is drawn again; neither repairs anything by rule."""

STAGES: Mapping[int, str] = {FIRST: "as first drawn", REMASKED: f"after <= {REMASKS} re-masks"}

BATCH = 8


@dataclass(frozen=True)
class Draw:
    """One drawing.

    Attributes:
        job: name of its job.
        passed: it is all that was asked.
        winnable: it can be won as it is, whatever else fails; by the independent check.
        constraint: what fails by the plugin's check; empty when it passed.
        rows: the level as text, passed or not.
    """

    job: str
    passed: bool
    winnable: bool
    constraint: str
    rows: tuple[str, ...]


def jobs_of(recipe: str) -> tuple[Job, ...]:
    """The jobs of a recipe's text."""
    return make_plan(parse_recipe(recipe.encode(), Path.cwd() / "draws.yaml", "draws.yaml"), discover()).jobs


def opened(job: Job) -> Levels:
    """The job's generator, ready to draw."""
    generator = Levels(job.models)
    generator.open()
    return generator


def drawn(generator: Levels, job: Job, indices: Sequence[int], turns: int) -> Iterator[Draw]:
    """The levels at some indices of a job after so many turns, by the random numbers of a build's first attempt.

    Args:
        generator: draws them, `BATCH` at once.
        job: what is asked.
        indices: from 1.
        turns: `FIRST` or `REMASKED`.
    """
    for start in range(0, len(indices), BATCH):
        slots = [job.slot(index) for index in indices[start : start + BATCH]]
        requests: list[Request[Any]] = [Request(job.params, Stream(slot.stream).child("1")) for slot in slots]
        for request, attempt in zip(requests, generator.attempts(requests, turns), strict=True):
            rows = tuple(request.params.rules.rows(attempt.grid))
            yield Draw(
                job=job.name,
                passed=not isinstance(attempt.outcome, Infeasible),
                winnable=independent.check("\n".join(rows), job.written).winnable,
                constraint=attempt.outcome.constraint if isinstance(attempt.outcome, Infeasible) else "",
                rows=rows,
            )


def rates(recipe: str, number: int) -> str:
    """How many levels can be won and how many are all that was asked, at both of `STAGES`, and what fails.

    Args:
        recipe: its text.
        number: drawings, shared out among its jobs; no job gives more than it has.
    """
    jobs = jobs_of(recipe)
    found: dict[int, list[Draw]] = {turns: [] for turns in STAGES}
    for job in jobs:
        generator = opened(job)
        share = range(1, min(job.count, -(-number // len(jobs))) + 1)
        for turns in STAGES:
            found[turns].extend(drawn(generator, job, share, turns))
    rows = []
    for name in ("all", *(job.name for job in jobs)):
        here = [[draw for draw in found[turns] if name in ("all", draw.job)] for turns in STAGES]
        won = [percent(sum(draw.winnable for draw in part), len(part)) for part in here]
        asked = [percent(sum(draw.passed for draw in part), len(part)) for part in here]
        rows.append((name, *won, *asked))
    columns = [f"{what}, {stage}" for what in ("can be won", "all that was asked") for stage in STAGES.values()]
    failures = {turns: Counter(draw.constraint for draw in made if not draw.passed) for turns, made in found.items()}
    fails = [
        (name, *(percent(failures[turns][name], len(found[turns])) for turns in STAGES))
        for name, _ in sum(failures.values(), Counter()).most_common()
    ]
    rated = table(("nothing repaired by rule", *columns), rows)
    return f"{rated}\n{table(('constraint that fails first', *STAGES.values()), fails)}"
