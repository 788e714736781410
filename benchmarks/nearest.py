"""The nearest training map of a level: every map in every symmetry and placement, by bits.

A placement costs two population counts for every 64 cells: where one has a wall and the other has none is already
most of the difference, and few placements are so near that the other tiles are looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numba
import numpy as np
from level_metrics import TILES, VOID, WALL, Floats, Grid, Ints, Words, symmetries

LEAST_COMPARED = 0.5
"""Share of a level's cells (void left out) that a placement of a training map must be compared on."""

MAX_SIDE = 64
"""Greatest side of a grid, in cells: a row is one word."""

_njit: Any = partial(numba.njit, cache=True)
_BLOCK = 64  # placements that are compared at once; the planes of that many fit the nearest cache


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

    Raises:
        ValueError: a grid has a side above `MAX_SIDE`.
    """
    if any(max(grid.shape) > MAX_SIDE for grid in (*levels, *maps)):
        raise ValueError(f"a grid has a side above {MAX_SIDE}")
    rows = [np.ascontiguousarray(_words(item)[:, :, 0]) for item in maps]
    best = np.ones((len(levels), 2), dtype=np.int64)  # differing, compared
    which = np.full(len(levels), -1, dtype=np.int64)
    for shape in sorted({image.shape for level in levels for image in (level, level.T)}):
        turned = [(i, image) for i, level in enumerate(levels) for image in symmetries(level) if image.shape == shape]
        owners = np.array([owner for owner, _ in turned])
        images = np.stack([image for _, image in turned])
        words = np.ascontiguousarray(_words(images.reshape(len(images), -1)).swapaxes(0, 1))
        cells = (images != VOID).sum(axis=(1, 2))
        needed = np.maximum(np.ceil(cells * LEAST_COMPARED), 1).astype(np.int64)
        for index, item in enumerate(maps):
            _lay(words, owners, needed, best, which, rows[index], item.shape, shape, index, itself)
    return Nearest(best[:, 0] / best[:, 1], which)


def _words(cells: Grid) -> Words:
    """Rows of tile codes, (N, cells), to bits: (planes, N, words), the first cell in the lowest bit.

    Planes are what is not void, what is wall, and the bits that tell the other tiles apart.
    """
    rest = np.maximum(cells.astype(np.int64) - (WALL + 1), 0)
    bits = (len(TILES) - WALL - 2).bit_length()
    planes = np.stack([cells != VOID, cells == WALL, *(rest >> bit & 1 for bit in range(bits))]).astype(np.uint8)
    planes = np.pad(planes, ((0, 0), (0, 0), (0, -cells.shape[1] % 64)))
    return np.packbits(planes, axis=2, bitorder="little").view("<u8")


@_njit(inline="always")  # type: ignore[untyped-decorator]
def _ones(x: Any) -> int:
    """The usual population count, which the compiler turns into one instruction."""
    x -= (x >> np.uint64(1)) & np.uint64(0x5555555555555555)
    x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
    x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((x * np.uint64(0x0101010101010101)) >> np.uint64(56))  # type: ignore[return-value]


@_njit()  # type: ignore[untyped-decorator]
def _lay(
    images: Words,
    owners: Ints,
    needed: Ints,
    best: Ints,
    which: Ints,
    rows: Words,
    size: tuple[int, int],
    shape: tuple[int, int],
    index: int,
    itself: bool,
) -> None:
    """Improve ``best`` and ``which``, in place, by every placement of one map under images of one shape.

    Args:
        images: (N, planes, words).
        owners: whose image each is, (N,).
        needed: cells that a placement must compare, (N,).
        best: differing and compared cells, (levels, 2).
        which: the map of those, (levels,).
        rows: the map, a word for each plane and row, (planes, height).
        size, shape: height and width of the map, and of the images.
        index: of the map.
        itself: the level of that index is not compared.
    """
    tops, lefts = size[0] - shape[0], size[1] - shape[1]
    first_top, first_left = min(0, tops), min(0, lefts)
    wide = abs(lefts) + 1
    places = (abs(tops) + 1) * wide
    least = needed.min()
    crop = np.zeros(images.shape[1:], np.uint64)
    crops = np.zeros((*images.shape[1:], _BLOCK), np.uint64)
    filled = 0
    for number in range(places):
        _cut(rows, size, shape, first_top + number // wide, first_left + number % wide, crop)
        cells = 0
        for word in crop[0]:
            cells += _ones(word)
        if cells >= least:
            crops[:, :, filled] = crop
            filled += 1
        if filled < _BLOCK and number < places - 1:
            continue
        for i in range(len(images)):
            owner = owners[i]
            other = not itself or owner != index
            if other and _nearer(images[i], needed[i], crops, filled, best[owner]):
                which[owner] = index
        filled = 0


@_njit()  # type: ignore[untyped-decorator]
def _cut(rows: Words, size: tuple[int, int], shape: tuple[int, int], top: int, left: int, crop: Words) -> None:
    """Write the map's cells from (top, left) on, which may lie outside of it, to words (planes, words)."""
    height, width = shape
    mask = ~np.uint64(0) >> np.uint64(64 - width)
    crop[:] = 0
    for y in range(max(0, -top), min(height, size[0] - top)):
        word, shift = divmod(y * width, 64)
        for plane in range(len(rows)):
            bits = rows[plane, y + top]
            bits = (bits >> np.uint64(left) if left >= 0 else bits << np.uint64(-left)) & mask
            crop[plane, word] |= bits << np.uint64(shift)
            if shift + width > 64:
                crop[plane, word + 1] |= bits >> np.uint64(64 - shift)


@_njit()  # type: ignore[untyped-decorator]
def _nearer(image: Words, needed: int, crops: Words, count: int, best: Ints) -> bool:
    """Whether one of the crops, (planes, words, `_BLOCK`), is nearer than ``best``, which is changed in place."""
    compared, differ = np.zeros(_BLOCK, np.int64), np.zeros(_BLOCK, np.int64)
    for k in range(image.shape[1]):
        drawn, wall = image[0, k], image[1, k]
        for j in range(count):
            both = drawn & crops[0, k, j]
            compared[j] += _ones(both)
            differ[j] += _ones((wall ^ crops[1, k, j]) & both)
    nearer = False
    for j in range(count):
        if compared[j] < needed or differ[j] * best[1] >= best[0] * compared[j]:
            continue
        apart = 0
        for k in range(image.shape[1]):
            off = image[1, k] ^ crops[1, k, j]
            for plane in range(2, len(image)):
                off |= image[plane, k] ^ crops[plane, k, j]
            apart += _ones(off & image[0, k] & crops[0, k, j])
        if apart * best[1] < best[0] * compared[j]:
            best[0], best[1] = apart, compared[j]
            nearer = True
    return nearer
