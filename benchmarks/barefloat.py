"""A program as an ordinary float32 torch network of the same shapes, with random weights: for times only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_content.nn.operations import Condition, Conv, Embed, Input, Linear, Norm, Quantize, Reshape, TransposedConv
from aigc_content.nn.program import Place, Program
from aigc_content.nn.sequences import GRU, Attention, Positions


@dataclass
class FloatState:
    """What was seen of sequences: keys and values with room for all positions, or the state of recurrent layers."""

    position: int = 0
    memory: dict[str, list[Tensor]] = field(default_factory=dict)


class BareFloat:
    """Nothing but torch's own operations; what rounding and limits would add is left out.

    Args:
        program: of the operations that the digit families use, without LSTM.
        channels_last: hold pictures with channels last in memory; else in torch's usual order.
        room: positions of the longest sequence that is run step by step.
    """

    def __init__(self, program: Program, channels_last: bool = False, room: int = 0) -> None:
        self.program, self._channels_last, self._room = program, channels_last, room
        self._parts = {place.name: _part(place) for place in program.places}
        if channels_last:
            for part in filter(None, self._parts.values()):
                part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def __call__(self, inputs: Mapping[str, Tensor], state: FloatState | None = None) -> Tensor:
        """(B, C), (B, T, C) or (B, C, H, W), from inputs with a batch in front, pictures as (B, C, H, W).

        With a state, sequences are the next position alone: (B, 1) or (B, 1, C).
        """
        x, r = torch.empty(0), torch.empty(0)
        for place in self.program.places:
            part: Any = self._parts[place.name]
            match place.op:
                case Input(input=name):
                    x = inputs[name]
                case Embed(input=name):
                    rows = part(inputs[name])
                    r = r + rows if r.numel() else rows
                case Condition(input=name):
                    told = part(inputs[name]).sum(dim=1)
                    r = r + (told[:, None] if r.ndim == 3 else told)
                case Positions():
                    start = state.position if state is not None else 0
                    r = r + part.weight[start : start + r.shape[1]]
                case Norm():
                    x = part(r)
                case Quantize(rectified=rectified):
                    x = r.relu() if rectified else r
                case Reshape(shape=shape):
                    x = self._reshaped(x, shape)
                case Attention() as op:
                    r = r + self._attention(place.name, op, part, x, state)
                case GRU():
                    x = self._gru(place.name, part, x, state)
                case Linear(goal=goal) | Conv(goal=goal) | TransposedConv(goal=goal):
                    y = part(x)
                    x = y.relu_() if goal == "rectified" else y if goal == "signed" else x
                    r = y if goal == "set" else r + y if goal == "add" else r
        if state is not None:
            state.position += 1
        return r

    def _reshaped(self, x: Tensor, shape: tuple[int, ...]) -> Tensor:
        """A vector as a picture (B, C, H, W), without moving it in memory."""
        height, width, channels = shape
        if self._channels_last:
            return x.view(-1, height, width, channels).permute(0, 3, 1, 2)
        return x.view(-1, channels, height, width)

    def _attention(self, name: str, op: Attention, part: Any, x: Tensor, state: FloatState | None) -> Tensor:
        batch, steps, _ = x.shape
        query, key, value = part["qkv"](x).view(batch, steps, 3, op.heads, op.size).permute(2, 0, 3, 1, 4)
        if state is None:
            mixed = F.scaled_dot_product_attention(query, key, value, is_causal=op.causal)
        else:
            if name not in state.memory:
                state.memory[name] = [x.new_zeros(batch, op.heads, self._room, op.size) for _ in range(2)]
            keys, values = state.memory[name]
            stop = state.position + 1
            keys[:, :, stop - 1 : stop], values[:, :, stop - 1 : stop] = key, value
            mixed = F.scaled_dot_product_attention(query, keys[:, :, :stop], values[:, :, :stop])
        result: Tensor = part["out"](mixed.transpose(1, 2).flatten(2))
        return result

    def _gru(self, name: str, cell: nn.GRUCell, x: Tensor, state: FloatState | None) -> Tensor:
        memory = state.memory if state is not None else {}
        (output,) = memory.get(name) or [x.new_zeros(len(x), cell.hidden_size)]
        outputs = []
        for step in range(x.shape[1]):
            output = cell(x[:, step], output)
            outputs.append(output)
        memory[name] = [output]
        return torch.stack(outputs, dim=1)


def _part(place: Place) -> nn.Module | None:
    """Torch's own module for an operation, where it has weights."""
    before = place.before
    part: nn.Module | None = None
    match place.op:
        case Embed(rows=rows, width=width):
            part = nn.Embedding(rows, width)
        case Condition(sizes=sizes, width=width):
            if len(sizes) > 1:
                raise ValueError("one token of a condition is enough here")
            part = nn.Embedding(sizes[0], width)
        case Positions(length=length):
            part = nn.Embedding(length, before.channels("r"))
        case Norm():
            part = nn.RMSNorm(before.channels("r"))
        case Linear(outputs=outputs):
            part = nn.Linear(before.channels("x"), outputs)
        case Conv(outputs=outputs, size=size, dilation=step):
            part = nn.Conv2d(before.channels("x"), outputs, size, padding=step * (size // 2), dilation=step)
        case TransposedConv(outputs=outputs):
            part = nn.Sequential(nn.Conv2d(before.channels("x"), 4 * outputs, 3, padding=1), nn.PixelShuffle(2))
        case GRU(width=width):
            part = nn.GRUCell(before.channels("x"), width)
        case Attention(heads=heads, size=size):
            width = heads * size
            layers = {"qkv": (before.channels("x"), 3 * width), "out": (width, before.channels("r"))}
            part = nn.ModuleDict({name: nn.Linear(*sizes) for name, sizes in layers.items()})
        case Input() | Quantize() | Reshape():
            pass
        case _:
            raise ValueError(f"no float form of {place.op.kind}")
    return part
