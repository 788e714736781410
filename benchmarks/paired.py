"""The same first drawings by integers and by floats: what rounding costs. Can be stopped and gone on with."""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import draws
import numpy as np
from figures import percent, table

PART = 64
"""Drawings that are made, and kept, at once."""

Pair = tuple[bool, bool, bool, bool]
"""As asked by integers and by floats, winnable by integers and by floats."""

Task = tuple[str, int, int]
"""A recipe's text, the number of a job in it, and a part's first index."""


def all_pairs(recipe: Mapping[str, Any], workers: int, keep: Path | None = None) -> list[Pair]:
    """Pairs of every part of every job; after each part a line on stderr says how they stand.

    Args:
        recipe: what to draw.
        workers: processes; with one, this process does all.
        keep: file that each part is added to once it is made; parts that it has already are not made again.

    Raises:
        ValueError: ``keep`` holds drawings of another recipe or model.
    """
    text = json.dumps(recipe, sort_keys=True)
    jobs = draws.jobs_of(text)
    tasks = [(text, number, first) for number, job in enumerate(jobs) for first in range(1, job.count + 1, PART)]
    drawn_of = {"recipe": recipe, "models": sorted({job.models["dungeon"].digest for job in jobs})}
    done = {} if keep is None else _kept(keep, drawn_of)
    missing = [task for task in tasks if task[1:] not in done]
    total = sum(job.count for job in jobs)
    for task, pairs in zip(missing, _drawn(missing, workers), strict=True):
        done[task[1:]] = pairs
        if keep is not None:
            _add(keep, {"part": task[1:], "pairs": pairs})
        print(_standing([pair for part in done.values() for pair in part], total), file=sys.stderr, flush=True)
    return [pair for task in tasks for pair in done[task[1:]]]


def _drawn(tasks: Sequence[Task], workers: int) -> Iterator[list[Pair]]:
    """`paired_draws` of each task, in order, as they are made."""
    if workers == 1:
        yield from map(paired_draws, tasks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_end_with_parent) as pool:
        try:
            yield from pool.map(paired_draws, tasks)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _end_with_parent() -> None:
    """See to it that this worker ends when its parent is gone, even by a signal that nobody can catch."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def paired_draws(task: Task) -> list[Pair]:
    """First drawings of one part of a job, by integers and by floats."""
    import torch
    from floatnet import FloatUNet

    torch.set_num_threads(1)
    recipe, number, first = task
    job = draws.jobs_of(recipe)[number]
    indices = range(first, min(first + PART, job.count + 1))
    generator = draws.opened(job)
    by_integers = list(draws.drawn(generator, job, indices, draws.FIRST))
    generator.net.net = FloatUNet.load(job.models["dungeon"].path, clamped=True)  # type: ignore[assignment]
    by_floats = list(draws.drawn(generator, job, indices, draws.FIRST))
    pairs = zip(by_integers, by_floats, strict=True)
    return [(a.passed, b.passed, a.winnable, b.winnable) for a, b in pairs]


def _kept(keep: Path, drawn_of: Mapping[str, Any]) -> dict[tuple[int, int], list[Pair]]:
    """The parts in a file, which is begun where there is none; a line cut short by a kill is taken off."""
    if not keep.exists():
        _add(keep, drawn_of)
    text = keep.read_text("utf-8")
    whole = text[: text.rfind("\n") + 1]
    keep.write_text(whole, "utf-8")
    lines = [json.loads(line) for line in whole.splitlines()]
    if lines[:1] != [json.loads(json.dumps(drawn_of))]:
        raise ValueError(f"{keep} holds drawings of another recipe or model; name another file")
    return {tuple(line["part"]): [tuple(pair) for pair in line["pairs"]] for line in lines[1:]}


def _add(keep: Path, line: Mapping[str, Any]) -> None:
    with keep.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(line) + "\n")


def _gaps(pairs: Sequence[Pair]) -> dict[str, tuple[int, int, str]]:
    """By figure: how many by integers, by floats, and the difference in points with its standard error."""
    outcomes = np.array(pairs, dtype=np.int64)
    result = {}
    for name, first in (("all that was asked", 0), ("can be won", 2)):
        gap = 100 * (outcomes[:, first] - outcomes[:, first + 1])
        told = f"{gap.mean():+.2f} ± {gap.std(ddof=1) / np.sqrt(len(gap)):.2f} points"
        result[name] = (int(outcomes[:, first].sum()), int(outcomes[:, first + 1].sum()), told)
    return result


def _standing(pairs: Sequence[Pair], total: int) -> str:
    differences = ", ".join(f"{name} {told}" for name, (_, _, told) in _gaps(pairs).items())
    return f"{len(pairs)} of {total} pairs; integer - float: {differences}"


def draw_table(pairs: Sequence[Pair]) -> str:
    """Rates, and their difference in points with its standard error; at least two pairs."""
    rows = [
        (name, percent(integers, len(pairs)), percent(floats, len(pairs)), told)
        for name, (integers, floats, told) in _gaps(pairs).items()
    ]
    return table((f"{len(pairs)} paired first drawings", "integer", "float", "difference"), rows)
