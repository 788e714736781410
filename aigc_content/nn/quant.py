"""Layers trained with rounding, so that what was trained is what runs.

A layer computes on the whole numbers themselves: float32 tensors that hold integers, weights within +-64 and
activations within +-127, rounded in the forward pass and passed straight through in the backward pass (Bengio et
al. 2013, arXiv:1308.3432; learned gains as in LSQ, Esser et al. 2020, arXiv:1902.08153). `Layer.export` gives the
integers that `aigc_content.nn.kernels` runs on; the float32 training forward equals the integer run bit for bit
wherever its products are exact.

Units: activations are integers of about 40 standard deviation; the residual stream is in 1/256 of that unit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_content.nn.kernels import MAX_ACTIVATION, MAX_RESIDUAL, MAX_WEIGHT

UNIT = 40.0
RESIDUAL_SCALE = 256.0


def ste_round(x: Tensor) -> Tensor:
    """Round half to even, gradient 1."""
    return x + (torch.round(x) - x).detach()


class Layer(nn.Module):
    """A convolution (or product, ``size=1``) on integer activations, with a multiplier for each output channel.

    Args:
        inputs, outputs: channels.
        size: kernel side, 1 or 3.
        dilation: step between taps.
        gain: factor on He initialization.
    """

    def __init__(self, inputs: int, outputs: int, size: int = 1, dilation: int = 1, gain: float = 1.0) -> None:
        super().__init__()
        self.size, self.dilation = size, dilation
        scale = gain * (2.0 / (inputs * size * size)) ** 0.5
        self.weight = nn.Parameter(torch.randn(outputs, size * size * inputs) * scale)  # (N, K), K = (dy, dx, c)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.log_gain = nn.Parameter(torch.zeros(outputs))

    def scales(self) -> tuple[Tensor, Tensor]:
        """Row scale of the weights (detached) and the multiplier, shape (outputs,)."""
        row = self.weight.detach().abs().amax(dim=1).clamp_min(1e-8) / MAX_WEIGHT
        return row, row * torch.exp(self.log_gain)

    def integers(self) -> tuple[Tensor, Tensor]:
        """Weights and bias as whole numbers, gradients straight through."""
        row, multiplier = self.scales()
        weight = ste_round(self.weight / row[:, None])
        limit = float((1 << 24) - 1 - MAX_WEIGHT * MAX_ACTIVATION * self.weight[0].numel())
        bias = ste_round((self.bias * UNIT / multiplier.detach()).clamp(-limit, limit))
        return weight, bias

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Sums (B, N, H, W) and the multiplier as (1, N, 1, 1)."""
        weight, bias = self.integers()
        kernel = weight.view(len(weight), self.size, self.size, -1).permute(0, 3, 1, 2)
        sums = F.conv2d(x, kernel, bias, padding=self.dilation * (self.size // 2), dilation=self.dilation)
        return sums, self.scales()[1][None, :, None, None]

    def activate(self, x: Tensor, floor: int = 0) -> Tensor:
        """The layer followed by rounding to activations within floor..127."""
        sums, multiplier = self(x)
        return ste_round(torch.clamp(sums * multiplier, floor, MAX_ACTIVATION))

    def scaled(self, x: Tensor) -> Tensor:
        """The layer's output in residual units, rounded."""
        sums, multiplier = self(x)
        return ste_round(sums * (multiplier * RESIDUAL_SCALE))

    def export(self, residual: bool) -> dict[str, npt.NDArray[np.generic]]:
        """``w`` int8 (N, K) with K order (dy, dx, c), ``b`` int32 (N,), ``m`` float32 (N,).

        ``residual`` tells whether the output goes to the residual stream (its unit is 1/256).
        """
        with torch.no_grad():
            weight, bias = self.integers()
            multiplier = self.scales()[1]
            if residual:
                multiplier = multiplier * RESIDUAL_SCALE
            return {
                "w": weight.to(torch.int8).numpy(),
                "b": bias.to(torch.int32).numpy(),
                "m": multiplier.to(torch.float32).numpy(),
            }

    def restore(self, part: dict[str, npt.NDArray[np.generic]], residual: bool) -> None:
        """Take over what `export` gave: the same integers, to be trained on."""
        with torch.no_grad():
            row = torch.from_numpy(part["m"].astype(np.float32)) / (RESIDUAL_SCALE if residual else 1.0)
            w = torch.from_numpy(part["w"].astype(np.float32))
            # the largest weight of a row need not be 64; the gain makes up for it, so that the rows' scales stay
            peak = w.abs().amax(dim=1).clamp_min(1.0) / MAX_WEIGHT
            self.weight.copy_(w * row[:, None])
            self.log_gain.copy_(-torch.log(peak))
            self.bias.copy_(torch.from_numpy(part["b"].astype(np.float32)) * row / UNIT)


class Quantize(nn.Module):
    """Residual stream to activations: a learned multiplier a channel, then rounding to within floor..127."""

    def __init__(self, channels: int, floor: int = -MAX_ACTIVATION) -> None:
        super().__init__()
        self.floor = floor
        self.log_gain = nn.Parameter(torch.zeros(channels))

    def multiplier(self) -> Tensor:
        """Shape (channels,)."""
        return torch.exp(self.log_gain) / RESIDUAL_SCALE

    def forward(self, residual: Tensor) -> Tensor:
        """(B, C, H, W) in 1/256 units to activations."""
        scaled = residual * self.multiplier()[None, :, None, None]
        return ste_round(torch.clamp(scaled, self.floor, MAX_ACTIVATION))

    def export(self) -> dict[str, npt.NDArray[np.generic]]:
        """``m`` float32 (C,)."""
        with torch.no_grad():
            return {"m": self.multiplier().to(torch.float32).numpy()}

    def restore(self, part: dict[str, npt.NDArray[np.generic]]) -> None:
        """Take over what `export` gave."""
        with torch.no_grad():
            self.log_gain.copy_(torch.log(torch.from_numpy(part["m"].astype(np.float32)) * RESIDUAL_SCALE))


class Table(nn.Module):
    """Embedding of integer tokens into the residual stream: rows of whole numbers that are summed."""

    def __init__(self, rows: int, channels: int, std: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(rows, channels) * std)

    def integers(self) -> Tensor:
        """(rows, channels) in residual units, gradients straight through."""
        return ste_round(self.weight * (UNIT * RESIDUAL_SCALE))

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (...) to rows (..., channels)."""
        return F.embedding(tokens, self.integers())

    def export(self) -> dict[str, npt.NDArray[np.generic]]:
        """``t`` int32 (rows, channels)."""
        with torch.no_grad():
            return {"t": self.integers().to(torch.int32).numpy()}

    def restore(self, part: dict[str, npt.NDArray[np.generic]]) -> None:
        """Take over what `export` gave."""
        with torch.no_grad():
            self.weight.copy_(torch.from_numpy(part["t"].astype(np.float32)) / (UNIT * RESIDUAL_SCALE))


def clamp_residual(residual: Tensor) -> Tensor:
    """Keep the residual stream within +-2**22, as the integer run does."""
    return residual.clamp(-MAX_RESIDUAL, MAX_RESIDUAL)
