"""Draw tokens, latents and pixels: integer exponentials, integer weights, raw random numbers.

Nothing here rounds differently on another machine: the table of exponentials comes from `decimal`, which rounds
correctly by its specification, and everything after it is integer arithmetic.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from aigc_content.nn import tables
from aigc_content.nn.kernels import MAX_ACTIVATION, Int8, Int32
from aigc_content.rng import Stream

LOGIT_UNITS = 256
"""Logits are integers in 1/256 nat."""

MAX_REACH = 5
"""Cells, of `coupled`: with more its sums would not be exact."""

_STEPS = 64  # table entries a nat
_REACH = 14  # nats; beyond it a weight is 0
_ONE = 1 << 20
_TEMPERATURE_UNITS = 1 << 16
_LATENT_UNIT = 40  # activations a standard deviation, as `aigc_content.nn.quant.UNIT`


@lru_cache(maxsize=1)
def exponentials() -> npt.NDArray[np.int64]:
    """``2**20 * exp(-i / 64)`` rounded, for i = 0 .. 896; the last is 0. Shape (897,)."""
    return np.append(tables.exponentials(_STEPS, _STEPS * _REACH, _ONE), 0)


def weights(logits: npt.NDArray[np.int32], temperature: float = 1.0) -> npt.NDArray[np.int64]:
    """Integer weights proportional to ``exp(logit / temperature)``, at most 2**20 each: (..., n) to (..., n).

    Args:
        logits: in 1/256 nat.
        temperature: above 0; below 1 sharpens.
    """
    table = exponentials()
    wide = logits.astype(np.int64)
    behind = wide.max(axis=-1, keepdims=True) - wide
    scale = round(_TEMPERATURE_UNITS * _STEPS / (LOGIT_UNITS * temperature))
    index = np.minimum((behind * scale + _TEMPERATURE_UNITS // 2) // _TEMPERATURE_UNITS, len(table) - 1)
    scores: npt.NDArray[np.int64] = table[index]
    return scores


def draw(
    logits: npt.NDArray[np.int32], stream: Stream, temperature: float = 1.0
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """One token a row, and its probability in 1/65536: (rows, n) to (rows,) and (rows,)."""
    scores = weights(logits, temperature)
    if not len(scores):
        empty = np.zeros(0, dtype=np.int64)
        return empty, empty
    tokens = stream.choices(scores)
    chosen = np.take_along_axis(scores, tokens[:, None], axis=1)[:, 0]
    return tokens, chosen * 65536 // scores.sum(axis=1)


def draw_at(
    logits: npt.NDArray[np.int32], quantiles: npt.NDArray[np.int64], temperature: float = 1.0
) -> npt.NDArray[np.int64]:
    """The token of each row at a quantile of its distribution: (rows, n) and (rows,) to (rows,).

    Args:
        logits: in 1/256 nat; what is alike stands side by side.
        quantiles: within 0 .. 65535, as `coupled` gives them.
        temperature: as in `weights`.
    """
    edges = np.cumsum(weights(logits, temperature), axis=1)  # (rows, n)
    reached = quantiles * edges[:, -1] >> 16  # (rows,)
    return np.asarray((edges <= reached[:, None]).sum(axis=1), dtype=np.int64)


def coupled(height: int, width: int, reach: int, stream: Stream) -> npt.NDArray[np.int64]:
    """Random quantiles of a grid's cells, in 1/65536, alike where cells are near: (height, width).

    Cells that are drawn in one step do not know of each other, so each of two neighbors may be right alone and both
    together wrong. With these each is still drawn from its own distribution, but neighbors choose alike (a Gaussian
    copula; that what is drawn in parallel misses one: Liu et al. 2024, arXiv:2410.01949). The grid goes on at every
    side.

    Args:
        height, width: of the grid.
        reach: cells, at most `MAX_REACH`, within which they are alike: the noise is blurred with a standard deviation
            of ``sqrt(reach * (reach + 1))``. At 0 they are independent.
        stream: gives the noise.

    Raises:
        ValueError: ``reach`` is out of its range.
    """
    if not 0 <= reach <= MAX_REACH:
        raise ValueError(f"reach is within 0 and {MAX_REACH}, not {reach}")
    noise = stream.integers(1 << 32, height * width).reshape(height, width).astype(np.float64)
    if reach:
        noise = _blur(height, reach) @ noise @ _blur(width, reach)
    ranks = np.empty(noise.size, dtype=np.int64)
    ranks[_order(noise.astype(np.int64))] = np.arange(noise.size)
    return np.asarray(((2 * ranks + 1) * 32768 // noise.size).reshape(height, width))


@lru_cache(maxsize=16)
def _blur(side: int, reach: int) -> npt.NDArray[np.float64]:
    """Three sums over the cells within ``reach`` on a ring, nearly a Gaussian: (side, side), symmetric.

    Of 32-bit noise all sums are whole numbers below 2**53, so they are exact in whatever order they are added.
    """
    box = sum(np.roll(np.eye(side), step, axis=0) for step in range(-reach, reach + 1))
    return np.asarray(np.linalg.matrix_power(box, 3))


def latents(stream: Stream, count: int) -> Int8:
    """Standard normal noise as activations, 40 a standard deviation, cut at 127: shape (count,)."""
    scaled = (stream.normals(count) * _LATENT_UNIT + (1 << 15)) >> 16
    noise: Int8 = np.clip(scaled, -MAX_ACTIVATION, MAX_ACTIVATION).astype(np.int8)
    return noise


def pixels(logits: Int32) -> npt.NDArray[np.uint8]:
    """Brightness ``255 * sigmoid(logit)`` of each logit in 1/256 nat: (...) to (...)."""
    index = np.clip(logits, -tables.HALF, tables.HALF - 1) + tables.HALF
    shades: npt.NDArray[np.uint8] = tables.sigmoid(255).astype(np.uint8)[index]
    return shades


@lru_cache(maxsize=4)
def _bayer(order: int) -> npt.NDArray[np.int64]:
    matrix = np.zeros((1, 1), dtype=np.int64)
    for _ in range(order):
        matrix = np.block([[4 * matrix, 4 * matrix + 2], [4 * matrix + 3, 4 * matrix + 1]])
    return matrix


def spread_order(height: int, width: int, stream: Stream) -> npt.NDArray[np.int64]:
    """A random order of a grid's cells in which every beginning is spread evenly, shape (height*width,).

    Cells that are drawn in one step do not see each other, so neighbors should not be drawn together (as the
    Halton scheduler of Besnier et al. 2025, arXiv:2503.17076, does for pictures). A Bayer matrix, shifted,
    turned and jittered at random, gives the order.
    """
    matrix = _bayer(4)  # 16x16
    shift_y, shift_x, flip, turn = (int(v) for v in stream.integers(1 << 20, 4))
    matrix = np.rot90(matrix[:, ::-1] if flip % 2 else matrix, turn % 4)
    rows = (np.arange(height) + shift_y) % 16
    columns = (np.arange(width) + shift_x) % 16
    base = matrix[rows[:, None], columns[None, :]] * 4096  # 256 ranks
    jitter = stream.integers(4096 * 12, height * width).reshape(height, width)
    return _order(base + jitter)


def _order(values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Places of a grid's values, at least 0, in ascending order, of equal ones the first first: (H, W) to (H*W,)."""
    flat, size = values.ravel(), values.size
    if int(flat.max(initial=0)) >= (1 << 62) // max(1, size):
        return np.argsort(flat, kind="stable")
    return np.argsort(flat * size + np.arange(size))  # no two are equal, so the fastest way to sort gives the same
