"""Tokens at coupled quantiles: each from its own distribution, neighbors alike, the same bits everywhere."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from aigc_content import Stream
from aigc_content.nn import sampling

SIDE = 32


def fields(reach: int, count: int = 60) -> np.ndarray:
    """Quantiles of several grids, (count, SIDE, SIDE)."""
    return np.stack([sampling.coupled(SIDE, SIDE, reach, Stream(f"field {place}")) for place in range(count)])


def likeness(quantiles: np.ndarray, shift: int, axis: int) -> float:
    """Correlation of cells with those ``shift`` beside them on a ring."""
    return float(np.corrcoef(quantiles.ravel(), np.roll(quantiles, shift, axis).ravel())[0, 1])


@pytest.mark.parametrize("reach", [0, 1, 3, 5])
def test_each_grid_has_every_quantile_once(reach: int) -> None:
    found = np.sort(sampling.coupled(8, 16, reach, Stream("any")).ravel())
    assert found.tolist() == [(2 * rank + 1) * 32768 // 128 for rank in range(128)]


@pytest.mark.parametrize("reach", [1, 2, 3])
def test_near_cells_are_alike_and_far_ones_are_not(reach: int) -> None:
    quantiles = fields(reach)
    for axis in (1, 2):
        alike = [likeness(quantiles, shift, axis) for shift in (1, 2 * reach, SIDE // 2)]
        assert alike[0] > 0.7
        assert alike[0] > alike[1] > alike[2]
        assert abs(alike[2]) < 0.25


def test_without_reach_cells_are_independent() -> None:
    quantiles = fields(0)
    assert max(abs(likeness(quantiles, 1, axis)) for axis in (1, 2)) < 0.02


@pytest.mark.parametrize("reach", [0, 2])
def test_each_cell_is_drawn_by_its_own_distribution(reach: int) -> None:
    logits = np.zeros((SIDE * SIDE, 3), np.int32)
    logits[:, 1] = round(256 * np.log(2))
    logits[: SIDE * SIDE // 2, 2] = round(256 * np.log(5))
    drawn = np.stack([sampling.draw_at(logits, one.ravel()) for one in fields(reach, 400)])
    for rows, shares in ((slice(None, SIDE * SIDE // 2), (1, 2, 5)), (slice(SIDE * SIDE // 2, None), (1, 2, 1))):
        counts = np.bincount(drawn[:, rows].ravel(), minlength=3) / drawn[:, rows].size
        assert np.abs(counts - np.array(shares) / sum(shares)).max() < 0.02


def test_ends_and_temperature() -> None:
    logits = np.array([[0, 0], [0, 0], [0, 256], [0, 256]], np.int32)
    ends = np.array([0, 65535, 30000, 30000])
    assert sampling.draw_at(logits, ends).tolist() == [0, 1, 1, 1]
    assert sampling.draw_at(logits[2:], np.array([3000, 3000]), 0.2).tolist() == [1, 1]
    assert sampling.draw_at(logits[2:], np.array([3000, 3000]), 2.0).tolist() == [0, 0]
    assert sampling.draw_at(logits[:0], ends[:0]).shape == (0,)


def test_bits_are_the_same_everywhere() -> None:
    digest = hashlib.sha256(fields(3, 4).astype("<i8").tobytes()).hexdigest()
    assert digest == "6cf8ba2290db8c566163ced8ba141bcfd77ea1cde77ccaae89e5208c64a1683e"


@pytest.mark.parametrize("reach", [-1, 6])
def test_reach_has_a_range(reach: int) -> None:
    with pytest.raises(ValueError, match="reach"):
        sampling.coupled(8, 8, reach, Stream("any"))


@pytest.mark.parametrize("top", [3, 1 << 40, (1 << 62) - 1])
def test_equal_values_keep_their_order(top: int) -> None:
    values = np.random.default_rng(top).integers(0, top, (32, 33))
    values[:4] = values[4:8] = top
    assert np.array_equal(sampling._order(values), np.argsort(values.ravel(), kind="stable"))
