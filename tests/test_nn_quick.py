"""Convolutions of whole numbers in training: the same sums, gradients as near as bfloat16 holds them."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_content.nn import quick
from aigc_content.nn.fitconfig import FitConfig
from aigc_content.nn.quant import Layer
from aigc_content.nn.train import fit

needed = pytest.mark.skipif(not quick.available(), reason="the processor has no such products")


def whole(shape: tuple[int, ...], most: int, seed: int) -> Tensor:
    found = torch.randint(-most, most + 1, shape, generator=torch.Generator().manual_seed(seed)).float()
    return found.requires_grad_()


@needed
@pytest.mark.parametrize(("size", "dilation"), [(1, 1), (3, 1), (3, 2)])
def test_sums_are_exact_and_gradients_near(size: int, dilation: int) -> None:
    padding = dilation * (size // 2)
    x, kernel, bias = whole((3, 20, 8, 8), 127, 0), whole((12, 20, size, size), 64, 1), whole((12,), 9_000, 2)
    pulls = whole((3, 12, 8, 8), 1000, 3).detach() / 7
    wanted = F.conv2d(x, kernel, bias, padding=padding, dilation=dilation)
    exact = torch.autograd.grad(wanted, (x, kernel, bias), pulls)
    found = quick.convolve(x, kernel, bias, padding, dilation)
    assert torch.equal(found, wanted)
    for near, far in zip(torch.autograd.grad(found, (x, kernel, bias), pulls), exact, strict=True):
        assert near.dtype == torch.float32
        assert float((near - far).norm() / far.norm()) < 0.01


@needed
def test_the_ends_of_the_range_do_not_saturate() -> None:
    x, kernel = torch.full((1, 64, 4, 4), 127.0), torch.full((2, 64, 3, 3), 64.0)
    kernel[1] = -64
    sums = quick.convolve(x, kernel, torch.zeros(2), 1, 1)
    assert sums[0, :, 1, 1].tolist() == [127 * 64 * 64 * 9, -127 * 64 * 64 * 9]


@pytest.mark.parametrize(("precision", "has"), [("auto", True), ("auto", False), ("float32", True)])
def test_training_convolves_quickly_where_it_may(monkeypatch: pytest.MonkeyPatch, precision: Any, has: bool) -> None:
    monkeypatch.setattr(quick, "available", lambda: has)
    seen: list[int] = []

    def convolve(x: Tensor, kernel: Tensor, bias: Tensor, padding: int, dilation: int) -> Tensor:
        seen.append(padding)
        return F.conv2d(x, kernel, bias, padding=padding, dilation=dilation)

    monkeypatch.setattr(quick, "convolve", convolve)
    net = Layer(2, 3, 3)

    def losses(model: nn.Module, batch: list[int]) -> dict[str, tuple[Tensor, int]]:
        return {"square": (model(torch.ones(1, 2, 4, 4))[0].square().sum(), len(batch))}

    def batches(start: int) -> Any:
        while True:
            yield [start]

    config = FitConfig(steps=2, precision=precision)
    fit(net, batches, losses, config, say=lambda line: None)
    assert len(seen) == (2 if has and precision == "auto" else 0)
    assert not net.quick, "only while it is trained"
