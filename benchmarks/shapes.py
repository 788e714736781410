"""Measures of a level's shape that maps without a start have too: levels beside maps by people."""

from __future__ import annotations

from collections.abc import Sequence

import level_metrics as lm
import numpy as np
from aigc_levels import measure
from aigc_levels.game import GameRef
from figures import table
from level_metrics import Floats, Grid

NAMES = (
    "rooms",
    "openness",
    "dead ends",
    "loops",
    "passable, share of cells",
    "doors",
    "water, share of cells",
    "enemies",
    "loot",
    "traps",
)


def shape(grid: Grid) -> tuple[float, ...]:
    """The measures of `NAMES`, by `aigc_levels.measure` where it has them; a grid of `level_metrics.TILES`."""
    rules = GameRef("dungeon").game.rules
    cells = rules.parse_rows(["".join(lm.TILES[code] for code in row) for row in grid])
    passable = rules.tables.walkable[cells]
    count = {char: int((grid == code).sum()) for code, char in enumerate(lm.TILES)}
    return (
        measure.count_rooms(measure.room_cells(rules, cells)),
        measure.ratio(int(measure.eroded(passable).sum()), int(passable.sum())),
        int((passable & (measure.neighbor_count(passable) == 1)).sum()),
        measure.loops(passable),
        float(passable.mean()),
        count["+"],
        count["~"] / grid.size,
        count["e"],
        count["$"],
        count["^"],
    )


def shapes(grids: Sequence[Grid]) -> Floats:
    """(grids, measures)."""
    return np.array([shape(grid) for grid in grids], dtype=np.float64)


def shape_table(sets: dict[str, Floats]) -> str:
    """Quartiles of each measure in each set."""
    rows = []
    for place, name in enumerate(NAMES):
        quartiles = [np.percentile(values[:, place], [25, 50, 75]) for values in sets.values()]
        rows.append((name, *("{:.3g} / {:.3g} / {:.3g}".format(*three) for three in quartiles)))
    return table(("quartiles", *sets), rows)
