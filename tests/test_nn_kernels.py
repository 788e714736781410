"""The compiled kernels: the same bits as the plain ones at every size and extreme, or the plain ones themselves."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_content.nn import fast, kernels

fast_loops = pytest.importorskip("aigc_content.nn.fast_loops")
HERE = fast_loops.supported()
# What this processor runs, and what it cannot run with the special instructions spelled out in plain ones.
SETS = [*HERE, *(isa.name for isa in fast_loops.ISAS if isa.emulated)] if "avx2" in HERE else []
KINDS = ("mixed", "high", "low", "either")
shapes = st.tuples(st.integers(1, 3), st.integers(1, 14), st.integers(1, 14), st.integers(1, 40), st.integers(1, 40))
seeds = st.integers(0, 1 << 30)


def whole(rng: np.random.Generator, kind: str, bound: int, shape: tuple[int, ...]) -> Any:
    if kind == "mixed":
        return rng.integers(-bound, bound + 1, shape).astype(np.int8)
    if kind == "either":
        return np.where(rng.random(shape) < 0.5, -bound, bound).astype(np.int8)
    return np.full(shape, bound if kind == "high" else -bound, dtype=np.int8)


def multipliers(rng: np.random.Generator, n: int, scale: float) -> Any:
    return (rng.random(n) * scale + 1e-6).astype(np.float32)


def residuals(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    bound = kernels.MAX_RESIDUAL
    return rng.integers(-bound, bound + 1, shape).astype(np.int32)


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The choice of kernels is made again within the test and after it."""
    fast._loops.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    fast._loops.cache_clear()


def test_both_modules_have_the_same_functions() -> None:
    assert sorted(fast.__all__) == sorted(kernels.__all__)
    for name in fast.__all__:
        here, there = getattr(fast, name), getattr(kernels, name)
        assert inspect.signature(here) == inspect.signature(there), name


