"""The integer kernels of sequence networks in plain NumPy: norm, attention, recurrent cells, changes of shape.

As in `aigc_content.nn.kernels`, sums are exact, so their order is free, and all else is elementwise IEEE arithmetic:
float32 multiply and divide, float64 divide and square root, round half to even, clamp. Sigmoid, tanh and exponentials
are tables of integers (`aigc_content.nn.tables`). No product of two rounded numbers is added to anything before it is
rounded to an integer, so a compiler that fuses multiply and add changes nothing.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from aigc_content.nn import tables
from aigc_content.nn.kernels import MAX_ACTIVATION, Float32, Int8, Int32

MAX_CELL = 8 * tables.ONE
"""Bound of the state of an LSTM's cell: 8.0."""
NORM_UNIT = 40
"""Root mean square of what `norm` gives, in activations."""
_STATE = np.float32(1 / tables.ONE)
_OUTPUT = np.float32(MAX_ACTIVATION / tables.ONE)
_GATED_OUTPUT = np.float32(MAX_ACTIVATION / tables.ONE**2)
_BLOCK_SCORES = 1 << 20
_BLOCK_QUERIES = 48
_Number = TypeVar("_Number", np.int8, np.int32)


def lookup(values: Int32, table: Int32) -> Int32:
    """Entries of a table of `tables.sigmoid` or `tables.tanh` for values in 1/256 nat, beyond its ends the last."""
    entries: Int32 = table.take(values + tables.HALF, mode="clip")
    return entries


def norm(residual: Int32, multiplier: Float32) -> Int8:
    """Each vector over its root mean square, times 40 times a multiplier a channel: (..., C) and (C,) to (..., C).

    The sum of squares is an exact integer; 1 is added to the mean square, so that a vector of zeros stays zeros.
    """
    channels = residual.shape[-1]
    wide = residual.astype(np.int64)
    squares = np.einsum("...c,...c->...", wide, wide) + channels
    factor = np.sqrt(np.float64(NORM_UNIT * NORM_UNIT * channels) / squares.astype(np.float64)).astype(np.float32)
    scaled = residual.astype(np.float32)
    scaled *= factor[..., None]
    scaled *= multiplier
    return _activations(scaled)


