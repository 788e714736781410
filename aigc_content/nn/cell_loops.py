"""The loops of `aigc_content.nn.fast_cells`: norm, attention and recurrent cells, compiled for one instruction set.

The arithmetic is that of `aigc_content.nn.cells`, number by number. Attention of many queries packs keys and values
as `aigc_content.nn.fast_x86` reads weights and runs its products; that of few walks over them as they lie.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np

from aigc_content.nn import fast_loops, fast_x86, tables
from aigc_content.nn.fast_loops import given, jit, njit
from aigc_content.nn.fast_x86 import ISAS, TILE, offset_bytes, product_bytes, product_taps

HALF, LAST, ONE = np.int32(tables.HALF), len(tables.weighing()) - 1, tables.ONE
MAX_CELL = 8 * ONE
STATE, OUTPUT, GATED_OUTPUT = np.float32(1 / ONE), np.float32(127 / ONE), np.float32(127 / ONE**2)
LOW, HIGH = np.int32(-tables.HALF), np.int32(tables.HALF - 1)
TOP, BOTTOM = np.float32(127), np.float32(-127)
WIDE = 4 * TILE
"""Bytes of four terms of 16 columns."""


@dataclass(frozen=True)
class CellLoops:
    """Compiled loops of one instruction set; see `aigc_content.nn.cells`.

    Attributes:
        isa: the instruction set.
        norm: (residual (R, C), multiplier (C,), 40 * 40 * C, out (R, C)).
        attend_many, attend_few: (q, keys, values (B * H, room * D), sizes, score, mix, weighing, out).
        gru, lstm: (inputs, recurrent, state, sigmoid, tanh, out).
    """

    isa: fast_x86.Isa
    norm: Callable[..., None]
    attend_many: Callable[..., None]
    attend_few: Callable[..., None]
    gru: Callable[..., None]
    lstm: Callable[..., None]


@functools.cache
def build(name: str) -> CellLoops:
    """Compile the loops for the instruction set called ``name``, or load them from numba's cache."""
    index = [isa.name for isa in ISAS].index(name)
    isa = ISAS[index]
    return CellLoops(isa, _norm(), _many(_revision() * TILE + index, isa.pixels, isa.dot), _few(), *_recurrent())


def _revision() -> int:
    try:
        return zlib.crc32(Path(__file__).read_bytes(), fast_loops.revision())
    except OSError:
        return 0


@njit(inline="always")  # type: ignore[untyped-decorator]
def _whole(value: Any) -> Any:
    """Round half to even and clamp to activations."""
    return np.int8(np.int32(np.rint(min(max(value, BOTTOM), TOP))))


@njit(inline="always")  # type: ignore[untyped-decorator]
def _entry(table: Any, value: Any) -> Any:
    """As `aigc_content.nn.cells.lookup`."""
    return table[np.uint32(min(max(np.int32(value), LOW), HIGH) + HALF)]


@njit(inline="always")  # type: ignore[untyped-decorator]
def _share(gate: Any, value: Any) -> Any:
    """``gate / 32768`` of a value."""
    return np.int32(np.rint(np.float32(gate) * np.float32(value) * STATE))


