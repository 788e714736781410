"""The exact search: whether a level can be won, and the moves that win it.

Keys are kept and nothing is used up, so what can be reached only grows: a breadth-first search over (cell, kinds
of keys held) decides winnability exactly. With nothing to collect its path is a shortest one. With ``collect:
keys`` or ``loot`` the path is a tour that goes to the nearest item not yet collected, again and again, and then to
the nearest exit; it wins whenever winning is possible, but another order may be shorter. Equal levels give equal
moves: neighbors are tried in the order N, E, S, W.

Measured on one core of a 2-core machine: see ``docs/games.md``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from aigc_levels.rules import Flags, Grid, Rules

MOVES = "NESW"
Cell = tuple[int, int]
"""A cell as (row, column), from 0."""


@dataclass(frozen=True)
class Solution:
    """A level that can be won.

    Attributes:
        moves: letters of `MOVES`, one a step.
        cells: the cells of the path, from the start to the exit; one more than there are moves.
    """

    moves: str
    cells: tuple[Cell, ...]

    @property
    def length(self) -> int:
        """Steps of the path."""
        return len(self.moves)


@dataclass(frozen=True)
class Unsolvable:
    """A level that cannot be won.

    Attributes:
        reason: one sentence for a person.
        constraint: ``winnable``, ``count:start`` or ``count:exit``.
        place: the cell that cannot be reached, or that is one too many.
    """

    reason: str
    constraint: str = "winnable"
    place: Cell | None = None


class _Board:
    """A grid with a solid frame, as flat lists: what the inner loops index."""

    def __init__(self, rules: Rules, grid: Grid) -> None:
        height, width = grid.shape
        tables = rules.tables
        self.stride: int = width + 2
        self.size = self.stride * (height + 2)
        self.steps = (-self.stride, 1, self.stride, -1)  # N, E, S, W
        shut = np.ones((height + 2, width + 2), np.uint8)
        shut[1:-1, 1:-1] = ~tables.walkable[grid]
        self.shut = shut.tobytes()
        self.locks = self._flat(tables.opened_by[grid])
        wanted = 0
        for mask in self.locks.values():
            wanted |= mask
        self.gives = self._flat(tables.gives[grid] & np.uint8(wanted))
        self.starts = list(self._flat(tables.start[grid]))
        self.exits = list(self._flat(tables.exit[grid]))

    def _flat(self, values: npt.NDArray[np.uint8] | Flags) -> dict[int, int]:
        """The values that are not 0, by cell in reading order."""
        rows, columns = np.nonzero(values)
        places = (rows + 1) * self.stride + columns + 1
        return dict(zip(places.tolist(), values[rows, columns].tolist(), strict=True))

    def flat(self, values: Flags) -> list[int]:
        """The cells, in reading order, where a mask is true."""
        return list(self._flat(values))

    def cell(self, place: int) -> Cell:
        return place // self.stride - 1, place % self.stride - 1

    def place(self, cell: Cell) -> int:
        row, column = cell
        return (row + 1) * self.stride + column + 1

    def closed_to(self, keys: int) -> bytearray:
        """1 where nobody with these keys may step."""
        closed = bytearray(self.shut)
        for place, mask in self.locks.items():
            if not mask & keys:
                closed[place] = 1
        return closed

    def unfold(self, closed: bytearray) -> Flags:
        """A flat array of 0 and 1 as a mask of the grid's shape."""
        flat = np.frombuffer(bytes(closed), np.uint8).reshape(-1, self.stride)
        return np.asarray(flat[1:-1, 1:-1] != 0, dtype=np.bool_)


def solve(rules: Rules, grid: Grid) -> Solution | Unsolvable:
    """Find moves that win, or say why there are none.

    Args:
        rules: the game.
        grid: every cell decided, shape (height, width).
    """
    board = _Board(rules, grid)
    if len(board.starts) != 1:
        found = f"there are {len(board.starts)} starts, not one"
        return Unsolvable(found, "count:start", board.cell(board.starts[1]) if board.starts else None)
    if not board.exits:
        return Unsolvable("there is no exit", "count:exit")
    place = board.starts[0]
    keys = board.gives.get(place, 0)
    path = [place]
    wanted = set(_collected(board, rules, grid))
    while wanted:
        leg = _search(board, path[-1], keys, wanted)
        if leg is None:
            return _unreached(rules, grid, board, min(wanted))
        steps, keys = leg
        path += steps[1:]
        wanted.difference_update(steps)
    leg = _search(board, path[-1], keys, set(board.exits))
    if leg is None:
        return _unreached(rules, grid, board, board.exits[0])
    path += leg[0][1:]
    letters = dict(zip(board.steps, MOVES, strict=True))
    moves = "".join(letters[after - before] for before, after in pairwise(path))
    return Solution(moves, tuple(map(board.cell, path)))


