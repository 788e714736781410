"""Adversarial examples: the small change of a picture that misleads a network most, and training on it.

The networks here see pictures of range 0 to 1; sizes of a change are in pixel units, 1/255 of that range. A loss is
a function of a batch and its targets that an attack makes large, such as
``lambda images, labels: F.cross_entropy(net(images), labels)``, or for a discriminator its binary cross-entropy
against targets of 1 for real. It must be a sum or mean of losses of single pictures: put a network with batch
normalization into evaluation. No gradient of the network's own parameters is left behind.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

PIXELS = 255
"""Pixel units in the range 0 to 1."""


def fgsm(loss: Callable[[Tensor, Tensor], Tensor], images: Tensor, targets: Tensor, epsilon: float) -> Tensor:
    """One step of ``epsilon`` along the sign of the gradient: (B, ...) to (B, ...), 0 to 1.

    Goodfellow et al. 2015 (arXiv:1412.6572).

    Args:
        loss: see the module.
        images: (B, ...), 0 to 1.
        targets: (B, ...), what ``loss`` takes.
        epsilon: largest change of a value, in pixel units, 0 or more.
    """
    return (images + epsilon / PIXELS * _uphill(loss, images, targets)).clamp(0, 1).detach()


def pgd(
    loss: Callable[[Tensor, Tensor], Tensor],
    images: Tensor,
    targets: Tensor,
    epsilon: float,
    step: float,
    steps: int,
    generator: torch.Generator,
) -> Tensor:
    """Several steps from a random start, each brought back to within ``epsilon``: (B, ...) to (B, ...), 0 to 1.

    Projected gradient ascent in the maximum norm, Madry et al. 2018 (arXiv:1706.06083).

    Args:
        loss: see the module.
        images: (B, ...), 0 to 1.
        targets: (B, ...), what ``loss`` takes.
        epsilon: largest change of a value, in pixel units, 0 or more.
        step: length of a step, in pixel units.
        steps: how many.
        generator: draws the start, uniform within ``epsilon``.
    """
    reach = epsilon / PIXELS
    images = images.detach()
    low, high = (images - reach).clamp_min(0), (images + reach).clamp_max(1)
    start = torch.rand(images.shape, generator=generator, device=generator.device).to(images)
    found = (images + reach * (2 * start - 1)).clamp(low, high)
    for _ in range(steps):
        found = (found + step / PIXELS * _uphill(loss, found, targets)).clamp(low, high)
    return found


def adversarial_batch(
    attack: Callable[[Tensor, Tensor], Tensor],
    images: Tensor,
    targets: Tensor,
    share: float,
    generator: torch.Generator,
) -> Tensor:
    """A batch for adversarial training: some samples attacked, the rest as they are, in their old order.

    Args:
        attack: images and targets to images, such as ``functools.partial(fgsm, loss, epsilon=8)``.
        images: (B, ...), 0 to 1.
        targets: (B, ...); they stay right for the result.
        share: of the batch that is attacked, 0 to 1; ``round(share * B)`` samples, drawn at random.
        generator: draws the samples.
    """
    count = round(share * len(images))
    if not count:
        return images
    order = torch.randperm(len(images), generator=generator, device=generator.device).to(images.device)
    chosen = order[:count]
    return images.index_copy(0, chosen, attack(images[chosen], targets[chosen]))


def _uphill(loss: Callable[[Tensor, Tensor], Tensor], images: Tensor, targets: Tensor) -> Tensor:
    """Sign of the gradient at the images, -1, 0 or 1."""
    points = images.detach().requires_grad_()
    with torch.enable_grad():
        (slope,) = torch.autograd.grad(loss(points, targets), points)
    return slope.sign()
