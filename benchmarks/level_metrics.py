"""Grids of tile codes: maps to read, and exact counts of copies and variety.

A grid is ``uint8`` of shape (height, width) with places in `TILES`, the characters of the plain training maps;
void is 0. The start counts as an exit and a locked door as a door, because the training maps tell neither apart.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from aigc_levels.data.plain import half_of

TILES = " #.+~^e$k>"
VOID, WALL = 0, 1
ALIKE = {"<": ">", "D": "+"}
WINDOW = 8
"""Side of the windows of which `copied_windows` counts copies."""

LIKE_CELLS = (500, 1200)
"""Maps of so many cells are compared with levels of 32 x 24."""

LIKE = f"{LIKE_CELLS[0]} to {LIKE_CELLS[1]} cells"

Side = Literal["train", "tune", "test"]
"""What training sees; held-out areas by which settings are chosen; held-out areas that figures are told of."""

Grid = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class NamedGrid:
    """A grid and where it comes from."""

    name: str
    grid: Grid


def parse(text: str) -> Grid:
    """Text, one character a cell and rows by newline, to tile codes.

    Raises:
        ValueError: rows differ in width, or a character is none of `TILES` or `ALIKE`.
    """
    rows = text.removesuffix("\n").split("\n")
    codes = {char: code for code, char in enumerate(TILES)}
    codes |= {char: codes[other] for char, other in ALIKE.items()}
    strange = set("".join(rows)) - set(codes)
    if strange or len({len(row) for row in rows}) != 1:
        raise ValueError(f"characters {sorted(strange)}" if strange else "rows of different width")
    return np.array([[codes[char] for char in row] for row in rows], dtype=np.uint8)


def load_maps(folders: Sequence[Path], side: Side) -> list[NamedGrid]:
    """The maps of one side of data sets, as ``aigc data import`` writes them.

    Args:
        folders: data sets, or folders that hold data sets.
        side: for ``tune`` and ``test`` the held-out areas are divided by `half_of`.

    Raises:
        ValueError: two data sets have the same source, or there is none.
    """
    patterns = ("dataset.json", "*/dataset.json")
    listings = [found for folder in folders for pattern in patterns for found in sorted(folder.glob(pattern))]
    sources: dict[str, Path] = {}
    result = []
    for listing in listings:
        document = json.loads(listing.read_text("utf-8"))
        source = str(document["source"])
        if source in sources:
            raise ValueError(f"{listing.parent} and {sources[source]} both hold {source}; name the one to use")
        sources[source] = listing.parent
        for entry in document["maps"]:
            if side == ("train" if entry["split"] == "train" else half_of(entry["area"])):
                text = (listing.parent / entry["path"]).read_text("ascii")
                result.append(NamedGrid(f"{source}/{entry['path']}", parse(text)))
    if not sources:
        raise ValueError("there is no dataset.json; `aigc data import crossfire --from SOURCE --out DIR` writes one")
    return result


def symmetries(grid: Grid) -> list[Grid]:
    """The eight turns and reflections, the grid itself first."""
    return [np.rot90(image, turns) for image in (grid, grid[:, ::-1]) for turns in range(4)]


def is_like(grid: Grid) -> bool:
    """Whether a map has `LIKE_CELLS`."""
    return LIKE_CELLS[0] <= grid.size <= LIKE_CELLS[1]


def void_as_wall(grid: Grid) -> Grid:
    """The grid with wall in place of void."""
    return np.maximum(grid, WALL)


def duplicates(grids: Sequence[Grid]) -> int:
    """How many grids are a turn or reflection of one before them."""
    seen: set[bytes] = set()
    for grid in grids:
        seen.add(min(bytes(image.shape) + image.tobytes() for image in map(np.ascontiguousarray, symmetries(grid))))
    return len(grids) - len(seen)


def pairwise(grids: Sequence[Grid]) -> float:
    """Mean share of cells that differ, over all pairs of grids of one size and over all their cells."""
    stack = np.stack(grids).reshape(len(grids), -1)
    counts = np.stack([(stack == tile).sum(axis=0) for tile in range(len(TILES))]).astype(np.int64)
    same_pairs = int((counts * (counts - 1)).sum())
    return 1 - same_pairs / (len(grids) * (len(grids) - 1) * stack.shape[1])


def known_windows(maps: Sequence[Grid], side: int = WINDOW) -> Words:
    """Hashes of every window of the maps, in every symmetry, ascending."""
    return np.unique(np.concatenate([_hashes(image, side).ravel() for item in maps for image in symmetries(item)]))


def copied_share(levels: Sequence[Grid], known: Words, side: int = WINDOW) -> float:
    """Share of the levels' windows that are among the known ones, cell for cell.

    Only windows count that hold no void and of which at most three quarters are one tile: bare floors and single
    walls are in every map.
    """
    hits = total = 0
    for level in levels:
        most = np.max([_sums(level == tile, side) for tile in range(1, len(TILES))], axis=0)
        counted = (_sums(level == VOID, side) == 0) & (most * 4 <= side * side * 3)
        hashes = _hashes(level, side)[counted]
        at = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
        hits += int((known[at] == hashes).sum())
        total += len(hashes)
    return hits / total if total else 0.0


def _sums(values: npt.NDArray[Any], side: int, down: int = 1, across: int = 1) -> Words:
    """Over every window: the sum of values times ``down ** row * across ** column``, modulo 2**64."""
    height, width = (max(0, length - side + 1) for length in values.shape)
    wide = values.astype(np.uint64)
    modulus = 1 << 64
    rows = np.zeros((values.shape[0], width), dtype=np.uint64)
    for x in range(side):
        rows += wide[:, x : x + width] * np.uint64(pow(across, x, modulus))
    total = np.zeros((height, width), dtype=np.uint64)
    for y in range(side):
        total += rows[y : y + height] * np.uint64(pow(down, y, modulus))
    return total


def _hashes(grid: Grid, side: int) -> Words:
    """A 64-bit hash of every window."""
    tokens = np.random.default_rng(1).integers(1, 1 << 63, len(TILES), dtype=np.uint64)
    return _sums(tokens[grid], side, 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F)


def spread(values: Floats) -> str:
    """Median, 5th percentile and least, in percent."""
    middle, low = np.percentile(values, [50, 5])
    return f"{middle:.1%} / {low:.1%} / {values.min():.1%}".replace("%", " %")
