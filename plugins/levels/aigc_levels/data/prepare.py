"""From converted grids to a data set: what is cut off, mended, thinned, judged and written.

The order is fixed: `peel` the open land around a building, `mend_doors`, one map for each connected part
(`parts`), `cut_large` ones at their narrowest line, `join_diagonals`, `thin` hordes and exits, normalise,
then the gates of `plain.is_degenerate` and the search for near duplicates.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aigc_levels.data import plain
from aigc_levels.data.plain import (
    DOOR,
    ENEMY,
    EXIT,
    FLOOR,
    KEY,
    LOOT,
    MAX_SIDE,
    TRAP,
    VOID,
    WALL,
    WATER,
    Grid,
)

PEEL_SHARE = 0.9
"""An outer row or column with this share of open, dry cells is land around the dungeon, not part of it."""
ENTRANCE = 3
"""Longest gap, in cells, in the outermost line that is taken for an entrance."""
DOOR_RUN = 3
"""Most doors side by side that are a door; longer runs are walls that can be opened."""
CROWD = 4
"""Groups of more foes, items or traps than this are thinned."""
MAX_EXITS = 6
"""Most exits a map keeps; further ones are closed."""
MAX_SHARE = 0.1
"""Most foes, and items, and traps, for each cell that one can stand on; more are thinned to that."""


@dataclass(frozen=True)
class SourceMap:
    """A converted map, not yet prepared: `area` and `name` are relative POSIX paths, `grid` holds tiles."""

    area: str
    name: str
    grid: Grid


def peel(grid: Grid) -> Grid:
    """Takes off outer rows and columns of void or open land, until each side begins with something built.

    What then lies in the outermost line as a door or a short gap is where one comes in: it becomes an exit.
    """
    top, bottom, left, right = 0, grid.shape[0], 0, grid.shape[1]
    land = ~np.isin(grid, (VOID, WALL, WATER))
    while top < bottom and left < right:
        lines = (
            (grid[top, left:right], land[top, left:right]),
            (grid[bottom - 1, left:right], land[bottom - 1, left:right]),
            (grid[top:bottom, left], land[top:bottom, left]),
            (grid[top:bottom, right - 1], land[top:bottom, right - 1]),
        )
        cut = [bool((line == VOID).all()) or float(open_.mean()) >= PEEL_SHARE for line, open_ in lines]
        if not any(cut):
            break
        side = cut.index(True)
        top, bottom = top + (side == 0), bottom - (side == 1)
        left, right = left + (side == 2), right - (side == 3)
    result = grid[top:bottom, left:right].copy()
    if result.size:
        for line in (result[0, :], result[-1, :], result[:, 0], result[:, -1]):
            _mark_entrances(line)
    return result


def _mark_entrances(line: Grid) -> None:
    """Closes each short run of dry open cells in an outermost line but for its middle, an exit, in place."""
    start = None
    for at in range(len(line) + 1):
        if at < len(line) and line[at] not in (VOID, WALL, WATER):
            start = at if start is None else start
        elif start is not None:
            if at - start <= ENTRANCE:
                line[start:at] = WALL
                line[(start + at - 1) // 2] = EXIT
            start = None


def mend_doors(grid: Grid) -> Grid:
    """Makes every door one a player would call so: a wall at either hand, open cells before and behind.

    Long lines of doors (gates across a hall, walls of breakable doors) become a wall with a door in it,
    blocks of doors and doors standing in the open become floor, doors that lead nowhere become wall.
    """
    result = np.pad(grid, 1, constant_values=VOID)
    for group in plain.regions(result == DOOR):
        cells = set(group)
        if any({(y, x + 1), (y + 1, x), (y + 1, x + 1)} <= cells for y, x in group):
            for cell in group:
                result[cell] = FLOOR
        elif len(group) > DOOR_RUN:
            _wall_with_doors(result, sorted(group))
    while True:
        wrong = [(cell, tile) for cell in _cells(result == DOOR) if (tile := _mended(result, *cell)) != DOOR]
        if not wrong:
            return result[1:-1, 1:-1]
        for cell, tile in wrong:
            result[cell] = tile


def _cells(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    return [(int(y), int(x)) for y, x in zip(*np.nonzero(mask), strict=True)]


def _wall_with_doors(grid: Grid, group: list[tuple[int, int]]) -> None:
    through = [(y, x) for y, x in group if _leads_through(grid, y, x)]
    count = max(1, len(group) // 12)
    kept = {through[(2 * i + 1) * len(through) // (2 * count)] for i in range(count)} if through else set()
    for cell in group:
        grid[cell] = DOOR if cell in kept else WALL


def _leads_through(grid: Grid, y: int, x: int) -> bool:
    def is_open(tile: int) -> bool:
        return tile not in (VOID, WALL, DOOR)

    vertical = is_open(grid[y - 1, x]) and is_open(grid[y + 1, x])
    return vertical or (is_open(grid[y, x - 1]) and is_open(grid[y, x + 1]))


def _mended(grid: Grid, y: int, x: int) -> int:
    """What the door at (y, x) of a padded grid should be."""

    def after(dy: int, dx: int) -> int:
        v, u = y + dy, x + dx
        while grid[v, u] == DOOR:
            v, u = v + dy, u + dx
        return int(grid[v, u])

    solid = (VOID, WALL)
    for dy, dx in ((0, 1), (1, 0)):
        hands = after(dy, dx) in solid and after(-dy, -dx) in solid
        if hands and grid[y + dx, x + dy] not in solid and grid[y - dx, x - dy] not in solid:
            return DOOR
    around = [int(grid[y + dy, x + dx]) for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1))]
    return FLOOR if sum(tile not in solid for tile in around) > 1 else WALL


def parts(grid: Grid) -> list[Grid]:
    """One grid for each connected part with enough cells to stand on, largest first.

    Water joins and so do diagonal steps. Gadget rows, sealed closets and cells outside the walls drop out.
    """
    found: list[Grid] = []
    for group in plain.regions(~np.isin(grid, plain.SOLID), diagonal=True):
        if len(group) < plain.MIN_PASSABLE:
            break
        part = np.full_like(grid, VOID)
        rows, columns = zip(*group, strict=True)
        part[rows, columns] = grid[rows, columns]
        found.append(plain.normalise(part))
    return found


def cut_large(grid: Grid) -> list[Grid]:
    """Halves a part wider or higher than MAX_SIDE where fewest open cells are cut, as often as needed.

    The cut line becomes wall. Pieces are taken apart by `parts` again; a part of fitting size is returned as
    is; one that is open all along is given up.
    """
    height, width = grid.shape
    if max(height, width) <= MAX_SIDE:
        return [grid]
    turned = grid.T if height > width else grid
    length = turned.shape[1]
    open_cells = (~np.isin(turned, plain.SOLID)).sum(axis=0)
    middle = range(length // 3, length - length // 3)
    line = min(middle, key=lambda x: (int(open_cells[x]), abs(2 * x - length)))
    if open_cells[line] > 0.25 * turned.shape[0]:
        return []
    pieces: list[Grid] = []
    for half in (turned[:, :line], turned[:, line + 1 :]):
        piece = half.T if height > width else half
        for part in parts(np.ascontiguousarray(piece)):
            pieces.extend(cut_large(part))
    return pieces


def join_diagonals(grid: Grid) -> Grid:
    """Opens a corner wherever two regions meet only diagonally, for games without diagonal steps."""
    result = grid.copy()
    label = np.full(grid.shape, -1)
    for index, group in enumerate(plain.regions(~np.isin(grid, plain.IMPASSABLE))):
        rows, columns = zip(*group, strict=True)
        label[rows, columns] = index
    root = list(range(int(label.max(initial=-1)) + 1))

    def find(index: int) -> int:
        while root[index] != index:
            index = root[index]
        return index

    for y, x in _cells(label[:-1, :-1] >= -1):
        for (a, b), corner in ((((y, x), (y + 1, x + 1)), (y + 1, x)), (((y, x + 1), (y + 1, x)), (y, x))):
            if label[a] < 0 or label[b] < 0 or result[corner] not in (VOID, WALL):
                continue
            one, other = find(int(label[a])), find(int(label[b]))
            if one != other:
                root[one] = other
                result[corner] = FLOOR
    return result


def thin(grid: Grid) -> Grid:
    """Leaves a few of crowded foes, items and traps, one of each group of keys or exits, MAX_EXITS in all.

    Games fill rooms and corridors with monsters to be mown down; a level is learned better from a few.
    """
    result = grid.copy()
    room = int((~np.isin(grid, plain.IMPASSABLE)).sum())
    for tile, every in ((ENEMY, 8), (LOOT, 4), (TRAP, 4)):
        for group in plain.regions(result == tile):
            if len(group) > CROWD:
                _keep(result, group, CROWD // 2 + len(group) // every)
        _keep(result, _cells(result == tile), int(MAX_SHARE * room))
    for tile in (EXIT, KEY):
        for group in plain.regions(result == tile, diagonal=True):
            middle = sorted(group)[len(group) // 2]
            for cell in group:
                result[cell] = tile if cell == middle else FLOOR
    exits = _cells(result == EXIT)
    for index, (y, x) in enumerate(exits):
        if index * MAX_EXITS // len(exits) == (index - 1) * MAX_EXITS // len(exits) and len(exits) > MAX_EXITS:
            around = [result[y + dy, x + dx] for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1))]
            result[y, x] = WALL if sum(tile in (VOID, WALL) for tile in around) >= 3 else FLOOR
    return result


def _keep(grid: Grid, group: list[tuple[int, int]], count: int) -> None:
    """Turns all but `count` of the cells, scattered, into floor, in place."""
    for cell in sorted(group, key=_scatter)[count:]:
        grid[cell] = FLOOR


def _scatter(cell: tuple[int, int]) -> bytes:
    """An order of cells without pattern that is the same everywhere."""
    return hashlib.sha256(f"{cell[0]},{cell[1]}".encode()).digest()


def prepare(grid: Grid) -> list[Grid]:
    """The maps that a converted grid gives, largest first, not yet judged; none when nothing is left."""
    whole = mend_doors(peel(grid))
    pieces = [piece for part in parts(whole) for piece in cut_large(part)]
    return [plain.normalise(thin(mend_doors(join_diagonals(piece)))) for piece in pieces]


class NearDuplicates:
    """Remembers grids and tells whether a new one is, up to the eight symmetries, nearly one of them.

    Nearly: at the same size, more than `limit` of the cells that are not void in both are the same, or more
    than `structure_limit` when foes, items, keys, traps and exits are taken for floor.
    """

    def __init__(self, limit: float = 0.95, structure_limit: float = 0.98) -> None:
        self._limits = (limit, structure_limit)
        self._kept: dict[tuple[int, ...], list[tuple[Grid, Grid]]] = {}

    def add(self, grid: Grid) -> bool:
        """Remembers the grid and gives True, or gives False for a near duplicate."""
        bare = np.where(np.isin(grid, (ENEMY, LOOT, KEY, TRAP, EXIT)), FLOOR, grid).astype(np.uint8)
        for pair in zip(plain.symmetries(grid), plain.symmetries(bare), strict=True):
            for kept in self._kept.get(pair[0].shape, ()):
                for image, other, limit in zip(pair, kept, self._limits, strict=True):
                    union = (image != VOID) | (other != VOID)
                    if int(((image == other) & union).sum()) > limit * int(union.sum()):
                        return False
        self._kept.setdefault(grid.shape, []).append((grid, bare))
        return True


def write_dataset(
    out: Path, provenance: plain.Provenance, maps: Iterable[SourceMap], dropped: Counter[str]
) -> plain.DatasetSummary:
    """Prepares, judges and writes maps, sorted by area and name; `dropped` counts by reason what is left out.

    Maps of an earlier import that `dataset.json` in `out` lists are removed first. The same maps give the
    same bytes. Raises DatasetError when nothing is left.
    """
    plain.remove_dataset(out)
    seen = NearDuplicates()
    taken: set[str] = set()
    entries: list[plain.MapEntry] = []
    tiles: Counter[str] = Counter()
    for source, name, grid in _prepared(sorted(maps, key=lambda item: (item.area, item.name)), dropped):
        reason = plain.is_degenerate(grid) or (None if seen.add(grid) else "near duplicate")
        if reason is not None:
            dropped[reason] += 1
            continue
        path = stem = f"{plain.safe_name(source.area)}/{plain.safe_name(name)}"
        while path.lower() in taken:
            path = f"{stem}-{len(taken)}"
        taken.add(path.lower())
        path += ".txt"
        plain.write_map(out / path, grid)
        height, width = grid.shape
        entries.append(plain.MapEntry(path, source.area, plain.split_of(source.area), width, height))
        tiles.update(grid.tobytes().decode("ascii"))
    if not entries:
        raise plain.DatasetError(out, f"none of {sum(dropped.values())} maps was kept", "See plain.is_degenerate.")
    summary = plain.DatasetSummary(provenance, tuple(entries), dict(tiles), dict(dropped))
    (out / "dataset.json").write_text(summary.to_json(), encoding="utf-8")
    return summary


def _prepared(maps: list[SourceMap], dropped: Counter[str]) -> Iterator[tuple[SourceMap, str, Grid]]:
    for source in maps:
        pieces = prepare(source.grid)
        if not pieces:
            dropped["nothing left"] += 1
        for index, grid in enumerate(pieces):
            yield source, source.name if index == 0 else f"{source.name}.part{index + 1}", grid
