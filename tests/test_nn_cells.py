"""The kernels of sequence networks: what they compute, and their bounds at the extremes."""

from __future__ import annotations

from decimal import ROUND_UP, localcontext

import numpy as np
import pytest

from aigc_content.nn import cells, kernels, tables
from aigc_content.nn.kernels import MAX_RESIDUAL, Int8
from aigc_content.nn.sequences import MAX_SPAN

ARGUMENTS = np.arange(-2048, 2048) / 256


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_tables_are_rounded_functions() -> None:
    assert np.abs(tables.sigmoid() - 32768 * sigmoid(ARGUMENTS)).max() < 0.5001
    assert np.abs(tables.sigmoid(255) - 255 * sigmoid(ARGUMENTS)).max() < 0.5001
    assert np.abs(tables.tanh() - 32768 * np.tanh(ARGUMENTS)).max() < 0.5001
    smooth = 127 * np.exp(-np.arange(191) / 32)
    assert np.abs(tables.weighing()[:-1] - smooth).max() < 0.5001
    assert tables.weighing()[-1] == 0
    assert not tables.tanh().flags.writeable


def test_tables_do_not_depend_on_settings_of_decimal() -> None:
    with localcontext() as context:
        context.prec, context.rounding = 3, ROUND_UP
        assert (tables.sigmoid.__wrapped__() == tables.sigmoid()).all()
        assert (tables.tanh.__wrapped__() == tables.tanh()).all()
        assert (tables.weighing.__wrapped__() == tables.weighing()).all()


def test_norm_gives_every_vector_the_same_size() -> None:
    rng = np.random.default_rng(0)
    residual = (rng.normal(0, 1, (5, 7, 64)) * 10.0 ** rng.uniform(2, 6, (5, 7, 1))).astype(np.int32)
    gain = rng.uniform(0.5, 1.5, 64).astype(np.float32)
    size = np.sqrt(np.square(residual.astype(np.float64)).mean(axis=-1, keepdims=True))
    assert np.abs(cells.norm(residual, gain) - np.clip(residual / size * 40 * gain, -127, 127)).max() < 0.51


def test_norm_at_the_extremes() -> None:
    ones = np.ones(600, dtype=np.float32)
    residual = np.zeros((3, 600), dtype=np.int32)
    residual[1] = MAX_RESIDUAL
    residual[2, 0] = -MAX_RESIDUAL
    result = cells.norm(residual, ones)
    assert cells.norm(np.array([[2, 2, -2]], dtype=np.int32), ones[:3]).tolist() == [
        [36, 36, -36]
    ]  # 40 * 2 / sqrt(5)
    assert not result[0].any()
    assert (result[1] == 40).all()
    assert result[2, 0] == -127
    assert not result[2, 1:].any()


def attend_slowly(
    q: Int8, keys: Int8, values: Int8, start: int, causal: bool, score: np.ndarray, mix: np.ndarray
) -> Int8:
    batch, steps, width = q.shape
    _, heads, span, size = keys.shape
    out = np.zeros_like(q)
    for b in range(batch):
        for h in range(heads):
            own = slice(h * size, (h + 1) * size)
            for t in range(steps):
                seen = min(span, start + t + 1) if causal else span
                scores = [int(q[b, t, own].astype(np.int64) @ keys[b, h, s].astype(np.int64)) for s in range(seen)]
                index = [int(np.rint(np.float32(max(scores) - one) * score[h])) for one in scores]
                weights = [int(tables.weighing()[min(i, 191)]) for i in index]
                sums = sum(weight * values[b, h, s].astype(np.int64) for s, weight in enumerate(weights))
                mean = sums.astype(np.float32) * (np.float32(1) / np.float32(sum(weights))) * mix[own]
                out[b, t, own] = np.clip(np.rint(mean), -127, 127)
    assert width == heads * size
    return out


