"""Tables of integers that stand for exponentials, sigmoid and tanh, made by `decimal`.

A C library's ``exp`` may differ in its last bit from another's; `decimal` rounds correctly by its specification, so
these tables are the same on every machine.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from aigc_content.nn.kernels import Int32

ONE = 1 << 15
"""What stands for 1.0 in the results of `sigmoid` and `tanh` and in the state of recurrent cells."""
HALF = 2048
"""`sigmoid` and `tanh` reach from ``-HALF`` to ``HALF - 1`` in 1/256 nat: within +-8 nat."""
UNITS = 256
"""Arguments of `sigmoid` and `tanh` are integers in 1/256 nat, as the residual stream and logits are."""
MAX_WEIGHING = 127
"""The entry of `weighing` for the largest score of a row."""
WEIGHING_STEPS = 32
"""Entries of `weighing` a nat."""

_CONTEXT = Context(prec=30, rounding=ROUND_HALF_EVEN)


def exponentials(steps: int, count: int, one: int) -> npt.NDArray[np.int64]:
    """``one * exp(-i / steps)`` rounded, for i = 0 .. count - 1, shape (count,)."""
    with localcontext(_CONTEXT):
        values = [(Decimal(-i) / steps).exp() * one for i in range(count)]
        return np.array([int(value.to_integral_value()) for value in values], dtype=np.int64)


@lru_cache(maxsize=1)
def weighing() -> Int32:
    """What a score ``i / 32`` nat below the largest weighs: ``127 * exp(-i / 32)``, the last 0; shape (192,)."""
    table = np.append(exponentials(WEIGHING_STEPS, 191, MAX_WEIGHING), 0)
    return _frozen(table)


@lru_cache(maxsize=2)
def sigmoid(one: int = ONE) -> Int32:
    """``one / (1 + exp(-v / 256))`` for v = -2048 .. 2047, shape (4096,)."""
    rising = [_share(-v, one) for v in range(-HALF, 1)]
    return _frozen(np.array([*rising, *(one - low for low in reversed(rising[1:-1]))], dtype=np.int64))


@lru_cache(maxsize=1)
def tanh() -> Int32:
    """``2**15 * tanh(v / 256)`` for v = -2048 .. 2047, shape (4096,)."""
    rising = [2 * _share(-2 * v, 1 << 40) - (1 << 40) for v in range(-HALF, 1)]
    left = [-(-low * ONE + (1 << 39) >> 40) for low in rising]
    return _frozen(np.array([*left, *(-low for low in reversed(left[1:-1]))], dtype=np.int64))


def _share(below: int, one: int) -> int:
    """``one / (1 + exp(below / 256))``, rounded."""
    with localcontext(_CONTEXT):
        return int((one / (1 + (Decimal(below) / UNITS).exp())).to_integral_value())


def _frozen(values: npt.NDArray[np.int64]) -> Int32:
    table: Int32 = values.astype(np.int32)
    table.flags.writeable = False
    return table