def attend(q: Int8, keys: Int8, values: Int8, start: int, causal: bool, score: Float32, mix: Float32) -> Int8:
    """Weighted means of values by products of queries and keys.

    A score counts ``score[head] / 32`` nat; its weight is the entry of `tables.weighing` for its distance from the
    largest of its row; the sum of weighted values is divided by the sum of weights (one float32 divide a row).

    Args:
        q: queries (B, T, H * D) within +-127.
        keys, values: (B, H, S, D) within +-64, S at most 2048.
        start: position of the first query; causal queries at position p see keys 0..p.
        causal: else all see all keys.
        score: (H,).
        mix: a multiplier a channel of the result, (H * D,).

    Returns:
        (B, T, H * D) within +-127.
    """
    batch, steps, width = q.shape
    _, heads, span, size = keys.shape
    out = np.empty((batch, steps, width), dtype=np.int8)
    if not out.size:
        return out
    rows = _BLOCK_QUERIES if causal else steps  # a block of queries need not look at keys behind its last one
    block = max(1, _BLOCK_SCORES // max(1, heads * min(rows, steps) * span))
    table = tables.weighing().astype(np.float32)
    for first in range(0, batch, block):
        part = slice(first, first + block)
        queries = q[part].reshape(-1, steps, heads, size).transpose(0, 2, 1, 3).astype(np.float32)
        seen_keys = keys[part].astype(np.float32).transpose(0, 1, 3, 2)  # (b, H, D, S)
        seen_values = values[part].astype(np.float32)
        for top in range(0, steps, rows):
            own = slice(top, min(steps, top + rows))
            seen = min(span, start + own.stop) if causal else span
            scores = queries[:, :, own] @ seen_keys[..., :seen]  # (b, H, t, s)
            if causal:
                scores[:, :, np.arange(seen) > np.arange(start + own.start, start + own.stop)[:, None]] = -np.inf
            below = scores.max(axis=3, keepdims=True) - scores
            below *= score[:, None, None]
            np.rint(below, out=below)
            np.minimum(below, np.float32(len(table) - 1), out=below)
            weights = table[below.astype(np.int16)]
            mixed = weights @ seen_values[:, :, :seen]  # (b, H, t, D)
            mixed *= np.float32(1) / weights.sum(axis=3, keepdims=True)
            mixed *= mix.reshape(heads, 1, size)
            out[part, own] = _activations(mixed).transpose(0, 2, 1, 3).reshape(-1, own.stop - own.start, width)
    return out


def gru(inputs: Int32, recurrent: Int32, state: Int32) -> Int8:
    """One step of a gated recurrent unit after its two products.

    Args:
        inputs, recurrent: products with the input and with the last output, in 1/256 nat, (B, 3N), in the order
            update, reset, new.
        state: (B, N) in 1/32768 within +-32768; becomes the new state, in place.

    Returns:
        The output, (B, N) within +-127, which stand for +-1.
    """
    width = state.shape[1]
    gates = lookup(inputs[:, : 2 * width] + recurrent[:, : 2 * width], tables.sigmoid())
    update, reset = gates[:, :width], gates[:, width:]
    inner = _share(reset, recurrent[:, 2 * width :])
    inner += inputs[:, 2 * width :]
    new = lookup(inner, tables.tanh())
    state -= new
    state[:] = _share(update, state)
    state += new
    output: Int8 = np.rint(state.astype(np.float32) * _OUTPUT).astype(np.int8)
    return output


def lstm(inputs: Int32, recurrent: Int32, state: Int32) -> Int8:
    """One step of long short-term memory after its two products.

    Args:
        inputs, recurrent: products with the input and with the last output, in 1/256 nat, (B, 4N), in the order
            input, forget, cell, output.
        state: of the cell, (B, N) in 1/32768 within +-8 * 32768; becomes the new one, in place.

    Returns:
        The output, (B, N) within +-127, which stand for +-1.
    """
    width = state.shape[1]
    total = inputs + recurrent
    gates = lookup(total, tables.sigmoid())
    new = lookup(total[:, 2 * width : 3 * width], tables.tanh())
    state[:] = _share(gates[:, width : 2 * width], state)
    state += _share(gates[:, :width], new)
    np.clip(state, -MAX_CELL, MAX_CELL, out=state)
    shown = lookup((state + 64) >> 7, tables.tanh())  # 1/32768 to 1/256
    product = gates[:, 3 * width :].astype(np.float32) * shown.astype(np.float32)
    output: Int8 = np.rint(product * _GATED_OUTPUT).astype(np.int8)
    return output


def depth_to_space(x: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
    """Channels to blocks of 2x2 cells: (B, H, W, 4C), order (dy, dx, c), to (B, 2H, 2W, C)."""
    batch, height, width, channels = x.shape
    blocks = x.reshape(batch, height, width, 2, 2, channels // 4).transpose(0, 1, 3, 2, 4, 5)
    return np.ascontiguousarray(blocks).reshape(batch, 2 * height, 2 * width, channels // 4)


def upsample(x: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
    """Every cell becomes 2x2 equal ones: (B, H, W, C) to (B, 2H, 2W, C)."""
    batch, height, width, channels = x.shape
    blocks = np.broadcast_to(x[:, :, None, :, None, :], (batch, height, 2, width, 2, channels))
    return np.ascontiguousarray(blocks).reshape(batch, 2 * height, 2 * width, channels)


def _share(gate: Int32, values: Int32) -> Int32:
    """``gate / 32768`` of the values: one float32 product, rounded half to even."""
    product = gate.astype(np.float32) * values.astype(np.float32)
    product *= _STATE
    np.rint(product, out=product)
    return product.astype(np.int32)


def _activations(scaled: Float32) -> Int8:
    """Round and clamp in place."""
    np.rint(scaled, out=scaled)
    np.clip(scaled, -MAX_ACTIVATION, MAX_ACTIVATION, out=scaled)
    result: Int8 = scaled.astype(np.int8)
    return result
