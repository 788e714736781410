"""Random programs with tensors and inputs at the extremes: bounds hold, and no batch, kernel or twin differs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from aigc_content.errors import ModelError
from aigc_content.nn import backend, cells, kernels, run
from aigc_content.nn.flow import MAX_TABLE, Operation
from aigc_content.nn.kernels import MAX_ACTIVATION, MAX_RESIDUAL, MAX_SUM, MAX_WEIGHT
from aigc_content.nn.operations import (
    Condition,
    Conv,
    Embed,
    Input,
    Linear,
    Norm,
    PoolMean,
    Pop,
    Push,
    Quantize,
    SpaceToDepth,
    TransposedConv,
    Upsample,
)
from aigc_content.nn.program import Program
from aigc_content.nn.run import Network
from aigc_content.nn.sequences import GRU, LSTM, Attention, Positions

from .nn_programs import Arrays, random_inputs

BATCH = 64
WIDTHS = st.sampled_from([1, 4, 7])  # few, so that sums often fit
ROWS = st.integers(1, 9)
GOALS = st.sampled_from(["rectified", "signed", "set", "add"])
GRID = (None, None)
ANYWHERE = st.one_of(
    st.builds(Condition, st.just("z"), st.lists(ROWS, min_size=1, max_size=16).map(tuple), WIDTHS),
    st.builds(Linear, WIDTHS, GOALS),
    st.builds(Quantize, st.booleans()),
    st.sampled_from([Norm(), Push(), Pop()]),
)
SEQUENCES = st.one_of(
    st.builds(Embed, st.sampled_from("xy"), ROWS, WIDTHS, st.sampled_from([(), (None,)])),
    st.builds(Positions, st.integers(5, 9)),
    st.builds(Attention, st.integers(1, 3), WIDTHS, st.booleans()),
    st.builds(GRU, WIDTHS),
    st.builds(LSTM, WIDTHS),
)
GRIDS = st.one_of(
    st.builds(Conv, WIDTHS, GOALS, st.sampled_from([1, 3]), st.integers(1, 4)),
    st.builds(TransposedConv, WIDTHS, GOALS),
    st.builds(Upsample, st.sampled_from("xr")),
    st.sampled_from([PoolMean(), SpaceToDepth()]),
)
STARTS = {  # the first operations of each kind, and those that may follow
    "vector": (st.tuples(st.builds(Input, st.just("x"), st.tuples(WIDTHS)), st.just(Linear(4, "set"))), SEQUENCES),
    "sequence": (st.tuples(st.builds(Embed, st.just("x"), ROWS, WIDTHS), st.just(Norm())), SEQUENCES),
    "grid": (st.tuples(st.builds(Embed, st.just("x"), ROWS, WIDTHS, st.just(GRID)), st.just(Quantize())), GRIDS),
    "picture": (st.tuples(st.just(Input("x", (4, 6, 7))), st.builds(Conv, WIDTHS, st.just("set"))), GRIDS),
}


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """Operations that fit, of many that were tried."""
    start, more = STARTS[draw(st.sampled_from(sorted(STARTS)))]
    ops: tuple[Operation, ...] = draw(start)
    for op in draw(st.lists(more | ANYWHERE, min_size=6, max_size=20)):
        try:
            longer = Program((*ops, op))
        except ModelError:
            continue
        if _cells(longer) <= 1024:
            ops = longer.ops
    return Program(ops)


def _cells(program: Program) -> int:
    """Of the largest grid, where a side that varies counts 8."""
    shapes = [
        shape for place in program.places for shape in (place.after.x, place.after.r) if shape and len(shape) == 3
    ]
    doubled = sum(op.kind in {"upsample", "transposed_conv"} for op in program.ops)
    return max(((shape[0] or 8 << doubled) * (shape[1] or 8 << doubled) for shape in shapes), default=0)


def extreme_tensors(program: Program, kinds: list[int]) -> Arrays:
    """All at their bounds, or mixed, by ``kinds``: 0 mixed, 1 the largest, 2 either bound."""
    rng = np.random.default_rng(kinds)
    tensors: Arrays = {}

    def values(kind: int, limit: int, shape: tuple[int, ...]) -> npt.NDArray[np.int64]:
        mixed = rng.integers(-limit, limit + 1, shape)
        return mixed if kind == 0 else np.full_like(mixed, limit) if kind == 1 else np.where(mixed < 0, -limit, limit)

    for index, (key, spec) in enumerate(program.tensors().items()):
        kind = kinds[index % len(kinds)]
        if key.endswith(".w"):
            wanted = values(kind, MAX_WEIGHT, spec.shape)
            wanted[:, 0] = MAX_WEIGHT
        elif key.endswith(".b"):
            terms = tensors[f"{key[:-1]}w"].shape[1]
            wanted = values(kind, MAX_SUM - 1 - MAX_WEIGHT * MAX_ACTIVATION * terms, spec.shape)
        elif key.endswith(".t"):
            wanted = values(kind, MAX_TABLE, spec.shape)
        else:
            power = rng.integers(-20, 1, spec.shape) if kind == 0 else np.full(spec.shape, 40 if kind == 1 else -8)
            tensors[key] = (rng.uniform(1, 2, spec.shape) * 2.0**power).astype(np.float32)
            continue
        tensors[key] = wanted.astype(spec.dtype)
    return tensors


def extreme_inputs(program: Program, kind: int) -> Arrays:
    inputs = random_inputs(program, BATCH, 5)
    for key, spec in program.inputs.items():
        if spec.kind == "values" and kind:
            limits = (np.full_like(inputs[key], 127), np.where(inputs[key] < 0, -127, 127).astype(np.int8))
            inputs[key] = limits[kind - 1]
    return inputs


@contextmanager
def bounds_watched() -> Iterator[None]:
    """Look at both registers after every operation."""

    def watched(runner: Any) -> Any:
        def run_and_look(network: Any, name: str, op: Any, registers: Any) -> None:
            runner(network, name, op, registers)
            if registers.x is not None and registers.x.size:
                assert registers.x.dtype == np.int8
                assert registers.x.min() >= -MAX_ACTIVATION, name
            if registers.r is not None and registers.r.size:
                assert registers.r.dtype == np.int32
                assert np.abs(registers.r).max() <= MAX_RESIDUAL, name

        return run_and_look

    with patch.dict(run._RUN, {kind: watched(runner) for kind, runner in run._RUN.items()}):
        yield


def result_of(network: Network, inputs: Arrays) -> npt.NDArray[np.int32]:
    """The result, if sizes that only a run tells, such as a grid's and its double's, can be added."""
    try:
        return network(inputs)
    except ValueError as error:
        assume("cannot be added" not in str(error) and "even sides" not in str(error))
        raise


CASES = given(programs(), st.lists(st.integers(0, 2), min_size=1, max_size=12), st.integers(0, 2), st.randoms())
LIMITS = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@CASES
@LIMITS
def test_bounds_hold_and_no_batch_order_or_kernel_changes_a_bit(
    program: Program, kinds: list[int], kind: int, random: Any
) -> None:
    tensors, inputs = extreme_tensors(program, kinds), extreme_inputs(program, kind)
    network = Network(program, tensors)
    with bounds_watched():
        together = result_of(network, inputs)
    order = np.array(random.sample(range(BATCH), BATCH))
    start = 0
    for size in (1, 2, 3, 7):
        rows = order[start : start + size]
        assert (network({key: value[rows] for key, value in inputs.items()}) == together[rows]).all()
        start += size
    assert (network({key: value[order] for key, value in inputs.items()}) == together[order]).all()
    with patch.object(backend, "kernels", lambda: kernels), patch.object(backend, "cells", lambda: cells):
        assert (Network(program, tensors)(inputs) == together).all()
    if program.stepwise:
        state = network.start(BATCH)
        moving = {key for key, spec in program.inputs.items() if None in spec.shape}
        for t in range(5):
            now = {key: value[:, t] if key in moving else value for key, value in inputs.items()}
            assert (network.step(now, state) == together[:, t]).all()


@CASES
@LIMITS
def test_training_forward_equals_the_integer_run(program: Program, kinds: list[int], kind: int, random: Any) -> None:
    torch = pytest.importorskip("torch")
    from aigc_content.nn.twin import Twin

    twin, inputs = Twin(program), extreme_inputs(program, kind)
    twin.restore(extreme_tensors(program, kinds))
    wanted = result_of(Network(program, twin.export()), inputs)
    with torch.no_grad():
        result = twin({key: torch.from_numpy(value) for key, value in inputs.items()}).numpy()
    assert (wanted == result * 256).all()
