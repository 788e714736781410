"""`Sketch`: what a designer has already drawn of a level (``fixed:``); the generator completes around it.

A sketch is text, one character a cell, in the game's characters; ``?`` is free. It stands in the recipe itself
(several lines) or in a file (one line that names it). `contradiction` finds what can never become a level, so that
it is refused before anything runs: every free cell is taken to be whatever helps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from pydantic import ValidationInfo
from pydantic.json_schema import JsonSchemaValue

from aigc_content import InputFile, Written, open_input
from aigc_levels.rules import FREE, Flags, Grid, Rules
from aigc_levels.solve import Cell, Unsolvable, components, distances, reachable, solve

MAX_TEXT = 1 << 16

Contradiction = tuple[str, Cell | None]
"""One sentence for a person, and the cell (row, column) that it is about."""


@dataclass(frozen=True)
class Sketch(Written):
    """A sketch as it was given.

    Attributes:
        text: rows by newline.
        source: the file, or None when it stands in the recipe.
    """

    text: str
    source: InputFile | None = None

    @property
    def where(self) -> str:
        """The file for messages; empty for an inline sketch."""
        return str(self.source.path) if self.source else ""

    def grid(self, rules: Rules) -> Grid:
        """The sketch as a grid with `FREE` cells.

        Raises:
            InputError: L010, with line and column.
        """
        return rules.parse_rows(self.text, where=self.where, free=True)

    @classmethod
    def read(cls, value: Any, info: ValidationInfo) -> Self:
        """See `Written`."""
        if not isinstance(value, str):
            raise ValueError("a sketch is text: rows by newline, or the name of a file")
        if "\n" in value.strip("\n"):
            if len(value) > MAX_TEXT:
                raise ValueError(f"the sketch has {len(value):,} characters; allowed are {MAX_TEXT:,}")
            return cls(value)
        file = open_input(value.strip("\n"), info)
        return cls(file.text(), file)

    def written(self, *, digests: bool) -> Any:
        """See `Written`."""
        return self.text if self.source is None or digests else self.source.name

    @classmethod
    def described(cls) -> JsonSchemaValue:
        """See `Written`."""
        return {
            "type": "string",
            "description": "rows by newline, one character a cell, ? is free; or the name of a file",
        }


def contradiction(
    rules: Rules, grid: Grid, *, all_reachable: bool, longest: int | None, more_exits: bool
) -> Contradiction | None:
    """Why no level can be made around a sketch, or None when one may be possible.

    Args:
        rules: the game.
        grid: the sketch, with `FREE` cells and at most one start.
        all_reachable: every passable cell must be reachable, not only keys, loot and locked doors.
        longest: most steps of the winning path; None is any.
        more_exits: free cells may become exits.
    """
    free = grid == FREE
    pieces = rules.tables.walkable if all_reachable else rules.having("key", "loot", "door", "start")
    if not free.any():
        return _finished(rules, grid, pieces, longest)
    filled = np.where(free, np.uint8(rules.code("floor") or 0), grid)
    start = next(iter(_cells(rules.tables.start[filled])), None)
    exits = _cells(rules.tables.exit[filled])
    wanted = _cells(pieces[filled] & ~free)
    if start is None and not wanted:
        return None
    anchor = start or wanted[0]
    labels, _ = components(rules.tables.walkable[filled])
    home = labels == labels[anchor]
    origin = f"{rules.tiles[grid[anchor]].name} at line {anchor[0] + 1}, column {anchor[1] + 1}"
    severed = [cell for cell in wanted if not home[cell]]
    near = [cell for cell in exits if home[cell]]
    room = bool((free & home).any())
    if severed:
        return f"no way can lead from {origin} to {rules.tiles[grid[severed[0]]].name}", severed[0]
    if start is None and not room:
        return f"there is no room for a start around {origin}", anchor
    if not near and not (room and more_exits):
        return f"no way can lead from {origin} to an exit", (exits or [anchor])[0]
    least = 0
    if start is not None and near and not more_exits:
        steps = distances(rules, filled, [start])
        least = min(int(steps[cell]) for cell in near)
    return _too_long(least, longest, (near or [anchor])[0])


def _finished(rules: Rules, grid: Grid, pieces: Flags, longest: int | None) -> Contradiction | None:
    """Why a sketch without a free cell is no level; ``pieces`` are the tiles that must be reachable."""
    found = solve(rules, grid)
    if isinstance(found, Unsolvable):
        return found.reason, found.place
    sealed = _cells(pieces[grid] & ~reachable(rules, grid))
    if sealed:
        return f"{rules.tiles[grid[sealed[0]]].name} cannot be reached from the start", sealed[0]
    return _too_long(found.length, longest, found.cells[-1])


def _too_long(least: int, longest: int | None, exit_at: Cell) -> Contradiction | None:
    if longest is None or least <= longest:
        return None
    return f"the way to the exit has at least {least} steps, and at most {longest} are asked", exit_at


def _cells(mask: Flags) -> list[Cell]:
    return [(int(row), int(column)) for row, column in np.argwhere(mask)]
