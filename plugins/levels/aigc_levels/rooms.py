"""Finish rooms that a drawing left open or shut: carry loose ends of walls on, give closed rooms a door.

Cells that are drawn in one pass do not see each other, so a wall often stops short of the one it was meant to meet,
and a room gets four walls and no door. Everything works on tokens of shape (H, W) and is exact; the random numbers
only choose where doors go.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from aigc_content import Stream
from aigc_levels import model as m
from aigc_levels import terrain
from aigc_levels.model import Grid
from aigc_levels.rules import Flags
from aigc_levels.solve import Cell, components

REACH = 13
"""Longest gap, in cells, that a wall is carried over."""

SHORT = 2
"""Loose ends of at most so many cells that lead nowhere are taken away."""

_LEAST = 4  # open cells of the smaller of two areas that a wall may part
_STEPS = ((-1, 0), (0, 1), (1, 0), (0, -1))


def close_rooms(structure: Grid, free: Flags, rng: Stream) -> None:
    """Carry loose ends of walls on and take short ones away, in place.

    A new wall that parts the floor gets a door; one that only ends a way around gets one half of the time.

    Args:
        structure: (H, W) tokens, the outermost ring of it wall.
        free: cells that may be changed.
        rng: chooses the doors.
    """
    count = components(terrain.passable(structure))[1]
    going = True
    while going:
        going = False
        for gap in sorted(_gaps(structure, free)):
            if gap.clear(structure, free):
                areas = _carry_on(structure, gap, count, rng)
                going = going or areas > 0
                count = areas or count
    for _ in range(SHORT):
        for cell, (down, right) in list(_loose(structure)):
            holds_door = structure[cell[0] + down, cell[1] + right] == m.DOOR
            if free[cell] and not holds_door and _arm(structure, cell) <= SHORT:
                structure[cell] = m.FLOOR


def open_rooms(structure: Grid, free: Flags, rng: Stream) -> None:
    """Join areas that a wall of one cell parts by doors, no more than needed, in place.

    Args:
        structure: (H, W) tokens.
        free: cells that may be changed.
        rng: chooses the doors.
    """
    labels, count = components(terrain.passable(structure))
    if count < 2:
        return
    wall = m.framed((structure == m.WALL) & free, 0)
    framed = m.framed(labels, 0)
    found = []
    for ahead, behind, left, right in (
        (framed[:-2, 1:-1], framed[2:, 1:-1], wall[1:-1, :-2], wall[1:-1, 2:]),
        (framed[1:-1, :-2], framed[1:-1, 2:], wall[:-2, 1:-1], wall[2:, 1:-1]),
    ):
        parts = (ahead > 0) & (behind > 0) & (ahead != behind) & wall[1:-1, 1:-1] & left & right
        found += [(int(y), int(x), int(ahead[y, x]), int(behind[y, x])) for y, x in np.argwhere(parts)]
    group = list(range(count + 1))
    for index in rng.permutation(len(found)):
        y, x, one, other = found[index]
        if group[one] != group[other]:
            group = [group[one] if value == group[other] else value for value in group]
            structure[y, x] = m.DOOR


def _loose(structure: Grid) -> Iterator[tuple[Cell, Cell]]:
    """Ends of thin walls, each with the step that leads on from it."""
    wall = structure == m.WALL
    framed = m.framed(wall, 1)
    sides = [framed[:-2, 1:-1], framed[1:-1, 2:], framed[2:, 1:-1], framed[1:-1, :-2]]  # up, right, down, left
    for y, x in np.argwhere(wall & (np.sum(sides, axis=0) == 1)):
        back = next(i for i in range(4) if sides[i][y, x])
        yield (int(y), int(x)), _STEPS[(back + 2) % 4]


class _Gap(NamedTuple):
    """Cells between a loose end and the next wall ahead; shorter ones come first.

    Attributes:
        length: number of cells.
        cells: from the loose end on.
        step: from one to the next.
    """

    length: int
    cells: tuple[Cell, ...]
    step: Cell

    def clear(self, structure: Grid, free: Flags) -> bool:
        """Whether all cells are floor that may be changed, without a wall along them."""
        return all(_is_clear(structure, free, cell, self.step) for cell in self.cells)


def _gaps(structure: Grid, free: Flags) -> Iterator[_Gap]:
    """For each loose end the gap ahead of it, where it is clear and not too long."""
    for (y, x), (down, right) in _loose(structure):
        cells: list[Cell] = []
        at = (y + down, x + right)
        while len(cells) < REACH and _is_clear(structure, free, at, (down, right)):
            cells.append(at)
            at = (at[0] + down, at[1] + right)
        if cells and structure[at] == m.WALL:
            yield _Gap(len(cells), tuple(cells), (down, right))


def _is_clear(structure: Grid, free: Flags, cell: Cell, step: Cell) -> bool:
    if structure[cell] != m.FLOOR or not free[cell]:
        return False
    (y, x), (down, right) = cell, step
    return m.WALL not in (structure[y + right, x + down], structure[y - right, x - down])


def _carry_on(structure: Grid, gap: _Gap, before: int, rng: Stream) -> int:
    """Build a wall over a gap, in place, unless it would cut off next to nothing.

    Returns:
        How many areas there are, of ``before``, once the wall has its door; 0 if it was not built.
    """
    rows, columns = zip(*gap.cells, strict=True)
    structure[rows, columns] = m.WALL
    labels, after = components(terrain.passable(structure))
    if after > before:
        (y, x), (down, right) = gap.cells[0], gap.step
        parted = {int(labels[y + right, x + down]), int(labels[y - right, x - down])}
        if len(parted) < 2 or min(int((labels == label).sum()) for label in parted) < _LEAST:
            structure[rows, columns] = m.FLOOR
            return 0
    if after > before or rng.integer(2):
        structure[gap.cells[rng.integer(gap.length)]] = m.DOOR
    return components(terrain.passable(structure))[1] if after > before + 1 else min(after, before)


def _arm(structure: Grid, cell: Cell) -> int:
    """Cells of the thin wall that ends in ``cell``, up to where it meets another or grows thick."""
    wall = m.framed(structure == m.WALL, 1)
    place, last, length = (cell[0] + 1, cell[1] + 1), (-1, -1), 0
    while length <= SHORT:
        after = [
            (place[0] + down, place[1] + right)
            for down, right in _STEPS
            if wall[place[0] + down, place[1] + right] and (place[0] + down, place[1] + right) != last
        ]
        if len(after) > 1 or (after and min(after[0]) < 1):
            return length
        length += 1
        if not after or after[0][0] in (0, wall.shape[0] - 1) or after[0][1] in (0, wall.shape[1] - 1):
            return length
        last, place = place, after[0]
    return length
