"""Recurrent layers for training with rounding: the arithmetic of `aigc_content.nn.cells` in torch, whole sequences.

Each layer is one node of the graph of gradients: the products with all inputs come before it, only the product with
the last output is made step by step, and the gradient of its weights is one product at the end. Rounding passes
gradients straight through; tables have the slopes of the functions that they stand for.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from aigc_content.nn import tables
from aigc_content.nn.attention import entries
from aigc_content.nn.cells import MAX_CELL
from aigc_content.nn.kernels import MAX_ACTIVATION, MAX_RESIDUAL
from aigc_content.nn.quant import RESIDUAL_SCALE, Layer, Rounded

ONE = float(tables.ONE)


class Recurrent(Rounded):
    """Base of the two: products with inputs and outputs, then cells, over rows (B, T, C).

    Args:
        inputs, width: channels.
    """

    gates: int

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.x = Layer(inputs, self.gates * width, gain=0.7, damp=1 / 32)
        self.h = Layer(width, self.gates * width, gain=0.7, damp=1 / 128)

    def forward(self, x: Tensor) -> Tensor:
        """Activations (B, T, C) to (B, T, width)."""
        inputs = self.x.scaled(x.transpose(0, 1).contiguous())  # (T, B, gates * N)
        weight, bias, multiplier = self.h.integers()
        output: Tensor = self.scan().apply(inputs, weight, bias, multiplier * RESIDUAL_SCALE, self.rounding)
        return output.transpose(0, 1)

    def scan(self) -> Any:
        """The function that runs the cells."""
        raise NotImplementedError


class GRU(Recurrent):
    """As `aigc_content.nn.cells.gru`."""

    gates = 3

    def scan(self) -> Any:
        """See `Recurrent`."""
        return _GRU


class LSTM(Recurrent):
    """As `aigc_content.nn.cells.lstm`."""

    gates = 4

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(inputs, width)
        with torch.no_grad():
            self.x.bias[width : 2 * width].fill_(0.8)  # 1 nat: remember at first

    def scan(self) -> Any:
        """See `Recurrent`."""
        return _LSTM


class _Arithmetic:
    """Rounded or not."""

    def __init__(self, device: torch.device, rounding: bool) -> None:
        self.rounding = rounding
        self._sigmoid, self._tanh = _gates(device)

    def whole(self, x: Tensor) -> Tensor:
        """Rounded in place."""
        return x.round_() if self.rounding else x

    def product(self, output: Tensor, weight: Tensor, bias: Tensor, multiplier: Tensor) -> Tensor:
        """In 1/256 nat, (B, N) to (B, gates * N)."""
        sums = torch.addmm(bias, output, weight.t()).mul_(multiplier)
        return self.whole(sums).clamp_(-MAX_RESIDUAL, MAX_RESIDUAL)

    def sigmoid(self, x: Tensor) -> Tensor:
        """1/256 nat to 1/32768; uses up its argument."""
        if self.rounding:
            return _entries(self._sigmoid, x)
        return x.mul_(1 / tables.UNITS).sigmoid_().mul_(ONE)

    def tanh(self, x: Tensor) -> Tensor:
        """1/256 nat to 1/32768; uses up its argument."""
        if self.rounding:
            return _entries(self._tanh, x)
        return x.mul_(1 / tables.UNITS).tanh_().mul_(ONE)

    def share(self, gate: Tensor, x: Tensor) -> Tensor:
        """The share of ``x`` that a gate lets through."""
        return self.whole((gate * x).mul_(1 / ONE))


class _GRU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor, multiplier: Tensor, rounding: bool) -> Tensor:
        """(T, B, 3N), (3N, N), (3N,), (3N,) to (T, B, N)."""
        steps, batch, rows = inputs.shape
        width = rows // 3
        do = _Arithmetic(inputs.device, rounding)
        gates = inputs.new_empty(steps, batch, 2 * width)  # update, reset
        inner = inputs.new_empty(steps, batch, width)  # what the reset gate acts on
        new, outputs = torch.empty_like(inner), torch.empty_like(inner)
        states = inputs.new_zeros(steps + 1, batch, width)
        output = inputs.new_zeros(batch, width)
        for t in range(steps):
            product = do.product(output, weight, bias, multiplier)
            inner[t] = product[:, 2 * width :]
            gates[t] = do.sigmoid(product[:, : 2 * width].add_(inputs[t, :, : 2 * width]))
            update, reset = gates[t].chunk(2, dim=1)
            new[t] = do.tanh(do.share(reset, inner[t]).add_(inputs[t, :, 2 * width :]))
            torch.add(new[t], do.share(update, states[t] - new[t]), out=states[t + 1])
            output = outputs[t] = do.whole(states[t + 1] * (MAX_ACTIVATION / ONE))
        ctx.save_for_backward(weight, bias, multiplier, gates, inner, new, states, outputs)
        return outputs

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Backpropagation through time."""
        weight, bias, multiplier, gates, inner, new, states, outputs = ctx.saved_tensors
        steps, batch, width = outputs.shape
        update, reset = gates[..., :width], gates[..., width:]
        kept = update / ONE  # slopes, (T, B, N) each
        by_update = (states[:-1] - new) * kept * (1 - kept) / tables.UNITS
        by_new = (1 - kept) * (ONE - new * new / ONE) / tables.UNITS
        opened = reset / ONE
        by_reset = inner * opened * (1 - opened) / tables.UNITS
        at_inputs = torch.empty(steps, batch, 3 * width, dtype=weight.dtype, device=weight.device)
        at_products = torch.empty_like(at_inputs)
        scaled = weight * multiplier[:, None]
        at_state = torch.zeros_like(new[0])
        at_output = torch.zeros_like(new[0])
        for t in reversed(range(steps)):
            at_state = at_state + (gradients[0][t] + at_output) * (MAX_ACTIVATION / ONE)
            inputs, products = at_inputs[t], at_products[t]
            torch.mul(at_state, by_update[t], out=inputs[:, :width])
            torch.mul(at_state, by_new[t], out=inputs[:, 2 * width :])
            torch.mul(inputs[:, 2 * width :], by_reset[t], out=inputs[:, width : 2 * width])
            products[:, : 2 * width] = inputs[:, : 2 * width]
            torch.mul(inputs[:, 2 * width :], opened[t], out=products[:, 2 * width :])
            at_output = products @ scaled
            at_state = at_state * kept[t]
        return (at_inputs, *_of_product(at_products, outputs, weight, bias, multiplier), None)


