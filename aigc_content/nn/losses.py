"""Losses as plain functions: reconstruction, latent, adversarial, matching, sparsity.

A function returns a scalar (the mean over the batch) where its definition is about the whole batch, and one number
a sample, shape (B,), where it is not; each says which. Losses a sample are sums over the sample's elements, in nats
where they are likelihoods, so that reconstruction and latent terms of a variational autoencoder may be added as
they are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

_LEAST_ACTIVITY = 1e-6


def mean_squared_error(predicted: Tensor, target: Tensor) -> Tensor:
    """Squared error summed over a sample's elements: (B, ...) twice to (B,).

    Half of it is the negative log-likelihood of a Gaussian of deviation 1 in nats, less its constant.

    Raises:
        ValueError: the shapes differ (they are not broadcast).
    """
    _same_shape(predicted, target)
    return _total((predicted - target).square())


def binary_cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Nats of ``target`` under independent ``sigmoid(logits)``: (B, ...) twice to (B,).

    Args:
        logits: any real number, in nats.
        target: 0 to 1; between, the expected nats of a coin with that share.

    Raises:
        ValueError: the shapes differ (they are not broadcast).
    """
    _same_shape(logits, target)
    return _total(F.binary_cross_entropy_with_logits(logits, target, reduction="none"))


def cross_entropy(logits: Tensor, target: Tensor, ignore: int = -100) -> Tensor:
    """Nats of the target classes: (B, ..., classes) and (B, ...) to (B,).

    Args:
        logits: classes last, as networks here give them.
        target: int64, 0 to classes - 1; ``ignore`` marks elements that count nothing (padding).

    Raises:
        ValueError: the shapes do not fit.
    """
    if logits.shape[:-1] != target.shape:
        raise ValueError(f"logits {tuple(logits.shape)} do not fit targets {tuple(target.shape)}")
    flat = F.cross_entropy(logits.flatten(0, -2), target.flatten(), ignore_index=ignore, reduction="none")
    return _total(flat.view(target.shape))


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Nats from the standard Gaussian to a diagonal one, each dimension: (B, D) twice to (B, D).

    Kingma and Welling 2014 (arXiv:1312.6114), appendix B.
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def free_bits(kl: Tensor, least: float) -> Tensor:
    """Latent loss that charges each group at least ``least`` nats, so that none is squeezed out: (B, D) to scalar.

    ``sum over d of max(least, mean over the batch of kl[:, d])``; 0 gives the plain mean over the batch. Kingma et
    al. 2016 (arXiv:1606.04934), appendix C.8.

    Args:
        kl: nats of each group; a group is a dimension, or a channel whose places were summed.
        least: nats a group, 0 or more.
    """
    return kl.mean(dim=0).clamp_min(least).sum()


def annealing(step: int, steps: int, beta: float = 1.0, cycles: int = 1, rise: float = 0.5) -> float:
    """Weight of the latent loss at a step: from 0 to ``beta``, in one rise or several.

    One cycle is the warm-up of Bowman et al. 2016 (arXiv:1511.06349), several are those of Fu et al. 2019
    (arXiv:1903.10145).

    Args:
        step: 0 or more; from ``steps`` on the weight is ``beta``.
        steps: length of all cycles together, 1 or more.
        beta: last weight.
        cycles: how often the weight starts from 0, 1 or more.
        rise: share of a cycle in which the weight grows linearly, above 0 up to 1; in the rest it is ``beta``.
    """
    if step >= steps:
        return beta
    within = step * cycles % steps / steps
    return beta * min(1.0, within / rise)


def negative_elbo(reconstruction: Tensor, kl: Tensor, beta: float = 1.0) -> Tensor:
    """Loss of a variational autoencoder in nats a sample, to scalar.

    With ``beta`` 1 a bound on the negative log-likelihood; above 1 latents disentangle at the cost of sharpness,
    Higgins et al. 2017 (beta-VAE, ICLR).

    Args:
        reconstruction: nats a sample, (B,).
        kl: nats a sample, (B,), or their mean, such as `free_bits` gives.
        beta: weight of ``kl``, 0 or more; see `annealing`.
    """
    return reconstruction.mean() + beta * kl.mean()


def non_saturating_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Cross-entropy of a discriminator, real as 1 and fake as 0; logits of any shape to scalar.

    Goodfellow et al. 2014 (arXiv:1406.2661), with both halves averaged over their own batch.
    """
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def non_saturating_generator(fake: Tensor) -> Tensor:
    """``-log D(fake)``, the non-saturating loss of a generator; logits of any shape to scalar. Goodfellow 2014."""
    return F.softplus(-fake).mean()


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """Hinge loss with margin 1; scores of any shape to scalar. Lim and Ye 2017 (arXiv:1705.02894)."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def wasserstein_critic(real: Tensor, fake: Tensor) -> Tensor:
    """Minus the critic's estimate of the Wasserstein-1 distance; scores of any shape to scalar.

    Arjovsky et al. 2017 (arXiv:1701.07875). The critic has to be 1-Lipschitz: add `gradient_penalty`.
    """
    return fake.mean() - real.mean()


