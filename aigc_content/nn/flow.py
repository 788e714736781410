"""What flows between the operations of a program: the shapes of two registers, and what an operation must tell.

An operation reads and writes ``x``, activations (int8 within +-127), and ``r``, the residual stream (int32 within
+-2**22, in 1/256 of an activation's unit, or of a nat where it holds logits). `Operation.flow` says what it does to
their shapes, `Operation.tensors` which tensors it needs. See `aigc_content.nn.program`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar, Literal

import numpy as np

Shape = tuple[int | None, ...]
"""Shape of one sample: (C,), (T, C) or (H, W, C); None where it may differ from run to run."""
Sizes = tuple[int, ...]
Goal = Literal["rectified", "signed", "set", "add"]
"""Where a product goes: to ``x``, within 0..127 or within +-127; to ``r``, in place of it or added to it."""
Register = Literal["x", "r"]
Tensors = dict[str, "TensorSpec"]

MAX_COUNT = 1 << 16  # of channels, rows, cells along a side ...
MAX_VALUES = 1 << 26  # of one sample in one register
MAX_TABLE = 1 << 20  # entries of tables of vectors: 16 of them sum exactly in float32
_NAMED = {1: "a vector (C,)", 2: "a sequence (T, C)", 3: "a grid (H, W, C)"}


class Broken(ValueError):
    """An operation that cannot be; the message says why."""


@dataclass(frozen=True)
class TensorSpec:
    """What a tensor must be: int8 weights, int32 biases and tables, float32 scales, of exactly that shape."""

    dtype: type[np.int8 | np.int32 | np.float32]
    shape: Sizes


@dataclass(frozen=True)
class InputSpec:
    """What a network must be given: ``tokens`` (integers from 0 on) or ``values`` (int8 within +-127).

    Attributes:
        kind: which of the two.
        shape: of one sample; tokens have no axis of channels.
    """

    kind: Literal["tokens", "values"]
    shape: Shape


@dataclass(frozen=True)
class Flow:
    """The shapes of all registers between two operations.

    Attributes:
        x, r: None before the first operation that sets it.
        stack: what `Push` keeps.
        inputs: what was asked for so far.
    """

    x: Shape | None = None
    r: Shape | None = None
    stack: tuple[Shape, ...] = ()
    inputs: dict[str, InputSpec] = field(default_factory=dict)

    def read(self, register: Register, *ranks: int) -> Shape:
        """The shape of a register that must be set and have one of these numbers of axes."""
        shape = self.x if register == "x" else self.r
        if shape is None:
            raise Broken(f"register {register} is not set")
        if ranks and len(shape) not in ranks:
            raise Broken(f"register {register} is {shape}, not {' or '.join(_NAMED[rank] for rank in ranks)}")
        return shape

    def channels(self, register: Register) -> int:
        """The size of the last axis of a register, which never varies."""
        return known(self.read(register)[-1:])[0]

    def write(self, register: Register, shape: Shape) -> Flow:
        """With another shape of a register."""
        return replace(self, x=shape) if register == "x" else replace(self, r=shape)

    def asked(self, name: str, kind: Literal["tokens", "values"], shape: Shape) -> Flow:
        """With one more input."""
        wanted = InputSpec(kind, shape)
        if self.inputs.get(name, wanted) != wanted:
            raise Broken(f"input {name!r} is {self.inputs[name]} in one place and {wanted} in another")
        return replace(self, inputs={**self.inputs, name: wanted})

    def product(self, goal: Goal, shape: Shape) -> Flow:
        """After a product of that shape went to its goal."""
        if goal == "add":
            return self.write("r", joined(shape, self.read("r")))
        return self.write("r" if goal == "set" else "x", shape)


def joined(value: Shape, r: Shape | None) -> Shape:
    """The shape of a sum; a vector (C,) is added to every cell, and an axis that varies fits any size."""
    if r is None or value == r:
        return value
    if value[-1] == r[-1] and 1 in (len(value), len(r)):
        return max(value, r, key=len)
    pairs = list(zip(value, r, strict=False))
    if len(value) != len(r) or any(None not in pair and pair[0] != pair[1] for pair in pairs):
        raise Broken(f"a value {value} cannot be added to register r, which is {r}")
    return tuple(b if a is None else a for a, b in pairs)


def known(shape: Shape) -> Sizes:
    """The sizes of a shape of which no axis varies."""
    sizes = tuple(size for size in shape if size is not None)
    if len(sizes) != len(shape):
        raise Broken(f"{shape} has an axis that varies; its size must be known here")
    return sizes


def layer(name: str, outputs: int, terms: int) -> Tensors:
    """The tensors of one product: ``w`` (outputs, terms), ``b`` and ``m`` (outputs,)."""
    return {
        f"{name}w": TensorSpec(np.int8, (outputs, terms)),
        f"{name}b": TensorSpec(np.int32, (outputs,)),
        f"{name}m": TensorSpec(np.float32, (outputs,)),
    }


@dataclass(frozen=True)
class Operation:
    """Base of all operations.

    Attributes:
        kind: its name in a configuration.
    """

    kind: ClassVar[str]

    @property
    def stepwise(self) -> bool:
        """Whether it can run a sequence position by position."""
        return True

    def check(self) -> None:
        """Refuse fields of a wrong type or beyond their bounds.

        Raises:
            Broken: it names the field.
        """
        for entry in fields(self):
            value = getattr(self, entry.name)
            if not _FIELDS[str(entry.type)][0](value):
                raise Broken(f"{entry.name} is {value!r}, not {_FIELDS[str(entry.type)][1]}")

    def flow(self, before: Flow) -> Flow:
        """What it does to the shapes.

        Raises:
            Broken: it cannot follow what stands before it.
        """
        raise NotImplementedError

    def tensors(self, before: Flow) -> Tensors:
        """What it needs, by names relative to the operation's own."""
        return {}


def _is_count(value: Any) -> bool:
    return type(value) is int and 1 <= value <= MAX_COUNT


_FIELDS: dict[str, tuple[Any, str]] = {
    "int": (_is_count, f"an integer within 1..{MAX_COUNT}"),
    "bool": (lambda value: type(value) is bool, "true or false"),
    "str": (lambda value: type(value) is str and value.isidentifier(), "a name of letters, digits and _"),
    "Goal": (lambda value: value in ("rectified", "signed", "set", "add"), "rectified, signed, set or add"),
    "Register": (lambda value: value in ("x", "r"), "x or r"),
    "Sizes": (
        lambda value: type(value) is tuple and len(value) > 0 and all(map(_is_count, value)),
        f"a list of integers within 1..{MAX_COUNT}",
    ),
    "Shape": (
        lambda value: type(value) is tuple and all(size is None or _is_count(size) for size in value),
        f"a list of integers within 1..{MAX_COUNT} or null",
    ),
}


@dataclass(frozen=True)
class WholeOperation(Operation):
    """Base of operations that need all positions or cells at once."""

    @property
    def stepwise(self) -> bool:
        """Never."""
        return False
