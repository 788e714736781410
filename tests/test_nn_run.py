"""Programs in integers: the same bits in every batch, order, step, kernel and process; broken tensors are refused."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aigc_content.errors import ModelError
from aigc_content.nn import sampling
from aigc_content.nn.operations import Input, Linear
from aigc_content.nn.program import Program
from aigc_content.nn.run import Network
from aigc_content.rng import Stream

from .nn_programs import PROGRAMS, Arrays, digest_of_runs, random_inputs, random_tensors

try:
    from aigc_content.nn.fast_loops import supported
except ImportError:  # no numba

    def supported() -> list[str]:
        return []


GOLDEN = "05b0fbe49cee7b47bc83299bb8dba7aa6ce840c730d50b3d840a7bad9be003e7"
STEPWISE = [name for name, program in PROGRAMS.items() if program.stepwise]


def network(name: str) -> Network:
    return Network(PROGRAMS[name], random_tensors(PROGRAMS[name], name))


def test_golden_digest_holds_on_this_machine() -> None:
    assert digest_of_runs() == GOLDEN


def in_fresh_process(code: str, setting: dict[str, str]) -> str:
    """What a process of its own prints that has imported `nn_programs`."""
    code = f"import sys; sys.path.insert(0, 'tests'); import nn_programs; {code}"
    result = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **setting}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def named(setting: dict[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in setting.items())


SETTINGS = [
    {"AIGC_KERNELS": "plain", "OPENBLAS_CORETYPE": "Nehalem"},
    {"AIGC_KERNELS": "plain", "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"},
    {"AIGC_KERNELS": "auto", "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F"},
    *({"AIGC_KERNELS": name} for name in supported()),
]


@pytest.mark.parametrize("setting", SETTINGS, ids=named)
def test_fresh_process_gives_the_same_bits(setting: dict[str, str]) -> None:
    assert in_fresh_process("print(nn_programs.digest_of_runs())", setting) == GOLDEN


TORCH_SETTINGS = [
    {"ATEN_CPU_CAPABILITY": "default", "ONEDNN_MAX_CPU_ISA": "SSE41"},
    {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2"},
    {"ATEN_CPU_CAPABILITY": "avx512", "OMP_NUM_THREADS": "2"},
]


@pytest.mark.parametrize("setting", TORCH_SETTINGS, ids=named)
@pytest.mark.parametrize("onednn", [True, False])
def test_training_forward_is_the_integer_run_on_every_backend(setting: dict[str, str], onednn: bool) -> None:
    torch = pytest.importorskip("torch")
    if setting["ATEN_CPU_CAPABILITY"] == "avx512" and torch.backends.cpu.get_cpu_capability() != "AVX512":
        pytest.skip("this processor has no AVX-512, and torch would use it all the same")
    code = f"import torch; torch.backends.mkldnn.enabled = {onednn}; print(nn_programs.twins_agree())"
    assert in_fresh_process(code, setting) == "True"


def test_running_needs_no_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = None; sys.path.insert(0, 'tests')\n"
        "import nn_programs; print(nn_programs.digest_of_runs())"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == GOLDEN


@pytest.mark.parametrize("name", PROGRAMS)
def test_networks_are_not_degenerate(name: str) -> None:
    result = network(name)(random_inputs(PROGRAMS[name], 4))
    assert result.std() > 500
    assert len(np.unique(result)) > 500


@pytest.mark.parametrize("name", PROGRAMS)
def test_batch_size_and_order_change_no_bit(name: str) -> None:
    net, inputs = network(name), random_inputs(PROGRAMS[name], 64)
    together = net(inputs)
    for size in (1, 2, 3, 7):
        part = {key: value[:size] for key, value in inputs.items()}
        assert (net(part) == together[:size]).all()
    order = Stream("order").permutation(64)
    assert (net({key: value[order] for key, value in inputs.items()}) == together[order]).all()


def at(inputs: Arrays, start: int, stop: int | None) -> Arrays:
    """Positions of the tokens, everything else as it is; one position without its axis where ``stop`` is None."""
    where = start if stop is None else slice(start, stop)
    return {key: value[:, where] if key == "tokens" else value for key, value in inputs.items()}


@pytest.mark.parametrize("name", STEPWISE)
def test_steps_and_pieces_equal_the_whole_sequence(name: str) -> None:
    net, inputs = network(name), random_inputs(PROGRAMS[name], 5, 49)
    whole = net(inputs)
    state = net.start(5)
    steps = np.stack([net.step(at(inputs, t, None), state) for t in range(49)], axis=1)
    assert (steps == whole).all()
    state = net.start(5)
    pieces = [net.extend(at(inputs, *piece), state) for piece in ((0, 7), (7, 8), (8, 49))]
    assert (np.concatenate(pieces, axis=1) == whole).all()
    assert state.position == 49


@pytest.mark.parametrize("name", STEPWISE)
def test_some_of_the_sequences_can_go_on_alone(name: str) -> None:
    net, inputs = network(name), random_inputs(PROGRAMS[name], 5, 20)
    whole = net(inputs)
    state = net.start(5)
    net.extend(at(inputs, 0, 12), state)
    for rows in (np.array([4, 1]), np.array([False, True, False, False, True])):
        some = state.select(rows)
        rest = net.extend({key: value[rows] for key, value in at(inputs, 12, 20).items()}, some)
        assert (rest == whole[rows, 12:]).all()
        assert some.position == 20
    assert (net.extend(at(inputs, 12, 20), state) == whole[:, 12:]).all()  # the selected ones were copies


def test_no_samples_give_no_results() -> None:
    for name, program in PROGRAMS.items():
        assert len(network(name)({key: value[:0] for key, value in random_inputs(program, 1).items()})) == 0


def test_a_language_model_writes_the_same_text_in_any_company() -> None:
    net = network("causal")

    def write(texts: list[int]) -> list[list[int]]:
        streams = [Stream(f"text {index}") for index in texts]
        state = net.start(len(texts))
        label = np.array([[index % 3, index % 4] for index in texts])
        tokens = np.zeros(len(texts), dtype=np.int64)
        rows = []
        for _ in range(12):
            logits = net.step({"tokens": tokens, "label": label}, state) // 8
            tokens = np.array([sampling.draw(row[None], s)[0][0] for row, s in zip(logits, streams, strict=True)])
            rows.append(tokens)
        return np.stack(rows, axis=1).tolist()

    together = write([0, 1, 2, 3])
    assert write([2]) == together[2:3]
    assert len({tuple(text) for text in together}) == 4


Spoil = Callable[[Any], Any]


@pytest.mark.parametrize(
    ("program", "name", "spoil", "found"),
    [
        ("pictures", "1.linear.w", lambda t: np.full_like(t, 65), "a weight of 65"),
        ("pictures", "1.linear.b", lambda t: np.full_like(t, 1 << 24), "bound of exact sums"),
        ("pictures", "8.conv.m", lambda t: np.full_like(t, np.nan), "not finite and above 0"),
        ("pictures", "3.quantize.m", lambda t: -t, "not finite and above 0"),
        ("pictures", "2.condition.t", lambda t: t[:-1], "int32 (9, 48)"),
        ("pictures", "2.condition.t", lambda t: t + (1 << 21), "beyond +-1048576"),
        ("gru", "2.gru.h.w", lambda t: t.astype(np.int16), "int16"),
        ("gru", "2.gru.x.m", lambda t: t.astype(np.float64), "float64"),
        ("lstm", "4.lstm.h.b", None, "missing"),
        ("causal", "4.attention.score.m", lambda t: t * np.float32(np.inf), "not finite and above 0"),
        ("causal", "4.attention.qkv.w", lambda t: t.T, "int8 (24, 48)"),
    ],
)
def test_broken_tensors_are_refused_by_name(program: str, name: str, spoil: Spoil | None, found: str) -> None:
    tensors = random_tensors(PROGRAMS[program], program)
    if spoil is None:
        del tensors[name]
    else:
        tensors[name] = spoil(tensors[name])
    with pytest.raises(ModelError) as caught:
        Network(PROGRAMS[program], tensors)
    assert caught.value.code == "M005"
    assert name.rpartition(".")[0] in caught.value.found
    assert found in caught.value.found


def test_tensors_of_no_operation_are_refused() -> None:
    tensors = random_tensors(PROGRAMS["gru"], "gru")
    tensors["2.gru.y.w"] = tensors["2.gru.x.w"]
    with pytest.raises(ModelError, match=r"M005.*'2\.gru\.y\.w' belongs to no operation(.|\n)*did you mean"):
        Network(PROGRAMS["gru"], tensors)


@pytest.mark.parametrize(
    ("program", "name", "spoil", "found"),
    [
        ("causal", "tokens", lambda v: v.astype(np.float32), "float32"),
        ("causal", "tokens", lambda v: v[:, :, None], r"\(B, \*\(None,\)\)"),
        ("causal", "tokens", lambda v: v - 20, "not 0..19"),
        ("causal", "tokens", lambda v: v + 20, "not 0..19"),
        ("causal", "tokens", lambda v: np.tile(v, (1, 3)), "at most 49"),
        ("causal", "tokens", lambda v: v[:3], "same number"),
        ("causal", "label", lambda v: v + 3, "beyond their sizes"),
        ("causal", "label", lambda v: v - 4, "beyond their sizes"),
        ("causal", "label", None, "exactly"),
        ("pictures", "noise", lambda v: v.astype(np.int16), "int8"),
        ("pictures", "noise", lambda v: np.full_like(v, -128), "at least -127"),
        ("full", "tokens", lambda v: v[:, :48], r"\(49,\)"),
        ("grid", "cells", lambda v: v[:, :7], "even sides"),
    ],
)
def test_wrong_inputs_are_refused(program: str, name: str, spoil: Spoil | None, found: str) -> None:
    inputs = random_inputs(PROGRAMS[program], 4)
    if spoil is None:
        del inputs[name]
    else:
        inputs[name] = spoil(inputs[name])
    with pytest.raises(ValueError, match=found):
        network(program)(inputs)


def test_sequences_of_different_lengths_do_not_mix() -> None:
    from aigc_content.nn.operations import Embed

    program = Program((Embed("a", 4, 8), Embed("b", 4, 8)))
    net = Network(program, random_tensors(program, "two"))
    with pytest.raises(ValueError, match="lengths differ"):
        net({"a": np.zeros((2, 5), np.int64), "b": np.zeros((2, 1), np.int64)})


def test_only_stepwise_programs_have_a_state() -> None:
    with pytest.raises(ValueError, match="all positions at once"):
        network("full").start(1)
    net = network("gru")
    with pytest.raises(ValueError, match="3 samples for a state of 2"):
        net.step({"tokens": np.zeros(3, np.int64)}, net.start(2))


def test_latents_are_standard_normal_and_pixels_are_a_sigmoid() -> None:
    noise = sampling.latents(Stream("noise"), 40000)
    assert noise.dtype == np.int8
    assert abs(float(noise.mean())) < 0.7
    assert 39 < float(noise.std()) < 41
    logits = np.arange(-3000, 3000, dtype=np.int32).reshape(2, 3000)
    expected = 255 / (1 + np.exp(-np.clip(logits, -2048, 2047) / 256))
    shades = sampling.pixels(logits)
    assert shades.dtype == np.uint8
    assert shades.shape == logits.shape
    assert np.abs(shades - expected).max() <= 0.5 + 1e-9


def test_a_generator_of_pictures_makes_pictures() -> None:
    net = network("pictures")
    noise = np.stack([sampling.latents(Stream(f"picture {index}"), 16) for index in range(6)])
    shades = sampling.pixels(net({"noise": noise, "label": np.arange(6)[:, None]}))
    assert shades.shape == (6, 28, 28, 1)
    assert shades.min() == 0
    assert shades.max() == 255


def test_inputs_are_left_as_they_are() -> None:
    program = Program((Input("x", (4,)), Linear(4, "set"), Linear(4), Linear(4, "add")))
    net = Network(program, random_tensors(program, "four"))
    x = random_inputs(program, 3)["x"]
    x.flags.writeable = False
    assert (net({"x": x}) == net({"x": np.asfortranarray(x)})).all()
