"""Geometry of a drawn structure: what hangs together, where a wall may be opened, where a lock would hold.

Everything works on masks of shape (H, W) and is exact and deterministic.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from aigc_levels import model as m
from aigc_levels.model import Grid
from aigc_levels.rules import Flags
from aigc_levels.solve import Cell, components

POCKET = 6
"""Areas of at most so many cells are filled in by `join`, larger ones are connected."""

CRUMB = 2
"""Walls of at most so many cells that touch no other are taken away by `tidy`."""

_STEPS = ((-1, 0), (0, 1), (1, 0), (0, -1))
_RING = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))


def passable(structure: Grid) -> Flags:
    """Floor and doors."""
    return np.asarray((structure == m.FLOOR) | (structure == m.DOOR), dtype=np.bool_)


def grown(mask: Flags, by: int = 1) -> Flags:
    """The mask and every cell within ``by`` of it, diagonals included."""
    for _ in range(by):
        rows = mask.copy()
        rows[1:] |= mask[:-1]
        rows[:-1] |= mask[1:]
        mask = rows.copy()
        mask[:, 1:] |= rows[:, :-1]
        mask[:, :-1] |= rows[:, 1:]
    return mask


def border(shape: tuple[int, int]) -> Flags:
    """The outermost ring of cells."""
    mask = np.ones(shape, dtype=np.bool_)
    mask[1:-1, 1:-1] = False
    return mask


def main_area(free: Flags, wanted: Iterable[Cell] = ()) -> tuple[npt.NDArray[np.int32], int]:
    """Labels of the connected areas and the label of the main one.

    The main area holds the first of ``wanted`` that is free; else it is the largest, the first of equals.
    """
    labels, count = components(free)
    for cell in wanted:
        if labels[cell]:
            return labels, int(labels[cell])
    if not count:
        return labels, 0
    return labels, int(np.bincount(labels.ravel())[1:].argmax()) + 1


def distance(free: Flags, origins: Iterable[Cell]) -> npt.NDArray[np.int32]:
    """Steps from the nearest origin through free cells; -1 where no way leads. Shape (H, W)."""
    far = np.full(free.shape, -1, dtype=np.int32)
    queue = [cell for cell in origins if free[cell]]
    for cell in queue:
        far[cell] = 0
    stride = free.shape[1] + 2
    shut = (~m.framed(free, 0)).ravel().tolist()
    steps = [-1] * len(shut)
    places = [(y + 1) * stride + x + 1 for y, x in queue]
    for place in places:
        steps[place] = 0
        shut[place] = True
    for place in places:  # grows while it is read
        for after in (place - stride, place + 1, place + stride, place - 1):
            if not shut[after]:
                shut[after] = True
                steps[after] = steps[place] + 1
                places.append(after)
    return np.array(steps, dtype=np.int32).reshape(free.shape[0] + 2, stride)[1:-1, 1:-1]


def way(area: Flags, start: Cell, goal: Cell) -> Flags:
    """The cells of one shortest way, locks open."""
    far = distance(area, [goal])
    mask = np.zeros(area.shape, dtype=np.bool_)
    cell = start
    mask[cell] = True
    while far[cell] > 0:
        y, x = cell
        cell = next(
            (y + dy, x + dx)
            for dy, dx in _STEPS
            if 0 <= y + dy < area.shape[0] and 0 <= x + dx < area.shape[1] and far[y + dy, x + dx] == far[cell] - 1
        )
        mask[cell] = True
    return mask


def dispensable(free: Flags) -> Flags:
    """Free cells whose loss surely parts nothing: their free neighbors hang together within their ring of eight."""
    padded = m.framed(free, 0)
    height, width = free.shape
    ring = [padded[1 + dy : 1 + dy + height, 1 + dx : 1 + dx + width] for dy, dx in _RING]
    parts = np.zeros(free.shape, dtype=np.int8)
    for place in range(1, 8, 2):  # each side neighbor begins a part unless the way there from the last one is free
        side, corner, before = ring[place], ring[place - 1], ring[(place - 2) % 8]
        parts += side & ~(corner & before)
    all_round = ring[1] & ring[3] & ring[5] & ring[7] & ring[0] & ring[2] & ring[4] & ring[6]
    return np.asarray(free & ((parts == 1) | all_round), dtype=np.bool_)


def narrow(structure: Grid) -> Flags:
    """Floor cells that could be a door."""
    return np.asarray((structure == m.FLOOR) & _doorways(structure), dtype=np.bool_)


def gap(structure: Grid, origin: Flags, goal: Flags, open_to: Flags) -> list[Cell]:
    """Cells of a shortest way from one area to another through walls that may be opened, ends left out.

    Args:
        origin, goal: the two areas.
        open_to: cells that may become floor.
    """
    allowed = open_to | origin | goal
    height, width = structure.shape
    parents: dict[Cell, Cell | None] = {(int(y), int(x)): None for y, x in zip(*np.nonzero(origin), strict=True)}
    queue = list(parents)
    for cell in queue:  # grows while it is read
        if goal[cell]:
            way = []
            back = parents[cell]
            while back is not None and not origin[back]:
                way.append(back)
                back = parents[back]
            return way
        for dy, dx in _STEPS:
            after = (cell[0] + dy, cell[1] + dx)
            inside = 0 <= after[0] < height and 0 <= after[1] < width
            if inside and after not in parents and allowed[after]:
                parents[after] = cell
                queue.append(after)
    return []


def minor_areas(structure: Grid, wanted: Iterable[Cell] = ()) -> Iterator[tuple[Flags, Flags]]:
    """Each area that is cut off from the main one, with the main one: pairs of masks."""
    labels, main = main_area(passable(structure), wanted)
    for label in range(1, int(labels.max(initial=0)) + 1):
        if label != main:
            yield labels == label, labels == main


def tidy(structure: Grid, free: Flags, wanted: Iterable[Cell] = ()) -> None:
    """Take away what is noise, in place: pockets of few cells, crumbs of wall, doors that are none.

    Args:
        structure: (H, W) tokens.
        free: cells that may be changed.
        wanted: cells that the main area should hold.
    """
    crumbs, count = components(structure == m.WALL, corners=True)
    sizes = np.bincount(crumbs.ravel(), minlength=count + 1)
    structure[(crumbs > 0) & (sizes[crumbs] <= CRUMB) & free] = m.FLOOR
    labels, main = main_area(passable(structure), wanted)
    sizes = np.bincount(labels.ravel())
    for label in np.flatnonzero(sizes <= POCKET):
        area = labels == label
        if label not in (0, main) and free[area].all():
            structure[area] = m.WALL
    structure[(structure == m.DOOR) & ~_doorways(structure) & free] = m.FLOOR


def _doorways(structure: Grid) -> Flags:
    """Passable cells between two walls that face each other, open on the other two sides."""
    wall = m.framed(structure == m.WALL, 1)
    open_ = m.framed(passable(structure), 0)
    upright = wall[1:-1, :-2] & wall[1:-1, 2:] & open_[:-2, 1:-1] & open_[2:, 1:-1]
    level = wall[:-2, 1:-1] & wall[2:, 1:-1] & open_[1:-1, :-2] & open_[1:-1, 2:]
    return np.asarray(upright | level, dtype=np.bool_)


def join(structure: Grid, free: Flags, wanted: Iterable[Cell] = ()) -> None:
    """Make all passable cells hang together, in place: fill small pockets, open walls (or bridge water) to the rest.

    Args:
        structure: (H, W) tokens.
        free: cells that may be changed.
        wanted: cells that the main area should hold.
    """
    wanted = tuple(wanted)
    inner = ~border(structure.shape)
    for _ in range(structure.size):
        area, main = next(minor_areas(structure, wanted), (None, None))
        if area is None or main is None:
            return
        if int(area.sum()) <= POCKET and free[area].all():
            structure[area] = m.WALL
            continue
        way = gap(structure, area, main | (passable(structure) & ~area), free & inner)
        if not way:
            if not free[area].any():
                return
            structure[area & free] = m.WALL
            if not (area & ~free).any():
                continue
            return
        for cell in way:
            structure[cell] = m.FLOOR
        between = narrow(structure)
        door = next((cell for cell in way if between[cell]), None)
        if door is not None and len(way) <= 3:
            structure[door] = m.DOOR


def lock_gains(free: Flags, doors: Iterable[Cell], start: Cell) -> Iterator[tuple[Cell, Flags]]:
    """For each door, what a lock on it would keep from the start: pairs of door and mask, empty ones left out."""
    for door in doors:
        without = free.copy()
        without[door] = False
        kept = (distance(without, [start]) < 0) & without
        if kept.any():
            yield door, np.asarray(kept, dtype=np.bool_)
