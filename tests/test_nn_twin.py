"""Training with rounding: the forward pass equals the integer run, gradients are right, little is lost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aigc_content.errors import ModelError
from aigc_content.nn.kernels import pack
from aigc_content.nn.operations import Embed, Input, Linear, Norm, Pop, Push, Quantize, TransposedConv
from aigc_content.nn.program import Program
from aigc_content.nn.run import Network
from aigc_content.nn.sequences import GRU, LSTM, Attention, Positions

from .nn_programs import PROGRAMS, Arrays, random_inputs, random_tensors

torch = pytest.importorskip("torch")
from torch.nn import functional  # noqa: E402

from aigc_content.nn import attention, muon, quant, recurrent  # noqa: E402
from aigc_content.nn.twin import Twin  # noqa: E402


def told(inputs: Arrays) -> dict[str, Any]:
    return {name: torch.from_numpy(value) for name, value in inputs.items()}


def moved_twin(program: Program) -> Twin:
    """One whose every parameter is away from its start."""
    torch.manual_seed(1)
    twin = Twin(program)
    with torch.no_grad():
        for value in twin.parameters():
            value.add_(torch.randn_like(value), alpha=0.1 * (float(value.abs().mean()) + 0.3))
    return twin


@pytest.mark.parametrize("name", PROGRAMS)
def test_training_forward_equals_the_integer_run(name: str) -> None:
    twin, inputs = moved_twin(PROGRAMS[name]), random_inputs(PROGRAMS[name], 6, 49)
    with torch.no_grad():
        result = twin(told(inputs)).numpy() * 256
    assert (Network(PROGRAMS[name], twin.export())(inputs) == result).all()
    assert result.std() > 50


SMALL = {
    "what was pushed stays": (Input("x", (5,)), Linear(6, "set"), Push(), Quantize(), Linear(6, "add"), Pop()),
    "faint": (Input("x", (5,)), Linear(6, "set"), Norm(), Linear(6, "set")),  # r within a few units
    "loud": (Input("x", (5,)), Linear(6, "set"), Linear(6, "add")),  # r at its bounds
}


@pytest.mark.parametrize("name", SMALL)
def test_small_programs_train_as_they_run(name: str) -> None:
    program = Program(SMALL[name])
    twin, inputs = moved_twin(program), random_inputs(program, 9)
    with torch.no_grad():
        for key, value in twin.named_parameters():
            if name == "loud" and "log_gain" in key:
                value.fill_(9.0)
            elif name == "faint" and key == "parts.1_linear.log_gain":
                value.fill_(-8.5)
        result = twin(told(inputs)).numpy() * 256
    assert (Network(program, twin.export())(inputs) == result).all()
    assert result.std() > 10


@pytest.mark.parametrize("name", PROGRAMS)
def test_training_goes_on_from_the_integers(name: str) -> None:
    tensors = random_tensors(PROGRAMS[name], "restore")
    for key, value in tensors.items():
        if key.endswith(".w"):
            value[:, 0] = 64  # as in every trained row, the largest weight
    twin = Twin(PROGRAMS[name])
    twin.restore(tensors)
    again = twin.export()
    assert list(again) == list(tensors) == list(PROGRAMS[name].tensors())
    for key, value in tensors.items():
        if key.endswith(".m"):
            assert np.allclose(again[key], value, rtol=1e-5), key
        else:
            assert np.abs(again[key].astype(int) - value).max() <= (1 if key.endswith(".b") else 0), key
    inputs = random_inputs(PROGRAMS[name], 3)
    with torch.no_grad():
        assert (twin(told(inputs)).numpy() * 256 == Network(PROGRAMS[name], again)(inputs)).all()


def test_tensors_of_another_program_are_not_restored() -> None:
    with pytest.raises(ModelError, match="M005"):
        Twin(PROGRAMS["gru"]).restore(random_tensors(PROGRAMS["lstm"], "lstm"))


@pytest.mark.parametrize("name", PROGRAMS)
def test_rounding_changes_results_and_gradients_little(name: str) -> None:
    inputs = told(random_inputs(PROGRAMS[name], 16))
    torch.manual_seed(0)
    twin = Twin(PROGRAMS[name])
    direction = torch.randn_like(twin(inputs))
    found = []
    for rounding in (True, False):
        twin.rounding = rounding
        twin.zero_grad()
        result = twin(inputs)
        (result * direction).sum().backward()
        found.append((result.detach(), {key: value.grad.clone() for key, value in twin.named_parameters()}))
    (rounded, by_rounded), (smooth, by_smooth) = found
    assert 0 < float((rounded - smooth).std()) < 0.1 * float(smooth.std())
    for key, gradient in by_smooth.items():
        likeness = functional.cosine_similarity(by_rounded[key].flatten(), gradient.flatten(), dim=0)
        assert float(likeness) > 0.9 or float(gradient.norm()) < 1e-4, key


@pytest.mark.parametrize(("scan", "gates"), [(recurrent._GRU, 3), (recurrent._LSTM, 4)])
def test_gradients_through_time_are_right(scan: Any, gates: int) -> None:
    torch.manual_seed(0)
    inputs = torch.randn(4, 2, 3 * gates, dtype=torch.double) * 256
    weight = torch.randn(3 * gates, 3, dtype=torch.double) * 20
    bias = torch.randn(3 * gates, dtype=torch.double) * 200
    multiplier = torch.rand(3 * gates, dtype=torch.double) * 0.3
    values = [value.requires_grad_() for value in (inputs, weight, bias, multiplier)]
    assert torch.autograd.gradcheck(lambda *v: scan.apply(*v, False), values, eps=1e-6, atol=1e-3, rtol=1e-4)


def test_gradients_of_attention_are_right() -> None:
    torch.manual_seed(0)
    scores = (torch.randn(2, 3, 4, 5, dtype=torch.double) * 100).requires_grad_()
    multiplier = (torch.rand(3, 1, 1, dtype=torch.double) * 0.5 + 0.1).requires_grad_()
    values = torch.randn(2, 3, 5, 6, dtype=torch.double)

    def mean(scores: Any, multiplier: Any) -> Any:
        weights = attention._Weighing.apply(scores, multiplier, False)
        return weights @ values / weights.sum(dim=3, keepdim=True)

    assert torch.autograd.gradcheck(mean, [scores, multiplier], eps=1e-6, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("shape", [(3, 48, 5, 7), (2, 9, 48), (6, 48), (1, 48, 1, 1)])
def test_scaling_in_one_step_is_scaling_clamping_and_rounding(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    x = (torch.randn(shape) * 100).requires_grad_()
    if x.ndim == 4:
        x = x.detach().contiguous(memory_format=torch.channels_last).requires_grad_()
    multiplier = (torch.rand(48) + 0.5).requires_grad_()
    module = quant.Rounded()
    pull = torch.randn(shape)
    steps = module.within(x * quant.channels(multiplier, x), 0.0, 127.0)
    one = module.scaled_within(x, multiplier, 0.0, 127.0)
    assert torch.equal(one, steps)
    assert x.ndim < 4 or one.is_contiguous(memory_format=torch.channels_last)
    for found, wanted in zip(
        torch.autograd.grad((one * pull).sum(), (x, multiplier)),
        torch.autograd.grad((steps * pull).sum(), (x, multiplier)),
        strict=True,
    ):
        assert torch.allclose(found, wanted, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("shape", [(16, 100), (100, 16), (20, 30), (8, 1)])
def test_muon_makes_matrices_nearly_orthogonal(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(shape)
    found = muon.orthogonalized(matrix)
    values = torch.linalg.svdvals(found)
    assert 0.3 < float(values.min()) <= float(values.max()) < 1.3
    u, _, v = torch.linalg.svd(matrix.double(), full_matrices=False)
    turned = u.T @ found.double() @ v.T
    assert torch.allclose(turned, turned.diag().diag(), atol=1e-4), "its singular vectors stay"


def test_float_cells_are_those_of_the_field() -> None:
    """Without rounding, a layer with torch's weights gives what torch's gives."""
    torch.manual_seed(0)
    x = torch.randn(3, 9, 5).mul(40).round()
    for kind, theirs, order in (
        (recurrent.GRU, torch.nn.GRU, (1, 0, 2)),  # torch: reset, update, new
        (recurrent.LSTM, torch.nn.LSTM, (0, 1, 2, 3)),
    ):
        ours, field = kind(5, 7), theirs(5, 7, batch_first=True)
        for module in (ours, ours.x, ours.h):
            module.rounding = False
        rows = torch.cat([torch.arange(7) + 7 * gate for gate in order])
        with torch.no_grad():
            for layer, weight, bias, unit in (
                (ours.x, field.weight_ih_l0, field.bias_ih_l0, 40),
                (ours.h, field.weight_hh_l0, field.bias_hh_l0, 127),
            ):
                layer.weight.copy_(weight[rows] / (unit * layer.damp))
                layer.bias.copy_(bias[rows] / (40 * layer.damp))
            assert torch.allclose(ours(x) / 127, field(x / 40)[0], atol=1e-4)


def test_a_transposed_convolution_is_one() -> None:
    torch.manual_seed(0)
    program = Program((Input("x", (4, 5, 3)), TransposedConv(2, "set")))
    twin = Twin(program)
    x = torch.randint(-127, 128, (2, 4, 5, 3))
    exported = twin.export()
    taps = torch.from_numpy(exported["1.transposed_conv.w"].astype(np.float32)).view(2, 2, 2, 3, 3, 3)
    kernel = torch.zeros(3, 2, 6, 6)  # cell (y, x) gets to output (2y + dy, 2x + dx) through tap (1 - ty, 1 - tx)
    for dy in range(2):
        for dx in range(2):
            for ty in range(3):
                for tx in range(3):
                    kernel[:, :, 2 * (2 - ty) + dy, 2 * (2 - tx) + dx] = taps[dy, dx, :, ty, tx].t()
    sums = functional.conv_transpose2d(x.permute(0, 3, 1, 2).float(), kernel, stride=2, padding=2)
    scale = torch.from_numpy(exported["1.transposed_conv.m"]).view(2, 2, 2)
    steps = torch.arange(2)
    expected = torch.round(
        sums.view(2, 2, 4, 2, 5, 2) * scale[steps[:, None], steps].permute(2, 0, 1)[:, None, :, None, :]
    )
    assert (twin({"x": x}) * 256 == expected.view(2, 2, 8, 10).permute(0, 2, 3, 1)).all()


def test_rows_of_any_length_keep_their_sums_below_the_bound() -> None:
    for terms, bias in ((2000, 1e6), (3000, 1e6), (20000, -1e6)):
        layer = quant.Layer(terms, 2)
        with torch.no_grad():
            layer.weight.fill_(0.5)
            layer.weight[1, 0] = 7
            layer.bias.fill_(bias)
        part = layer.export(residual=True)
        pack(part["w"], part["b"])
        assert part["w"].any(axis=1).all()


def test_results_start_at_about_a_nat() -> None:
    for name in ("gru", "lstm", "causal", "pictures"):
        torch.manual_seed(0)
        with torch.no_grad():
            result = Twin(PROGRAMS[name])(told(random_inputs(PROGRAMS[name], 8)))
        assert 0.1 < float(result.std()) < 4, name


BLOCK = (Norm(), Attention(2, 16), Norm(), Linear(64), Linear(32, "add"))
LEARNERS = {
    "gru": (Embed("tokens", 8, 32), Quantize(), GRU(32), Linear(8, "set")),
    "lstm": (Embed("tokens", 8, 32), Quantize(), LSTM(32), Linear(8, "set")),
    "transformer": (Embed("tokens", 8, 32), Positions(16), *BLOCK, Norm(), Linear(8, "set")),
}


@pytest.mark.parametrize("name", LEARNERS)
def test_learning_with_rounding_is_as_good_as_without(name: str) -> None:
    """Each token is the one three places before, plus one."""
    losses = []
    for rounding in (True, False):
        torch.manual_seed(0)
        twin = Twin(Program(LEARNERS[name]))
        twin.rounding = rounding
        optimizer = torch.optim.Adam(twin.parameters(), lr=5e-3)
        for _ in range(90):
            start = torch.randint(0, 8, (16, 3))
            tokens = torch.cat([(start + step) % 8 for step in range(6)], dim=1)
            logits = twin({"tokens": tokens[:, :15]})
            loss = functional.cross_entropy(logits[:, 2:].flatten(0, 1), tokens[:, 3:16].flatten())
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    assert losses[0] < 0.05 + 1.2 * losses[1]
    assert losses[0] < 0.4  # a guess is 2.08
