"""Exact sums of convolutions in float32, block by block: the speed of the plain kernels.

A block is some pictures, or some rows of one, so few that its arrays stay in the processor's cache. `taps` and
`pairs` give one block after the other; the caller finishes it in place (scales, rounds, clamps) and stores it before
it asks for the next, which overwrites it. All blocks of a thread share the same memory, so a thread must end one walk
over blocks before it begins another.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Int8 = npt.NDArray[np.int8]
Float32 = npt.NDArray[np.float32]

_CELLS = 2048
"""About as many cells (of `pairs`: pairs of cells) are a block."""

_WIDE = 6144
"""Numbers in a result of `widen`, at least; up to 4,096 NumPy takes the slower of two paths."""

_local = threading.local()


class Block(NamedTuple):
    """Sums of some cells, for the caller to overwrite.

    Attributes:
        sums: (..., N), whole in memory, in no promised order; with `pairs` some rows belong to no cell.
        cells: where in (B, H, W) sums belong, and a view (b, h, w, N) of them.
    """

    sums: Float32
    cells: list[tuple[tuple[slice, slice, slice], Float32]]


def scratch(name: str, *shape: int) -> Float32:
    """Memory of this thread for the array ``name``, not cleared."""
    count = math.prod(shape)
    held = getattr(_local, name, None)
    if held is None or held.size < count:
        held = np.empty(count, dtype=np.float32)
        setattr(_local, name, held)
    part: Float32 = held[:count].reshape(shape)
    return part


def widen(row: Float32) -> Float32:
    """A row (N,) so often repeated that `along` is fast: NumPy is slow where its inner loops are short."""
    return np.tile(row, -(-_WIDE // len(row)))


def along(operation: np.ufunc, values: Float32, wide: Float32) -> None:
    """Apply ``operation`` with a row (N,) that `widen` repeated to all rows of (..., N), in place."""
    flat = values.reshape(-1)
    rest = len(flat) % len(wide)
    body = flat[: len(flat) - rest].reshape(-1, len(wide))
    operation(body, wide, out=body)
    if rest:
        operation(flat[-rest:], wide[:rest], out=flat[-rest:])


def taps(x: Int8, weights: Float32, wide_bias: Float32, dilation: int) -> Iterator[Block]:
    """Convolution with zero padding, one product for each place of the weights: (B, H, W, C) to sums (B, H, W, N).

    Args:
        x: activations.
        weights: (1, C, N), or (9, C, N) in the order (dy, dx).
        wide_bias: `widen` of (N,).
        dilation: cells from one place to the next.
    """
    batch, height, width, _ = x.shape
    reach = math.isqrt(len(weights)) // 2
    places = zip(itertools.product(range(-reach, reach + 1), repeat=2), weights, strict=True)
    around = [(dy * dilation, dx * dilation, weight) for (dy, dx), weight in places if dy or dx]
    pictures, lines = _steps(height, width)
    if around:
        lines = height
    for first in range(0, batch, pictures):
        for top in range(0, height, lines):
            where = slice(first, first + pictures), slice(top, top + lines), slice(None)
            values = scratch("pictures", *x[where].shape)
            values[...] = x[where]
            sums = _product("sums", values, weights[len(weights) // 2])
            along(np.add, sums, wide_bias)
            for down, right, weight in around:
                rows, rows_from = _overlap(height, down)
                columns, columns_from = _overlap(width, right)
                seen = values[:, rows_from, columns_from]
                if seen.size:
                    patch = scratch("values", *seen.shape)
                    patch[...] = seen
                    part = sums[:, rows, columns]
                    np.add(part, _product("products", patch, weight), out=part)
            yield Block(sums, [(where, sums)])


def pair_weights(w: Int8) -> Float32:
    """Weights of a 3x3 convolution for `pairs`: (N, 9*C), K order (dy, dx, c), to (4, 3*C, N)."""
    top, middle, bottom = w.reshape(len(w), 3, -1).astype(np.float32).transpose(1, 2, 0)
    half = np.float32(0.5)
    return np.stack([top, (top + middle + bottom) * half, (top - middle + bottom) * half, bottom])


def pairs_are_faster(height: int, width: int, dilation: int) -> bool:
    """Whether `pairs` can make a picture and needs fewer products than `taps`, its padding included."""
    tiles = -(-height // (2 * dilation))
    direct = (height + 2 * max(0, height - dilation)) * (width + 2 * max(0, width - dilation))
    return width % dilation == 0 and 12 * tiles * dilation * (width + dilation) < direct


def pairs(x: Int8, weights: Float32, wide_bias: Float32, dilation: int) -> Iterator[Block]:
    """3x3 convolution with zero padding, 6 products for 9: (B, H, W, C) to sums (B, H, W, N).

    Two cells, ``dilation`` rows apart, are made at once from rows d0..d3 of the picture: the minimal filtering
    F(2, 3) of Winograd 1980, downwards only (Lavin and Gray, arXiv:1509.09308). Values are within +-254 and sums
    whole halves; the caller proves that float32 holds them: each of the four products, and the sums of the first and
    of the last with the second and the bias.

    Cells ``dilation`` apart in a row lie side by side in memory, with one zero cell between rows. So three cells are
    a row of the product as they lie, and every third such row is a matrix that begins at the first, second or third
    cell: no patch is copied.

    Args:
        x: activations; W is a multiple of the dilation.
        weights: (4, 3*C, N), from `pair_weights`.
        wide_bias: `widen` of (N,).
        dilation: cells from one place of the weights to the next.
    """
    batch, height, width, _ = x.shape
    tiles, length = -(-height // (2 * dilation)), width // dilation + 1
    pictures, lines = _steps(tiles, dilation * dilation * length)
    arrays: _Arrays | None = None
    for first in range(0, batch, pictures):
        padded = _padded(x[first : first + pictures], dilation, tiles)  # (2, b, tiles + 1, d, d, l, C)
        for top in range(0, tiles, lines):
            high = min(lines, tiles - top)
            shape = (padded.shape[1], high, *padded.shape[3:])
            if arrays is None or arrays.values.shape != shape:
                arrays = _Arrays(shape, weights.shape[2])
            upper, lower, both = arrays.upper, arrays.lower, arrays.both
            d0, d1 = padded[:, :, top : top + high]
            d2, d3 = padded[:, :, top + 1 : top + 1 + high]
            np.subtract(d0, d2, out=arrays.values)
            arrays.multiply(weights[0], upper)
            np.subtract(d3, d1, out=arrays.values)
            arrays.multiply(weights[3], lower)
            np.add(d1, d2, out=arrays.values)
            arrays.multiply(weights[1], both)
            along(np.add, both, wide_bias)
            np.add(upper, both, out=upper)
            np.add(lower, both, out=lower)
            np.subtract(d2, d1, out=arrays.values)
            arrays.multiply(weights[2], both)
            np.add(upper, both, out=upper)
            np.subtract(lower, both, out=lower)
            yield Block(arrays.sums, arrays.cells(first, 2 * dilation * top, height))


class _Arrays:
    """The arrays of one block of `pairs`: values (b, t, d, d, l, C), and sums of upper, lower and both cells."""

    def __init__(self, shape: tuple[int, ...], n: int) -> None:
        count = math.prod(shape[:-1])
        thirds = -(-count // 3)
        values = scratch("values", 3 * thirds + 2, shape[-1])
        values[0] = 0
        values[1 + count :] = 0  # so that sums of no cell are finite
        self.values = values[1 : 1 + count].reshape(shape)
        self._triples = [values[i : i + 3 * thirds].reshape(thirds, -1) for i in range(3)]
        self.both = scratch("products", 3 * thirds, n)
        self.sums = scratch("sums", 2, 3 * thirds, n)
        self.upper, self.lower = self.sums
        self._shaped = self.sums[:, :count].reshape(2, *shape[:-1], n)[..., :-1, :]

    def multiply(self, weights: Float32, out: Float32) -> None:
        """Three cells of the values, from each cell on, with weights (3*C, N)."""
        for i, triples in enumerate(self._triples):
            np.matmul(triples, weights, out=out[i::3])

    def cells(self, first: int, top: int, height: int) -> list[tuple[tuple[slice, slice, slice], Float32]]:
        """`Block.cells`, given the first picture, the first row and the height of the pictures."""
        pictures, tiles, dilation = self._shaped.shape[1:4]
        found = []
        for half, row, column in _phases(dilation):
            rows = range(top + half * dilation + row, height, 2 * dilation)[:tiles]
            where = (
                slice(first, first + pictures),
                slice(rows.start, rows.stop, rows.step),
                slice(column, None, dilation),
            )
            found.append((where, self._shaped[half, :, : len(rows), row, column]))
        return found


def _product(name: str, values: Float32, weights: Float32) -> Float32:
    """All cells (..., C) times (C, N), in the scratch array ``name``."""
    out = scratch(name, *values.shape[:-1], weights.shape[1])
    np.matmul(values.reshape(-1, len(weights)), weights, out=out.reshape(-1, weights.shape[1]))
    return out


def _steps(height: int, width: int) -> tuple[int, int]:
    """How many pictures a block has, and how many rows of each."""
    cells = height * width
    if cells <= _CELLS:
        return _CELLS // cells, height
    return 1, -(-height // -(-cells // _CELLS))


def _overlap(length: int, shift: int) -> tuple[slice, slice]:
    """Of a side, the cells that have one ``shift`` further on, and those cells further on."""
    count, here, there = max(0, length - abs(shift)), max(0, -shift), max(0, shift)
    return slice(here, here + count), slice(there, there + count)


def _padded(x: Int8, dilation: int, tiles: int) -> Float32:
    """Pictures in zeros and in steps of the dilation: (B, H, W, C) to (2, B, tiles + 1, d, d, W/d + 1, C).

    Groups of ``dilation`` rows stand by turns in the two halves, the first in the second half: all that `pairs` adds
    or subtracts at once lies together.
    """
    batch, _, width, channels = x.shape
    padded = scratch("pictures", 2, batch, tiles + 1, dilation, dilation, width // dilation + 1, channels)
    padded[0, :, 0] = 0
    padded[1, :, -1] = 0
    padded[..., -1, :] = 0
    for half, row, column in _phases(dilation):
        rows = x[:, half * dilation + row :: 2 * dilation, column::dilation]
        place = padded[1 - half, :, half : half + tiles, row, column, :-1]
        place[:, : rows.shape[1]] = rows
        place[:, rows.shape[1] :] = 0
    return padded


def _phases(dilation: int) -> itertools.product[tuple[int, int, int]]:
    """Half, row and column of all cells that are ``2 * dilation`` rows and ``dilation`` columns from the next."""
    return itertools.product(range(2), range(dilation), range(dilation))