def score_generator(fake: Tensor) -> Tensor:
    """``-mean(fake)``, the generator's loss against a hinge discriminator or a Wasserstein critic; to scalar."""
    return -fake.mean()


def gradient_penalty(
    critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor, generator: torch.Generator
) -> Tensor:
    """``mean((|gradient| - 1)**2)`` at random points between pairs of real and fake; to scalar.

    Gulrajani et al. 2017 (arXiv:1704.00028), who weigh it by 10. A critic with batch normalization mixes samples
    and breaks the definition.

    Args:
        critic: (B, ...) to scores, (B,) or (B, ...).
        real, fake: (B, ...), equal shapes.
        generator: draws the points.

    Raises:
        ValueError: the shapes differ.
    """
    _same_shape(real, fake)
    share = torch.rand(len(real), generator=generator, device=generator.device).to(real)
    share = share.view(-1, *[1] * (real.ndim - 1))
    between = fake.detach() + share * (real - fake).detach()
    lengths: Tensor = torch.linalg.vector_norm(_slopes(critic, between), dim=1)
    return (lengths - 1).square().mean()


def r1_penalty(discriminator: Callable[[Tensor], Tensor], real: Tensor) -> Tensor:
    """``mean(|gradient|**2) / 2`` at real samples; to scalar. Mescheder et al. 2018 (arXiv:1801.04406).

    Args:
        discriminator: (B, ...) to logits, (B,) or (B, ...).
        real: (B, ...).
    """
    return _slopes(discriminator, real.detach()).square().sum(dim=1).mean() / 2


def gradient_matching(predicted: Tensor, target: Tensor) -> Tensor:
    """Difference of image gradients, which keeps edges sharp: (B, C, H, W) twice to (B,).

    Sum over neighboring pixels, down and across, of ``||step of target| - |step of predicted||``. Mathieu et al.
    2016 (arXiv:1511.05440), equation 6 with exponent 1.

    Raises:
        ValueError: the shapes differ.
    """
    _same_shape(predicted, target)
    down, across = (_total((target.diff(dim=axis).abs() - predicted.diff(dim=axis).abs()).abs()) for axis in (-2, -1))
    return down + across


def feature_matching(real: Sequence[Tensor], fake: Sequence[Tensor]) -> Tensor:
    """Squared distance of the mean features of two batches, summed over layers; to scalar.

    Salimans et al. 2016 (arXiv:1606.03498), section 3.1. No gradient flows into ``real``.

    Args:
        real, fake: for each layer of an own network (a discriminator, a classifier) its features, (B, ...); batches
            may differ in size.

    Raises:
        ValueError: other layers in the one than in the other.
    """
    if [layer.shape[1:] for layer in real] != [layer.shape[1:] for layer in fake]:
        raise ValueError("real and fake features are not of the same layers")
    gaps = [a.detach().mean(dim=0) - b.mean(dim=0) for a, b in zip(real, fake, strict=True)]
    return torch.stack([gap.square().sum() for gap in gaps]).sum()


def sparsity(activations: Tensor) -> Tensor:
    """L1 norm of a sample's activations, (B, ...) to (B,). Ng 2011, "Sparse autoencoder" (CS294A)."""
    return _total(activations.abs())


def activity_kl(activations: Tensor, target: float) -> Tensor:
    """Nats from each unit's mean activity to a target, summed over units: (B, D) to scalar.

    Ng 2011, "Sparse autoencoder" (CS294A). Means are drawn inwards by 1e-6, so that a unit that is always off has a
    finite loss and a gradient.

    Args:
        activations: 0 to 1, as a sigmoid gives.
        target: share of samples in which a unit should be active, above 0 and below 1; 0.05 is usual.
    """
    mean = activations.mean(dim=0) * (1 - 2 * _LEAST_ACTIVITY) + _LEAST_ACTIVITY
    rho = torch.as_tensor(target, dtype=mean.dtype, device=mean.device)
    return (rho * (rho / mean).log() + (1 - rho) * ((1 - rho) / (1 - mean)).log()).sum()


def _slopes(score: Callable[[Tensor], Tensor], points: Tensor) -> Tensor:
    """Gradient of each sample's score at each sample, itself differentiable: (B, ...) to (B, elements)."""
    points = points.requires_grad_()
    (slopes,) = torch.autograd.grad(score(points).sum(), points, create_graph=True)
    return slopes.flatten(1)


def _total(values: Tensor) -> Tensor:
    return values.reshape(len(values), -1).sum(dim=1)


def _same_shape(a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape:
        raise ValueError(f"shapes {tuple(a.shape)} and {tuple(b.shape)} differ")
