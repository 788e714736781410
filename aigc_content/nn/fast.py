"""The functions of `aigc_content.nn.kernels` in compiled form: the same names, the same bits, several times faster.

On x86 processors with AVX2 or better, products run in vector code (`aigc_content.nn.fast_x86`) that numba compiles
once and caches. At the first use a self-test compares it with the plain kernels; if it fails, or the processor or
numba lacks something, the plain kernels run instead, which changes nothing but the speed.

The environment variable ``AIGC_KERNELS`` forces a choice: ``plain``, ``avx2``, ``avxvnni``, ``avx512``, ``vnni`` or
``auto`` (the default).
"""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aigc_content.nn import kernels as plain
from aigc_content.nn.kernels import (
    MAX_ACTIVATION,
    Float32,
    Int8,
    Int32,
    accumulate,
    add_vector,
    conv,
    im2col,
    matmul,
    pool_mean,
    quantize,
    requantize,
    space_to_depth,
    upsample_add,
)

if TYPE_CHECKING:
    from aigc_content.nn.fast_loops import Loops

__all__ = [
    "Packed",
    "accumulate",
    "add_vector",
    "conv",
    "conv_accumulate",
    "conv_requant",
    "conv_sums",
    "im2col",
    "matmul",
    "pack",
    "pool_mean",
    "quantize",
    "requantize",
    "space_to_depth",
    "upsample_add",
]

TILE = 16
SUMS, REQUANT, ACCUMULATE = 0, 1, 2
_Bytes = npt.NDArray[np.uint8]
_local = threading.local()


@dataclass(frozen=True, eq=False)
class Packed(plain.Packed):
    """The weights of one layer, with the forms that the vector code reads, made at their first use."""

    forms: dict[tuple[str, int], _Bytes] = field(default_factory=dict, repr=False)


def pack(w: Int8, bias: Int32) -> Packed:
    """Prepare the weights (N, K) and bias (N,) of a layer, once, at load.

    Raises:
        ValueError: a wrong shape or type, a weight beyond +-64, or a row whose sums could reach 2**24.
    """
    checked = plain.pack(w, bias)
    return Packed(checked.w, checked.bias)


def _aligned(size: int) -> _Bytes:
    """Bytes that start at a line of the cache."""
    raw = np.empty(size + 64, dtype=np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size]


def _frozen(values: npt.NDArray[Any]) -> _Bytes:
    result = _aligned(values.nbytes)
    result[:] = np.ascontiguousarray(values).reshape(-1).view(np.uint8)
    return result


