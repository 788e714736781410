"""A network as a program: an ordered list of operations on two registers, the same for training and for running.

The registers are ``x``, activations (int8), and ``r``, the residual stream (int32); the last ``r`` is the result.
`aigc_content.nn.run.Network` runs a program in integers without torch; `aigc_content.nn.twin.Twin` trains it with the
same rounding. Shapes follow from the operations; only what is new is told. A generator of pictures from noise and a
label, and a language model::

    Program((                                       # x             r
        Input("noise", (64,)),                      # (64,)
        Linear(256, "set"),                         #               (256,)
        Condition("label", (10,), 256),             #               (256,)    label: tokens (B, 1)
        Quantize(rectified=True),                   # (256,)
        Linear(7 * 7 * 32),                         # (1568,)
        Reshape((7, 7, 32)),                        # (7, 7, 32)
        TransposedConv(16),                         # (14, 14, 16)
        TransposedConv(8),                          # (28, 28, 8)
        Conv(1, "set"),                             #               (28, 28, 1)
    ))
    block = (Norm(), Attention(heads=4, size=16), Norm(), Linear(256), Linear(64, "add"))
    Program((Embed("tokens", 512, 64), Positions(128), *block, *block, Norm(), Linear(512, "set")))

A result that is a vector of logits counts in 1/256 nat; `aigc_content.nn.sampling` draws tokens and pixels from it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from math import prod
from typing import Any

from aigc_content.errors import ModelError, did_you_mean
from aigc_content.nn.flow import MAX_VALUES, Broken, Flow, InputSpec, Operation, Shape, TensorSpec
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
from aigc_content.nn.sequences import GRU, LSTM, Attention, Positions

__all__ = [
    "GRU",
    "LSTM",
    "Attention",
    "Condition",
    "Conv",
    "Embed",
    "Input",
    "InputSpec",
    "Linear",
    "Norm",
    "Operation",
    "Place",
    "PoolMean",
    "Pop",
    "Positions",
    "Program",
    "Push",
    "Quantize",
    "Reshape",
    "SpaceToDepth",
    "TensorSpec",
    "TransposedConv",
    "Upsample",
]
FORMAT = "program-1"
MAX_OPERATIONS = 4096
OPERATIONS: dict[str, type[Operation]] = {
    operation.kind: operation
    for operation in (
        Embed,
        Positions,
        Condition,
        Input,
        Linear,
        Conv,
        TransposedConv,
        Quantize,
        Norm,
        Upsample,
        SpaceToDepth,
        Reshape,
        PoolMean,
        Attention,
        GRU,
        LSTM,
        Push,
        Pop,
    )
}


@dataclass(frozen=True)
class Place:
    """An operation where it stands.

    Attributes:
        name: its number and kind, such as ``3.conv``; its tensors' names begin so.
        op: the operation.
        before, after: shapes of the registers.
    """

    name: str
    op: Operation
    before: Flow
    after: Flow

    def tensors(self) -> dict[str, TensorSpec]:
        """What it needs, by full name."""
        return {f"{self.name}.{key}": spec for key, spec in self.op.tensors(self.before).items()}


@dataclass(frozen=True)
class Program:
    """The operations of a network; building one checks that they fit each other.

    Args:
        ops: in the order in which they run.

    Raises:
        ModelError: M003, with the number and kind of the operation that does not fit.
    """

    ops: tuple[Operation, ...]

    def __post_init__(self) -> None:
        if self.places[-1].after.r is None:
            raise _broken("register r is not set at the end, so that there is no result")

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Every operation with its name and the shapes around it."""
        if not 1 <= len(self.ops) <= MAX_OPERATIONS:
            raise _broken(f"{len(self.ops)} operations", f"1..{MAX_OPERATIONS}")
        places: list[Place] = []
        flow = Flow()
        for index, op in enumerate(self.ops):
            name = f"{index}.{op.kind}"
            try:
                op.check()
                after = op.flow(flow)
                for shape in (after.x, after.r):
                    if shape is not None and prod(size or 1 for size in shape) > MAX_VALUES:
                        raise Broken(f"{shape} has more than {MAX_VALUES} values")
            except Broken as error:
                raise _broken(f"operation {name}: {error}") from None
            places.append(Place(name, op, flow, after))
            flow = after
        return tuple(places)

    @property
    def inputs(self) -> dict[str, InputSpec]:
        """What a network must be given, by name."""
        return dict(self.places[-1].after.inputs)

    @property
    def result(self) -> Shape:
        """Shape of the result of one sample."""
        shape = self.places[-1].after.r
        assert shape is not None
        return shape

    @property
    def stepwise(self) -> bool:
        """Whether it can run a sequence of any length position by position."""
        return len(self.result) == 2 and self.result[0] is None and all(op.stepwise for op in self.ops)

    def tensors(self) -> dict[str, TensorSpec]:
        """All tensors that it needs, by name."""
        return {name: spec for place in self.places for name, spec in place.tensors().items()}

    def to_json(self) -> dict[str, Any]:
        """Plain data for ``config.json``."""
        return {"format": FORMAT, "ops": [_to_json(op) for op in self.ops]}

    @classmethod
    def from_json(cls, data: Any) -> Program:
        """Read what `to_json` wrote.

        Raises:
            ModelError: M003.
        """
        if not isinstance(data, dict) or data.get("format") != FORMAT:
            found = data.get("format") if isinstance(data, dict) else data
            raise _broken(f"format {found!r}", f"format {FORMAT!r}")
        if set(data) != {"format", "ops"} or not isinstance(data["ops"], list):
            raise _broken(f"keys {sorted(map(str, data))}", "format, and ops as a list")
        return cls(tuple(_from_json(index, entry) for index, entry in enumerate(data["ops"])))


def _to_json(op: Operation) -> dict[str, Any]:
    values = {entry.name: getattr(op, entry.name) for entry in fields(op)}
    return {"op": op.kind, **{k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}}


def _from_json(index: int, entry: Any) -> Operation:
    if not isinstance(entry, dict) or not isinstance(entry.get("op"), str):
        raise _broken(f"operation {index} is {entry!r}", "a mapping with the key op")
    kind = OPERATIONS.get(entry["op"])
    if kind is None:
        remedy = did_you_mean(entry["op"], OPERATIONS)
        raise _broken(f"operation {index} is {entry['op']!r}", ", ".join(OPERATIONS), remedy)
    given = {
        name: tuple(value) if isinstance(value, list) else value for name, value in entry.items() if name != "op"
    }
    names = {field.name for field in fields(kind)}
    if set(given) != names:
        raise _broken(f"operation {index}.{kind.kind} has the keys {sorted(given)}", f"exactly {sorted(names)}")
    return kind(**given)


def _broken(found: str, allowed: str = "", remedy: str = "") -> ModelError:
    return ModelError("M003", f"the network's program is broken: {found}", allowed=allowed, remedy=remedy)
