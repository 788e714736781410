"""The loops around the vector code of `aigc_content.nn.fast_x86`: tiles, borders and blocks that fit the caches.

`build` compiles them for one instruction set. Every function takes addresses and sizes, so that each has one
specialization; the callers in `aigc_content.nn.fast` check shapes and hold the arrays.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import llvmlite.binding
import numba
import numba.core.registry
import numpy as np

from aigc_content.nn import fast_x86
from aigc_content.nn.fast_x86 import (
    ISAS,
    TILE,
    fill_bytes,
    finish_accumulate,
    finish_requant,
    finish_sums,
    move,
    offset_bytes,
    product_bytes,
    product_words,
    transform_in,
    transform_out,
)

F = TypeVar("F", bound=Callable[..., Any])
SUMS, REQUANT, ACCUMULATE = 0, 1, 2
MAX_RESIDUAL = 1 << 22
_COMMON = {"nogil": True, "error_model": "numpy"}


def _jit(signature: str) -> Callable[[F], F]:
    """Compile now for one signature, from numba's cache where a folder for it can be written."""

    def wrap(function: F) -> F:
        try:
            compiled: F = numba.njit(signature, cache=True, **_COMMON)(function)
        except (RuntimeError, OSError):
            compiled = numba.njit(signature, **_COMMON)(function)
        return compiled

    return wrap


@numba.njit(inline="always")  # type: ignore[misc]
def _put(target, mode, sums, out, pixel, n, column, bias, multiplier, floor, spare):  # type: ignore[no-untyped-def]
    """Finish 16 sums of one pixel and write those that exist."""
    size = 1 if mode == REQUANT else 4
    at = out + (pixel * n + column) * size
    width = n - column
    whole = width >= TILE
    goal = at if whole else spare
    if mode == REQUANT:
        finish_requant(target, sums, goal, bias + 4 * column, multiplier + 4 * column, floor)
    elif mode == SUMS:
        finish_sums(target, sums, goal, bias + 4 * column)
    else:
        if not whole:
            move(target, at, spare, 4 * width)
        finish_accumulate(target, sums, goal, bias + 4 * column, multiplier + 4 * column, MAX_RESIDUAL)
    if not whole:
        move(target, spare, at, size * width)


@dataclass(frozen=True)
class Loops:
    """Compiled loops of one instruction set.

    Attributes:
        isa: the instruction set.
        winograd: 3x3 convolution by transforms.
        taps: 3x3 convolution by taps.
        rows: product of rows, a convolution of size 1.
        quantize, add_vector, upsample_add: as in `aigc_content.nn.kernels`, on arrays that lie whole in memory.
    """

    isa: fast_x86.Isa
    winograd: Callable[..., None]
    taps: Callable[..., None]
    rows: Callable[..., None]
    quantize: Callable[..., None]
    add_vector: Callable[..., None]
    upsample_add: Callable[..., None]


def supported() -> list[str]:
    """Names of the instruction sets that this processor has and numba compiles for, best first."""
    try:
        host = llvmlite.binding.get_host_cpu_features()
        used = numba.core.registry.cpu_target.target_context.codegen().magic_tuple()[2].split(",")
    except (AttributeError, RuntimeError):
        return []
    known = {name for name, has in host.items() if has and f"+{name}" in used}
    return [isa.name for isa in ISAS if known.issuperset(isa.features) and not isa.emulated]


def _revision() -> int:
    """Changes whenever the code that numba's cache must not outlive changes."""
    try:
        files = (Path(__file__), Path(fast_x86.__file__))
        return zlib.crc32(b"".join(file.read_bytes() for file in files))
    except OSError:
        return 0