def _collected(board: _Board, rules: Rules, grid: Grid) -> list[int]:
    """The cells that the goal wants visited before the exit."""
    trait = {"keys": "key", "loot": "loot"}.get(rules.goal.collect)
    return board.flat(rules.having(trait)[grid]) if trait else []


def _unreached(rules: Rules, grid: Grid, board: _Board, place: int) -> Unsolvable:
    row, column = board.cell(place)
    name = rules.tiles[grid[row, column]].name
    reason = f"{name} at line {row + 1}, column {column + 1} cannot be reached from the start"
    return Unsolvable(reason, "winnable", (row, column))


def _search(board: _Board, start: int, keys: int, targets: set[int]) -> tuple[list[int], int] | None:
    """The shortest way from a cell to the nearest target, and the keys held there."""
    if start in targets:
        return [start], keys
    steps, gives = board.steps, board.gives
    closed = {keys: board.closed_to(keys)}
    closed[keys][start] = 1
    cells, held, parents = [start], [keys], [-1]
    for head, cell in enumerate(cells):  # both lists grow while they are read
        keys = held[head]
        shut = closed[keys]
        for step in steps:
            place = cell + step
            if shut[place]:
                continue
            shut[place] = 1
            now = keys
            if place in gives and (now := keys | gives[place]) != keys:
                if now not in closed:
                    closed[now] = board.closed_to(now)
                if closed[now][place]:
                    continue
                closed[now][place] = 1
            cells.append(place)
            held.append(now)
            parents.append(head)
            if place in targets:
                return _trail(cells, parents), now
    return None


def _trail(cells: list[int], parents: list[int]) -> list[int]:
    at = len(cells) - 1
    path = []
    while at >= 0:
        path.append(cells[at])
        at = parents[at]
    return path[::-1]


def reachable(rules: Rules, grid: Grid, origin: Cell | None = None) -> Flags:
    """The cells that can be stood on sooner or later: locked doors open once a key of theirs is reached.

    Args:
        rules: the game.
        grid: shape (height, width).
        origin: where to begin; the level's start when None (nothing is reachable if there is none).

    Returns:
        A mask of the grid's shape.
    """
    board = _Board(rules, grid)
    begin = board.starts if origin is None else [board.place(origin)]
    seen = bytearray(board.size)
    closed = bytearray(board.shut)
    queue = [place for place in begin if not closed[place]]
    keys = 0
    waiting: list[int] = []
    for place in queue:
        seen[place] = closed[place] = 1
    for place in queue:  # grows while it is read
        gain = board.gives.get(place, 0) & ~keys
        if gain:
            keys |= gain
            opened = [door for door in waiting if board.locks[door] & keys]
            waiting = [door for door in waiting if not board.locks[door] & keys]
            for door in opened:
                seen[door] = 1
            queue += opened
        for step in board.steps:
            after = place + step
            if closed[after]:
                continue
            closed[after] = 1
            if after in board.locks and not board.locks[after] & keys:
                waiting.append(after)
                continue
            seen[after] = 1
            queue.append(after)
    return board.unfold(seen)


def distances(rules: Rules, grid: Grid, origins: Iterable[Cell]) -> npt.NDArray[np.int32]:
    """Steps from the nearest of some cells, with every lock open; -1 where no way leads, shape (height, width)."""
    board = _Board(rules, grid)
    queue = list(map(board.place, origins))
    far = [-1] * board.size
    for place in queue:
        far[place] = 0
    shut = board.shut
    for place in queue:  # grows while it is read
        beyond = far[place] + 1
        for step in board.steps:
            after = place + step
            if far[after] < 0 and not shut[after]:
                far[after] = beyond
                queue.append(after)
    return np.array(far, np.int32).reshape(-1, board.stride)[1:-1, 1:-1]


def components(mask: Flags, corners: bool = False) -> tuple[npt.NDArray[np.int32], int]:
    """Connected parts of a mask.

    Args:
        mask: shape (height, width).
        corners: whether cells that touch at a corner are connected (eight neighbors, not four).

    Returns:
        Labels of the mask's shape, 0 where it is false and 1, 2, ... in reading order of each part's first cell;
        and the number of parts.
    """
    height, width = mask.shape
    stride = width + 1
    steps = [-stride, 1, stride, -1]
    if corners:
        steps += [-stride - 1, -stride + 1, stride + 1, stride - 1]
    # one false column and row between the rows' ends
    left = np.zeros((height + 2, stride), np.uint8)
    left[1:-1, :-1] = mask
    todo = bytearray(left.tobytes())
    labels = [0] * len(todo)
    count = 0
    first = todo.find(1)
    while first >= 0:
        count += 1
        todo[first] = 0
        queue = [first]
        for place in queue:  # grows while it is read
            labels[place] = count
            for step in steps:
                after = place + step
                if todo[after]:
                    todo[after] = 0
                    queue.append(after)
        first = todo.find(1, first)
    return np.array(labels, np.int32).reshape(height + 2, stride)[1:-1, :-1], count
