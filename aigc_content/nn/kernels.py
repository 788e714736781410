"""The integer kernels that every network runs on, in plain NumPy: the meaning, and the way that works everywhere.

Activations are int8 rows within +-127, weights int8 within +-64, sums int32, the residual stream int32. A product
is an exact integer sum held in float32 (every partial sum is below 2**24, which the loader proves for each row of
weights), so its order is free and any BLAS gives the same bits. All else is elementwise IEEE arithmetic: float32
multiply, round half to even, clamp.

`matmul`, `im2col`, `conv`, `requantize` and `accumulate` are the meaning in a few lines. What networks call does the
same in the blocks of `aigc_content.nn.plain_blocks`; `aigc_content.nn.fast` has the same functions in compiled form.
Property tests hold all three equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from aigc_content.nn import plain_blocks

Int8 = npt.NDArray[np.int8]
Int32 = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]
_T = TypeVar("_T")

MAX_ACTIVATION = 127
MAX_WEIGHT = 64
MAX_RESIDUAL = 1 << 22
MAX_SUM = 1 << 24
__all__ = [
    "Packed",
    "accumulate",
    "active",
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
_BLOCK_ROWS = 2048


def active() -> str:
    """The name of the kernels that run: ``plain``."""
    return "plain"


@dataclass(frozen=True, eq=False)
class Packed:
    """The weights of one layer, checked by `pack`.

    Attributes:
        w: (N, K) within +-64, K order (dy, dx, c).
        bias: (N,).
        forms: what the kernels make of the weights at their first use.
    """

    w: Int8
    bias: Int32
    forms: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    def __reduce__(self) -> tuple[type[Packed], tuple[Int8, Int32]]:
        """Copies and pickles leave out the forms, which hold addresses."""
        return Packed, (self.w, self.bias)


def pack(w: Int8, bias: Int32) -> Packed:
    """Prepare the weights (N, K) and bias (N,) of a layer, once, at load.

    Raises:
        ValueError: a wrong shape or type, a weight beyond +-64, or a row whose sums could reach 2**24.
    """
    if w.dtype != np.int8 or w.ndim != 2 or not w.size or bias.dtype != np.int32 or bias.shape != w.shape[:1]:
        found = f"weights {w.dtype} {w.shape} with bias {bias.dtype} {bias.shape}"
        raise ValueError(f"{found}: int8 (N, K) and int32 (N,), not empty")
    wide = np.abs(w.astype(np.int64))
    if int(wide.max(initial=0)) > MAX_WEIGHT:
        raise ValueError(f"a weight of {int(wide.max())}: at most {MAX_WEIGHT}")
    if int((wide.sum(axis=1) * MAX_ACTIVATION + np.abs(bias.astype(np.int64))).max(initial=0)) >= MAX_SUM:
        raise ValueError("a row of weights could sum to 2**24 or more")
    return Packed(np.ascontiguousarray(w), np.ascontiguousarray(bias))


def matmul(x: Int8, w: Int8, bias: Int32) -> Int32:
    """``x @ w.T + bias``: (M, K) and (N, K) and (N,) to (M, N)."""
    wt = w.astype(np.float32).T
    out = np.empty((len(x), len(w)), dtype=np.int32)
    for start in range(0, len(x), _BLOCK_ROWS):
        stop = start + _BLOCK_ROWS
        out[start:stop] = (x[start:stop].astype(np.float32) @ wt).astype(np.int32)
    out += bias
    return out


def im2col(x: Int8, size: int, dilation: int) -> Int8:
    """Patches of a zero-padded picture: (B, H, W, C) to (B*H*W, size*size*C), K order (dy, dx, c)."""
    batch, height, width, channels = x.shape
    reach = dilation * (size // 2)
    padded = np.zeros((batch, height + 2 * reach, width + 2 * reach, channels), dtype=np.int8)
    padded[:, reach : reach + height, reach : reach + width] = x
    out = np.empty((batch, height, width, size * size, channels), dtype=np.int8)
    for dy in range(size):
        for dx in range(size):
            top, left = dy * dilation, dx * dilation
            out[:, :, :, dy * size + dx] = padded[:, top : top + height, left : left + width]
    return out.reshape(batch * height * width, size * size * channels)


def conv(x: Int8, w: Int8, bias: Int32, size: int, dilation: int) -> Int32:
    """Same-size convolution with zero padding: (B, H, W, C) and (N, size*size*C) to (B*H*W, N)."""
    batch, height, width, channels = x.shape
    if size == 1:
        return matmul(x.reshape(batch * height * width, channels), w, bias)
    return matmul(im2col(x, size, dilation), w, bias)


def requantize(acc: Int32 | Float32, multiplier: Float32, floor: int = -MAX_ACTIVATION) -> Int8:
    """Scale sums to activations: (M, N) times (N,) rounded half to even, clamped to floor..127.

    ``floor=0`` is a rectifier. Sums are below 2**24, so float32 holds them exactly.
    """
    scaled = acc.astype(np.float32, copy=False) * multiplier
    np.rint(scaled, out=scaled)
    np.clip(scaled, floor, MAX_ACTIVATION, out=scaled)
    result: Int8 = scaled.astype(np.int8)
    return result


def quantize(residual: Int32, multiplier: Float32, floor: int = -MAX_ACTIVATION) -> Int8:
    """The residual stream to activations: (..., C) times (C,), as `requantize` does; values below 2**24."""
    channels = residual.shape[-1]
    rows = residual.reshape(-1, channels)
    out = np.empty(rows.shape, dtype=np.int8)
    scale = _wide(multiplier, channels)
    for start in range(0, len(rows), _BLOCK_ROWS):
        part = rows[start : start + _BLOCK_ROWS]
        values = plain_blocks.scratch("values", *part.shape)
        values[...] = part
        _scale(values, scale, floor, MAX_ACTIVATION)
        out[start : start + _BLOCK_ROWS] = values
    return out.reshape(residual.shape)


def accumulate(residual: Int32, acc: Int32 | Float32, multiplier: Float32) -> None:
    """Add scaled sums to the residual stream in place, clamped to +-2**22: (M, N), (M, N), (N,)."""
    scaled = acc.astype(np.float32, copy=False) * multiplier
    np.rint(scaled, out=scaled)
    np.clip(scaled, -MAX_RESIDUAL, MAX_RESIDUAL, out=scaled)
    residual += scaled.astype(np.int32)
    np.clip(residual, -MAX_RESIDUAL, MAX_RESIDUAL, out=residual)


def conv_sums(x: Int8, packed: Packed, size: int = 1, dilation: int = 1) -> Int32:
    """Same-size convolution with zero padding: (B, H, W, C) to sums (B, H, W, N)."""
    out = np.empty((*x.shape[:3], len(packed.bias)), dtype=np.int32)
    for block in _sums(x, packed, size, dilation):
        for where, cells in block.cells:
            out[where] = cells
    return out


def conv_requant(
    x: Int8, packed: Packed, size: int, dilation: int, multiplier: Float32, floor: int = -MAX_ACTIVATION
) -> Int8:
    """Convolution, then `requantize`: (B, H, W, C) to activations (B, H, W, N)."""
    out = np.empty((*x.shape[:3], len(packed.bias)), dtype=np.int8)
    scale = _wide(multiplier, len(packed.bias))
    for block in _sums(x, packed, size, dilation):
        _scale(block.sums, scale, floor, MAX_ACTIVATION)
        for where, cells in block.cells:
            out[where] = cells
    return out


def conv_accumulate(residual: Int32, x: Int8, packed: Packed, size: int, dilation: int, multiplier: Float32) -> None:
    """Convolution, then `accumulate` into the residual stream (B, H, W, N) in place."""
    scale = _wide(multiplier, len(packed.bias))
    for block in _sums(x, packed, size, dilation):
        _scale(block.sums, scale, -MAX_RESIDUAL, MAX_RESIDUAL)
        for where, cells in block.cells:
            part = residual[where]
            np.add(part, cells, out=part, dtype=np.int32, casting="unsafe")
            part.clip(-MAX_RESIDUAL, MAX_RESIDUAL, out=part)


def _sums(x: Int8, packed: Packed, size: int, dilation: int) -> Iterator[plain_blocks.Block]:
    """The sums of `conv`, held in float32 and in blocks, in the faster way that is exact."""
    if not x.size:
        return iter(())
    if size == 3 and plain_blocks.pairs_are_faster(x.shape[1], x.shape[2], dilation):
        form = _form(packed, "pairs", _pair_form)
        if form is not None:
            return plain_blocks.pairs(x, *form, dilation)
    weights, bias = _form(packed, "taps", _tap_form)
    return plain_blocks.taps(x, weights.reshape(size * size, -1, weights.shape[1]), bias, dilation)


def _form(packed: Packed, name: str, make: Callable[[Packed], _T]) -> _T:
    """What ``make`` gives for these weights, made once."""
    if name not in packed.forms:
        packed.forms[name] = make(packed)
    form: _T = packed.forms[name]
    return form


def _tap_form(packed: Packed) -> tuple[Float32, Float32]:
    """Weights (K, N) and the widened bias for `plain_blocks.taps`."""
    return np.ascontiguousarray(packed.w.T.astype(np.float32)), _wide_bias(packed)


def _pair_form(packed: Packed) -> tuple[Float32, Float32] | None:
    """Weights (4, 3*C, N) and the widened bias for `plain_blocks.pairs`; none where float32 might not hold its sums.

    All numbers are whole halves, so twice each must stay below 2**24: each product, and the first and the last when
    the second is added, with the bias in it. The results are sums that `pack` has proven.
    """
    weights = plain_blocks.pair_weights(packed.w)
    m0, m1, m2, m3 = 2 * MAX_ACTIVATION * np.abs(weights).sum(axis=1, dtype=np.float64)  # (N,) each
    greatest = np.maximum(m1 + np.abs(packed.bias.astype(np.float64)) + np.maximum(m0, m3), m2)
    return (weights, _wide_bias(packed)) if 2 * greatest.max() < MAX_SUM else None


def _wide_bias(packed: Packed) -> Float32:
    return plain_blocks.widen(packed.bias.astype(np.float32))


def _wide(multiplier: Float32, n: int) -> Float32:
    """`plain_blocks.widen` of multipliers (N,)."""
    if multiplier.dtype != np.float32 or multiplier.shape != (n,):
        raise ValueError(f"multipliers {multiplier.dtype} {multiplier.shape} for {n} channels")
    return plain_blocks.widen(multiplier)


def _scale(values: Float32, scale: Float32, low: int, high: int) -> None:
    """Multiply (M, N) by `plain_blocks.widen` of (N,), round half to even and clamp to low..high, in place."""
    plain_blocks.along(np.multiply, values, scale)
    np.rint(values, out=values)
    values.clip(low, high, out=values)


def pool_mean(x: Int8, inside: npt.NDArray[np.bool_] | None) -> Int8:
    """Mean of each picture over the cells inside it: (B, H, W, C) to (B, C), rounded half to even.

    ``inside`` (B, H, W) tells padding apart; padding must be 0 in ``x``. A picture without cells gives 0.
    """
    batch, height, width, channels = x.shape
    sums = x.reshape(batch, height * width, channels).sum(axis=1, dtype=np.int32).astype(np.float32)
    if inside is None:
        count = np.full(batch, height * width, dtype=np.float32)
    else:
        count = inside.reshape(batch, -1).sum(axis=1).astype(np.float32)
    mean: Int8 = np.rint(sums / np.maximum(count, np.float32(1))[:, None]).astype(np.int8)
    return mean


def space_to_depth(x: Int8) -> Int8:
    """2x2 blocks to channels: (B, H, W, C) to (B, H/2, W/2, 4C), order (dy, dx, c)."""
    batch, height, width, channels = x.shape
    blocks = x.reshape(batch, height // 2, 2, width // 2, 2, channels).transpose(0, 1, 3, 2, 4, 5)
    return np.ascontiguousarray(blocks).reshape(batch, height // 2, width // 2, 4 * channels)


def upsample_add(residual: Int32, coarse: Int32) -> None:
    """Add a picture of half the size to each 2x2 block, in place: (B, H, W, C) and (B, H/2, W/2, C)."""
    batch, height, width, channels = residual.shape
    blocks = residual.reshape(batch, height // 2, 2, width // 2, 2, channels)
    blocks += coarse[:, :, None, :, None, :]


def add_vector(residual: Int32, vector: Int32) -> None:
    """Add one vector a picture to all its cells, in place: (B, H, W, C) and (B, C)."""
    residual += vector[:, None, None, :]
