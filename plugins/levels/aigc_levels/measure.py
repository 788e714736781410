"""Measures of a level: what the gallery sorts by, what difficulty means, what the model is conditioned on.

All are integers, or ratios of integers rounded half up to four digits (`ratio`), so they are the same bytes on
every machine. Distances are steps; *near* means the same cell or one of its eight neighbors. A *passable* cell is
one that may be stepped on, given the key where there is a lock.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from aigc_levels.model import MIN_ROOM, framed, in_squares, squares
from aigc_levels.rules import Flags, Grid, Rules
from aigc_levels.solve import MOVES, Cell, components, reachable

ENEMY_STEPS = 8
TRAP_STEPS = 4
LOCK_STEPS = 12
"""What an enemy near the winning path, a hazard near it, and a locked door on it weigh, in steps."""

DIFFICULTY_KNOTS = (0, 4_400, 6_100, 7_350, 8_550, 10_600, 13_100, 15_900, 20_000, 26_400, 45_000)
"""Strain, in ten-thousandths, at difficulty 0, 0.1, ... 1; see `difficulty`."""

Measures = dict[str, int | float | str]


def ratio(part: int, whole: int) -> float:
    """``part / whole`` rounded half up to four digits by integer arithmetic; 0.0 when ``whole`` is 0."""
    return (20_000 * part + whole) // (2 * whole) / 10_000 if whole else 0.0


def measure(rules: Rules, grid: Grid, moves: str) -> Measures:
    """All measures of a level and the moves that win it.

    Returns:
        * ``path_length``: steps of the winning path.
        * ``reachable``: share of the passable cells that can be reached.
        * ``dead_ends``: passable cells, start and exit left out, with one passable neighbor.
        * ``branching``: cells outside rooms with three or four passable neighbors, where a corridor forks.
        * ``loops``: ways around: independent cycles of the passable cells, a pillar in a room counting as one.
        * ``rooms``: areas of at least `MIN_ROOM` cells as wide as two cells, cut at doors and corridors.
        * ``openness``: share of the passable cells whose eight neighbors are all passable.
        * ``symmetry``: best share of equal cells over the mirror images and rotations that keep the size;
          cells that are void in both are left out.
        * ``enemies``, ``loot``, ``keys``, ``locked_doors``, ``traps``: tiles with that trait (hazards are traps).
        * ``enemies_on_path``, ``traps_on_path``: those near the path; ``locks_on_path``: locked doors on it.
        * ``difficulty``: 0 to 1, see `difficulty`.
    """
    passable = rules.tables.walkable[grid]
    around = neighbor_count(passable)
    ends = rules.having("start", "exit")[grid]
    rooms = room_cells(rules, grid)
    result: Measures = {
        "path_length": len(moves),
        "reachable": ratio(int((reachable(rules, grid) & passable).sum()), int(passable.sum())),
        "dead_ends": int((passable & (around == 1) & ~ends).sum()),
        "branching": int((passable & (around >= 3) & ~rooms).sum()),
        "loops": loops(passable),
        "rooms": count_rooms(rooms),
        "openness": ratio(int(eroded(passable).sum()), int(passable.sum())),
        "symmetry": symmetry(rules, grid),
    }
    for name, trait in (
        ("enemies", "enemy"),
        ("loot", "loot"),
        ("keys", "key"),
        ("locked_doors", "door"),
        ("traps", "hazard"),
    ):
        result[name] = int(rules.having(trait)[grid].sum())
    enemies, traps, locks = dangers(rules, grid, moves)
    result |= {"enemies_on_path": enemies, "traps_on_path": traps, "locks_on_path": locks}
    result["difficulty"] = difficulty(rules, grid, moves)
    return result


def difficulty(rules: Rules, grid: Grid, moves: str) -> float:
    """How hard a level is next to maps made by people: 0.4 is harder than 40 % of them.

    The strain of a level is::

        (steps of the path + 8 x enemies near it + 4 x hazards near it + 12 x locked doors on it)
        / (width + height)

    so that a large level is not hard by its size alone. Its rank among the imported maps of Crossfire and Crawl
    (3,073 of the training side, each source counting half; start and exit at the two exits farthest apart, or at
    the two cells farthest apart), by straight lines between the deciles in `DIFFICULTY_KNOTS`, is the difficulty.
    The highest knot is at 98 %: what is beyond has difficulty 1.
    """
    height, width = grid.shape
    return difficulty_of(strain(len(moves), *dangers(rules, grid, moves), width + height))


def strain(steps: int, enemies: int, traps: int, locks: int, sides: int) -> int:
    """The strain of a path, in ten-thousandths; ``sides`` is width + height of the level, in cells."""
    total = steps + ENEMY_STEPS * enemies + TRAP_STEPS * traps + LOCK_STEPS * locks
    return (20_000 * total + sides) // (2 * sides)


def difficulty_of(strained: int) -> float:
    """The difficulty, 0 to 1, of a strain in ten-thousandths."""
    if strained >= DIFFICULTY_KNOTS[-1]:
        return 1.0
    place = sum(knot <= strained for knot in DIFFICULTY_KNOTS) - 1
    low, high = DIFFICULTY_KNOTS[place : place + 2]
    whole = (len(DIFFICULTY_KNOTS) - 1) * (high - low)
    return ratio(place * (high - low) + strained - low, whole)


def strain_of(asked: float) -> int:
    """The strain, in ten-thousandths, at which a level has the difficulty ``asked``, 0 to 1."""
    scaled = round(asked * 10_000) * (len(DIFFICULTY_KNOTS) - 1)
    place = min(scaled // 10_000, len(DIFFICULTY_KNOTS) - 2)
    low, high = DIFFICULTY_KNOTS[place : place + 2]
    return low + (scaled - 10_000 * place) * (high - low) // 10_000


def dangers(rules: Rules, grid: Grid, moves: str) -> tuple[int, int, int]:
    """Enemies and hazards near the path, and locked doors on it."""
    on_path = np.zeros(grid.shape, np.bool_)
    for cell in path_cells(rules, grid, moves):
        on_path[cell] = True
    near = spread(on_path)
    return (
        int((rules.having("enemy")[grid] & near).sum()),
        int((rules.having("hazard")[grid] & near).sum()),
        int((rules.having("door")[grid] & on_path).sum()),
    )


def path_cells(rules: Rules, grid: Grid, moves: str) -> list[Cell]:
    """The cells that moves lead through, the start first.

    Raises:
        ValueError: the level has no start, or a letter is not one of `MOVES`.
    """
    starts = np.argwhere(rules.tables.start[grid])
    if not len(starts):
        raise ValueError("the level has no start")
    row, column = map(int, starts[0])
    cells = [(row, column)]
    for letter in moves:
        down, right = ((-1, 0), (0, 1), (1, 0), (0, -1))[MOVES.index(letter)]
        row, column = row + down, column + right
        cells.append((row, column))
    return cells


def neighbor_count(mask: Flags) -> npt.NDArray[np.int64]:
    """How many of a cell's four neighbors are true, shape (height, width)."""
    padded = framed(mask, 0).astype(np.int64)
    return padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]


