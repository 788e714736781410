"""How a structure is drawn: ways beside each other, by one model, on the held-out maps that settings are chosen by.

    python benchmarks/settings.py --data DIR [--model DIR] [--sets 2] [--seed 1]

First drawings of the style any at the very sizes of the tune maps, told nothing else. What each column means is in
benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import draws
import level_metrics as lm
import numpy as np
import patterns
import recipes
from aigc_levels import model as m
from aigc_levels.draw import FAITHFUL, WHOLE, Canvas, LevelModel, Schedule, hidden_share
from aigc_levels.generator import Levels
from aigc_levels.solve import components
from figures import heading, percent, table
from level_metrics import Grid

from aigc_content.nn import sampling
from aigc_content.plan import Job

REPEATS = 3
NOISE = 1.0
"""How much chance has a say in which cells are most sure (MaskGIT's choice temperature), falling to 0."""


class Spread(LevelModel):
    """The model with a schedule of one's own, whatever is asked."""

    def __init__(self, folder: Path, schedule: Schedule) -> None:
        super().__init__(folder)
        self._schedule = schedule

    def draw_structure(self, canvases: Sequence[Canvas], schedule: Schedule) -> None:
        super().draw_structure(canvases, self._schedule)


class SureFirst(Spread):
    """The model drawing as MaskGIT does (Chang et al. 2022, arXiv:2202.04200): of all cells drawn the surest stay."""

    def draw_structure(self, canvases: Sequence[Canvas], schedule: Schedule) -> None:
        hidden = [int((canvas.structure == m.STRUCTURE_MASK).sum()) for canvas in canvases]
        steps = self._schedule.steps
        for step in range(steps):
            logits = self.structure_logits(canvases, guidance=0)
            for canvas, seen, number in zip(canvases, logits, hidden, strict=True):
                cells = np.flatnonzero(canvas.structure.ravel() == m.STRUCTURE_MASK)
                warmth = canvas.temperature * self._schedule.warmth(step)
                tokens, chance = sampling.draw(seen.reshape(-1, len(m.STRUCTURES))[cells], canvas.rng, warmth)
                even = (canvas.rng.integers(1 << 30, len(cells)) + 0.5) / (1 << 30)
                sure = np.log(np.maximum(chance, 1)) - NOISE * (1 - (step + 1) / steps) * np.log(-np.log(even))
                kept = np.argsort(-sure)[: len(cells) - number * hidden_share(step + 1, steps) // 65536]
                canvas.structure.ravel()[cells[kept]] = tokens[kept]


@dataclass(frozen=True)
class Setting:
    """A way to draw."""

    name: str
    schedule: Schedule
    network: type[Spread] = Spread


SETTINGS = (
    Setting("cells most sure first (MaskGIT)", Schedule(steps=10, cold=1.0), SureFirst),
    Setting("evenly spread cells, temperature 1: as shipped for the style any", FAITHFUL),
    Setting("the same, temperature 0.85", Schedule(steps=12, hot=0.85, cold=0.85)),
    Setting("the same, cooled from 1 to 0.4", Schedule(steps=12, cold=0.4)),
    Setting("guidance 1 in all steps, cooled to 0.4", Schedule(steps=12, cold=0.4, guidance=256, guided=12)),
    Setting("guidance 1.5 in the first 7 steps, cooled to 0.5: as shipped for the other styles", WHOLE),
)


def first_grids(generator: Levels, jobs: Sequence[Job], sizes: Sequence[tuple[int, int]]) -> list[Grid]:
    """A first drawing of each (height, width), in order, by the jobs of `recipes.sized`."""
    made = {job.name: [lm.parse("\n".join(draw.rows)) for draw in _all(generator, job)] for job in jobs}
    return [made[recipes.size_name(*size)].pop() for size in sizes]


def _all(generator: Levels, job: Job) -> list[draws.Draw]:
    return list(draws.drawn(generator, job, range(1, job.count + 1), draws.FIRST))


def in_one_piece(grid: Grid) -> bool:
    """Whether all cells that one can stand on hang together; not void, walls, water and traps."""
    return int(components(~np.isin(grid, [lm.TILES.index(char) for char in " #~^"]))[1]) == 1


def milliseconds(generator: Levels, job: Job) -> float:
    """Least time of a first drawing of a job's levels, drawn `draws.BATCH` at once, furnished and checked."""
    least = float("inf")
    for _ in range(REPEATS):
        start = time.perf_counter()
        _all(generator, job)
        least = min(least, time.perf_counter() - start)
    return 1000 * least / job.count


def compare(tune: Sequence[Grid], model: Path | None, seed: int, sets: int, halvings: int) -> str:
    """A row for each of `SETTINGS`: a table of all maps, and one of those that are like levels of 32 x 24."""
    sizes = [(height, width) for height, width in (grid.shape for grid in tune)]
    jobs = [draws.jobs_of(json.dumps(recipes.sized(sizes, seed + number, model))) for number in range(sets)]
    timed = draws.jobs_of(json.dumps(recipes.sized([(recipes.HEIGHT, recipes.WIDTH)] * draws.BATCH, seed, model)))[0]
    generator = draws.opened(timed)
    drawn: dict[str, list[list[Grid]]] = {}
    ms: dict[str, float] = {}
    for setting in SETTINGS:
        generator.net = setting.network(timed.models["dungeon"].path, setting.schedule)
        drawn[setting.name] = [first_grids(generator, part, sizes) for part in jobs]
        ms[setting.name] = milliseconds(generator, timed)
    like = [place for place, grid in enumerate(tune) if lm.is_like(grid)]
    part = {name: [[grids[i] for i in like] for grids in made] for name, made in drawn.items()}
    whole = _rated(f"{len(tune)} tune maps", tune, drawn, ms, seed, halvings)
    return whole + "\n" + _rated(f"{len(like)} of {lm.LIKE}", [tune[i] for i in like], part, ms, seed, halvings)


def _rated(
    title: str,
    tune: Sequence[Grid],
    drawn: Mapping[str, Sequence[Sequence[Grid]]],
    ms: Mapping[str, float],
    seed: int,
    halvings: int,
) -> str:
    """A table of sets of drawings, in `SETTINGS`' order, beside the maps whose sizes they have."""
    others = {f"{name} {number}": grids for name, made in drawn.items() for number, grids in enumerate(made)}
    found = [patterns.scores(tune, others, n, seed, halvings) for n in (2, 3)]
    floors = [f"{scores[patterns.FLOOR].mean:.3f}" for scores in found]
    rows: list[tuple[str | int, ...]] = [(patterns.FLOOR, "", *floors, "", _pieces(tune), "")]
    for setting in SETTINGS:
        made = drawn[setting.name]
        scores = [[by_name[f"{setting.name} {number}"] for number in range(len(made))] for by_name in found]
        shown = [
            f"{np.mean([score.excess for score in part]):+.3f} ± {np.mean([score.error for score in part]):.3f}"
            for part in scores
        ]
        apart = ", ".join(f"{score.excess:+.3f}" for score in scores[1])
        pieces = _pieces([grid for grids in made for grid in grids])
        rows.append((setting.name, setting.schedule.passes, *shown, apart, pieces, f"{ms[setting.name]:.0f}"))
    head = (title, "passes", "KL n=2", "KL n=3", "n=3, each set", "in one piece", "ms a level of 32x24")
    return table(head, rows)


def _pieces(grids: Sequence[Grid]) -> str:
    return percent(sum(map(in_one_piece, grids)), len(grids))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="imported data sets, or a folder of them")
    parser.add_argument("--seed", type=int, default=1, help="of the drawings and the halvings")
    parser.add_argument("--sets", type=int, default=2, help="sets of drawings with the tune maps' sizes")
    parser.add_argument("--halvings", type=int, default=20, help="random halvings of the tune maps")
    parser.add_argument("--model", type=Path, help="a model folder in place of the shipped one")
    options = parser.parse_args()
    tune = [item.grid for item in lm.load_maps(options.data, "tune")]
    model = str(options.model or "the shipped one")
    print(heading("Settings of drawing", seed=options.seed, data=f"{len(tune)} tune maps", model=model), flush=True)
    print(compare(tune, options.model, options.seed, options.sets, options.halvings))


if __name__ == "__main__":
    main()
