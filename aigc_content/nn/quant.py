"""Layers trained with rounding, so that what was trained is what runs.

A layer computes on the whole numbers themselves: float32 tensors that hold integers, weights within +-64 and
activations within +-127, rounded in the forward pass and passed straight through in the backward pass (Bengio et
al. 2013, arXiv:1308.3432; learned gains as in LSQ, Esser et al. 2020, arXiv:1902.08153). `Layer.export` gives the
integers that `aigc_content.nn.kernels` runs on; the float32 training forward equals the integer run bit for bit
wherever its products are exact.

Units: activations are integers of about 40 standard deviation; the residual stream is in 1/256 of that unit.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_content.nn import quick
from aigc_content.nn.flow import MAX_TABLE
from aigc_content.nn.kernels import MAX_ACTIVATION, MAX_RESIDUAL, MAX_SUM, MAX_WEIGHT

UNIT = 40.0
RESIDUAL_SCALE = 256.0
_ROOM = 1 << 20  # kept for the bias


def ste_round(x: Tensor) -> Tensor:
    """Round half to even, gradient 1."""
    rounded: Tensor = _Round.apply(x)  # type: ignore[no-untyped-call]
    return rounded


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return torch.round(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return gradient


class _RoundWithin(torch.autograd.Function):
    """Clamp and round in one pass, where each operation would keep a copy; gradient 1 within the limits, 0 beyond."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, low: float, high: float) -> Tensor:
        ctx.save_for_backward((x >= low) & (x <= high))
        return x.clamp(low, high).round_()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (within,) = ctx.saved_tensors
        return gradient * within, None, None


