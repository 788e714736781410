"""The loops around the vector code of `aigc_content.nn.fast_x86`: tiles, borders and blocks that fit the caches.

`build` compiles them for one instruction set. Arrays come as addresses, in one tuple with the sizes, so that each
function has one specialization; the callers in `aigc_content.nn.fast` check shapes and hold the arrays. ``target``
is a variable of the enclosing function, hence a constant to numba and a part of the key of its cache.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast

import llvmlite.binding  # type: ignore[import-untyped]
import numba
import numba.core.registry
import numpy as np
import numpy.typing as npt

from aigc_content.nn import fast_x86
from aigc_content.nn.fast_x86 import (
    ISAS,
    TILE,
    fill_bytes,
    finish_accumulate,
    finish_requant,
    finish_sums,
    join_bits,
    move,
    offset_bytes,
    product_bytes,
    product_taps,
    product_words,
    transform_in,
    transform_out,
)

F = TypeVar("F", bound=Callable[..., Any])
Sizes = tuple[int, ...]
Table = npt.NDArray[np.int64]
SUMS, REQUANT, ACCUMULATE = 0, 1, 2
MAX_RESIDUAL = 1 << 22
njit: Any = numba.njit


def jit(signature: Any) -> Callable[[F], F]:
    """Compile now for one signature (or several), from numba's cache where a folder for it can be written."""
    compile_: Any = functools.partial(njit, signature, nogil=True, error_model="numpy")

    def wrap(function: F) -> F:
        try:
            return cast(F, compile_(cache=True)(function))
        except (RuntimeError, OSError):
            return cast(F, compile_()(function))

    return wrap


@dataclass(frozen=True)
class Loops:
    """Compiled loops of one instruction set.

    Attributes:
        isa: the instruction set.
        winograd: 3x3 convolution by transforms.
        taps: 3x3 convolution by taps.
        rows: product of rows, a convolution of size 1.
        address: where an array of activations, sums or multipliers starts.
        quantize, add_vector, upsample_add: as in `aigc_content.nn.kernels`, on arrays that lie whole in memory.
    """

    isa: fast_x86.Isa
    winograd: Callable[..., None]
    taps: Callable[..., None]
    rows: Callable[..., None]
    address: Callable[..., int]
    quantize: Callable[..., None]
    add_vector: Callable[..., None]
    upsample_add: Callable[..., None]


def supported() -> list[str]:
    """Names of the instruction sets that this processor has and numba compiles for, best first."""
    try:
        host = llvmlite.binding.get_host_cpu_features()
        context: Any = numba.core.registry.cpu_target.target_context
        used = context.codegen().magic_tuple()[2].split(",")
    except (AttributeError, RuntimeError):
        return []
    known = {name for name, has in host.items() if has and f"+{name}" in used}
    return [isa.name for isa in ISAS if known.issuperset(isa.features) and not isa.emulated]


def build(name: str) -> Loops:
    """Compile the loops for the instruction set called ``name``, or load them from numba's cache."""
    index = [isa.name for isa in ISAS].index(name)
    isa = ISAS[index]
    target = revision() * TILE + index
    return Loops(isa, _winograd(target, isa.rows), _taps(target, isa.pixels), _rows(target, isa.pixels), *_maps())


def revision() -> int:
    """Changes whenever the code that numba's cache must not outlive changes."""
    try:
        files = (Path(__file__), Path(fast_x86.__file__))
        return zlib.crc32(b"".join(file.read_bytes() for file in files))
    except OSError:
        return 0


@njit(inline="always")  # type: ignore[untyped-decorator]
def _put(target: int, goal: Sizes, sums: int, pixel: int, step: int, count: int, column: int, spare: int) -> None:
    """Finish 16 sums of each of ``count`` pixels, ``step`` apart, and write those that exist."""
    out, bias, multiplier, n, mode, floor = goal
    size = 1 if mode == REQUANT else 4
    at, stride = out + (pixel * n + column) * size, step * n * size
    bias, multiplier = bias + 4 * column, multiplier + 4 * column
    width = min(TILE, n - column)
    whole = width == TILE
    for k in range(1 if whole else count):
        to, run = (at, count) if whole else (spare, 1)
        if mode == REQUANT:
            finish_requant(target, sums + k * TILE * 4, to, stride, run, bias, multiplier, floor)
        elif mode == SUMS:
            finish_sums(target, sums + k * TILE * 4, to, stride, run, bias)
        else:
            if not whole:
                move(target, at + k * stride, spare, 4 * width)
            finish_accumulate(target, sums + k * TILE * 4, to, stride, run, bias, multiplier, MAX_RESIDUAL)
        if not whole:
            move(target, spare, at + k * stride, size * width)