def build(name: str) -> Loops:
    """Compile the loops for the instruction set called ``name``, or load them from numba's cache."""
    index = [isa.name for isa in ISAS].index(name)
    isa = ISAS[index]
    target = _revision() * TILE + index  # captured below, hence part of the key of numba's cache
    tile_rows, tile_pixels = isa.rows, isa.pixels

    @_jit(
        "void(int64,int64,int64,int64,int64,int64,int64[::1],int64,int64[::1],int64[::1],int64[::1],int64[::1],"
        "int64,int64,int64,int64,int64,int64,int64,int64,int64)"
    )
    def winograd(
        x,
        weights,
        out,
        bias,
        multiplier,
        scratch,
        table,
        table_at,
        top4,
        top3,
        left4,
        left3,
        batch,
        height,
        width,
        channels,
        n,
        dilation,
        limit,
        mode,
        floor,
    ):  # type: ignore[no-untyped-def]
        row = channels * 2
        in_step = limit * row + 64
        sum_step = limit * TILE * 4 + 64
        tile = scratch
        zeros = tile + TILE * TILE * 4
        spare = zeros + (channels + 63) // 64 * 64
        sums = spare + TILE * 4
        words = sums + 36 * sum_step
        fill_bytes(target, zeros, 0, channels)
        for group in range(4):
            top, high = (top4, 4) if group < 2 else (top3, 3)
            left, wide = (left4, 4) if group % 2 == 0 else (left3, 3)
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
                    for i in range(6):
                        yy = y0 + (i - 1) * dilation
                        for j in range(6):
                            xx = x0 + (j - 1) * dilation
                            if 0 <= yy < height and 0 <= xx < width:
                                table[6 * i + j] = x + ((picture * height + yy) * width + xx) * channels
                            else:
                                table[6 * i + j] = zeros
                    for i in range(4):
                        yy = y0 + i * dilation
                        for j in range(4):
                            xx = x0 + j * dilation
                            inside = i < high and j < wide and yy < height and xx < width
                            table[36 + t * 16 + 4 * i + j] = (picture * height + yy) * width + xx if inside else -1
                    transform_in(target, table_at, words + t * row, in_step, channels)
                for column in range(0, n, TILE):
                    for i in range(high + 2):
                        for k in range(6 * i, 6 * i + wide + 2):
                            w = weights + (column // TILE * 36 + k) * TILE * row
                            for t in range(0, count, tile_rows):
                                product_words(
                                    target,
                                    words + k * in_step + t * row,
                                    row,
                                    w,
                                    sums + k * sum_step + t * TILE * 4,
                                    channels // 2,
                                )
                    for t in range(count):
                        transform_out(target, sums + t * TILE * 4, sum_step, tile)
                        for k in range(16):
                            pixel = table[36 + t * 16 + k]
                            if pixel >= 0:
                                _put(
                                    target,
                                    mode,
                                    tile + k * TILE * 4,
                                    out,
                                    pixel,
                                    n,
                                    column,
                                    bias,
                                    multiplier,
                                    floor,
                                    spare,
                                )

    @_jit(
        "void(int64,int64,int64,int64,int64,int64,int64[::1],int64,int64,int64,int64,int64,int64,int64,int64,"
        "int64,int64)"
    )
    def taps(
        x,
        weights,
        out,
        bias,
        multiplier,
        scratch,
        table,
        table_at,
        batch,
        height,
        width,
        channels,
        n,
        dilation,
        tap_bytes,
        mode,
        floor,
    ):  # type: ignore[no-untyped-def]
        octets = (channels + 7) // 8
        stride = octets * 8
        wide = (width + tile_pixels - 1) // tile_pixels * tile_pixels
        line = (wide + 2 * dilation) * stride
        tile = scratch
        spare = tile + tile_pixels * TILE * 4
        picture = spare + TILE * 4
        fill_bytes(target, picture, 128, (height + 2 * dilation) * line)
        columns = (n + TILE - 1) // TILE
        for image in range(batch):
            for y in range(height):
                source = x + (image * height + y) * width * channels
                goal = picture + (y + dilation) * line + dilation * stride
                if stride == channels:
                    offset_bytes(target, source, goal, width * channels)
                else:
                    for xx in range(width):
                        offset_bytes(target, source + xx * channels, goal + xx * stride, channels)
            for c in range(columns):
                w = weights + c * 9 * tap_bytes
                for y in range(height):
                    for x0 in range(0, width, tile_pixels):
                        count = 0
                        for dy in range(3):
                            yy = y + (dy - 1) * dilation
                            if 0 <= yy < height:
                                for dx in range(3):
                                    xx = x0 + (dx - 1) * dilation
                                    if -tile_pixels < xx < width:
                                        table[2 * count] = dy * dilation * line + dx * dilation * stride
                                        table[2 * count + 1] = (3 * dy + dx) * tap_bytes
                                        count += 1
                        product_bytes(
                            target, picture + y * line + x0 * stride, stride, table_at, count, w, tile, octets
                        )
                        for k in range(min(tile_pixels, width - x0)):
                            pixel = (image * height + y) * width + x0 + k
                            _put(
                                target,
                                mode,
                                tile + k * TILE * 4,
                                out,
                                pixel,
                                n,
                                c * TILE,
                                bias,
                                multiplier,
                                floor,
                                spare,
                            )

    @_jit("void(int64,int64,int64,int64,int64,int64,int64[::1],int64,int64,int64,int64,int64,int64,int64,int64)")
    def rows(
        x, weights, out, bias, multiplier, scratch, table, table_at, count, channels, n, block, tap_bytes, mode, floor
    ):  # type: ignore[no-untyped-def]
        octets = (channels + 7) // 8
        stride = octets * 8
        tile = scratch
        spare = tile + tile_pixels * TILE * 4
        lines = spare + TILE * 4
        table[0] = 0
        table[1] = 0
        columns = (n + TILE - 1) // TILE
        for start in range(0, count, block):
            here = min(block, count - start)
            if stride == channels:
                offset_bytes(target, x + start * channels, lines, here * channels)
            else:
                for r in range(here):
                    offset_bytes(target, x + (start + r) * channels, lines + r * stride, channels)
            for c in range(columns):
                for r in range(0, here, tile_pixels):
                    product_bytes(
                        target, lines + r * stride, stride, table_at, 1, weights + c * tap_bytes, tile, octets
                    )
                    for k in range(min(tile_pixels, here - r)):
                        _put(
                            target,
                            mode,
                            tile + k * TILE * 4,
                            out,
                            start + r + k,
                            n,
                            c * TILE,
                            bias,
                            multiplier,
                            floor,
                            spare,
                        )

    return Loops(isa, winograd, taps, rows, *_maps())


@functools.cache
def _maps() -> tuple[Callable[..., None], ...]:
    """Compile what LLVM turns into vectors by itself."""

    @_jit("void(int32[:,::1],float32[::1],float32,int8[:,::1])")
    def quantize(residual, multiplier, floor, out):  # type: ignore[no-untyped-def]
        top = np.float32(127)
        for i in range(residual.shape[0]):
            for c in range(residual.shape[1]):
                value = np.float32(residual[i, c]) * multiplier[c]
                out[i, c] = np.int8(np.int32(np.rint(min(max(value, floor), top))))

    @_jit("void(int32[:,:,::1],int32[:,::1])")
    def add_vector(residual, vector):  # type: ignore[no-untyped-def]
        for b in range(residual.shape[0]):
            for i in range(residual.shape[1]):
                for c in range(residual.shape[2]):
                    residual[b, i, c] += vector[b, c]

    @_jit("void(int32[:,:,:,::1],int32[:,:,:,::1])")
    def upsample_add(residual, coarse):  # type: ignore[no-untyped-def]
        for b in range(residual.shape[0]):
            for y in range(residual.shape[1]):
                for x in range(residual.shape[2]):
                    for c in range(residual.shape[3]):
                        residual[b, y, x, c] += coarse[b, y >> 1, x >> 1, c]

    return quantize, add_vector, upsample_add