@pytest.mark.parametrize(("steps", "start", "causal"), [(7, 0, True), (1, 6, True), (3, 4, True), (5, 0, False)])
@pytest.mark.parametrize("extreme", [False, True])
def test_attention_equals_its_definition(steps: int, start: int, causal: bool, extreme: bool) -> None:
    rng = np.random.default_rng(1)
    span = start + steps
    q = rng.integers(-127, 128, (2, steps, 12)).astype(np.int8)
    keys, values = rng.integers(-64, 65, (2, 2, 3, span, 4)).astype(np.int8)
    if extreme:
        q, keys, values = (
            np.where(part < 0, -limit, limit).astype(np.int8) for part, limit in ((q, 127), (keys, 64), (values, 64))
        )
    score = np.array([0.01, 0.002, 1e30 if extreme else 0.1], dtype=np.float32)
    mix = rng.uniform(0.5, 4, 12).astype(np.float32)
    result = cells.attend(q, keys, values, start, causal, score, mix)
    assert (result == attend_slowly(q, keys, values, start, causal, score, mix)).all()
    room = np.zeros((2, 3, 64, 4), dtype=np.int8)  # keys and values lie in larger arrays
    room[:, :, :span] = keys
    assert (cells.attend(q, room[:, :, :span], values, start, causal, score, mix) == result).all()


def test_attention_over_the_longest_span_is_exact() -> None:
    q = np.full((1, 1, 2), 127, dtype=np.int8)
    keys = np.full((1, 1, MAX_SPAN, 2), 64, dtype=np.int8)
    values = keys.copy()
    values[:, :, ::2, 1] = -64
    one = np.ones(2, dtype=np.float32)
    assert cells.attend(q, keys, values, 0, False, one[:1], one).tolist() == [[[64, 0]]]


def test_flat_attention_over_many_positions_is_not_lost() -> None:
    values = np.full((1, 1, 300, 4), 50, dtype=np.int8)
    zeros, ones = np.zeros((1, 1, 4), dtype=np.int8), np.ones(4, dtype=np.float32)
    assert cells.attend(zeros, np.zeros_like(values), values, 0, False, ones[:1], ones).tolist() == [[[50] * 4]]


def test_gru_follows_the_formula() -> None:
    rng = np.random.default_rng(2)
    inputs, recurrent = rng.normal(0, 400, (2, 50, 30)).astype(np.int32)
    state = rng.integers(-32768, 32769, (50, 10)).astype(np.int32)
    x, h, old = inputs / 256, recurrent / 256, state / 32768
    update, reset = sigmoid(x[:, :10] + h[:, :10]), sigmoid(x[:, 10:20] + h[:, 10:20])
    new = np.tanh(x[:, 20:] + reset * h[:, 20:])
    expected = new + update * (old - new)
    output = cells.gru(inputs, recurrent, state)
    assert np.abs(state / 32768 - expected).max() < 0.003
    assert np.abs(output - 127 * state / 32768).max() <= 0.5


def test_lstm_follows_the_formula() -> None:
    rng = np.random.default_rng(3)
    inputs, recurrent = rng.normal(0, 400, (2, 50, 40)).astype(np.int32)
    state = rng.integers(-3 * 32768, 3 * 32768, (50, 10)).astype(np.int32)
    total = (inputs + recurrent) / 256
    enter, forget, leave = (sigmoid(total[:, part : part + 10]) for part in (0, 10, 30))
    expected = forget * state / 32768 + enter * np.tanh(total[:, 20:30])
    output = cells.lstm(inputs, recurrent, state)
    assert np.abs(state / 32768 - expected).max() < 0.003
    assert np.abs(output - 127 * leave * np.tanh(expected)).max() < 1


@pytest.mark.parametrize("sign", [-1, 1])
def test_recurrent_cells_keep_their_bounds(sign: int) -> None:
    far = np.full((4, 40), sign * MAX_RESIDUAL, dtype=np.int32)
    state = np.full((4, 10), 32768, dtype=np.int32)
    for _ in range(3):
        output = cells.gru(far[:, :30], far[:, :30], state)
        assert np.abs(state).max() <= 32768
        assert np.abs(output.astype(int)).max() <= 127
    state = np.full((4, 10), cells.MAX_CELL, dtype=np.int32)
    for _ in range(3):
        output = cells.lstm(far, far, state)
        assert np.abs(state).max() <= cells.MAX_CELL
        assert np.abs(output.astype(int)).max() <= 127


def test_blocks_and_depth_are_inverse() -> None:
    x = np.random.default_rng(4).integers(-127, 128, (3, 4, 6, 5)).astype(np.int8)
    assert (cells.depth_to_space(kernels.space_to_depth(x)) == x).all()
    assert (cells.upsample(x) == x.repeat(2, axis=1).repeat(2, axis=2)).all()
    wide = x.astype(np.int32) * 30000
    assert (cells.upsample(wide) == wide.repeat(2, axis=1).repeat(2, axis=2)).all()