def _padded(w: Int8, taps: int, step: int) -> npt.NDArray[np.int32]:
    """Weights (N, taps * C) as (N', taps, C'): N' a multiple of 16, C' of ``step``."""
    n, channels = len(w), w.shape[1] // taps
    result = np.zeros((-(-n // TILE) * TILE, taps, -(-channels // step) * step), dtype=np.int32)
    result[:n, :, :channels] = w.reshape(n, taps, channels)
    return result


def _tap_form(w: Int8, taps: int, dot: bool) -> _Bytes:
    """Weights for products of bytes; see `fast_x86.product_bytes`."""
    wide = _padded(w, taps, 8)
    split = wide.reshape(-1, TILE, taps, wide.shape[2] // 8, 2, 2, 2)  # block, column, tap, octet, step, pair, byte
    blocks, octets = split.shape[0], split.shape[3]
    steps = split.transpose(0, 2, 3, 4, 1, 5, 6).astype(np.int8)
    if dot:
        fix = (-128 * split.sum(axis=(3, 4, 5, 6))).transpose(0, 2, 1).astype(np.int32)  # block, tap, column
        parts = [fix.copy().view(np.uint8), steps.reshape(blocks, taps, -1).view(np.uint8)]
        return _frozen(np.concatenate(parts, axis=2))
    pairs = (-128 * split.sum(axis=(4, 6))).transpose(0, 2, 3, 1, 4).astype(np.int16)  # block, tap, octet, column, pair
    parts = [
        pairs.reshape(blocks, taps, octets, -1).view(np.uint8),
        steps.reshape(blocks, taps, octets, -1).view(np.uint8),
    ]
    return _frozen(np.concatenate(parts, axis=3))


_FACTORS = np.array(
    [[6, 0, 0], [4, 4, 4], [4, -4, 4], [1, 2, 4], [1, -2, 4], [0, 0, 12]], dtype=np.int32
)  # 3 weights to 6; with the factors in fast_x86 this is 24 times a convolution


def _winograd_form(w: Int8) -> _Bytes:
    """Weights for Winograd products: block, 36 places, pairs of channels, 16 columns, 2 channels; 16 bits."""
    wide = _padded(w, 9, 16)
    cube = wide.reshape(len(wide), 3, 3, -1)
    moved = np.einsum("iy,jx,nyxc->ijnc", _FACTORS, _FACTORS, cube)
    split = moved.reshape(36, -1, TILE, wide.shape[2] // 2, 2).transpose(1, 0, 3, 2, 4)
    return _frozen(split.astype(np.int16))


def _form(packed: plain.Packed, kind: str, taps: int, dot: bool) -> _Bytes:
    key = (kind, taps)
    forms = packed.forms if isinstance(packed, Packed) else {}
    if key not in forms:
        if kind == "winograd":
            forms[key] = _winograd_form(packed.w)
        elif kind == "bias":
            forms[key] = _frozen(np.pad(packed.bias, (0, -len(packed.bias) % TILE)))
        else:
            forms[key] = _tap_form(packed.w, taps, dot)
    return forms[key]


def _scratch(size: int) -> int:
    """The address of this thread's working memory."""
    held: _Bytes | None = getattr(_local, "scratch", None)
    if held is None or len(held) < size:
        held = _local.scratch = _aligned(size)
        _local.table = np.empty(36 + 16 * 256, dtype=np.int64)
    return held.ctypes.data


@functools.lru_cache(maxsize=256)
def _starts(size: int, dilation: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Where tiles of 4 and of 3 outputs, ``dilation`` apart, start in a side of ``size``.

    Two tiles of 3 need fewer products than one of 4 and one of 2.
    """
    starts: dict[int, list[int]] = {4: [], 3: []}
    for phase in range(min(dilation, size)):
        outputs = -(-(size - phase) // dilation)
        tiles = -(-outputs // 4)
        fours = max(0, outputs - 3 * tiles)
        starts[4] += [phase + 4 * dilation * t for t in range(fours)]
        starts[3] += [phase + dilation * (4 * fours + 3 * t) for t in range(tiles - fours)]
    return np.array(starts[4], dtype=np.int64), np.array(starts[3], dtype=np.int64)


@functools.lru_cache(maxsize=256)
def _prefers_winograd(height: int, width: int, dilation: int, pixels: int) -> bool:
    """Compare the products that both ways need for one picture; one with 16-bit operands costs 1.6 times as much."""
    down, across = (sum(len(s) * (f + 2) for s, f in zip(_starts(side, dilation), (4, 3), strict=True))
                    for side in (height, width))
    taps_across = sum(-pixels < x + d * dilation < width for x in range(0, width, pixels) for d in (-1, 0, 1))
    taps_down = sum(0 <= y + d * dilation < height for y in range(height) for d in (-1, 0, 1))
    return down * across * 1.6 < taps_down * taps_across * pixels


def _run(
    loops: Loops, mode: int, x: Int8, packed: plain.Packed, size: int, dilation: int,
    multiplier: Float32, floor: int, out: npt.NDArray[Any],
) -> None:
    isa = loops.isa
    n = len(packed.bias)
    batch, height, width, channels = x.shape
    bias = _form(packed, "bias", 0, isa.dot)
    scale = multiplier
    if n % TILE:
        scale = np.zeros(-(-n // TILE) * TILE, dtype=np.float32)
        scale[:n] = multiplier
    columns = -(-n // TILE)
    if size == 1:
        w = _form(packed, "taps", 1, isa.dot)
        octets = -(-channels // 8)
        block = max(isa.pixels, min(512, 16384 // (octets * 8)) // isa.pixels * isa.pixels)
        scratch = _scratch(8192 + (block + isa.pixels) * octets * 8)
        loops.rows(
            x.ctypes.data, out.ctypes.data, w.ctypes.data, bias.ctypes.data, scale.ctypes.data, scratch,
            _local.table, _local.table.ctypes.data, batch * height * width, channels, n, block,
            len(w) // columns, mode, floor,
        )
        return
    if _prefers_winograd(height, width, dilation, isa.pixels):
        w = _form(packed, "winograd", 9, isa.dot)
        if channels % TILE:
            x = np.pad(x, ((0, 0), (0, 0), (0, 0), (0, -channels % TILE)))
            channels = x.shape[3]
        block = max(12, min(144, 3072 // channels) // 12 * 12)
        scratch = _scratch(8192 + channels + 36 * (block * (TILE * 4 + channels * 2) + 128))
        loops.winograd(
            x.ctypes.data, out.ctypes.data, w.ctypes.data, bias.ctypes.data, scale.ctypes.data, scratch,
            _local.table, _local.table.ctypes.data, *_starts(height, dilation), *_starts(width, dilation),
            batch, height, width, channels, n, dilation, block, mode, floor,
        )
        return
    w = _form(packed, "taps", 9, isa.dot)
    line = (width + isa.pixels + 2 * dilation) * -(-channels // 8) * 8
    scratch = _scratch(8192 + line * (height + 2 * dilation))
    loops.taps(
        x.ctypes.data, out.ctypes.data, w.ctypes.data, bias.ctypes.data, scale.ctypes.data, scratch,
        _local.table, _local.table.ctypes.data, batch, height, width, channels, n, dilation,
        len(w) // columns // 9, mode, floor, 0,
    )


@functools.cache
def _loops() -> Loops | None:
    from aigc_content.nn import fast_loops

    return fast_loops.build("avx2")


_NONE = np.zeros(0, dtype=np.float32)


def conv_sums(x: Int8, packed: plain.Packed, size: int = 1, dilation: int = 1) -> Int32:
    """Same-size convolution with zero padding: (B, H, W, C) to sums (B, H, W, N)."""
    loops = _loops()
    if loops is None:
        return plain.conv_sums(x, packed, size, dilation)
    out = np.empty((*x.shape[:3], len(packed.bias)), dtype=np.int32)
    _run(loops, SUMS, x, packed, size, dilation, np.ones(len(packed.bias), np.float32), 0, out)
    return out


def conv_requant(
    x: Int8, packed: plain.Packed, size: int, dilation: int, multiplier: Float32, floor: int = -MAX_ACTIVATION
) -> Int8:
    """Convolution, then `requantize`: (B, H, W, C) to activations (B, H, W, N)."""
    loops = _loops()
    if loops is None:
        return plain.conv_requant(x, packed, size, dilation, multiplier, floor)
    out = np.empty((*x.shape[:3], len(packed.bias)), dtype=np.int8)
    _run(loops, REQUANT, x, packed, size, dilation, multiplier, floor, out)
    return out


def conv_accumulate(
    residual: Int32, x: Int8, packed: plain.Packed, size: int, dilation: int, multiplier: Float32
) -> None:
    """Convolution, then `accumulate` into the residual stream (B, H, W, N) in place."""
    loops = _loops()
    if loops is None:
        return plain.conv_accumulate(residual, x, packed, size, dilation, multiplier)
    _run(loops, ACCUMULATE, x, packed, size, dilation, multiplier, 0, residual)
