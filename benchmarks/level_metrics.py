"""Copies, novelty and variety of levels: exact counts over grids of tile codes.

A grid is ``uint8`` of shape (height, width) with places in `TILES`, the characters of the plain training maps;
void is 0. The start counts as an exit and a locked door as a door, because the training maps tell neither apart.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
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
    planes, drawn = _bit_planes(images)
    needed = np.maximum(np.ceil((images != VOID).sum(axis=(1, 2)) * LEAST_COMPARED), 1).astype(np.int64)
    for index, item in enumerate(maps):
        crop_planes, crop_drawn = _bit_planes(placements(item, height, width))
        chosen = owners != index if itself else np.ones(len(images), np.bool_)
        shares = _least_shares()(planes[chosen], drawn[chosen], needed[chosen], crop_planes, crop_drawn)
        for owner, share in zip(owners[chosen], shares, strict=True):
            if share < far[owner]:
                far[owner], which[owner] = share, index


def placements(grid: Grid, height: int, width: int) -> Grid:
    """A grid brought to a size in every way: cropped along an axis where it is longer, framed by void where not.

    Returns:
        Shape (placements, height, width).
    """
    down, across = max(0, height - grid.shape[0]), max(0, width - grid.shape[1])
    if down or across:
        grid = np.pad(grid, ((down, down), (across, across)), constant_values=VOID)
    views = np.lib.stride_tricks.sliding_window_view(grid, (height, width))
    return np.ascontiguousarray(views).reshape(-1, height, width)


def _bit_planes(grids: Grid) -> tuple[Words, Words]:
    """Codes below 16, (N, H, W), to bits: (N, words, 4) for the codes and (N, words) for what is not void."""
    flat = grids.reshape(len(grids), -1)
    flat = np.pad(flat, ((0, 0), (0, -flat.shape[1] % 64)))
    bits = [np.packbits(flat >> bit & 1, axis=1).view(np.uint64) for bit in range(4)]
    return np.stack(bits, axis=2), np.packbits(flat != VOID, axis=1).view(np.uint64)


@functools.cache
def _least_shares() -> Callable[[Words, Words, Ints, Words, Words], Floats]:
    """Compiled: for each image, the least share of differing cells over all crops that compare enough; else 2."""
    from numba import njit, prange

    @njit("int64(uint64)", inline="always")
    def ones(x):  # type: ignore[no-untyped-def]
        x -= (x >> np.uint64(1)) & np.uint64(0x5555555555555555)
        x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
        x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
        return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))

    @njit(parallel=True)
    def scan(planes, drawn, needed, crop_planes, crop_drawn):  # type: ignore[no-untyped-def]
        result = np.full(len(planes), 2.0)
        for i in prange(len(planes)):
            best, best_of = 2, 1
            for j in range(len(crop_planes)):
                differ = compared = 0
                for k in range(planes.shape[1]):
                    both = drawn[i, k] & crop_drawn[j, k]
                    off = planes[i, k, 0] ^ crop_planes[j, k, 0]
                    off |= planes[i, k, 1] ^ crop_planes[j, k, 1]
                    off |= planes[i, k, 2] ^ crop_planes[j, k, 2]
                    off |= planes[i, k, 3] ^ crop_planes[j, k, 3]
                    differ += ones(off & both)
                    compared += ones(both)
                if compared >= needed[i] and differ * best_of < best * compared:
                    best, best_of = differ, compared
            result[i] = best / best_of
        return result

    compiled: Callable[[Words, Words, Ints, Words, Words], Floats] = scan
    return compiled


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
