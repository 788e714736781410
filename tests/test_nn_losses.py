"""Losses against their definitions written out, closed forms and numerical gradients."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Categorical, Normal, kl_divergence

from aigc_content.nn import losses


def seeded(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normals(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=seeded(seed), dtype=torch.float64)


def close(found: Tensor, wanted: Tensor | float) -> None:
    torch.testing.assert_close(found, torch.as_tensor(wanted, dtype=found.dtype), rtol=1e-9, atol=1e-9)


class TestReconstruction:
    def test_half_the_squared_error_is_a_gaussian_likelihood(self) -> None:
        predicted, target = normals(3, 2, 4), normals(3, 2, 4, seed=2)
        nats = -Normal(predicted, 1.0).log_prob(target).sum(dim=(1, 2))
        close(losses.mean_squared_error(predicted, target) / 2 + 4 * math.log(2 * math.pi), nats)

    def test_binary_cross_entropy_is_a_bernoulli_likelihood(self) -> None:
        logits = normals(3, 5)
        bits = (normals(3, 5, seed=2) > 0).double()
        close(losses.binary_cross_entropy(logits, bits), -Bernoulli(logits=logits).log_prob(bits).sum(dim=1))

    def test_binary_cross_entropy_is_finite_at_any_logit(self) -> None:
        logits = torch.tensor([[1000.0], [-1000.0]])
        close(losses.binary_cross_entropy(logits, torch.tensor([[1.0], [1.0]])), torch.tensor([0.0, 1000.0]))

    @pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 3, 2)])
    def test_cross_entropy_is_a_categorical_likelihood(self, shape: tuple[int, ...]) -> None:
        logits = normals(*shape, 6)
        target = torch.randint(6, shape, generator=seeded())
        close(
            losses.cross_entropy(logits, target), -Categorical(logits=logits).log_prob(target).view(4, -1).sum(dim=1)
        )

    def test_cross_entropy_skips_padding(self) -> None:
        logits, target = normals(2, 3, 5), torch.tensor([[1, 2, -1], [4, -1, -1]])
        whole = -torch.log_softmax(logits, dim=-1)
        close(
            losses.cross_entropy(logits, target, ignore=-1),
            torch.stack([whole[0, 0, 1] + whole[0, 1, 2], whole[1, 0, 4]]),
        )

    @pytest.mark.parametrize("loss", [losses.mean_squared_error, losses.binary_cross_entropy])
    def test_shapes_are_never_broadcast(self, loss: object) -> None:
        with pytest.raises(ValueError, match="differ"):
            loss(torch.zeros(4, 1), torch.zeros(4))  # type: ignore[operator]

    def test_cross_entropy_refuses_classes_in_the_wrong_place(self) -> None:
        with pytest.raises(ValueError, match="do not fit"):
            losses.cross_entropy(torch.zeros(4, 6, 3), torch.zeros(4, 3, dtype=torch.int64))


class TestLatent:
    def test_kl_equals_that_of_the_distributions(self) -> None:
        mean, log_variance = normals(5, 3), normals(5, 3, seed=2)
        wanted = kl_divergence(Normal(mean, (log_variance / 2).exp()), Normal(0.0, 1.0))
        close(losses.gaussian_kl(mean, log_variance), wanted)

    def test_free_bits_charges_every_group_at_least_its_share(self) -> None:
        kl = torch.tensor([[0.1, 3.0, 0.6], [0.3, 1.0, 0.2]], dtype=torch.float64)
        close(losses.free_bits(kl, 0.5), 0.5 + 2.0 + 0.5)
        close(losses.free_bits(kl, 0), kl.sum(dim=1).mean())

    def test_free_bits_gives_no_gradient_to_a_group_below_its_share(self) -> None:
        kl = torch.tensor([[0.1, 3.0], [0.3, 1.0]], requires_grad=True)
        losses.free_bits(kl, 0.5).backward()
        close(kl.grad, torch.tensor([[0.0, 0.5], [0.0, 0.5]]))

    def test_annealing_rises_once_and_stays(self) -> None:
        weights = [losses.annealing(step, 100, beta=4.0) for step in (0, 25, 50, 75, 100, 1000)]
        assert weights == [0.0, 2.0, 4.0, 4.0, 4.0, 4.0]

    def test_annealing_in_cycles_starts_again_from_nothing(self) -> None:
        weights = [losses.annealing(step, 120, cycles=3, rise=0.8) for step in range(130)]
        assert [step for step, weight in enumerate(weights) if weight == 0] == [0, 40, 80]
        assert weights[16] == pytest.approx(0.5)
        assert all(weight == 1 for step, weight in enumerate(weights) if step >= 120 or step % 40 >= 32)

    def test_beta_weighs_the_latent_loss(self) -> None:
        reconstruction, kl = torch.tensor([2.0, 4.0]), torch.tensor([1.0, 3.0])
        close(losses.negative_elbo(reconstruction, kl, 4.0), 3.0 + 4 * 2.0)
        close(losses.negative_elbo(reconstruction, torch.tensor(2.0)), 5.0)

    def test_negative_elbo_bounds_the_likelihood_and_meets_it_at_the_true_posterior(self) -> None:
        # z ~ N(0, 1), x | z ~ N(z, 1): the posterior is N(x / 2, 1 / 2), and x ~ N(0, 2).
        x = normals(6, 1)
        mean, log_variance = x / 2, torch.full_like(x, math.log(0.5))
        expected = (0.5 * ((x - mean) ** 2 + 0.5) + 0.5 * math.log(2 * math.pi)).sum(dim=1)
        kl = losses.gaussian_kl(mean, log_variance).sum(dim=1)
        close(losses.negative_elbo(expected, kl), -Normal(torch.zeros_like(x), math.sqrt(2)).log_prob(x).mean())
        looser = losses.gaussian_kl(mean, log_variance + 0.3).sum(dim=1)
        wider = expected + 0.25 * (math.exp(0.3) - 1)
        assert losses.negative_elbo(wider, looser) > losses.negative_elbo(expected, kl)


class TestAdversarial:
    REAL = torch.tensor([[2.0], [-0.5], [0.3]], dtype=torch.float64)
    FAKE = torch.tensor([[-3.0], [0.7]], dtype=torch.float64)

    def test_non_saturating_is_cross_entropy_of_the_probabilities(self) -> None:
        real, fake = torch.sigmoid(self.REAL), torch.sigmoid(self.FAKE)
        close(losses.non_saturating_discriminator(self.REAL, self.FAKE), -real.log().mean() - (1 - fake).log().mean())
        close(losses.non_saturating_generator(self.FAKE), -fake.log().mean())

    def test_hinge_charges_what_is_within_the_margin(self) -> None:
        close(losses.hinge_discriminator(self.REAL, self.FAKE), (0 + 1.5 + 0.7) / 3 + (0 + 1.7) / 2)

    def test_wasserstein_critic_finds_the_distance_of_shifted_sets(self) -> None:
        # The best 1-Lipschitz critic of a set and the same set moved by 3 is the coordinate itself.
        real = normals(50)
        close(losses.wasserstein_critic(real, real - 3), -3.0)
        close(losses.score_generator(self.FAKE), (3.0 - 0.7) / 2)

    @pytest.mark.parametrize("slope", [0.0, 1.0, 3.0])
    def test_penalties_of_a_linear_critic_are_known(self, slope: float) -> None:
        direction = normals(2, 4, 4)
        direction = slope * direction / direction.norm()

        def critic(x: Tensor) -> Tensor:
            return (x * direction).sum(dim=(1, 2, 3))

        real, fake = normals(5, 2, 4, 4), normals(5, 2, 4, 4, seed=2)
        close(losses.gradient_penalty(critic, real, fake, seeded()), (slope - 1) ** 2)
        close(losses.r1_penalty(critic, real), slope**2 / 2)

    def test_r1_equals_finite_differences(self) -> None:
        net = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)).double()
        real, step = normals(3, 4), 1e-6
        with torch.no_grad():
            slopes = [
                (net(real + step * axis) - net(real - step * axis)) / (2 * step)
                for axis in torch.eye(4, dtype=torch.float64)
            ]
        wanted = torch.cat(slopes, dim=1).square().sum(dim=1).mean() / 2
        torch.testing.assert_close(losses.r1_penalty(net, real), wanted, rtol=1e-6, atol=1e-9)

    def test_gradient_penalty_looks_between_each_pair(self) -> None:
        real, fake, seen = normals(64, 3), normals(64, 3, seed=2), []

        def critic(x: Tensor) -> Tensor:
            seen.append(x.detach())
            return x.sum(dim=1)

        losses.gradient_penalty(critic, real, fake, seeded())
        shares = (seen[0] - fake) / (real - fake)
        close(shares, shares[:, :1].expand_as(shares))
        assert 0 <= shares.min() < 0.1
        assert 0.9 < shares.max() <= 1

    @pytest.mark.parametrize("name", ["gradient_penalty", "r1_penalty"])
    def test_penalties_train_the_discriminator(self, name: str) -> None:
        real, fake = normals(3, 4), normals(3, 4, seed=2)

        def penalty(first: Tensor, second: Tensor) -> Tensor:
            def critic(x: Tensor) -> Tensor:
                return torch.tanh(x @ first) @ second

            if name == "r1_penalty":
                return losses.r1_penalty(critic, real)
            return losses.gradient_penalty(critic, real, fake, seeded())

        weights = normals(4, 5).requires_grad_(), normals(5, 1).requires_grad_()
        assert torch.autograd.gradcheck(penalty, weights)


class TestMatching:
    def test_gradient_matching_equals_the_loops_of_the_paper(self) -> None:
        predicted, target = normals(2, 3, 4, 5), normals(2, 3, 4, 5, seed=2)
        wanted = torch.zeros(2, dtype=torch.float64)
        for b in range(2):
            for c in range(3):
                for y in range(4):
                    for x in range(5):
                        p, t = predicted[b, c], target[b, c]
                        if y:
                            wanted[b] += abs(abs(t[y, x] - t[y - 1, x]) - abs(p[y, x] - p[y - 1, x]))
                        if x:
                            wanted[b] += abs(abs(t[y, x - 1] - t[y, x]) - abs(p[y, x - 1] - p[y, x]))
        close(losses.gradient_matching(predicted, target), wanted)

    def test_feature_matching_compares_means_only(self) -> None:
        real, fake = [normals(4, 3), normals(4, 2, 2)], [normals(6, 3, seed=2), normals(6, 2, 2, seed=3)]
        wanted = sum(((r.mean(dim=0) - f.mean(dim=0)) ** 2).sum() for r, f in zip(real, fake, strict=True))
        close(losses.feature_matching(real, fake), wanted)
        close(losses.feature_matching(real, [layer.flip(0) for layer in real]), 0.0)

    def test_feature_matching_moves_the_generated_only(self) -> None:
        real, fake = normals(4, 3).requires_grad_(), normals(4, 3, seed=2).requires_grad_()
        losses.feature_matching([real], [fake]).backward()
        assert real.grad is None
        assert fake.grad is not None

    def test_feature_matching_refuses_other_layers(self) -> None:
        with pytest.raises(ValueError, match="same layers"):
            losses.feature_matching([normals(4, 3)], [normals(4, 2)])


class TestSparsity:
    def test_l1_is_the_sum_of_sizes(self) -> None:
        close(losses.sparsity(torch.tensor([[1.0, -2.0], [0.0, 0.5]])), torch.tensor([3.0, 0.5]))

    def test_activity_kl_is_that_of_coins(self) -> None:
        activations = torch.rand((7, 4), generator=seeded(), dtype=torch.float64)
        wanted = kl_divergence(Bernoulli(0.05), Bernoulli(activations.mean(dim=0))).sum()
        torch.testing.assert_close(losses.activity_kl(activations, 0.05), wanted, rtol=1e-4, atol=0)

    def test_activity_kl_wakes_a_unit_that_is_always_off(self) -> None:
        activations = torch.zeros((3, 2), requires_grad=True)
        loss = losses.activity_kl(activations, 0.05)
        loss.backward()
        assert bool(loss.isfinite())
        assert activations.grad is not None
        assert bool((activations.grad < 0).all())


@pytest.mark.parametrize(
    ("loss", "shapes"),
    [
        (losses.mean_squared_error, [(2, 3, 4), (2, 3, 4)]),
        (losses.gaussian_kl, [(2, 3), (2, 3)]),
        (losses.non_saturating_discriminator, [(4, 1), (3, 1)]),
        (losses.non_saturating_generator, [(4, 1)]),
        (losses.hinge_discriminator, [(4, 1), (3, 1)]),
        (losses.wasserstein_critic, [(4, 1), (3, 1)]),
        (losses.score_generator, [(4, 1)]),
        (losses.gradient_matching, [(2, 1, 3, 4), (2, 1, 3, 4)]),
        (losses.sparsity, [(2, 3)]),
        (lambda x: losses.activity_kl(torch.sigmoid(x), 0.1), [(4, 3)]),
        (lambda x: losses.free_bits(x.square(), 0.5), [(4, 3)]),
    ],
)
def test_gradient_is_that_of_finite_differences(loss: object, shapes: list[tuple[int, ...]]) -> None:
    inputs = tuple(normals(*shape, seed=place).requires_grad_() for place, shape in enumerate(shapes))
    assert torch.autograd.gradcheck(loss, inputs)  # type: ignore[arg-type]