class _ScaleWithin(torch.autograd.Function):
    """Scale by channel, clamp and round in few walks over memory; gradient 1 within the limits, 0 beyond.

    With channels last, as the convolutions give them, torch walks over one short row of channels at a time; here
    many rows are one.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, multiplier: Tensor, low: float, high: float) -> Tensor:
        ctx.save_for_backward(x, multiplier)
        ctx.limits = [
            float(np.nextafter(np.float32(end), np.float32(way * np.inf))) for end, way in ((low, -1), (high, 1))
        ]
        rows = _rows(x)
        return _like((rows * _repeated(multiplier, rows)).clamp_(low, high).round_(), x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, multiplier = ctx.saved_tensors
        rows = _rows(x)
        factor = _repeated(multiplier, rows)
        inside = torch.ops.aten.hardtanh_backward(_rows(gradients[0]), rows * factor, *ctx.limits)
        pulls = (rows * inside).sum(dim=0).view(-1, len(multiplier)).sum(dim=0)
        return _like(inside.mul_(factor), x), pulls, None, None


_WIDE = 2048
"""Numbers in a row of `_rows`, about."""


def _rows(x: Tensor) -> Tensor:
    """(B, C, H, W) or (..., C) to (R, n * C): as many rows of channels in one as `_WIDE` has room for."""
    last = x.permute(0, 2, 3, 1) if x.ndim == 4 else x
    channels = last.shape[-1]
    many = math.gcd(last.numel() // channels, 1 << max(0, (_WIDE // channels).bit_length() - 1))
    return last.reshape(-1, many * channels)


def _like(rows: Tensor, x: Tensor) -> Tensor:
    """Rows of `_rows` in the shape of ``x`` again."""
    if x.ndim < 4:
        return rows.view(x.shape)
    batch, channels, height, width = x.shape
    return rows.view(batch, height, width, channels).permute(0, 3, 1, 2)


def _repeated(multiplier: Tensor, rows: Tensor) -> Tensor:
    """A vector (C,) as often as `_rows` put rows of channels into one."""
    return multiplier.repeat(rows.shape[1] // len(multiplier))


class Rounded(nn.Module):
    """Base of modules that compute on whole numbers.

    Attributes:
        rounding: False runs the same module in float, to measure what rounding costs.
    """

    rounding = True

    def whole(self, x: Tensor) -> Tensor:
        """Rounded, gradient 1."""
        return ste_round(x) if self.rounding else x

    def within(self, x: Tensor, low: float, high: float) -> Tensor:
        """Kept within limits and rounded; beyond the limits the gradient is 0."""
        if not self.rounding:
            return x.clamp(low, high)
        rounded: Tensor = _RoundWithin.apply(x, float(low), float(high))  # type: ignore[no-untyped-call]
        return rounded

    def scaled_within(self, x: Tensor, multiplier: Tensor, low: float, high: float) -> Tensor:
        """Each channel of (B, C, H, W), (B, T, C) or (B, C) times its multiplier (C,), then as `within`."""
        if not self.rounding:
            return self.within(x * channels(multiplier, x), low, high)
        scale: Any = _ScaleWithin.apply
        result: Tensor = scale(x, multiplier, float(low), float(high))
        return result


def channels(vector: Tensor, like: Tensor) -> Tensor:
    """A vector (C,) in the shape that multiplies (B, C, H, W), (B, T, C) or (B, C)."""
    return vector[:, None, None] if like.ndim == 4 else vector


class Layer(Rounded):
    """A product on integer activations with a multiplier for each output channel: of pictures or of rows.

    Args:
        inputs, outputs: channels.
        size: kernel side, 1 or 3; for pictures.
        dilation: step between taps.
        gain: factor on He initialization.
        damp: power of two; a fixed factor on the multiplier, for outputs that count in nat and not in activations.

    Attributes:
        quick: convolve as `aigc_content.nn.quick` does, where that is available; the sums are the same.
    """

    quick = False

    def __init__(
        self, inputs: int, outputs: int, size: int = 1, dilation: int = 1, gain: float = 1.0, damp: float = 1.0
    ) -> None:
        super().__init__()
        self.size, self.dilation, self.damp = size, dilation, damp
        scale = gain * (2.0 / (inputs * size * size)) ** 0.5
        self.weight = nn.Parameter(torch.randn(outputs, size * size * inputs) * scale)  # (N, K), K = (dy, dx, c)
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.log_gain = nn.Parameter(torch.zeros(outputs))

    def integers(self) -> tuple[Tensor, Tensor, Tensor]:
        """Weights and bias as whole numbers, gradients straight through, and the multiplier of each row.

        No sum of a row can reach 2**24, whatever the activations.
        """
        size = self.weight.detach().abs()
        row = size.amax(dim=1).clamp_min(1e-8) / MAX_WEIGHT
        terms = self.weight.shape[1]
        limit = MAX_SUM - 1 - MAX_WEIGHT * MAX_ACTIVATION * terms
        if limit < _ROOM:  # so long a row may need smaller weights; rounding adds up to half to each
            limit = _ROOM - 1
            row = torch.maximum(row, size.sum(dim=1) * (MAX_ACTIVATION / (MAX_SUM - _ROOM - MAX_WEIGHT * terms)))
        weight = self.whole(self.weight / row[:, None])
        multiplier = row * torch.exp(self.log_gain)
        if self.damp != 1.0:
            multiplier = multiplier * self.damp
        bias = self.whole((self.bias * (UNIT * self.damp) / multiplier.detach()).clamp(-limit, limit))
        return weight, bias, multiplier

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Sums (B, N, H, W), (B, T, N) or (B, N), and the multiplier (N,)."""
        weight, bias, multiplier = self.integers()
        if x.ndim < 4:
            return F.linear(x, weight, bias), multiplier
        kernel = weight.view(len(weight), self.size, self.size, -1).permute(0, 3, 1, 2)
        convolve = quick.convolve if self.quick and self.rounding else F.conv2d
        return convolve(x, kernel, bias, padding=self.dilation * (self.size // 2), dilation=self.dilation), multiplier

    def activate(self, x: Tensor, floor: int = 0) -> Tensor:
        """The layer followed by rounding to activations within floor..127."""
        sums, multiplier = self(x)
        return self.scaled_within(sums, multiplier, floor, MAX_ACTIVATION)

    def scaled(self, x: Tensor) -> Tensor:
        """The layer's output in residual units, rounded."""
        sums, multiplier = self(x)
        return self.scaled_within(sums, multiplier * RESIDUAL_SCALE, -MAX_RESIDUAL, MAX_RESIDUAL)

    def export(self, residual: bool) -> dict[str, npt.NDArray[np.generic]]:
        """``w`` int8 (N, K) with K order (dy, dx, c), ``b`` int32 (N,), ``m`` float32 (N,).

        ``residual`` tells whether the output goes to the residual stream (its unit is 1/256).
        """
        with torch.no_grad():
            weight, bias, multiplier = self.integers()
            if residual:
                multiplier = multiplier * RESIDUAL_SCALE
            return {
                "w": weight.to(torch.int8).cpu().numpy(),
                "b": bias.to(torch.int32).cpu().numpy(),
                "m": multiplier.cpu().numpy(),
            }

    def restore(self, part: dict[str, npt.NDArray[np.generic]], residual: bool) -> None:
        """Take over what `export` gave: the same integers, to be trained on."""
        with torch.no_grad():
            row = torch.from_numpy(part["m"].astype(np.float32)) / (RESIDUAL_SCALE if residual else 1.0) / self.damp
            w = torch.from_numpy(part["w"].astype(np.float32))
            # the largest weight of a row need not be 64; the gain makes up for it, so that the rows' scales stay
            peak = w.abs().amax(dim=1).clamp_min(1.0) / MAX_WEIGHT
            self.weight.copy_(w * row[:, None])
            self.log_gain.copy_(-torch.log(peak))
            self.bias.copy_(torch.from_numpy(part["b"].astype(np.float32)) * row / UNIT)


class Scale(Rounded):
    """A learned multiplier for each channel (or head), above 0.

    Args:
        count: how many.
        start: what they are at the start.
    """

    def __init__(self, count: int, start: float = 1.0) -> None:
        super().__init__()
        self.start = start
        self.log_gain = nn.Parameter(torch.zeros(count))

    def multiplier(self) -> Tensor:
        """Shape (count,)."""
        return torch.exp(self.log_gain) * self.start

    def export(self) -> dict[str, npt.NDArray[np.generic]]:
        """``m`` float32 (count,)."""
        with torch.no_grad():
            return {"m": self.multiplier().cpu().numpy()}

    def restore(self, part: dict[str, npt.NDArray[np.generic]]) -> None:
        """Take over what `export` gave."""
        with torch.no_grad():
            self.log_gain.copy_(torch.log(torch.from_numpy(part["m"].astype(np.float32)) / self.start))


class Quantize(Scale):
    """Residual stream to activations: a learned multiplier a channel, then rounding to within floor..127."""

    def __init__(self, channels: int, floor: int = -MAX_ACTIVATION) -> None:
        super().__init__(channels, 1 / RESIDUAL_SCALE)
        self.floor = floor

    def forward(self, residual: Tensor) -> Tensor:
        """(B, C, H, W), (B, T, C) or (B, C) in 1/256 units to activations."""
        return self.scaled_within(residual, self.multiplier(), self.floor, MAX_ACTIVATION)


class Norm(Scale):
    """Each vector of the residual stream over its root mean square, times 40 times a learned multiplier a channel."""

    def forward(self, residual: Tensor) -> Tensor:
        """(B, C, H, W), (B, T, C) or (B, C) in 1/256 units to activations."""
        axis = 1 if residual.ndim == 4 else -1
        count = residual.shape[axis]
        squares = residual.double().square().sum(dim=axis, keepdim=True) + count
        factor = (torch.full_like(squares, UNIT * UNIT * count) / squares).sqrt().float()
        scaled = residual * factor * channels(self.multiplier(), residual)
        return self.within(scaled, -MAX_ACTIVATION, MAX_ACTIVATION)


class Table(Rounded):
    """Embedding of integer tokens into the residual stream: rows of whole numbers that are summed."""

    def __init__(self, rows: int, channels: int, std: float = 1.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(rows, channels) * std)

    def integers(self) -> Tensor:
        """(rows, channels) in residual units, gradients straight through."""
        return self.whole((self.weight * (UNIT * RESIDUAL_SCALE)).clamp(-MAX_TABLE, MAX_TABLE))

    def forward(self, tokens: Tensor) -> Tensor:
        """Tokens (...) to rows (..., channels)."""
        return F.embedding(tokens, self.integers())

    def export(self) -> dict[str, npt.NDArray[np.generic]]:
        """``t`` int32 (rows, channels)."""
        with torch.no_grad():
            return {"t": self.integers().to(torch.int32).cpu().numpy()}

    def restore(self, part: dict[str, npt.NDArray[np.generic]]) -> None:
        """Take over what `export` gave."""
        with torch.no_grad():
            self.weight.copy_(torch.from_numpy(part["t"].astype(np.float32)) / (UNIT * RESIDUAL_SCALE))


def clamp_residual(residual: Tensor) -> Tensor:
    """Keep the residual stream within +-2**22, as the integer run does."""
    return residual.clamp(-MAX_RESIDUAL, MAX_RESIDUAL)
