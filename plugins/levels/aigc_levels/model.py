"""What the level network sees: structure and objects as two planes of tokens, and global conditions.

A level has two layers. *Structure* (wall, floor, door, water) is drawn first with every object hidden; *objects*
(enemy, loot, trap, key, exit) are drawn second on the known floor. One network does both; the ``stage`` condition
tells it which. Void (rock that touches nothing walkable) is wall here and is told apart afterwards by rule, so the
network never has to learn it.

Conditions are small integers. Each has a value for "not told", which training uses often, so that a request may
leave any of them open.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from aigc_levels.solve import components

Grid = npt.NDArray[np.uint8]

WALL, FLOOR, DOOR, WATER, STRUCTURE_MASK = range(5)
NONE, ENEMY, LOOT, TRAP, KEY, EXIT, OBJECT_MASK = range(7)
STRUCTURES = ("wall", "floor", "door", "water")
OBJECTS = ("none", "enemy", "loot", "trap", "key", "exit")
PLANES = (len(STRUCTURES) + 1, len(OBJECTS) + 1)
OUTPUTS = len(STRUCTURES) + len(OBJECTS)
STRUCTURE_STAGE, OBJECT_STAGE = 0, 1

COUNT_EDGES = (1, 2, 3, 4, 6, 9, 13, 20, 32, 50)
WATER_EDGES = (1, 20, 50, 100)
OPEN_EDGES = (50, 100, 150, 200, 300, 400, 500, 600)
ROOM_EDGES = (1, 2, 3, 4, 6, 8, 11, 15)
HALL_EDGES = (100, 180, 260, 360, 500, 700, 900)
RAGGED_EDGES = (150, 220, 290, 360, 450, 550, 650, 750)
STUB_EDGES = (1, 5, 10, 18, 30, 50, 80)
RATES = 16
MIN_ROOM = 6
"""Fewest cells of a room."""

CONDITIONS: dict[str, int] = {
    "rows": 18,
    "columns": 18,
    "rate": RATES + 1,
    "stage": 2,
    "source": 4,
    "wall": 12,
    "door": len(COUNT_EDGES) + 2,
    "water": len(WATER_EDGES) + 2,
    "open": len(OPEN_EDGES) + 2,
    "mirror": 3,
    "connected": 3,
    "enemy": len(COUNT_EDGES) + 2,
    "loot": len(COUNT_EDGES) + 2,
    "trap": len(COUNT_EDGES) + 2,
    "key": len(COUNT_EDGES) + 2,
    "exit": len(COUNT_EDGES) + 2,
    "difficulty": 11,
    "rooms": len(ROOM_EDGES) + 2,
    "hall": len(HALL_EDGES) + 2,
    "ragged": len(RAGGED_EDGES) + 2,
    "stubs": len(STUB_EDGES) + 2,
}
"""Number of values of each condition; the last value of every one from ``source`` on means "not told"."""
NAMES = tuple(CONDITIONS)
FREE = NAMES[NAMES.index("source") :]
INDEX = {name: index for index, name in enumerate(NAMES)}


def bucket(value: int, edges: tuple[int, ...]) -> int:
    """How many edges ``value`` has reached: 0 .. len(edges)."""
    return sum(value >= edge for edge in edges)


def untold(name: str) -> int:
    """The value of a condition that says nothing."""
    return CONDITIONS[name] - 1


def describe(
    structure: Grid, objects: Grid, source: int | None = None, difficulty: int | None = None
) -> npt.NDArray[np.int64]:
    """The conditions that a finished level fulfills, shape (conditions,); ``rate`` and ``stage`` are 0.

    Args:
        structure, objects: (H, W) tokens.
        source: 0 Crossfire, 1 Crawl, 2 a user's own maps, None not told.
        difficulty: tenth, 0..9, or None.
    """
    height, width = structure.shape
    cells = structure.size
    number, hall = rooms(structure)
    told: dict[str, int] = {
        "rows": min(-(-height // 4), 17),
        "columns": min(-(-width // 4), 17),
        "rate": 0,
        "stage": 0,
        "source": untold("source") if source is None else source,
        "wall": min(int((structure == WALL).sum()) * 10 // cells, 10),
        "door": bucket(int((structure == DOOR).sum()), COUNT_EDGES),
        "water": bucket(int((structure == WATER).sum()) * 1000 // cells, WATER_EDGES),
        "open": bucket(_open_share(structure), OPEN_EDGES),
        "mirror": int(_mirrored(structure)),
        "connected": int(_connected(structure)),
        "difficulty": untold("difficulty") if difficulty is None else difficulty,
        "rooms": bucket(number, ROOM_EDGES),
        "hall": bucket(hall, HALL_EDGES),
        "ragged": bucket(_raggedness(structure), RAGGED_EDGES),
        "stubs": bucket(_stubs(structure), STUB_EDGES),
    }
    for token, name in enumerate(OBJECTS):
        if token:
            told[name] = bucket(int((objects == token).sum()), COUNT_EDGES)
    return np.array([told[name] for name in NAMES], dtype=np.int64)


def _open_share(structure: Grid) -> int:
    """Cells whose 3x3 neighborhood holds no wall, in thousandths of all cells."""
    free = structure != WALL
    inner = free[1:-1, 1:-1].copy()
    for dy in range(3):
        for dx in range(3):
            inner &= free[dy : dy + inner.shape[0], dx : dx + inner.shape[1]]
    return int(inner.sum()) * 1000 // structure.size


def rooms(structure: Grid) -> tuple[int, int]:
    """Rooms as `aigc_levels.measure.count_rooms` counts them, and the largest's share of all that is not wall.

    The share is in thousandths.
    """
    sizes = np.bincount(components(in_squares(structure == FLOOR))[0].ravel())[1:]
    open_cells = int((structure != WALL).sum())
    return int((sizes >= MIN_ROOM).sum()), int(sizes.max(initial=0)) * 1000 // max(open_cells, 1)


def framed(grid: npt.NDArray[Any], value: int) -> npt.NDArray[Any]:
    """The grid with a ring of ``value`` around it, (H + 2, W + 2); np.pad does the same in ten times the time."""
    result = np.full((grid.shape[0] + 2, grid.shape[1] + 2), value, dtype=grid.dtype)
    result[1:-1, 1:-1] = grid
    return result


def in_squares(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Cells that lie in a square of two by two true cells, shape (H, W)."""
    found = squares(mask)
    result = np.zeros(mask.shape, np.bool_)
    height, width = found.shape
    for down, right in ((0, 0), (1, 0), (0, 1), (1, 1)):
        result[down : down + height, right : right + width] |= found
    return result


