"""A low-rank change of a trained network: nothing at first, few numbers, and exported like any weight."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from aigc_content.nn.adapt import low_rank
from aigc_content.nn.operations import Input, Linear
from aigc_content.nn.program import Program
from aigc_content.nn.run import Network
from aigc_content.nn.twin import Twin

PROGRAM = Program((Input("x", (24,)), Linear(32), Linear(4, "set")))


def test_a_change_begins_at_nothing_and_learns_with_few_numbers() -> None:
    torch.manual_seed(0)
    twin = Twin(PROGRAM)
    x = torch.randint(-127, 128, (256, 24)).float()
    before, tensors = twin({"x": x}).detach(), twin.export()
    low_rank(twin, 2)
    assert (twin({"x": x}) == before).all()
    free = [value for value in twin.parameters() if value.requires_grad]
    whole = sum(value.numel() for value in Twin(PROGRAM).parameters())
    assert sum(value.numel() for value in free) < whole * 0.6
    target = (x[:, :1] > 0).long()[:, 0]
    optimizer = torch.optim.Adam(free, lr=0.03)
    for _ in range(60):
        loss = F.cross_entropy(twin({"x": x}), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) < 0.4
    changed = twin.export()
    assert sorted(changed) == sorted(tensors)
    result = Network(PROGRAM, changed)({"x": x.numpy().astype(np.int8)})
    assert (result == 256 * twin({"x": x}).detach().numpy()).all()
    drift = changed[f"{PROGRAM.places[1].name}.w"].astype(float) - tensors[f"{PROGRAM.places[1].name}.w"]
    assert np.abs(drift).max() > 2


def test_small_layers_stay_free() -> None:
    twin = Twin(PROGRAM)
    low_rank(twin, 2)
    frozen = [name for name, value in twin.named_parameters() if not value.requires_grad]
    assert len(frozen) == 1
