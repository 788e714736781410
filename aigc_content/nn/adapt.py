"""Adapt a trained network to few examples: all of its weights, or a low-rank change of them.

Hu et al. 2021 (arXiv:2106.09685), LoRA: a weight matrix stays as it is, and the product of two thin matrices is added
to it, so that few numbers are learned. The sum is rounded and exported like any weight: running costs nothing more.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from aigc_content.nn.quant import Layer


class LowRank(nn.Module):
    """``weight + b @ a``: the parametrization of a weight (N, K).

    Args:
        weight: as it is; ``b`` begins at zero, so that nothing changes at first.
        rank: columns of ``b`` (N, rank) and rows of ``a`` (rank, K).
    """

    def __init__(self, weight: Tensor, rank: int) -> None:
        super().__init__()
        rows, columns = weight.shape
        self.a = nn.Parameter(torch.randn(rank, columns) / columns**0.5)
        self.b = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, weight: Tensor) -> Tensor:
        """The changed weight."""
        return weight + self.b @ self.a


def low_rank(net: nn.Module, rank: int) -> None:
    """Let every `aigc_content.nn.quant.Layer` of a network learn a change of low rank in place of its weights.

    Biases, gains and tables stay free. Layers whose weights have no more than ``4 * rank`` rows or columns stay as
    they are: they have fewer numbers than a change would.

    Args:
        net: trained, and restored before this.
        rank: 1 or more.
    """
    for layer in [module for module in net.modules() if isinstance(module, Layer)]:
        if min(layer.weight.shape) > 4 * rank:
            parametrize.register_parametrization(layer, "weight", LowRank(layer.weight, rank))
            parametrized: Any = layer.parametrizations
            parametrized.weight.original.requires_grad_(False)
