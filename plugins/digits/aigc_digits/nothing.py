"""Pictures that are no digits, for the classifier to tell from digits.

A network that has seen digits alone reads one in anything, in noise with a confidence above 0.99. So it learns an
eleventh answer from pictures like these (outlier exposure, Hendrycks et al. 2019, arXiv:1812.04606).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aigc_digits.data import SIDE

if TYPE_CHECKING:
    import torch
    from torch import Tensor

KINDS = ("noise", "clouds", "negative", "quarters", "pair", "tiles")
LEARNED = KINDS[:-1]
"""All but the last kind are learned from; that one measures how far the lesson reaches."""

HALF, QUARTER = SIDE // 2, SIDE // 4


def nothing(kind: str, images: Tensor, labels: Tensor, draws: torch.Generator) -> Tensor:
    """As many pictures without a digit as there are digits: (B, 1, 28, 28) from 0 to 1, and (B,), to the same.

    Args:
        kind: ``noise``, a value a pixel; ``clouds``, a smooth field; ``negative``, paper for ink; ``quarters``, whose
            quarters have changed places; ``pair``, two digits over each other; ``tiles``, sixteen parts in disorder.
        images, labels: digits.
        draws: of random numbers.
    """
    import torch
    import torch.nn.functional as F

    count = len(images)
    low, high = torch.rand(2, count, 1, 1, 1, generator=draws).sort(dim=0).values
    if kind == "noise":
        return torch.lerp(low, high, torch.rand(count, 1, SIDE, SIDE, generator=draws))
    if kind == "clouds":
        coarse = torch.rand(count, 1, QUARTER, QUARTER, generator=draws)
        return torch.lerp(low, high, F.interpolate(coarse, size=SIDE, mode="bilinear"))
    if kind == "negative":
        return 1 - images
    if kind == "quarters":
        return images.roll((HALF, HALF), dims=(2, 3))
    if kind == "pair":
        other = torch.randperm(count, generator=draws)
        apart = (labels != labels[other])[:, None, None, None]
        return torch.where(apart, torch.maximum(images, images[other]), 0)
    tiles = F.unfold(images, QUARTER, stride=QUARTER)  # (B, 49, 16)
    return F.fold(tiles[:, :, torch.randperm(16, generator=draws)], SIDE, QUARTER, stride=QUARTER)
