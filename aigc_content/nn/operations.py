"""Operations of programs that work on vectors, sequences and grids alike: inputs, products, changes of shape."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from aigc_content.nn.flow import (
    Broken,
    Flow,
    Goal,
    Operation,
    Register,
    Shape,
    Sizes,
    Tensors,
    TensorSpec,
    WholeOperation,
    joined,
    known,
    layer,
)

MAX_CONDITIONS = 16


@dataclass(frozen=True)
class Embed(Operation):
    """Rows of a table for tokens, added to ``r`` (which they set if nothing did).

    Attributes:
        input: name of the tokens.
        rows: size of the vocabulary.
        width: channels.
        shape: axes of the tokens of one sample: ``()`` one token, ``(None,)`` a sequence, ``(None, None)`` a grid.
    """

    kind = "embed"
    input: str
    rows: int
    width: int
    shape: Shape = (None,)

    @property
    def stepwise(self) -> bool:
        """One token, or a sequence of any length."""
        return self.shape in ((), (None,))

    def flow(self, before: Flow) -> Flow:
        """Set or add."""
        if len(self.shape) > 2:
            raise Broken(f"shape is {self.shape}: at most two axes")
        return before.asked(self.input, "tokens", self.shape).write("r", joined((*self.shape, self.width), before.r))

    def tensors(self, before: Flow) -> Tensors:
        """``t`` (rows, width) in units of ``r``."""
        return {"t": TensorSpec(np.int32, (self.rows, self.width))}


@dataclass(frozen=True)
class Condition(Operation):
    """Rows of tables for the global tokens (B, K) of a sample, summed and added to every cell of ``r``.

    Attributes:
        input: name of the tokens.
        sizes: vocabulary of each of the K.
        width: channels.
    """

    kind = "condition"
    input: str
    sizes: Sizes
    width: int

    def flow(self, before: Flow) -> Flow:
        """Set (to a vector) or add."""
        if len(self.sizes) > MAX_CONDITIONS:
            raise Broken(f"sizes has {len(self.sizes)} entries: at most {MAX_CONDITIONS}")
        asked = before.asked(self.input, "tokens", (len(self.sizes),))
        return asked.write("r", joined((self.width,), before.r))

    def tensors(self, before: Flow) -> Tensors:
        """``t`` (sum of sizes, width) in units of ``r``."""
        return {"t": TensorSpec(np.int32, (sum(self.sizes), self.width))}


@dataclass(frozen=True)
class Input(Operation):
    """Activations from outside: noise, or what another network made. Goes to ``x``.

    Attributes:
        input: name of the values.
        shape: of one sample, channels last.
    """

    kind = "input"
    input: str
    shape: Shape

    @property
    def stepwise(self) -> bool:
        """A vector, or a sequence of any length."""
        return len(self.shape) == 1 or (len(self.shape) == 2 and self.shape[0] is None)

    def flow(self, before: Flow) -> Flow:
        """Set."""
        if not 1 <= len(self.shape) <= 3 or self.shape[-1] is None:
            raise Broken(f"shape is {self.shape}: one to three axes, the last one known")
        return before.asked(self.input, "values", self.shape).write("x", self.shape)


@dataclass(frozen=True)
class Linear(Operation):
    """A product with every vector of ``x``.

    Attributes:
        outputs: channels.
        goal: where to.
    """

    kind = "linear"
    outputs: int
    goal: Goal = "rectified"

    def flow(self, before: Flow) -> Flow:
        """The last axis changes."""
        return before.product(self.goal, (*before.read("x")[:-1], self.outputs))

    def tensors(self, before: Flow) -> Tensors:
        """``w``, ``b``, ``m``."""
        return layer("", self.outputs, before.channels("x"))


@dataclass(frozen=True)
class Conv(WholeOperation):
    """A convolution of ``x`` with zero padding, the size of the grid stays.

    Attributes:
        outputs: channels.
        goal: where to.
        size: side of the kernel, 1 or 3.
        dilation: step between its taps.
    """

    kind = "conv"
    outputs: int
    goal: Goal = "rectified"
    size: int = 3
    dilation: int = 1

    def flow(self, before: Flow) -> Flow:
        """The last axis changes."""
        if self.size not in (1, 3):
            raise Broken(f"size is {self.size}: 1 or 3")
        return before.product(self.goal, (*before.read("x", 3)[:-1], self.outputs))

    def tensors(self, before: Flow) -> Tensors:
        """``w`` with terms in the order (dy, dx, c), ``b``, ``m``."""
        return layer("", self.outputs, self.size * self.size * before.channels("x"))


@dataclass(frozen=True)
class TransposedConv(WholeOperation):
    """A transposed convolution of stride 2 of ``x``: a 3x3 convolution to 2x2 cells at once.

    A convolution to four times the channels, of which each cell becomes 2x2 (Shi et al. 2016, arXiv:1609.07009,
    show that this is a transposed convolution, here with a kernel of 6x6).

    Attributes:
        outputs: channels.
        goal: where to.
    """

    kind = "transposed_conv"
    outputs: int
    goal: Goal = "rectified"

    def flow(self, before: Flow) -> Flow:
        """Twice as high and wide."""
        height, width, _ = before.read("x", 3)
        return before.product(self.goal, (_twice(height), _twice(width), self.outputs))

    def tensors(self, before: Flow) -> Tensors:
        """``w`` with rows in the order (dy, dx, output) of the 2x2 cells, ``b``, ``m``."""
        return layer("", 4 * self.outputs, 9 * before.channels("x"))


@dataclass(frozen=True)
class Quantize(Operation):
    """``r`` to ``x``: times a learned multiplier a channel, rounded.

    Attributes:
        rectified: within 0..127 instead of +-127.
    """

    kind = "quantize"
    rectified: bool = False

    def flow(self, before: Flow) -> Flow:
        """Same shape."""
        return before.write("x", before.read("r"))

    def tensors(self, before: Flow) -> Tensors:
        """``m`` (C,)."""
        return {"m": TensorSpec(np.float32, (before.channels("r"),))}


@dataclass(frozen=True)
class Norm(Operation):
    """``r`` to ``x``: each vector over its root mean square (Zhang and Sennrich 2019, arXiv:1910.07467), times a
    learned multiplier a channel, rounded."""

    kind = "norm"

    def flow(self, before: Flow) -> Flow:
        """Same shape."""
        return before.write("x", before.read("r"))

    def tensors(self, before: Flow) -> Tensors:
        """``m`` (C,)."""
        return {"m": TensorSpec(np.float32, (before.channels("r"),))}


@dataclass(frozen=True)
class Upsample(WholeOperation):
    """Every cell of a register becomes 2x2 equal ones."""

    kind = "upsample"
    register: Register = "x"

    def flow(self, before: Flow) -> Flow:
        """Twice as high and wide."""
        height, width, channels = before.read(self.register, 3)
        return before.write(self.register, (_twice(height), _twice(width), channels))


@dataclass(frozen=True)
class SpaceToDepth(WholeOperation):
    """Blocks of 2x2 cells of ``x`` become channels, in the order (dy, dx, c)."""

    kind = "space_to_depth"

    def flow(self, before: Flow) -> Flow:
        """Half as high and wide, four times the channels."""
        height, width, channels = before.read("x", 3)
        assert channels is not None
        if any(size is not None and size % 2 for size in (height, width)):
            raise Broken(f"register x is {before.x}: height and width must be even")
        halves = tuple(None if size is None else size // 2 for size in (height, width))
        return before.write("x", (*halves, 4 * channels))


@dataclass(frozen=True)
class Reshape(WholeOperation):
    """Another shape for the values of a register, in the order of its axes.

    Attributes:
        shape: of one sample.
        register: ``x`` or ``r``.
    """

    kind = "reshape"
    shape: Sizes
    register: Register = "x"

    def flow(self, before: Flow) -> Flow:
        """As told."""
        old = known(before.read(self.register))
        if len(self.shape) > 3 or np.prod(old, dtype=object) != np.prod(self.shape, dtype=object):
            raise Broken(f"register {self.register} is {old} and cannot become {self.shape}")
        return before.write(self.register, self.shape)


@dataclass(frozen=True)
class PoolMean(WholeOperation):
    """The mean of ``x`` over all cells or positions, rounded."""

    kind = "pool_mean"

    def flow(self, before: Flow) -> Flow:
        """Only the channels stay."""
        return before.write("x", before.read("x", 2, 3)[-1:])


@dataclass(frozen=True)
class Push(Operation):
    """Keeps a copy of ``r`` for a later `Pop`."""

    kind = "push"

    def flow(self, before: Flow) -> Flow:
        """One more on the stack."""
        return replace(before, stack=(*before.stack, before.read("r")))


@dataclass(frozen=True)
class Pop(Operation):
    """Adds the last kept copy to ``r``."""

    kind = "pop"

    def flow(self, before: Flow) -> Flow:
        """One less on the stack."""
        if not before.stack:
            raise Broken("nothing was pushed")
        shape = joined(before.stack[-1], before.read("r"))
        return replace(before, r=shape, stack=before.stack[:-1])


def _twice(size: int | None) -> int | None:
    return None if size is None else 2 * size