@njit(inline="always")  # type: ignore[untyped-decorator]
def _places(
    table: Table,
    x: int,
    zeros: int,
    picture: int,
    y0: int,
    x0: int,
    height: int,
    width: int,
    channels: int,
    step: int,
) -> None:
    """Addresses of the 6 by 6 pixels that a tile reads; ``zeros`` beyond the border."""
    for i in range(6):
        y = y0 + (i - 1) * step
        for j in range(6):
            at = x0 + (j - 1) * step
            inside = 0 <= y < height and 0 <= at < width
            table[6 * i + j] = x + ((picture * height + y) * width + at) * channels if inside else zeros


def _winograd(target: int, tile_rows: int) -> Callable[..., None]:
    @jit("void(UniTuple(int64,4),UniTuple(int64,6),int64[::1],UniTuple(int64[::1],4),UniTuple(int64,6))")
    def winograd(memory: Sizes, goal: Sizes, table: Table, starts: tuple[Table, ...], shape: Sizes) -> None:
        x, weights, tile, table_at = memory
        batch, height, width, channels, step, limit = shape
        n = goal[3]
        row = channels * 2
        in_step, sum_step = limit * row + 64, limit * TILE * 4 + 64
        spare = tile + TILE * TILE * 4
        zeros = spare + TILE * 4
        sums = zeros + (channels + 63) // 64 * 64
        words = sums + 36 * sum_step
        fill_bytes(target, zeros, 0, channels)
        for group in range(4):
            top, high = (starts[0], 4) if group < 2 else (starts[1], 3)
            left, wide = (starts[2], 4) if group % 2 == 0 else (starts[3], 3)
            tiles = batch * len(top) * len(left)
            if tiles == 0:
                continue
            blocks = (tiles + limit - 1) // limit
            block = ((tiles + blocks - 1) // blocks + tile_rows - 1) // tile_rows * tile_rows
            for start in range(0, tiles, block):
                count = min(block, tiles - start)
                for t in range(count):
                    picture, rest = divmod(start + t, len(top) * len(left))
                    y0, x0 = top[rest // len(left)], left[rest % len(left)]
                    _places(table, x, zeros, picture, y0, x0, height, width, channels, step)
                    transform_in(target, table_at, words + t * row, in_step, channels)
                    table[36 + 3 * t] = (picture * height + y0) * width + x0
                    table[37 + 3 * t] = min(high, (height - y0 + step - 1) // step)
                    table[38 + 3 * t] = min(wide, (width - x0 + step - 1) // step)
                for column in range(0, n, TILE):
                    for k in range(36):
                        if k // 6 < high + 2 and k % 6 < wide + 2:
                            w = weights + (column // TILE * 36 + k) * TILE * row
                            for t in range(0, count, tile_rows):
                                into = sums + k * sum_step + t * TILE * 4
                                product_words(target, words + k * in_step + t * row, row, w, into, channels // 2)
                    for t in range(count):
                        transform_out(target, sums + t * TILE * 4, sum_step, tile)
                        pixel = table[36 + 3 * t]
                        for i in range(table[37 + 3 * t]):
                            _put(target, goal, tile + i * TILE * 16, pixel, step, table[38 + 3 * t], column, spare)
                            pixel += step * width

    return winograd


def _taps(target: int, pixels: int) -> Callable[..., None]:
    @jit("void(UniTuple(int64,4),UniTuple(int64,6),int64[::1],UniTuple(int64,6))")
    def taps(memory: Sizes, goal: Sizes, table: Table, shape: Sizes) -> None:
        x, weights, tile, table_at = memory
        batch, height, width, channels, step, tap_bytes = shape
        n = goal[3]
        octets = (channels + 7) // 8
        stride = octets * 8
        line = ((width + pixels - 1) // pixels * pixels + 2 * step) * stride
        spare = tile + pixels * TILE * 4
        padded = spare + TILE * 4
        fill_bytes(target, padded, 128, (height + 2 * step) * line)
        for picture in range(batch):
            for y in range(height):
                source = x + (picture * height + y) * width * channels
                to = padded + (y + step) * line + step * stride
                for at in range(width):
                    offset_bytes(target, source + at * channels, to + at * stride, channels)
            for column in range(0, n, TILE):
                w = weights + column // TILE * 9 * tap_bytes
                for y in range(height):
                    for x0 in range(0, width, pixels):
                        count = 0
                        for k in range(9):
                            yy, xx = y + (k // 3 - 1) * step, x0 + (k % 3 - 1) * step
                            if 0 <= yy < height and -pixels < xx < width:
                                table[2 * count] = k // 3 * step * line + k % 3 * step * stride
                                table[2 * count + 1] = k * tap_bytes
                                count += 1
                        at = padded + y * line + x0 * stride
                        product_taps(target, at, stride, table_at, count, w, tile, octets)
                        pixel = (picture * height + y) * width + x0
                        _put(target, goal, tile, pixel, 1, min(pixels, width - x0), column, spare)

    return taps


def _rows(target: int, pixels: int) -> Callable[..., None]:
    @jit("void(UniTuple(int64,4),UniTuple(int64,6),int64[::1],UniTuple(int64,4))")
    def rows(memory: Sizes, goal: Sizes, table: Table, shape: Sizes) -> None:
        x, weights, tile, table_at = memory
        count, channels, block, block_bytes = shape
        n = goal[3]
        octets = (channels + 7) // 8
        stride = octets * 8
        spare = tile + pixels * TILE * 4
        copies = spare + TILE * 4
        for start in range(0, count, block):
            here = min(block, count - start)
            lines = x + start * channels
            table[:2] = 0
            table[2] = 1
            if stride == channels and here % pixels == 0 and here * channels % 32 == 0:
                join_bits(target, lines, table_at + 16, here * channels)
            positive = table[2] == 0
            if not positive:
                lines = copies
                for r in range(here):
                    offset_bytes(target, x + (start + r) * channels, lines + r * stride, channels)
            for column in range(0, n, TILE):
                w = weights + column // TILE * block_bytes
                for r in range(0, here, pixels):
                    at = lines + r * stride
                    if positive:
                        product_bytes(target, at, stride, w, tile, octets)
                    else:
                        product_taps(target, at, stride, table_at, 1, w, tile, octets)
                    _put(target, goal, tile, start + r, 1, min(pixels, here - r), column, spare)

    return rows


def given(kind: Any, dimensions: int) -> Any:
    """The type of an array that may be read-only."""
    return numba.types.Array(kind, dimensions, "C", readonly=True)


@functools.cache
def _maps() -> tuple[Callable[..., Any], ...]:
    """Compile what LLVM turns into vectors by itself."""
    int8, int32, float32, none = numba.int8, numba.int32, numba.float32, numba.void

    @jit([numba.int64(given(int8, 4)), numba.int64(given(int32, 4)), numba.int64(given(float32, 1))])
    def address(array: Any) -> Any:
        return array.ctypes.data

    @jit(none(given(int32, 2), given(float32, 1), float32, int8[:, ::1]))
    def quantize(residual: Any, multiplier: Any, floor: Any, out: Any) -> None:
        top = np.float32(127)
        for i in range(residual.shape[0]):
            for c in range(residual.shape[1]):
                value = np.float32(residual[i, c]) * multiplier[c]
                out[i, c] = np.int8(np.int32(np.rint(min(max(value, floor), top))))

    @jit(none(int32[:, :, ::1], given(int32, 2)))
    def add_vector(residual: Any, vector: Any) -> None:
        for b in range(residual.shape[0]):
            for i in range(residual.shape[1]):
                for c in range(residual.shape[2]):
                    residual[b, i, c] += vector[b, c]

    @jit(none(int32[:, :, :, ::1], given(int32, 4)))
    def upsample_add(residual: Any, coarse: Any) -> None:
        for b in range(residual.shape[0]):
            for y in range(residual.shape[1]):
                for x in range(residual.shape[2]):
                    for c in range(residual.shape[3]):
                        residual[b, y, x, c] += coarse[b, y >> 1, x >> 1, c]

    return address, quantize, add_vector, upsample_add