def squares(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Where a square of two by two true cells begins, shape (H - 1, W - 1)."""
    return np.asarray(mask[:-1, :-1] & mask[1:, :-1] & mask[:-1, 1:] & mask[1:, 1:], dtype=np.bool_)


def _raggedness(structure: Grid) -> int:
    """Corners of the walls' outline for each side of a cell in it, in thousandths: 100 a large room, 1000 stairs."""
    wall = framed(structure == WALL, 1).astype(np.int64)
    around = wall[:-1, :-1] + wall[1:, :-1] + wall[:-1, 1:] + wall[1:, 1:]
    crossed = (around == 2) & (wall[:-1, :-1] == wall[1:, 1:])
    corners = int((around % 2 == 1).sum()) + 2 * int(crossed.sum())
    sides = int((wall[1:] != wall[:-1]).sum()) + int((wall[:, 1:] != wall[:, :-1]).sum())
    return corners * 1000 // max(sides, 1)


def _stubs(structure: Grid) -> int:
    """Ends of thin walls and lone blocks (walls with at most one wall beside them), in thousandths of all cells."""
    wall = framed(structure == WALL, 1).astype(np.int64)
    beside = wall[:-2, 1:-1] + wall[2:, 1:-1] + wall[1:-1, :-2] + wall[1:-1, 2:]
    return int(((structure == WALL) & (beside <= 1)).sum()) * 1000 // structure.size


def _mirrored(structure: Grid) -> bool:
    """Whether at least 97 % of the cells equal their mirror image, left to right or top to bottom."""
    best = max(int((structure == structure[:, ::-1]).sum()), int((structure == structure[::-1]).sum()))
    return best * 100 >= structure.size * 97


def _connected(structure: Grid) -> bool:
    """Whether all floor and doors hang together."""
    return components((structure == FLOOR) | (structure == DOOR))[1] == 1


def rate_condition(masked: int, cells: int) -> int:
    """The ``rate`` condition for ``masked`` hidden cells of ``cells``."""
    return -(-masked * RATES // max(cells, 1))


_FROM_CHARS: dict[str, tuple[int, int]] = {
    " ": (WALL, NONE),
    "#": (WALL, NONE),
    ".": (FLOOR, NONE),
    "+": (DOOR, NONE),
    "~": (WATER, NONE),
    "^": (FLOOR, TRAP),
    "e": (FLOOR, ENEMY),
    "$": (FLOOR, LOOT),
    "k": (FLOOR, KEY),
    ">": (FLOOR, EXIT),
}
"""Tokens of the plain map format's characters."""


def split_layers(chars: Grid) -> tuple[Grid, Grid]:
    """Plain map characters (H, W) to structure and object tokens."""
    structure = np.full(256, WALL, dtype=np.uint8)
    objects = np.zeros(256, dtype=np.uint8)
    for char, (under, over) in _FROM_CHARS.items():
        structure[ord(char)], objects[ord(char)] = under, over
    return structure[chars], objects[chars]


def symmetries(*grids: npt.NDArray[Any]) -> list[tuple[npt.NDArray[Any], ...]]:
    """The eight turns and reflections of grids that belong together."""
    return [
        tuple(np.rot90(grid[:, ::-1] if flip else grid, turn) for grid in grids)
        for flip in (False, True)
        for turn in range(4)
    ]