@pytest.mark.parametrize("name", SETS)
@settings(max_examples=40, deadline=None)
@given(shapes, st.sampled_from((1, 3)), st.integers(1, 16), st.sampled_from(KINDS), st.sampled_from(KINDS), seeds)
def test_convolution_is_the_plain_one(
    name: str, shape: tuple[int, ...], size: int, dilation: int, values: str, weights: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    *picture, channels, n = shape
    loops = fast_loops.build(name)
    x = whole(rng, values, 127, (*picture, channels))
    packed = fast.pack(
        whole(rng, weights, 64, (n, size * size * channels)), rng.integers(-9999, 9999, n).astype(np.int32)
    )
    multiplier, floor = multipliers(rng, n, 0.001), int(rng.choice((-127, 0)))
    sums = kernels.conv_sums(x, packed, size, dilation)
    small = kernels.requantize(sums, multiplier, floor)
    residual = residuals(rng, sums.shape)
    after = residual.copy()
    kernels.accumulate(after, sums, multiplier * np.float32(400))
    for way in (fast.WINOGRAD, fast.TAPS) if size == 3 else (None,):
        out, out8, out_residual = np.empty_like(sums), np.empty_like(small), residual.copy()
        fast._convolve(loops, fast.SUMS, x, packed, size, dilation, out, way=way)
        fast._convolve(loops, fast.REQUANT, x, packed, size, dilation, out8, multiplier, floor, way)
        fast._convolve(
            loops, fast.ACCUMULATE, x, packed, size, dilation, out_residual, multiplier * np.float32(400), way=way
        )
        assert np.array_equal(out, sums)
        assert np.array_equal(out8, small)
        assert np.array_equal(out_residual, after)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("channels", [64, 192])
@pytest.mark.parametrize("values", KINDS)
@pytest.mark.parametrize("weights", KINDS)
def test_wide_convolution_at_extremes(name: str, channels: int, values: str, weights: str) -> None:
    rng = np.random.default_rng(channels)
    loops = fast_loops.build(name)
    x = whole(rng, values, 127, (1, 8, 9, channels))
    packed = fast.pack(whole(rng, weights, 64, (16, 9 * channels)), np.zeros(16, dtype=np.int32))
    sums = kernels.conv_sums(x, packed, 3, 1)
    for way in (fast.WINOGRAD, fast.TAPS):
        out = np.empty_like(sums)
        fast._convolve(loops, fast.SUMS, x, packed, 3, 1, out, way=way)
        assert np.array_equal(out, sums)


@pytest.mark.parametrize("name", SETS)
def test_rows_without_negative_values(name: str) -> None:
    rng = np.random.default_rng(2)
    loops = fast_loops.build(name)
    packed = fast.pack(whole(rng, "either", 64, (32, 64)), np.zeros(32, dtype=np.int32))
    x = np.abs(whole(rng, "either", 127, (1, 25, 40, 64)))
    for _ in range(2):  # all positive, then one value below 0 far into the rows
        sums = kernels.conv_sums(x, packed)
        out = np.empty_like(sums)
        fast._convolve(loops, fast.SUMS, x, packed, 1, 1, out)
        assert np.array_equal(out, sums)
        x[0, 20, 5, 63] = -1


@settings(max_examples=60, deadline=None)
@given(shapes, st.sampled_from(KINDS), seeds)
def test_public_functions_are_the_plain_ones(shape: tuple[int, ...], values: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    batch, height, width, channels, n = shape
    x = whole(rng, values, 127, (batch, height, width, channels))
    for size in (1, 3):
        packed = fast.pack(
            whole(rng, "mixed", 64, (n, size * size * channels)), rng.integers(-99, 99, n).astype(np.int32)
        )
        scale = multipliers(rng, n, 0.002)
        assert np.array_equal(fast.conv_sums(x, packed, size, 2), kernels.conv_sums(x, packed, size, 2))
        assert np.array_equal(
            fast.conv_requant(x, packed, size, 2, scale, 0), kernels.conv_requant(x, packed, size, 2, scale, 0)
        )
        ours = residuals(rng, (batch, height, width, n))
        plain = ours.copy()
        fast.conv_accumulate(ours, x, packed, size, 2, scale)
        kernels.conv_accumulate(plain, x, packed, size, 2, scale)
        assert np.array_equal(ours, plain)

    even = residuals(rng, (batch, 2 * height, 2 * width, channels))
    scale = multipliers(rng, channels, 2.0 ** rng.integers(-20, 20))
    for floor in (-127, 0):
        assert np.array_equal(fast.quantize(even, scale, floor), kernels.quantize(even, scale, floor))
    coarse, vector = residuals(rng, x.shape), residuals(rng, (batch, channels))
    for name, other in (("upsample_add", coarse), ("add_vector", vector)):
        ours, plain = even.copy(), even.copy()
        getattr(fast, name)(ours, other)
        getattr(kernels, name)(plain, other)
        assert np.array_equal(ours, plain)
    inside = rng.random((batch, height, width)) < 0.7
    x *= inside[..., None]
    assert np.array_equal(fast.pool_mean(x, inside), kernels.pool_mean(x, inside))


def test_ties_round_to_even() -> None:
    packed = fast.pack(np.ones((16, 1), dtype=np.int8), np.zeros(16, dtype=np.int32))
    x = np.arange(-127, 128, dtype=np.int8).reshape(1, 1, 255, 1)
    half = np.full(16, 0.5, dtype=np.float32)
    expected = np.rint(np.arange(-127, 128) * 0.5).astype(np.int8)
    assert np.array_equal(fast.conv_requant(x, packed, 1, 1, half, -127)[0, 0, :, 0], expected)
    assert np.array_equal(fast.quantize(x.astype(np.int32), half[:1])[0, 0, :, 0], expected)


@pytest.mark.parametrize("dilation", [1, 2, 4, 8])
def test_a_picture_alone_and_in_a_batch(dilation: int) -> None:
    rng = np.random.default_rng(dilation)
    x = whole(rng, "mixed", 127, (9, 24, 32, 48))
    packed = fast.pack(whole(rng, "mixed", 64, (40, 9 * 48)), np.zeros(40, dtype=np.int32))
    scale = multipliers(rng, 40, 0.001)
    together = fast.conv_requant(x, packed, 3, dilation, scale)
    for i in (0, 4, 8):
        assert np.array_equal(fast.conv_requant(x[i : i + 1], packed, 3, dilation, scale)[0], together[i])


def test_arrays_that_do_not_lie_whole_and_read_only_ones() -> None:
    rng = np.random.default_rng(5)
    x = whole(rng, "mixed", 127, (2, 12, 10, 16))[:, ::2]
    weights, scale = whole(rng, "mixed", 64, (16, 144)), multipliers(rng, 16, 0.01)
    odd = np.frombuffer(b"\0" + scale.tobytes(), dtype=np.uint8)[1:].view(np.float32)  # read-only, not aligned
    packed = fast.pack(weights, np.zeros(16, dtype=np.int32))
    expected = kernels.conv_requant(x, packed, 3, 1, scale)
    assert np.array_equal(fast.conv_requant(x, packed, 3, 1, odd), expected)
    x.flags.writeable = False
    assert np.array_equal(fast.conv_requant(np.broadcast_to(x, x.shape), packed, 3, 1, scale), expected)
    ours = residuals(rng, (2, 6, 20, 16))
    plain = ours.copy()
    fast.conv_accumulate(ours[:, :, ::2], x, packed, 3, 1, scale)
    kernels.conv_accumulate(plain[:, :, ::2], x, packed, 3, 1, scale)
    assert np.array_equal(ours, plain)
    ours.flags.writeable = False
    assert np.array_equal(fast.quantize(ours, odd), kernels.quantize(plain, scale))


def test_mistakes_are_refused() -> None:
    packed = fast.pack(np.ones((4, 9), dtype=np.int8), np.zeros(4, dtype=np.int32))
    x: Any = np.zeros((1, 3, 3, 1), dtype=np.int8)
    scale: Any = np.ones(4, dtype=np.float32)
    if fast.active() != "plain":
        for wrong in (x.astype(np.int16), x[0], np.zeros((1, 3, 3, 2), dtype=np.int8)):
            with pytest.raises(ValueError, match="does not fit weights"):
                fast.conv_sums(wrong, packed, 3, 1)
        with pytest.raises(ValueError, match="multipliers float64"):
            fast.conv_requant(x, packed, 3, 1, scale.astype(np.float64))
        with pytest.raises(ValueError, match="does not fit a result"):
            fast.conv_accumulate(np.zeros((1, 3, 3, 5), dtype=np.int32), x, packed, 3, 1, scale)
    with pytest.raises(ValueError, match="a weight of 65"):
        fast.pack(np.full((1, 2), 65, dtype=np.int8), np.zeros(1, dtype=np.int32))
    with pytest.raises(ValueError, match="2\\*\\*24"):
        fast.pack(np.full((1, 2065), 64, dtype=np.int8), np.zeros(1, dtype=np.int32))
    with pytest.raises(ValueError, match="int8"):
        fast.pack(scale, np.zeros(1, dtype=np.int32))


def test_copies_of_weights_leave_out_addresses() -> None:
    packed = fast.pack(np.ones((4, 9), dtype=np.int8), np.zeros(4, dtype=np.int32))
    fast.conv_sums(np.ones((1, 3, 3, 1), dtype=np.int8), packed, 3, 1)
    for other in (copy.deepcopy(packed), copy.copy(packed), pickle.loads(pickle.dumps(packed))):
        assert np.array_equal(other.w, packed.w)
        assert not other.forms


def test_nothing_in_gives_nothing_out() -> None:
    packed = fast.pack(np.ones((4, 9), dtype=np.int8), np.zeros(4, dtype=np.int32))
    assert fast.conv_sums(np.zeros((0, 3, 3, 1), dtype=np.int8), packed, 3, 1).shape == (0, 3, 3, 4)


def test_plain_can_be_forced(fresh: pytest.MonkeyPatch) -> None:
    fresh.setenv(fast.VARIABLE, "plain")
    assert fast.active() == "plain"
    packed = fast.pack(np.ones((4, 9), dtype=np.int8), np.zeros(4, dtype=np.int32))
    assert int(fast.conv_sums(np.ones((1, 3, 3, 1), dtype=np.int8), packed, 3, 1)[0, 1, 1, 0]) == 9
    assert fast.quantize(np.ones((1, 4), dtype=np.int32), np.ones(4, dtype=np.float32)).tolist() == [[1] * 4]


@pytest.mark.parametrize("name", HERE)
def test_an_instruction_set_can_be_forced(fresh: pytest.MonkeyPatch, name: str) -> None:
    fresh.setenv(fast.VARIABLE, name)
    assert fast.active() == name


def test_what_cannot_run_is_told_and_replaced(fresh: pytest.MonkeyPatch) -> None:
    fresh.setenv(fast.VARIABLE, "abacus")
    with pytest.warns(RuntimeWarning, match="AIGC_KERNELS=abacus cannot run here"):
        assert fast.active() == "plain"


def test_other_processors_run_the_plain_kernels(fresh: pytest.MonkeyPatch) -> None:
    fresh.setattr(fast_loops.llvmlite.binding, "get_host_cpu_features", lambda: {"neon": True})
    assert fast_loops.supported() == []
    assert fast.active() == "plain"


@pytest.mark.skipif("avx2" not in HERE, reason="needs vector code")
@pytest.mark.parametrize("part", ["winograd", "taps", "rows", "quantize"])
def test_broken_kernels_are_noticed(part: str) -> None:
    sound = fast_loops.build("avx2")
    assert fast.agrees(sound)

    def broken(*args: Any) -> None:
        getattr(sound, part)(*args)
        if part != "quantize":  # the last channel of the weights of the first column is off by one step
            args = ((args[0][0], args[0][1] + 64, *args[0][2:]), *args[1:])
            getattr(sound, part)(*args)
        else:
            args[-1][-1, -1] += 1

    faulty = dataclasses.replace(sound, **{part: broken})
    assert not fast.agrees(faulty)
    with pytest.warns(RuntimeWarning, match="results differ"):
        assert fast._first_that_works(["avx2"], lambda name: faulty) is None
    with pytest.warns(RuntimeWarning, match="results differ"):
        found = fast._first_that_works(["vnni", "avx2"], lambda name: faulty if name == "vnni" else sound)
    assert found is sound


def test_kernels_that_do_not_compile_are_replaced() -> None:
    def build(name: str) -> Any:
        raise RuntimeError("no such instruction")

    with pytest.warns(RuntimeWarning, match="no such instruction"):
        assert fast._first_that_works(["avx2"], build) is None


def test_no_folder_for_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def njit(*args: Any, cache: bool = False, **options: Any) -> Any:
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(fast_loops, "njit", njit)
    assert fast_loops.jit("int64(int64)")(abs) is abs
    assert asked == [True, False]


def test_plain_kernels_need_no_numba() -> None:
    code = (
        "import sys; sys.modules['numba'] = None\nfrom aigc_content.nn import fast\nassert fast.active() == 'plain'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
