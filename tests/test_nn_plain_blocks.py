"""Convolution in blocks: the defined sums, in both ways, whatever the blocks, the threads and the weights."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_content.nn import kernels, plain_blocks

KINDS = ("mixed", "high", "low", "either")
shapes = st.tuples(st.integers(1, 3), st.integers(1, 14), st.integers(1, 14), st.integers(1, 24), st.integers(1, 24))
kinds = st.sampled_from(KINDS)
seeds = st.integers(0, 1 << 30)


def whole(rng: np.random.Generator, kind: str, bound: int, shape: tuple[int, ...]) -> Any:
    if kind == "mixed":
        return rng.integers(-bound, bound + 1, shape).astype(np.int8)
    if kind == "either":
        return np.where(rng.random(shape) < 0.5, -bound, bound).astype(np.int8)
    return np.full(shape, bound if kind == "high" else -bound, dtype=np.int8)


def defined(x: Any, packed: kernels.Packed, size: int, dilation: int) -> Any:
    """The sums by the definition, in whole numbers."""
    rows = kernels.im2col(x, size, dilation).astype(np.int64)
    return (rows @ packed.w.T.astype(np.int64) + packed.bias).reshape(*x.shape[:3], len(packed.bias))


def gathered(blocks: Any, shape: tuple[int, ...]) -> Any:
    """All cells of all blocks, each of which must come once."""
    sums, times = np.zeros(shape), np.zeros(shape, dtype=np.int64)
    for block in blocks:
        for where, cells in block.cells:
            sums[where] = cells
            times[where] += 1
    assert (times == 1).all()
    return sums


@settings(max_examples=80, deadline=None)
@given(shapes, st.sampled_from((1, 3)), st.integers(1, 16), kinds, kinds, seeds)
def test_convolution_is_the_defined_one(
    shape: tuple[int, ...], size: int, dilation: int, values: str, weights: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    *picture, channels, n = shape
    x = whole(rng, values, 127, (*picture, channels))
    bias = rng.integers(-9999, 9999, n).astype(np.int32)
    packed = kernels.pack(whole(rng, weights, 64, (n, size * size * channels)), bias)
    scale = (rng.random(n) * 0.01 + 1e-6).astype(np.float32)
    expected = defined(x, packed, size, dilation)
    rows = kernels.conv(x, packed.w, bias, size, dilation)
    assert np.array_equal(rows.reshape(expected.shape), expected)
    assert np.array_equal(kernels.conv_sums(x, packed, size, dilation), expected)
    floor = int(rng.choice((-127, 0)))
    small = kernels.requantize(rows, scale, floor).reshape(expected.shape)
    assert np.array_equal(kernels.conv_requant(x, packed, size, dilation, scale, floor), small)
    residual = rng.integers(-(1 << 22), (1 << 22) + 1, expected.shape).astype(np.int32)
    after = residual.reshape(-1, n).copy()
    kernels.accumulate(after, rows, scale * np.float32(400))
    kernels.conv_accumulate(residual, x, packed, size, dilation, scale * np.float32(400))
    assert np.array_equal(residual.reshape(-1, n), after)


@pytest.mark.parametrize("cells", [1, 7, 40, 100_000])
@pytest.mark.parametrize("dilation", [1, 2, 3, 4])
def test_blocks_of_any_size_in_both_ways(cells: int, dilation: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_blocks, "_CELLS", cells)
    rng = np.random.default_rng(cells)
    for height in (1, 5, 6, 13):
        x = whole(rng, "mixed", 127, (3, height, 12, 5))
        bias = rng.integers(-99, 99, 7).astype(np.int32)
        packed = kernels.pack(whole(rng, "mixed", 64, (7, 45)), bias)
        expected, wide = defined(x, packed, 3, dilation), plain_blocks.widen(bias.astype(np.float32))
        taps = packed.w.reshape(7, 9, 5).transpose(1, 2, 0).astype(np.float32)
        assert np.array_equal(gathered(plain_blocks.taps(x, taps, wide, dilation), expected.shape), expected)
        pairs = plain_blocks.pair_weights(packed.w)
        assert np.array_equal(gathered(plain_blocks.pairs(x, pairs, wide, dilation), expected.shape), expected)


@pytest.mark.parametrize("channels", [68, 69])
@pytest.mark.parametrize("values", KINDS)
@pytest.mark.parametrize("weights", KINDS)
def test_sums_are_exact_on_both_sides_of_the_bound_of_pairs(channels: int, values: str, weights: str) -> None:
    rng = np.random.default_rng(channels)
    x = whole(rng, values, 127, (1, 8, 9, channels))
    packed = kernels.pack(whole(rng, weights, 64, (16, 9 * channels)), np.zeros(16, dtype=np.int32))
    assert plain_blocks.pairs_are_faster(8, 9, 1)
    if weights in ("high", "low"):  # m0 + m1 reach 254 * (64 + 96) * 3 * channels; twice that is below 2**24 or not
        assert (kernels._pair_form(packed) is not None) == (channels == 68)
    assert np.array_equal(kernels.conv_sums(x, packed, 3, 1), defined(x, packed, 3, 1))


@pytest.mark.parametrize("channels", [172, 173])
def test_weights_whose_third_product_is_the_greatest(channels: int) -> None:
    weights = np.repeat(
        np.array([[32, -64, 32]], dtype=np.int8), 3 * channels, axis=1
    )  # m1 is 0, m2 254 * 64 a weight
    packed = kernels.pack(weights, np.zeros(1, dtype=np.int32))
    assert (kernels._pair_form(packed) is not None) == (channels == 172)
    x = np.full((1, 8, 9, channels), 127, dtype=np.int8)
    x[:, ::2] = -127
    assert np.array_equal(kernels.conv_sums(x, packed, 3, 1), defined(x, packed, 3, 1))


def test_the_greatest_weights_that_can_be_packed() -> None:
    rng = np.random.default_rng(3)
    packed = kernels.pack(whole(rng, "either", 64, (4, 9 * 229)), np.full(4, 1000, dtype=np.int32))
    assert kernels._pair_form(packed) is None
    for sign in (1, -1):
        x = np.zeros((1, 4, 5, 229), dtype=np.int8)
        x[0, :3, :3] = sign * 127 * np.sign(packed.w[0]).reshape(3, 3, 229)
        sums = kernels.conv_sums(x, packed, 3, 1)
        assert sums[0, 1, 1, 0] == sign * 127 * 64 * 9 * 229 + 1000
        assert np.array_equal(sums, defined(x, packed, 3, 1))


def test_the_way_with_fewer_products_is_taken() -> None:
    assert plain_blocks.pairs_are_faster(24, 32, 1)
    assert not plain_blocks.pairs_are_faster(6, 8, 4)  # most places of the weights lie outside
    assert not plain_blocks.pairs_are_faster(24, 33, 2)  # no whole steps


def test_threads_do_not_share_memory() -> None:
    rng = np.random.default_rng(4)
    packed = kernels.pack(whole(rng, "mixed", 64, (32, 288)), np.zeros(32, dtype=np.int32))
    pictures = [whole(rng, "mixed", 127, (4, 24, 32, 32)) for _ in range(8)]
    expected = [defined(x, packed, 3, 1) for x in pictures]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda x: kernels.conv_sums(x, packed, 3, 1), pictures * 4))
    assert all(np.array_equal(sums, right) for sums, right in zip(found, expected * 4, strict=True))


@pytest.mark.parametrize("rows", [1, 31, 2048, 5003])
def test_quantizing_in_blocks_is_requantizing(rows: int) -> None:
    rng = np.random.default_rng(rows)
    residual = rng.integers(-(1 << 23), 1 << 23, (rows, 2, 5)).astype(np.int32)
    scale = (rng.random(5) * 1e-4).astype(np.float32)
    assert np.array_equal(kernels.quantize(residual, scale, -127), kernels.requantize(residual, scale, -127))
    assert np.array_equal(
        kernels.quantize(residual[::2, :, ::-1], scale, 0), kernels.requantize(residual[::2, :, ::-1], scale, 0)
    )


def test_multipliers_that_do_not_fit_are_refused() -> None:
    packed = kernels.pack(np.ones((4, 9), dtype=np.int8), np.zeros(4, dtype=np.int32))
    x = np.zeros((1, 3, 3, 1), dtype=np.int8)
    residual = np.zeros((1, 3, 3, 4), dtype=np.int32)
    wrong: list[Any] = [np.ones(3, dtype=np.float32), np.ones(4, dtype=np.float64), np.ones((1, 4), dtype=np.float32)]
    for scale in wrong:
        for run in (
            lambda scale: kernels.conv_requant(x, packed, 3, 1, scale),
            lambda scale: kernels.conv_accumulate(residual, x, packed, 3, 1, scale),
            lambda scale: kernels.quantize(residual, scale),
        ):
            with pytest.raises(ValueError, match=r"multipliers float.* for 4 channels"):
                run(scale)
