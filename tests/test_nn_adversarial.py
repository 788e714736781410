"""Attacks: within their bound, along the gradient, and harmful to a network that was trained."""

from __future__ import annotations

from functools import partial
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_content.nn.adversarial import adversarial_batch, fgsm, pgd


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


WEIGHTS = torch.randn(12, generator=seeded(), dtype=torch.float64)


def linear(images: Tensor, targets: Tensor) -> Tensor:
    return (images.flatten(1) @ WEIGHTS * targets).sum()


def pictures(count: int = 6, low: float = 0.2, high: float = 0.8) -> Tensor:
    return low + (high - low) * torch.rand((count, 3, 2, 2), generator=seeded(2), dtype=torch.float64)


def test_fgsm_finds_the_worst_corner_of_a_linear_loss() -> None:
    images, targets = pictures(1), torch.ones(1, dtype=torch.float64)
    found = fgsm(linear, images, targets, 8)
    corners = torch.tensor(list(product((-1.0, 1.0), repeat=12)), dtype=torch.float64).view(-1, 3, 2, 2)
    worst = (images + corners * 8 / 255).flatten(1) @ WEIGHTS
    assert float(linear(found, targets)) == pytest.approx(float(worst.max()))


def test_pgd_reaches_the_same_corner() -> None:
    images, targets = pictures(), torch.tensor([1.0, -1, 1, -1, 1, -1], dtype=torch.float64)
    found = pgd(linear, images, targets, epsilon=8, step=2, steps=8, generator=seeded())
    torch.testing.assert_close(found, fgsm(linear, images, targets, 8))


def test_pgd_starts_anywhere_within_its_bound() -> None:
    images = pictures(500)
    start = pgd(linear, images, torch.ones(500, dtype=torch.float64), 8, 2, 0, seeded())
    offsets = (start - images) * 255
    assert -8 <= offsets.min() < -7.9
    assert 7.9 < offsets.max() <= 8
    assert abs(offsets.mean()) < 0.3


@pytest.mark.parametrize("epsilon", [0, 4, 300])
def test_attacks_stay_within_their_bound_and_the_range(epsilon: float) -> None:
    images, targets = pictures(low=0, high=1), torch.ones(6, dtype=torch.float64)
    for found in (
        fgsm(linear, images, targets, epsilon),
        pgd(linear, images, targets, epsilon, step=3, steps=5, generator=seeded()),
    ):
        assert 0 <= found.min() <= found.max() <= 1
        assert (found - images).abs().max() <= epsilon / 255 + 1e-12
        assert not found.requires_grad


class TestAgainstANetwork:
    @pytest.fixture
    def trained(self) -> tuple[nn.Module, Tensor, Tensor]:
        """A classifier of two textures, with its pictures and labels."""
        generator = seeded(3)
        labels = torch.arange(200) % 2
        stripes = torch.zeros(2, 1, 6, 6)
        stripes[0, :, ::2], stripes[1, :, :, ::2] = 1, 1
        images = 0.5 + 0.1 * (stripes[labels] - 0.5) + 0.05 * torch.randn((200, 1, 6, 6), generator=generator)
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), nn.Linear(36, 16), nn.ReLU(), nn.Linear(16, 2))
        optimizer = torch.optim.Adam(net.parameters(), lr=0.02)
        for _ in range(60):
            optimizer.zero_grad()
            F.cross_entropy(net(images), labels).backward()
            optimizer.step()
        optimizer.zero_grad()
        return net, images, labels

    def test_attacks_mislead_and_more_steps_mislead_more(self, trained: tuple[nn.Module, Tensor, Tensor]) -> None:
        net, images, labels = trained

        def loss(pictures: Tensor, targets: Tensor) -> Tensor:
            return F.cross_entropy(net(pictures), targets)

        def right(pictures: Tensor) -> float:
            return float((net(pictures).argmax(dim=1) == labels).double().mean())

        shaken = images + 12 / 255 * torch.randn(images.shape, generator=seeded()).sign()
        one, many = fgsm(loss, images, labels, 12), pgd(loss, images, labels, 12, 3, 10, seeded())
        assert right(images) > 0.95
        assert right(shaken) > 0.9
        assert right(one) < 0.5
        assert loss(many, labels) >= loss(one, labels) * 0.99

    def test_the_network_is_left_as_it_was(self, trained: tuple[nn.Module, Tensor, Tensor]) -> None:
        net, images, labels = trained
        with torch.no_grad():
            fgsm(lambda pictures, targets: F.cross_entropy(net(pictures), targets), images, labels, 4)
        assert all(value.grad is None for value in net.parameters())
        assert images.grad is None
        assert not images.requires_grad


class TestBatch:
    @pytest.mark.parametrize(("share", "count"), [(0.0, 0), (0.5, 3), (0.7, 4), (1.0, 6)])
    def test_the_share_is_attacked_and_the_rest_kept(self, share: float, count: int) -> None:
        images, targets = pictures(), torch.tensor([1.0, -1, 1, -1, 1, -1], dtype=torch.float64)
        attack = partial(fgsm, linear, epsilon=8)
        found = adversarial_batch(attack, images, targets, share, seeded())
        whole = attack(images, targets)
        attacked = (found == whole).flatten(1).all(dim=1)
        kept = (found == images).flatten(1).all(dim=1)
        assert int(attacked.sum()) == count
        assert int(kept.sum()) == 6 - count

    def test_another_choice_each_time(self) -> None:
        images, targets, generator = pictures(), torch.ones(6, dtype=torch.float64), seeded()
        attack = partial(fgsm, linear, epsilon=8)
        chosen = {
            tuple(
                (adversarial_batch(attack, images, targets, 0.5, generator) != images).flatten(1).any(dim=1).tolist()
            )
            for _ in range(8)
        }
        assert len(chosen) > 2