@njit(inline="always")  # type: ignore[untyped-decorator]
def _pack(
    source: Any, columns: int, step: int, terms: int, stride: int, dot: bool, form: Any, sums: Any, pairs: Any
) -> None:
    """One matrix as `fast_x86.product_taps` reads weights: ``source[column * step + term * stride]``.

    ``form`` is int8, ``sums`` and ``pairs`` are the same memory as int32 and int16.
    """
    octets = (terms + 7) // 8
    head, body, skip = (WIDE, 2 * WIDE, 0) if dot else (0, 3 * WIDE, WIDE)
    size = head + octets * body
    form[: (columns + TILE - 1) // TILE * size] = 0
    for column in range(columns):
        block = column // TILE * size
        at, from_ = block + head + skip + column % TILE * 4, column * step
        total = 0
        for term in range(terms):
            octet, part = term >> 3, term & 7
            value = source[from_ + term * stride]
            form[at + octet * body + (part >> 2) * WIDE + (part & 3)] = value
            if dot:
                total += value
            else:
                pairs[(block + octet * body) // 2 + column % TILE * 2 + (part >> 1 & 1)] -= np.int16(128 * value)
        if dot:
            sums[block // 4 + column % TILE] = -128 * total


@njit(inline="always")  # type: ignore[untyped-decorator]
def _weight(weighing: Any, below: Any, unit: Any) -> Any:
    """Weight of a score so far below the largest."""
    return weighing[np.uint32(np.int32(min(np.rint(np.float32(below) * unit), np.float32(LAST))))]


@njit(inline="always")  # type: ignore[untyped-decorator]
def _weigh(scores: Any, r: int, seen: int, unit: Any, weighing: Any, weights: Any) -> Any:
    """Weights of the first ``seen`` scores of a row, (blocks, rows, 16) to (rows, ...), and their sum."""
    whole, rest = seen // TILE, seen % TILE
    best = scores[0, r, 0]
    for block in range(whole):
        for c in range(TILE):
            best = max(best, scores[block, r, c])
    for c in range(rest):
        best = max(best, scores[whole, r, c])
    total = np.int32(0)
    for block in range(whole):
        for c in range(TILE):
            weight = _weight(weighing, best - scores[block, r, c], unit)
            weights[r, block * TILE + c] = np.int8(weight)
            total += weight
    for c in range(rest):
        weight = _weight(weighing, best - scores[whole, r, c], unit)
        weights[r, whole * TILE + c] = np.int8(weight)
        total += weight
    return total


def _norm() -> Callable[..., None]:
    none, int8, float32 = numba.void, numba.int8, numba.float32

    @jit(none(given(numba.int32, 2), given(float32, 1), numba.float64, int8[:, ::1]))
    def norm(residual: Any, multiplier: Any, size: Any, out: Any) -> None:
        rows, channels = residual.shape
        for row in range(rows):
            squares = np.int64(channels)
            for c in range(channels):
                value = np.int64(residual[row, c])
                squares += value * value
            factor = np.float32(np.sqrt(size / np.float64(squares)))
            for c in range(channels):
                out[row, c] = _whole(np.float32(residual[row, c]) * factor * multiplier[c])

    return norm


def _signature() -> Any:
    int8, float32 = numba.int8, numba.float32
    tuples: Any = numba.types.UniTuple
    memory = (given(int8, 3), given(int8, 2), given(int8, 2))
    told = (given(float32, 1), given(float32, 1), given(numba.int32, 1))
    return numba.void(*memory, tuples(numba.int64, 5), *told, int8[:, :, ::1])


def _many(target: int, pixels: int, dot: bool) -> Callable[..., None]:
    @jit(_signature())
    def attend_many(
        q: Any, keys: Any, values: Any, sizes: Any, score: Any, mix: Any, weighing: Any, out: Any
    ) -> None:
        heads, span, size, start, causal = sizes
        batch, steps, width = q.shape
        octets, deep = (size + 7) // 8, (span + 7) // 8
        blocks, columns = (span + TILE - 1) // TILE, (size + TILE - 1) // TILE
        head, body = (WIDE, 2 * WIDE) if dot else (0, 3 * WIDE)
        key_bytes, value_bytes = head + octets * body, head + deep * body
        key_form = np.empty(blocks * key_bytes, dtype=np.int8)
        value_form = np.empty(columns * value_bytes, dtype=np.int8)
        key_sums, key_pairs = key_form.view(np.int32), key_form.view(np.int16)
        value_sums, value_pairs = value_form.view(np.int32), value_form.view(np.int16)
        queries = np.full((pixels, octets * 8), -128, dtype=np.int8)
        scores = np.empty((blocks, pixels, TILE), dtype=np.int32)
        weights = np.zeros((pixels, deep * 8 + 8), dtype=np.int8)
        tile = np.empty((pixels, TILE), dtype=np.int32)
        totals = np.ones(pixels, dtype=np.float32)
        taps = np.zeros(2, dtype=np.int64)
        for pair in range(batch * heads):
            sample, own = pair // heads, pair % heads * size
            _pack(keys[pair], span, size, size, 1, dot, key_form, key_sums, key_pairs)
            _pack(values[pair], size, 1, span, size, dot, value_form, value_sums, value_pairs)
            unit = score[pair % heads]
            for first in range(0, steps, pixels):
                count = min(pixels, steps - first)
                most = min(span, start + first + count) if causal else span
                for r in range(count):
                    at = q.ctypes.data + (sample * steps + first + r) * width + own
                    offset_bytes(target, at, queries.ctypes.data + r * octets * 8, size)
                for block in range((most + TILE - 1) // TILE):
                    to = scores.ctypes.data + block * pixels * TILE * 4
                    form = key_form.ctypes.data + block * key_bytes
                    product_taps(target, queries.ctypes.data, octets * 8, taps.ctypes.data, 1, form, to, octets)
                reached = (most + 7) // 8
                for r in range(count):
                    seen = min(span, start + first + r + 1) if causal else span
                    total = _weigh(scores, r, seen, unit, weighing, weights)
                    weights[r, seen : reached * 8] = 0
                    totals[r] = np.float32(1) / np.float32(total)
                for column in range(columns):
                    form = value_form.ctypes.data + column * value_bytes
                    product_bytes(target, weights.ctypes.data, deep * 8 + 8, form, tile.ctypes.data, reached)
                    here = min(TILE, size - column * TILE)
                    for r in range(count):
                        for c in range(here):
                            mixed = np.float32(tile[r, c]) * totals[r] * mix[own + column * TILE + c]
                            out[sample, first + r, own + column * TILE + c] = _whole(mixed)

    return attend_many


def _few() -> Callable[..., None]:
    @jit(_signature())
    def attend_few(q: Any, keys: Any, values: Any, sizes: Any, score: Any, mix: Any, weighing: Any, out: Any) -> None:
        heads, span, size, start, causal = sizes
        batch, steps, _ = q.shape
        scores = np.empty(span, dtype=np.int32)
        weights = np.zeros(span + 3, dtype=np.int16)
        sums = np.empty(size, dtype=np.int32)
        query = np.empty(size, dtype=np.int16)
        for pair in range(batch * heads):
            sample, own = pair // heads, pair % heads * size
            key, value = keys[pair], values[pair]
            unit = score[pair % heads]
            for step in range(steps):
                seen = min(span, start + step + 1) if causal else span
                for d in range(size):
                    query[d] = q[sample, step, own + d]
                best = np.int32(-(1 << 30))
                for s in range(seen):
                    total = np.int32(0)
                    for d in range(size):
                        total += np.int32(query[d]) * np.int32(np.int16(key[s * size + d]))
                    scores[s] = total
                    best = max(best, total)
                total = np.int32(0)
                for s in range(seen):
                    weight = _weight(weighing, best - scores[s], unit)
                    weights[s] = np.int16(weight)
                    total += weight
                sums[:] = 0
                whole = seen // 4 * 4
                for s in range(0, whole, 4):  # four products of 127 * 64 stay within 16 bits
                    a, b, c, e = weights[s], weights[s + 1], weights[s + 2], weights[s + 3]
                    at = s * size
                    for d in range(size):
                        low = np.int16(a * value[at + d]) + np.int16(b * value[at + size + d])
                        high = np.int16(c * value[at + 2 * size + d]) + np.int16(e * value[at + 3 * size + d])
                        sums[d] += np.int32(np.int16(low + high))
                for s in range(whole, seen):
                    for d in range(size):
                        sums[d] += np.int32(weights[s] * value[s * size + d])
                factor = np.float32(1) / np.float32(total)
                for d in range(size):
                    out[sample, step, own + d] = _whole(np.float32(sums[d]) * factor * mix[own + d])

    return attend_few


def _recurrent() -> tuple[Callable[..., None], Callable[..., None]]:
    int32 = numba.int32
    arrays = (given(int32, 2), given(int32, 2), int32[:, ::1], given(int32, 1), given(int32, 1))
    signature = numba.void(*arrays, numba.int8[:, ::1])

    @jit(signature)
    def gru(inputs: Any, recurrent: Any, state: Any, sigmoid: Any, tanh: Any, out: Any) -> None:
        batch, width = state.shape
        for b in range(batch):
            for n in range(width):
                update = _entry(sigmoid, inputs[b, n] + recurrent[b, n])
                reset = _entry(sigmoid, inputs[b, width + n] + recurrent[b, width + n])
                inner = _share(reset, recurrent[b, 2 * width + n]) + inputs[b, 2 * width + n]
                new = _entry(tanh, inner)
                held = _share(update, state[b, n] - new) + new
                state[b, n] = held
                out[b, n] = np.int8(np.int32(np.rint(np.float32(held) * OUTPUT)))

    @jit(signature)
    def lstm(inputs: Any, recurrent: Any, state: Any, sigmoid: Any, tanh: Any, out: Any) -> None:
        batch, width = state.shape
        for b in range(batch):
            for n in range(width):
                enter = _entry(sigmoid, inputs[b, n] + recurrent[b, n])
                forget = _entry(sigmoid, inputs[b, width + n] + recurrent[b, width + n])
                new = _entry(tanh, inputs[b, 2 * width + n] + recurrent[b, 2 * width + n])
                leave = _entry(sigmoid, inputs[b, 3 * width + n] + recurrent[b, 3 * width + n])
                held = _share(forget, state[b, n]) + _share(enter, new)
                held = min(max(held, -MAX_CELL), MAX_CELL)
                state[b, n] = held
                shown = _entry(tanh, (held + 64) >> 7)
                product = np.float32(leave) * np.float32(shown)
                out[b, n] = np.int8(np.int32(np.rint(product * GATED_OUTPUT)))

    return gru, lstm
