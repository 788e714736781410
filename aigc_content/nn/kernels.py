"""The integer kernels that every network runs on, in plain NumPy: the meaning, and the way that works everywhere.

Activations are int8 rows within +-127, weights int8 within +-64, sums int32, the residual stream int32. A product
is an exact integer sum held in float32 (every partial sum is below 2**24, which the loader proves for each row of
weights), so its order is free and any BLAS gives the same bits. All else is elementwise IEEE arithmetic: float32
multiply, round half to even, clamp. `aigc_content.nn.fast` has the same functions in compiled form; property tests
hold the two equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Int8 = npt.NDArray[np.int8]
Int32 = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]

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
_BLOCK_ROWS = 1024


def active() -> str:
    """The name of the kernels that run: ``plain``."""
    return "plain"


@dataclass(frozen=True, eq=False)
class Packed:
    """The weights of one layer, checked by `pack`.

    Attributes:
        w: (N, K) within +-64, K order (dy, dx, c).
        bias: (N,).
        forms: what compiled kernels make of the weights at their first use.
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
    return requantize(residual, multiplier, floor)


def accumulate(residual: Int32, acc: Int32 | Float32, multiplier: Float32) -> None:
    """Add scaled sums to the residual stream in place, clamped to +-2**22: (M, N), (M, N), (N,)."""
    scaled = acc.astype(np.float32, copy=False) * multiplier
    np.rint(scaled, out=scaled)
    np.clip(scaled, -MAX_RESIDUAL, MAX_RESIDUAL, out=scaled)
    residual += scaled.astype(np.int32)
    np.clip(residual, -MAX_RESIDUAL, MAX_RESIDUAL, out=residual)


def conv_sums(x: Int8, packed: Packed, size: int = 1, dilation: int = 1) -> Int32:
    """Same-size convolution with zero padding: (B, H, W, C) to sums (B, H, W, N)."""
    sums: Int32 = _exact(x, packed, size, dilation).astype(np.int32)
    return sums


def _exact(x: Int8, packed: Packed, size: int, dilation: int) -> Float32:
    """The sums of `conv_sums`, held in float32: (B, H, W, C) to (B, H, W, N)."""
    weights, bias = _float_form(packed)
    rows = x.reshape(-1, x.shape[3]) if size == 1 else im2col(x, size, dilation)
    sums = np.empty((len(rows), len(bias)), dtype=np.float32)
    for start in range(0, len(rows), _BLOCK_ROWS):
        part = sums[start : start + _BLOCK_ROWS]
        np.matmul(rows[start : start + _BLOCK_ROWS].astype(np.float32), weights, out=part)
        part += bias
    return sums.reshape(*x.shape[:3], len(bias))


def _float_form(packed: Packed) -> tuple[Float32, Float32]:
    """Weights (K, N) and bias (N,) in float32, made once."""
    if "float" not in packed.forms:
        weights = np.ascontiguousarray(packed.w.T.astype(np.float32))
        packed.forms["float"] = (weights, packed.bias.astype(np.float32))
    form: tuple[Float32, Float32] = packed.forms["float"]
    return form


def conv_requant(
    x: Int8, packed: Packed, size: int, dilation: int, multiplier: Float32, floor: int = -MAX_ACTIVATION
) -> Int8:
    """Convolution, then `requantize`: (B, H, W, C) to activations (B, H, W, N)."""
    return requantize(_exact(x, packed, size, dilation), multiplier, floor)


def conv_accumulate(residual: Int32, x: Int8, packed: Packed, size: int, dilation: int, multiplier: Float32) -> None:
    """Convolution, then `accumulate` into the residual stream (B, H, W, N) in place."""
    accumulate(residual, _exact(x, packed, size, dilation), multiplier)


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
