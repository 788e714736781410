"""Copies, novelty and variety of levels: exact counts over grids of tile codes.

A grid is ``uint8`` of shape (height, width) with places in `TILES`, the characters of the plain training maps;
void is 0. The start counts as an exit and a locked door as a door, because the training maps tell neither apart.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

TILES = " #.+~^e$k>"
VOID, WALL = 0, 1
ALIKE = {"<": ">", "D": "+"}
WINDOW = 8
"""Side of the windows of which `copied_windows` counts copies."""

LEAST_COMPARED = 0.5
"""Share of a level's cells (void left out) that a placement of a training map must be compared on."""

_BLOCK = 1024

Grid = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


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


def load_maps(folders: Sequence[Path], split: str) -> list[NamedGrid]:
    """The maps of one side of data sets, as ``aigc data import`` writes them.

    Args:
        folders: data sets, or folders that hold data sets.
        split: ``train`` or ``held-out``.

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
            if entry["split"] == split:
                text = (listing.parent / entry["path"]).read_text("ascii")
                result.append(NamedGrid(f"{source}/{entry['path']}", parse(text)))
    if not sources:
        raise ValueError("there is no dataset.json; `aigc data import crossfire --from SOURCE --out DIR` writes one")
    return result


def symmetries(grid: Grid) -> list[Grid]:
    """The eight turns and reflections, the grid itself first."""
    return [np.rot90(image, turns) for image in (grid, grid[:, ::-1]) for turns in range(4)]


def void_as_wall(grid: Grid) -> Grid:
    """The grid with wall in place of void."""
    return np.maximum(grid, WALL)


def duplicates(grids: Sequence[Grid]) -> int:
    """How many grids are a turn or reflection of one before them."""
    seen: set[bytes] = set()
    for grid in grids:
        seen.add(min(bytes(image.shape) + image.tobytes() for image in map(np.ascontiguousarray, symmetries(grid))))
    return len(grids) - len(seen)


@dataclass(frozen=True, eq=False)
class Nearest:
    """For each level, the training map that it is most like.

    Attributes:
        far: share of the compared cells that differ, shape (levels,); 1 where no map could be compared.
        which: index of that map, -1 for none, shape (levels,).
    """

    far: Floats
    which: Ints


def nearest(levels: Sequence[Grid], maps: Sequence[Grid], *, itself: bool = False) -> Nearest:
    """The least share of differing cells between each level and any map, in any symmetry and placement.

    A map is laid over the level in all eight symmetries. Along each axis it is cropped to the level's side in every
    way where it is longer, and laid into the level in every way where it is shorter. Compared are the cells that
    both have and that are void in neither; placements that compare fewer than `LEAST_COMPARED` of the level's
    cells that are not void do not count, or a corner would match a corner.

    Args:
        levels: grids.
        maps: grids to look among.
        itself: ``maps`` is ``levels``, and a level is not compared with itself.
    """
    far = np.ones(len(levels), dtype=np.float64)
    which = np.full(len(levels), -1, dtype=np.int64)
    for shape in sorted({image.shape for level in levels for image in (level, level.T)}):
        rows, owners = [], []
        for index, level in enumerate(levels):
            images = [image for image in symmetries(level) if image.shape == shape]
            rows += images
            owners += [index] * len(images)
        if not rows:
            continue
        _match(np.stack(rows), np.array(owners), maps, far, which, itself=itself)
    return Nearest(far, which)


def _match(images: Grid, owners: Ints, maps: Sequence[Grid], far: Floats, which: Ints, *, itself: bool) -> None:
    """Improve ``far`` and ``which``, in place, by every placement of every map under images of one shape."""
    height, width = images.shape[1:]
    tiles, drawn = _one_hot(images)
    needed = np.maximum(np.ceil(drawn.sum(axis=1, dtype=np.int64) * LEAST_COMPARED), 1)
    block: list[Grid] = []
    sources: list[int] = []

    def compare() -> None:
        crop_tiles, crop_drawn = _one_hot(np.stack(block))
        same = _products(tiles, crop_tiles)
        compared = _products(drawn, crop_drawn)
        source = np.array(sources)
        share = np.where(compared >= needed[:, None], (compared - same) / np.maximum(compared, 1), 2.0)
        if itself:
            share[owners[:, None] == source] = 2.0
        best = share.argmin(axis=1)
        for image, place in enumerate(best):
            if share[image, place] < far[owners[image]]:
                far[owners[image]] = share[image, place]
                which[owners[image]] = source[place]
        block.clear()
        sources.clear()

    for index, item in enumerate(maps):
        for crop in placements(item, height, width):
            block.append(crop)
            sources.append(index)
            if len(block) == _BLOCK:
                compare()
    if block:
        compare()


def placements(grid: Grid, height: int, width: int) -> list[Grid]:
    """A grid brought to a size in every way: cropped along an axis where it is longer, void around it where shorter."""
    down, across = max(0, height - grid.shape[0]), max(0, width - grid.shape[1])
    if down or across:
        grid = np.pad(grid, ((down, down), (across, across)), constant_values=VOID)
    views = np.lib.stride_tricks.sliding_window_view(grid, (height, width))
    return list(views.reshape(-1, height, width))


def _one_hot(grids: Grid) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int8]]:
    """(N, H, W) codes to (N, H*W*tiles) without void, and (N, H*W) that tells what is not void."""
    table = np.eye(len(TILES), dtype=np.int8)[:, 1:]
    flat = grids.reshape(len(grids), -1)
    return table[flat].reshape(len(grids), -1), (flat != VOID).astype(np.int8)


def _products(a: npt.NDArray[np.int8], b: npt.NDArray[np.int8]) -> npt.NDArray[np.int32]:
    """``a @ b.T`` of zeros and ones, exactly: (M, K) and (N, K) to (M, N)."""
    import torch

    sums = torch._int_mm(torch.from_numpy(a), torch.from_numpy(b).T.contiguous())
    result: npt.NDArray[np.int32] = sums.numpy()
    return result


def pairwise(grids: Sequence[Grid]) -> float:
    """Mean share of cells that differ, over all pairs of grids of one size and over all their cells."""
    stack = np.stack(grids).reshape(len(grids), -1)
    counts = np.stack([(stack == tile).sum(axis=0) for tile in range(len(TILES))]).astype(np.int64)
    same_pairs = int((counts * (counts - 1)).sum())
    return 1 - same_pairs / (len(grids) * (len(grids) - 1) * stack.shape[1])


def copied_windows(levels: Sequence[Grid], maps: Sequence[Grid], side: int = WINDOW) -> float:
    """Share of the levels' windows that some map holds too, in any symmetry, cell for cell.

    Only windows count that hold no void and of which at most three quarters are one tile: large empty floors and
    corners alone are in every map.
    """
    known = np.unique(np.concatenate([_hashes(image, side)[0] for item in maps for image in symmetries(item)]))
    hits = total = 0
    for level in levels:
        hashes, counted = _hashes(level, side)
        hits += int((np.isin(hashes, known) & counted).sum())
        total += int(counted.sum())
    return hits / total if total else 0.0


def _hashes(grid: Grid, side: int) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
    """A 64-bit hash of every window, and whether it counts."""
    if min(grid.shape) < side:
        return np.zeros(0, np.uint64), np.zeros(0, np.bool_)
    views: npt.NDArray[Any] = np.lib.stride_tricks.sliding_window_view(grid, (side, side)).reshape(-1, side * side)
    factors = np.random.default_rng(1).integers(1, 1 << 63, side * side, dtype=np.uint64) | np.uint64(1)
    hashes = ((views.astype(np.uint64) + np.uint64(1)) * factors).sum(axis=1, dtype=np.uint64)
    most = np.max([(views == tile).sum(axis=1) for tile in range(1, len(TILES))], axis=0)
    counted = (views != VOID).all(axis=1) & (most * 4 <= side * side * 3)
    return hashes, counted


def spread(values: Floats) -> str:
    """Median, 5th percentile and least, in percent."""
    middle, low = np.percentile(values, [50, 5])
    return f"{middle:.1%} / {low:.1%} / {values.min():.1%}".replace("%", " %")