class _LSTM(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor, multiplier: Tensor, rounding: bool) -> Tensor:
        """(T, B, 4N), (4N, N), (4N,), (4N,) to (T, B, N)."""
        steps, batch, rows = inputs.shape
        width = rows // 4
        do = _Arithmetic(inputs.device, rounding)
        gates = inputs.new_empty(steps, batch, rows)  # input, forget, cell, output
        shown = inputs.new_empty(steps, batch, width)
        outputs = torch.empty_like(shown)
        states = inputs.new_zeros(steps + 1, batch, width)
        output = inputs.new_zeros(batch, width)
        for t in range(steps):
            total = do.product(output, weight, bias, multiplier).add_(inputs[t])
            gates[t, :, 2 * width : 3 * width] = do.tanh(total[:, 2 * width : 3 * width])
            gates[t, :, : 2 * width] = do.sigmoid(total[:, : 2 * width])
            gates[t, :, 3 * width :] = do.sigmoid(total[:, 3 * width :])
            enter, forget, new, leave = gates[t].chunk(4, dim=1)
            torch.add(do.share(forget, states[t]), do.share(enter, new), out=states[t + 1])
            states[t + 1].clamp_(-MAX_CELL, MAX_CELL)
            argument = states[t + 1] * (tables.UNITS / ONE)
            shown[t] = do.tanh((argument + 0.5).floor_() if rounding else argument)
            output = outputs[t] = do.whole((leave * shown[t]).mul_(MAX_ACTIVATION / ONE**2))
        ctx.save_for_backward(weight, bias, multiplier, gates, shown, states, outputs)
        return outputs

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Backpropagation through time."""
        weight, bias, multiplier, gates, shown, states, outputs = ctx.saved_tensors
        steps, _, width = outputs.shape
        enter, forget, new, leave = gates.chunk(4, dim=2)
        slopes = gates * (1 - gates / ONE) / tables.UNITS
        slopes[..., 2 * width : 3 * width] = (ONE - new * new / ONE) / tables.UNITS
        to_enter, to_forget, to_new, to_leave = slopes.chunk(4, dim=2)
        to_enter.mul_(new / ONE)
        to_forget.mul_(states[:-1] / ONE)
        to_new.mul_(enter / ONE)
        to_leave.mul_(shown * (MAX_ACTIVATION / ONE**2))
        by_state = leave * (1 - (shown / ONE) ** 2) * (MAX_ACTIVATION / ONE**2)
        kept = forget / ONE
        at_gates = torch.empty_like(gates)
        scaled = weight * multiplier[:, None]
        at_state = torch.zeros_like(shown[0])
        at_output = torch.zeros_like(shown[0])
        for t in reversed(range(steps)):
            at_output = at_output + gradients[0][t]
            at_state = torch.addcmul(at_state, at_output, by_state[t])
            torch.mul(at_state.repeat(1, 3), slopes[t, :, : 3 * width], out=at_gates[t, :, : 3 * width])
            torch.mul(at_output, to_leave[t], out=at_gates[t, :, 3 * width :])
            at_output = at_gates[t] @ scaled
            at_state = at_state * kept[t]
        return (at_gates, *_of_product(at_gates, outputs, weight, bias, multiplier), None)


def _of_product(
    gradient: Tensor, outputs: Tensor, weight: Tensor, bias: Tensor, multiplier: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the weights, bias and multiplier of the products with the last output.

    Args:
        gradient: of the products, (T, B, G).
        outputs: (T, B, N); the product of step t is with output t - 1.
        weight, bias, multiplier: (G, N), (G,), (G,).
    """
    later = gradient[1:].flatten(0, 1)
    by_weight = later.t() @ outputs[:-1].flatten(0, 1)  # (G, N), before the multiplier
    by_bias = gradient.sum(dim=(0, 1))
    by_multiplier = (weight * by_weight).sum(dim=1) + bias * by_bias
    return by_weight * multiplier[:, None], by_bias * multiplier, by_multiplier


def _entries(table: Tensor, x: Tensor) -> Tensor:
    index = x.clamp_(-tables.HALF, tables.HALF - 1).add_(tables.HALF).int()
    return entries(table, index)


@lru_cache(maxsize=4)
def _gates(device: torch.device) -> tuple[Tensor, Tensor]:
    """Tables of sigmoid and tanh, (4096,) each."""
    sigmoid, tanh = (torch.from_numpy(table.copy()).float() for table in (tables.sigmoid(), tables.tanh()))
    return sigmoid.to(device), tanh.to(device)
