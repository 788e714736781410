"""The compiled cells: the same bits as the plain ones at every size and extreme, or the plain ones themselves."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aigc_content.nn import cells, fast, tables
from aigc_content.nn.kernels import MAX_RESIDUAL

fast_loops = pytest.importorskip("aigc_content.nn.fast_loops")
from aigc_content.nn import cell_loops, fast_cells  # noqa: E402

HERE = fast_loops.supported()
SETS = [*HERE, *(isa.name for isa in fast_loops.ISAS if isa.emulated)] if "avx2" in HERE else []
KINDS = st.sampled_from(("mixed", "high", "low", "either"))
SEEDS = st.integers(0, 1 << 30)


def whole(rng: np.random.Generator, kind: str, bound: int, shape: tuple[int, ...], dtype: Any = np.int8) -> Any:
    if kind == "mixed":
        return rng.integers(-bound, bound + 1, shape).astype(dtype)
    if kind == "either":
        return np.where(rng.random(shape) < 0.5, -bound, bound).astype(dtype)
    return np.full(shape, bound if kind == "high" else -bound, dtype=dtype)


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The choice is made again within the test and after it."""
    fast_cells._loops.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    fast_cells._loops.cache_clear()


def test_both_modules_have_the_same_functions() -> None:
    for name in fast_cells.__all__:
        assert inspect.signature(getattr(fast_cells, name)) == inspect.signature(getattr(cells, name)), name


@pytest.mark.parametrize("name", SETS)
@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 20), st.integers(0, 40), st.integers(1, 40)),
    st.booleans(),
    st.booleans(),
    KINDS,
    KINDS,
    SEEDS,
)
def test_attention_is_the_plain_one(
    name: str, sizes: tuple[int, ...], causal: bool, many: bool, queries: str, others: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    batch, heads, steps, start, size = sizes
    span = start + steps
    room = whole(rng, others, 64, (2, batch, heads, span + int(rng.integers(3)), size))
    keys, values = room[:, :, :, :span]
    q = whole(rng, queries, 127, (batch, steps, heads * size))
    score = (rng.choice([1e-4, 1e-2, 1.0, 1e20], heads) * rng.uniform(1, 2, heads)).astype(np.float32)
    mix = rng.uniform(0.1, 4, heads * size).astype(np.float32)
    told = (q, keys, values, start, causal, score, mix)
    assert (fast_cells._attend(cell_loops.build(name), *told, many) == cells.attend(*told)).all()


def test_attention_over_the_longest_span_is_the_plain_one() -> None:
    rng = np.random.default_rng(0)
    for kind in ("mixed", "high", "either"):
        keys, values = whole(rng, kind, 64, (2, 1, 1, 2048, 24))
        q = whole(rng, kind, 127, (1, 9, 24))
        for steps in (1, 9):
            score, mix = np.full(1, 1e-5, np.float32), np.full(24, 2, np.float32)
            told = (q[:, :steps], keys, values, 0, False, score, mix)
            assert (fast_cells.attend(*told) == cells.attend(*told)).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(1, 70), st.sampled_from((1, 100, 1 << 16, MAX_RESIDUAL)), KINDS, SEEDS)
def test_norm_is_the_plain_one(rows: int, channels: int, most: int, kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    residual = whole(rng, kind, most, (2, rows, channels), np.int32)
    scale = (rng.uniform(1, 2, channels) * 2.0 ** rng.integers(-20, 20)).astype(np.float32)
    assert (fast_cells.norm(residual, scale) == cells.norm(residual, scale)).all()


@pytest.mark.parametrize("kind", ["gru", "lstm"])
@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(1, 40), st.sampled_from((300, 3000, MAX_RESIDUAL)), KINDS, SEEDS)
def test_recurrent_cells_are_the_plain_ones(
    kind: str, batch: int, width: int, most: int, values: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    gates, bound = (3, tables.ONE) if kind == "gru" else (4, cells.MAX_CELL)
    inputs, recurrent = (whole(rng, values, most, (batch, gates * width), np.int32) for _ in range(2))
    state = whole(rng, values, bound, (batch, width), np.int32)
    other = state.copy()
    for _ in range(2):
        output = getattr(fast_cells, kind)(inputs, recurrent, state)
        assert (output == getattr(cells, kind)(inputs, recurrent, other)).all()
        assert (state == other).all()


def test_a_state_in_pieces_is_refused() -> None:
    zeros = np.zeros((2, 12), np.int32)
    with pytest.raises(ValueError, match="lie whole"):
        fast_cells._cell(cell_loops.build(HERE[0]).gru, zeros, zeros, np.zeros((2, 8), np.int32)[:, ::2])


def test_loops_that_do_not_agree_are_not_used(fresh: pytest.MonkeyPatch) -> None:
    honest = cell_loops.build(HERE[0])

    def lying(inputs: Any, recurrent: Any, state: Any, sigmoid: Any, tanh: Any, out: Any) -> None:
        honest.gru(inputs, recurrent, state, sigmoid, tanh, out)
        out[0, 0] += 1

    fresh.setattr(cell_loops, "build", lambda name: dataclasses.replace(honest, gru=lying))
    fresh.setattr(fast, "active", lambda: HERE[0])
    with pytest.warns(RuntimeWarning, match="differ from the plain ones"):
        assert fast_cells._loops() is None
    zeros = np.zeros((2, 30), np.int32)
    assert not fast_cells.gru(zeros, zeros, np.zeros((2, 10), np.int32)).any()


def test_plain_kernels_bring_plain_cells(fresh: pytest.MonkeyPatch) -> None:
    fresh.setattr(fast, "active", lambda: "plain")
    assert fast_cells._loops() is None
