"""Train a program: the torch module whose float32 forward equals the integer run of what it exports, bit for bit.

Example::

    twin = Twin(program)
    loss = F.cross_entropy(twin({"tokens": tokens}).flatten(0, 1), targets.flatten())   # logits in nat
    ...
    network = Network(program, twin.export())
    assert (network({"tokens": tokens.numpy()}) == 256 * twin({"tokens": tokens}).numpy()).all()

Activations and the residual stream are whole numbers held in float32, rounded with gradients straight through (see
`aigc_content.nn.quant`). The equality holds while sums are exact in float32, which the bounds of weights guarantee.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_content.nn import attention, quant, recurrent
from aigc_content.nn.flow import Goal
from aigc_content.nn.kernels import MAX_ACTIVATION
from aigc_content.nn.operations import (
    Condition,
    Conv,
    Embed,
    Input,
    Linear,
    Norm,
    PoolMean,
    Pop,
    Push,
    Quantize,
    Reshape,
    SpaceToDepth,
    TransposedConv,
    Upsample,
)
from aigc_content.nn.program import Place, Program
from aigc_content.nn.quant import RESIDUAL_SCALE, Layer, Rounded, Scale, Table, clamp_residual, ste_round
from aigc_content.nn.run import checked
from aigc_content.nn.sequences import GRU, LSTM, Attention, Positions

Arrays = dict[str, npt.NDArray[Any]]
HEAD_DAMP = 1 / 32
"""Factor on the last product, so that its result starts at about 1 nat."""


@dataclass
class _Run:
    """The registers of one run: (B, C), (B, T, C) or, other than in integers, (B, C, H, W)."""

    inputs: Mapping[str, Tensor]
    x: Tensor = field(default_factory=lambda: torch.empty(0))
    r: Tensor | None = None
    stack: list[Tensor] = field(default_factory=list)

    def residual(self) -> Tensor:
        """Register ``r``, which an earlier operation has set."""
        assert self.r is not None
        return self.r

    def add(self, value: Tensor) -> None:
        """Add to ``r``; a vector is added to every cell."""
        if self.r is not None:
            if value.ndim == self.r.ndim and value.shape != self.r.shape:
                raise ValueError(f"a value {tuple(value.shape)} cannot be added to {tuple(self.r.shape)}")
            value = _cells(value, self.r) + _cells(self.r, value)
        self.r = clamp_residual(value)


class Twin(nn.Module):
    """A program to be trained.

    Args:
        program: the operations; the module has the parts that they need, with random weights.
    """

    def __init__(self, program: Program) -> None:
        super().__init__()
        self.program = program
        self.parts = nn.ModuleDict()
        self._rounding = True
        head = _head(program)
        rectified = False
        for place in program.places:
            gain = 1.0 if rectified else 0.7  # a rectifier halves the mean square
            gain *= 0.4 if getattr(place.op, "goal", "") == "add" else 1.0
            part = _part(place, gain, HEAD_DAMP if place is head else 1.0)
            if part is not None:
                self.parts[_key(place.name)] = part
            rectified = _rectifies(place, rectified)

    @property
    def rounding(self) -> bool:
        """False runs the same network in float, to measure what rounding costs."""
        return self._rounding

    @rounding.setter
    def rounding(self, value: bool) -> None:
        self._rounding = value
        for module in self.modules():
            if isinstance(module, Rounded):
                module.rounding = value

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """The result in nat (or in activations), as `aigc_content.nn.run.Network` gives it times 256.

        Args:
            inputs: by name, with an axis for the batch in front: tokens of any integer type; values as whole numbers
                within +-127 of any type, channels last.

        Returns:
            (B, C), (B, T, C) or (B, H, W, C).
        """
        run = _Run(inputs)
        for place in self.program.places:
            _RUN[type(place.op)](self, place.name, place.op, run)
        result = run.residual() / RESIDUAL_SCALE
        return result.permute(0, 2, 3, 1) if result.ndim == 4 else result

    def export(self) -> Arrays:
        """All tensors of the integer network by name."""
        return {
            f"{prefix}.{key}": value
            for prefix, part, residual in self._leaves()
            for key, value in (part.export(residual) if isinstance(part, Layer) else part.export()).items()
        }

    def restore(self, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
        """Continue from the integers of a trained network of the same program.

        Raises:
            ModelError: M005, a tensor is not what the program says.
        """
        found = checked(self.program, tensors)
        for prefix, part, residual in self._leaves():
            own = {key: found[f"{prefix}.{key}"] for key in "wbmt" if f"{prefix}.{key}" in found}
            if isinstance(part, Layer):
                part.restore(own, residual)
            else:
                part.restore(own)

    def _leaves(self) -> list[tuple[str, Layer | Scale | Table, bool]]:
        """Every part that has tensors: its name in the file and whether its output is in units of ``r``."""
        leaves: list[tuple[str, Layer | Scale | Table, bool]] = []
        for place in self.program.places:
            if _key(place.name) in self.parts:
                for name, part in self.parts[_key(place.name)].named_modules():
                    if isinstance(part, Layer | Scale | Table):
                        goal = getattr(place.op, "goal", "add")
                        residual = name != "qkv" and goal in {"set", "add"}
                        leaves.append((f"{place.name}.{name}".removesuffix("."), part, residual))
        return leaves

    def _part(self, name: str) -> Any:
        return self.parts[_key(name)]

    def _embed(self, name: str, op: Embed, run: _Run) -> None:
        rows = self._part(name)(run.inputs[op.input].long())
        run.add(rows.permute(0, 3, 1, 2) if rows.ndim == 4 else rows)

    def _positions(self, name: str, op: Positions, run: _Run) -> None:
        run.r = clamp_residual(run.residual() + self._part(name).integers()[: run.residual().shape[1]])

    def _condition(self, name: str, op: Condition, run: _Run) -> None:
        tokens = run.inputs[op.input].long()
        offsets = torch.tensor((0, *op.sizes[:-1]), device=tokens.device).cumsum(0)
        run.add(self._part(name)(tokens + offsets).sum(dim=1))

    def _input(self, name: str, op: Input, run: _Run) -> None:
        x = run.inputs[op.input].float()
        run.x = x.permute(0, 3, 1, 2) if x.ndim == 4 else x

    def _product(self, name: str, op: Linear | Conv, run: _Run) -> None:
        layer = self._part(name)
        if op.goal in {"rectified", "signed"}:
            run.x = layer.activate(run.x, 0 if op.goal == "rectified" else -MAX_ACTIVATION)
        else:
            self._to_residual(run, op.goal, layer.scaled(run.x))

    def _transposed_conv(self, name: str, op: TransposedConv, run: _Run) -> None:
        layer = self._part(name)
        if op.goal in {"rectified", "signed"}:
            run.x = _depth_to_space(layer.activate(run.x, 0 if op.goal == "rectified" else -MAX_ACTIVATION))
        else:
            self._to_residual(run, op.goal, _depth_to_space(layer.scaled(run.x)))

    def _to_residual(self, run: _Run, goal: Goal, value: Tensor) -> None:
        if goal == "set":
            run.r = None
        run.add(value)

    def _from_residual(self, name: str, op: Quantize | Norm, run: _Run) -> None:
        run.x = self._part(name)(run.residual())

    def _upsample(self, name: str, op: Upsample, run: _Run) -> None:
        if op.register == "x":
            run.x = F.interpolate(run.x, scale_factor=2, mode="nearest")
        else:
            run.r = F.interpolate(run.residual(), scale_factor=2, mode="nearest")

    def _space_to_depth(self, name: str, op: SpaceToDepth, run: _Run) -> None:
        batch, channels, height, width = run.x.shape
        blocks = run.x.reshape(batch, channels, height // 2, 2, width // 2, 2).permute(0, 3, 5, 1, 2, 4)
        run.x = blocks.reshape(batch, 4 * channels, height // 2, width // 2)

    def _reshape(self, name: str, op: Reshape, run: _Run) -> None:
        old = run.x if op.register == "x" else run.residual()
        rows = old.permute(0, 2, 3, 1) if old.ndim == 4 else old
        new = rows.reshape(len(rows), *op.shape)
        new = new.permute(0, 3, 1, 2) if new.ndim == 4 else new
        if op.register == "x":
            run.x = new
        else:
            run.r = new

    def _pool_mean(self, name: str, op: PoolMean, run: _Run) -> None:
        axes = (2, 3) if run.x.ndim == 4 else (1,)
        sums = run.x.sum(dim=axes)
        mean = sums / torch.full_like(sums, run.x.numel() // max(1, sums.numel()))
        run.x = ste_round(mean) if self.rounding else mean

    def _attention(self, name: str, op: Attention, run: _Run) -> None:
        run.add(self._part(name)(run.x))

    def _recurrent(self, name: str, op: GRU | LSTM, run: _Run) -> None:
        run.x = self._part(name)(run.x)

    def _push(self, name: str, op: Push, run: _Run) -> None:
        run.stack.append(run.residual())

    def _pop(self, name: str, op: Pop, run: _Run) -> None:
        run.add(run.stack.pop())


_RUN: dict[type, Callable[[Twin, str, Any, _Run], None]] = {
    Embed: Twin._embed,
    Positions: Twin._positions,
    Condition: Twin._condition,
    Input: Twin._input,
    Linear: Twin._product,
    Conv: Twin._product,
    TransposedConv: Twin._transposed_conv,
    Quantize: Twin._from_residual,
    Norm: Twin._from_residual,
    Upsample: Twin._upsample,
    SpaceToDepth: Twin._space_to_depth,
    Reshape: Twin._reshape,
    PoolMean: Twin._pool_mean,
    Attention: Twin._attention,
    GRU: Twin._recurrent,
    LSTM: Twin._recurrent,
    Push: Twin._push,
    Pop: Twin._pop,
}


def _key(name: str) -> str:
    return name.replace(".", "_")  # module names may not have points


def _part(place: Place, gain: float, damp: float) -> nn.Module | None:
    """The trainable part of an operation, if it has one."""
    op, before = place.op, place.before
    part: nn.Module | None = None
    match op:
        case Embed():
            part = Table(op.rows, op.width, 0.7)
        case Positions():
            part = Table(op.length, before.channels("r"), 0.1)
        case Condition():
            part = Table(sum(op.sizes), op.width, 0.7 if before.r is None else 0.1)
        case Quantize():
            part = quant.Quantize(before.channels("r"), 0 if op.rectified else -MAX_ACTIVATION)
        case Norm():
            part = quant.Norm(before.channels("r"))
        case Attention():
            part = attention.Attention(before.channels("x"), before.channels("r"), op.heads, op.size, op.causal)
        case GRU():
            part = recurrent.GRU(before.channels("x"), op.width)
        case LSTM():
            part = recurrent.LSTM(before.channels("x"), op.width)
        case Linear():
            part = Layer(before.channels("x"), op.outputs, gain=gain, damp=damp)
        case Conv():
            part = Layer(before.channels("x"), op.outputs, op.size, op.dilation, gain, damp)
        case TransposedConv():
            part = Layer(before.channels("x"), 4 * op.outputs, 3, gain=gain, damp=damp)
    return part


def _head(program: Program) -> Place | None:
    """The product that makes the result, if nothing is added to it."""
    makers = [place for place in program.places if not isinstance(place.op, Reshape | Upsample)]
    return makers[-1] if getattr(makers[-1].op, "goal", "") == "set" else None


def _rectifies(place: Place, before: bool) -> bool:
    """Whether ``x`` has no negative values after an operation."""
    op = place.op
    if isinstance(op, Linear | Conv | TransposedConv) and op.goal in {"rectified", "signed"}:
        return op.goal == "rectified"
    if isinstance(op, Quantize):
        return op.rectified
    return before and not isinstance(op, Norm | Input | GRU | LSTM)


def _cells(value: Tensor, like: Tensor) -> Tensor:
    """A vector (B, C) in the shape that is added to every cell of another value; anything else as it is."""
    if value.ndim == 2 and like.ndim == 4:
        return value[:, :, None, None]
    return value[:, None] if value.ndim == 2 and like.ndim == 3 else value


def _depth_to_space(x: Tensor) -> Tensor:
    """(B, 4C, H, W), order (dy, dx, c), to (B, C, 2H, 2W)."""
    batch, channels, height, width = x.shape
    blocks = x.reshape(batch, 2, 2, channels // 4, height, width).permute(0, 3, 4, 1, 5, 2)
    return blocks.reshape(batch, channels // 4, 2 * height, 2 * width)