def spread(mask: Flags) -> Flags:
    """Cells that are true or have a true one among their eight neighbors."""
    padded = framed(mask, 0)
    rows = padded[:-2] | padded[1:-1] | padded[2:]
    return np.asarray(rows[:, :-2] | rows[:, 1:-1] | rows[:, 2:])


def eroded(mask: Flags) -> Flags:
    """Cells that are true and whose eight neighbors are too; outside the grid is false."""
    return ~spread(~framed(mask, 0))[1:-1, 1:-1]


def room_cells(rules: Rules, grid: Grid) -> Flags:
    """Passable cells that lie in a passable square of two by two cells; doors are in none."""
    inside = rules.tables.walkable[grid] & ~rules.having("door", "doorway")[grid]
    return in_squares(inside)


def count_rooms(rooms: Flags) -> int:
    """Connected areas of `room_cells` that have at least `MIN_ROOM` cells."""
    labels, _ = components(rooms)
    return int((np.bincount(labels.ravel())[1:] >= MIN_ROOM).sum())


def loops(passable: Flags) -> int:
    """Independent cycles: components - cells + steps between neighbors - squares (Euler's formula)."""
    _, parts = components(passable)
    steps = int((passable[1:] & passable[:-1]).sum()) + int((passable[:, 1:] & passable[:, :-1]).sum())
    return parts - int(passable.sum()) + steps - int(squares(passable).sum())


def symmetry(rules: Rules, grid: Grid) -> float:
    """The best share of equal cells, over mirror images and rotations; cells void in both are left out."""
    images = [grid[::-1], grid[:, ::-1], grid[::-1, ::-1]]
    if grid.shape[0] == grid.shape[1]:
        turned = np.rot90(grid)
        images += [turned, turned[::-1, ::-1], grid.T, grid[::-1, ::-1].T]
    drawn = ~rules.having("void")
    best = 0.0
    for image in images:
        counted = drawn[grid] | drawn[image]
        best = max(best, ratio(int(((grid == image) & counted).sum()), int(counted.sum())))
    return best
