"""Operations of programs that mix the positions of a sequence: positions, attention, recurrent layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from aigc_content.nn.flow import MAX_COUNT, Broken, Flow, Operation, Tensors, TensorSpec, joined, layer

MAX_HEAD = 1024  # a product of query and key stays below 2**23, the difference of two below 2**24
MAX_SPAN = 2048  # positions that one may see: 2048 * 127 * 64 is below 2**24


@dataclass(frozen=True)
class Positions(Operation):
    """A learned vector for each position of a sequence, added to ``r``.

    Attributes:
        length: of the longest sequence.
    """

    kind = "positions"
    length: int

    def flow(self, before: Flow) -> Flow:
        """Shapes stay."""
        steps, _ = before.read("r", 2)
        if steps is not None and steps > self.length:
            raise Broken(f"length is {self.length} for {steps} positions")
        return before

    def tensors(self, before: Flow) -> Tensors:
        """``t`` (length, C) in units of ``r``."""
        return {"t": TensorSpec(np.int32, (self.length, before.channels("r")))}


@dataclass(frozen=True)
class Attention(Operation):
    """Attention over the positions of ``x`` (Vaswani et al. 2017, arXiv:1706.03762), added to ``r``.

    Attributes:
        heads: how many.
        size: channels of each.
        causal: a position sees itself and those before it; else it sees all.
    """

    kind = "attention"
    heads: int
    size: int
    causal: bool = True

    @property
    def stepwise(self) -> bool:
        """If causal."""
        return self.causal

    def flow(self, before: Flow) -> Flow:
        """Shapes stay."""
        if self.size > MAX_HEAD or self.heads * self.size > MAX_COUNT:
            raise Broken(f"{self.heads} heads of {self.size} channels: at most {MAX_HEAD} each, {MAX_COUNT} in all")
        steps, _ = before.read("x", 2)
        return before.write("r", joined((steps, before.channels("r")), before.read("r", 2)))

    def tensors(self, before: Flow) -> Tensors:
        """``qkv.`` and ``out.`` products, ``score.m`` (heads,), ``mix.m`` (heads * size,)."""
        width = self.heads * self.size
        return {
            **layer("qkv.", 3 * width, before.channels("x")),
            "score.m": TensorSpec(np.float32, (self.heads,)),
            "mix.m": TensorSpec(np.float32, (width,)),
            **layer("out.", before.channels("r"), width),
        }


@dataclass(frozen=True)
class Recurrent(Operation):
    """Base of recurrent layers over the positions of ``x``, whose output replaces it.

    Attributes:
        width: of the state and the output.
        gates: products a unit.
    """

    gates: ClassVar[int]
    width: int

    def flow(self, before: Flow) -> Flow:
        """The last axis changes."""
        return before.write("x", (*before.read("x", 2)[:-1], self.width))

    def tensors(self, before: Flow) -> Tensors:
        """``x.`` products with the input and ``h.`` with the last output, gate by gate."""
        rows = self.gates * self.width
        return {**layer("x.", rows, before.channels("x")), **layer("h.", rows, self.width)}


@dataclass(frozen=True)
class GRU(Recurrent):
    """A gated recurrent unit (Cho et al. 2014, arXiv:1406.1078; the reset gate acts on the product, as in cuDNN).

    The gates stand in the order update, reset, new.
    """

    kind = "gru"
    gates = 3


@dataclass(frozen=True)
class LSTM(Recurrent):
    """Long short-term memory (Hochreiter and Schmidhuber 1997; forget gate of Gers et al. 2000).

    The gates stand in the order input, forget, cell, output.
    """

    kind = "lstm"
    gates = 4
