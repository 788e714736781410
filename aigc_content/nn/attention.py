"""Attention for training with rounding: the arithmetic of `aigc_content.nn.cells.attend` in torch, whole matrices."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from aigc_content.nn import tables
from aigc_content.nn.kernels import MAX_WEIGHT
from aigc_content.nn.quant import UNIT, Layer, Rounded, Scale

KEY_SIZE = 0.5
"""Standard deviation of keys and values at the start, over that of queries: they must stay within +-64."""
_FAR = 4096.0  # steps; beyond it nothing has weight


class Attention(Rounded):
    """Attention over rows (B, T, C), as `aigc_content.nn.sequences.Attention` describes it.

    Args:
        inputs, outputs: channels.
        heads: how many.
        size: channels of each.
        causal: a position sees itself and those before it.
    """

    def __init__(self, inputs: int, outputs: int, heads: int, size: int, causal: bool) -> None:
        super().__init__()
        self.heads, self.size, self.causal = heads, size, causal
        width = heads * size
        self.qkv = Layer(inputs, 3 * width, gain=0.7)
        self.score = Scale(heads, tables.WEIGHING_STEPS / (UNIT * UNIT * KEY_SIZE * size**0.5))
        self.mix = Scale(width, 2.0)
        self.out = Layer(width, outputs, gain=0.4)
        with torch.no_grad():
            self.qkv.log_gain[width:].fill_(torch.log(torch.tensor(KEY_SIZE)))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) to what is added to the residual stream, (B, T, outputs)."""
        width = self.heads * self.size
        sums, multiplier = self.qkv(x)
        scaled = sums * multiplier
        query = self._split(self.whole(scaled[..., :width].clamp(-127, 127)))
        key, value = self._split(self.whole(scaled[..., width:].clamp(-MAX_WEIGHT, MAX_WEIGHT))).chunk(2, dim=1)
        scores = query @ key.transpose(2, 3)  # (B, H, T, T)
        if self.causal:
            steps = torch.arange(scores.shape[3], device=x.device)
            scores = scores.masked_fill(steps > steps[:, None], -torch.inf)
        weigh: Any = _Weighing.apply
        weights = weigh(scores, self.score.multiplier()[:, None, None], self.rounding)
        total = weights.sum(dim=3, keepdim=True)
        mixed = (weights @ value) * (torch.ones_like(total) / total)
        mixed = mixed * self.mix.multiplier().view(self.heads, 1, self.size)
        mixed = self.whole(mixed.clamp(-127, 127))
        return self.out.scaled(mixed.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        """(B, T, n * D) to (B, n, T, D)."""
        return x.reshape(*x.shape[:2], -1, self.size).transpose(1, 2)


class _Weighing(torch.autograd.Function):
    """Weights of scores by their distance from the largest of the row, which itself takes no gradient: the result of
    attention is a ratio that does not depend on it."""

    @staticmethod
    def forward(ctx: Any, scores: Tensor, multiplier: Tensor, rounding: bool) -> Tensor:
        """(B, H, T, S) and (H, 1, 1) to weights within 0..127."""
        below = (scores.amax(dim=3, keepdim=True) - scores).mul_(multiplier)
        ctx.rounding = rounding
        if not rounding:
            below.clamp_(max=_FAR)
            ctx.save_for_backward(below, multiplier)
            return _exponential(below)
        index = below.round_().clamp_(max=len(tables.weighing()) - 1).int()
        ctx.save_for_backward(index.to(torch.uint8), multiplier)
        return entries(_weighing(scores.device)[0], index)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        """By the exponential itself, not its rounded values, so that small weights can grow."""
        below, multiplier = ctx.saved_tensors
        smooth = entries(_weighing(below.device)[1], below.int()) if ctx.rounding else _exponential(below)
        slope = gradients[0] * smooth
        pulls = -(slope * below).sum(dim=(0, 2, 3)).view_as(multiplier) / multiplier
        return slope * (multiplier / tables.WEIGHING_STEPS), pulls / tables.WEIGHING_STEPS, None


def entries(table: Tensor, index: Tensor) -> Tensor:
    """``table[index]`` for an index of int32, in the fastest of torch's ways."""
    return table.index_select(0, index.reshape(-1)).view(index.shape)


def _exponential(below: Tensor) -> Tensor:
    return torch.exp(below * (-1 / tables.WEIGHING_STEPS)) * tables.MAX_WEIGHING


@lru_cache(maxsize=4)
def _weighing(device: torch.device) -> tuple[Tensor, Tensor]:
    """The weights as the integer run has them, and without rounding; the last are 0. (192,) each."""
    whole = torch.from_numpy(tables.weighing().copy()).float()
    smooth = _exponential(torch.arange(len(whole), dtype=torch.float32))
    smooth[-1] = 0.0
    return whole.to(device), smooth.to(device)
