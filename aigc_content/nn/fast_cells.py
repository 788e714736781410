"""The functions of `aigc_content.nn.cells` in compiled form: the same names, the same bits, several times faster.

They run where the kernels of `aigc_content.nn.fast` do, in the same instruction set, after a self-test of their own;
elsewhere the plain ones run.
"""

from __future__ import annotations

import functools
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aigc_content.nn import cells as plain
from aigc_content.nn import fast, tables
from aigc_content.nn.cells import NORM_UNIT, depth_to_space, lookup, upsample
from aigc_content.nn.kernels import Float32, Int8, Int32

if TYPE_CHECKING:
    from aigc_content.nn.cell_loops import CellLoops

__all__ = ["attend", "depth_to_space", "gru", "lookup", "lstm", "norm", "upsample"]

FEW = 4
"""So many queries or fewer look at keys as they lie; more are worth packing them."""


def norm(residual: Int32, multiplier: Float32) -> Int8:
    """See `aigc_content.nn.cells.norm`."""
    loops = _loops()
    return plain.norm(residual, multiplier) if loops is None else _norm(loops, residual, multiplier)


def attend(q: Int8, keys: Int8, values: Int8, start: int, causal: bool, score: Float32, mix: Float32) -> Int8:
    """See `aigc_content.nn.cells.attend`."""
    loops = _loops()
    if loops is None or not q.size or not keys.size:
        return plain.attend(q, keys, values, start, causal, score, mix)
    return _attend(loops, q, keys, values, start, causal, score, mix, q.shape[1] > FEW)


def gru(inputs: Int32, recurrent: Int32, state: Int32) -> Int8:
    """See `aigc_content.nn.cells.gru`."""
    loops = _loops()
    return plain.gru(inputs, recurrent, state) if loops is None else _cell(loops.gru, inputs, recurrent, state)


def lstm(inputs: Int32, recurrent: Int32, state: Int32) -> Int8:
    """See `aigc_content.nn.cells.lstm`."""
    loops = _loops()
    return plain.lstm(inputs, recurrent, state) if loops is None else _cell(loops.lstm, inputs, recurrent, state)


def _norm(loops: CellLoops, residual: Int32, multiplier: Float32) -> Int8:
    channels = residual.shape[-1]
    rows = np.require(residual, requirements=["C", "A"]).reshape(-1, channels)
    out = np.empty(residual.shape, dtype=np.int8)
    size = float(NORM_UNIT * NORM_UNIT * channels)
    loops.norm(rows, np.require(multiplier, requirements=["C", "A"]), size, out.reshape(-1, channels))
    return out


def _attend(
    loops: CellLoops,
    q: Int8,
    keys: Int8,
    values: Int8,
    start: int,
    causal: bool,
    score: Float32,
    mix: Float32,
    many: bool,
) -> Int8:
    _, heads, span, size = keys.shape
    out = np.empty(q.shape, dtype=np.int8)
    run = loops.attend_many if many else loops.attend_few
    sizes = (heads, span, size, start, int(causal))
    given = (np.require(array, requirements=["C", "A"]) for array in (score, mix))
    run(np.ascontiguousarray(q), _rows(keys), _rows(values), sizes, *given, tables.weighing(), out)
    return out


def _rows(pairs: Int8) -> Int8:
    """(B, H, S, D), perhaps the beginning of what has room for more positions, as (B * H, room * D)."""
    batch, heads, _, size = pairs.shape
    above, step, inner, last = pairs.strides
    if (inner, last) != (size, 1) or above != heads * step or step % size:
        pairs = np.ascontiguousarray(pairs)
        step = pairs.strides[1]
    return np.lib.stride_tricks.as_strided(pairs, (batch * heads, step), (step, 1), writeable=False)


def _cell(run: Any, inputs: Int32, recurrent: Int32, state: Int32) -> Int8:
    if not state.flags.c_contiguous:
        raise ValueError("a state must lie whole in memory")
    out = np.empty(state.shape, dtype=np.int8)
    inputs, recurrent = (np.require(array, requirements=["C", "A"]) for array in (inputs, recurrent))
    run(inputs, recurrent, state, tables.sigmoid(), tables.tanh(), out)
    return out


@functools.cache
def _loops() -> CellLoops | None:
    """The compiled loops that this process uses; none for the plain cells."""
    name = fast.active()
    if name == "plain":
        return None
    from aigc_content.nn import cell_loops

    try:
        loops = cell_loops.build(name)
        if agrees(loops):
            return loops
        fault = "their results differ from the plain ones"
    except Exception as error:
        fault = f"{type(error).__name__}: {error}"
    warnings.warn(f"compiled cells are not used: {fault}", RuntimeWarning, stacklevel=2)
    return None


def agrees(loops: CellLoops) -> bool:
    """Compare compiled loops with the plain cells on extreme and on mixed values."""
    rng = np.random.default_rng(1)
    for most in (100, 1 << 12, 1 << 22):
        residual = rng.integers(-most, most + 1, (5, 40)).astype(np.int32)
        scale = rng.uniform(0.3, 3, 40).astype(np.float32)
        if not np.array_equal(_norm(loops, residual, scale), plain.norm(residual, scale)):
            return False
        both = [rng.integers(-most, most + 1, (5, 4 * 20)).astype(np.int32) for _ in range(2)]
        kinds: tuple[tuple[Any, Any, int, int], ...] = (
            (loops.gru, plain.gru, 3, tables.ONE),
            (loops.lstm, plain.lstm, 4, plain.MAX_CELL),
        )
        for run, own, width, bound in kinds:
            state = rng.integers(-bound, bound + 1, (5, 20)).astype(np.int32)
            inputs, recurrent = (part[:, : width * 20] for part in both)
            other, found = state.copy(), _cell(run, inputs, recurrent, state)
            if not np.array_equal(found, own(inputs, recurrent, other)) or not np.array_equal(state, other):
                return False
    for extreme, steps, size, score in ((False, 1, 8, 0.02), (False, 11, 20, 0.003), (True, 19, 16, 1e-4)):
        room: npt.NDArray[np.int8] = rng.integers(-64, 65, (2, 2, 3, 25, size)).astype(np.int8)
        q = rng.integers(-127, 128, (2, steps, 3 * size)).astype(np.int8)
        if extreme:
            room, q = np.where(room < 0, -64, 64).astype(np.int8), np.where(q < 0, -127, 127).astype(np.int8)
        keys, values = room[:, :, :, :21]
        mix, unit = rng.uniform(0.5, 3, 3 * size).astype(np.float32), np.full(3, score, np.float32)
        for causal in (True, False):
            told = (q, keys, values, 21 - steps, causal, unit, mix)
            right = plain.attend(*told)
            if any(not np.array_equal(_attend(loops, *told, many), right) for many in (True, False)):
                return False
    return True
