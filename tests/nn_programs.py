"""Small programs of every kind, with tensors and inputs of random integers: no torch, no floats but powers of two."""

from __future__ import annotations

import hashlib
from math import isqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from aigc_content.nn.program import (
    GRU,
    LSTM,
    Attention,
    Condition,
    Conv,
    Embed,
    Input,
    Linear,
    Norm,
    PoolMean,
    Pop,
    Positions,
    Program,
    Push,
    Quantize,
    Reshape,
    SpaceToDepth,
    TransposedConv,
    Upsample,
)
from aigc_content.nn.run import Network
from aigc_content.rng import Stream

Arrays = dict[str, npt.NDArray[Any]]
TOKENS = 20


def block(causal: bool) -> tuple[Any, ...]:
    return (Norm(), Attention(2, 8, causal), Norm(), Linear(40), Linear(24, "add"))


PROGRAMS = {
    "pictures": Program(
        (
            Input("noise", (16,)),
            Linear(48, "set"),
            Condition("label", (10,), 48),
            Quantize(rectified=True),
            Linear(7 * 7 * 8),
            Reshape((7, 7, 8)),
            TransposedConv(8),
            TransposedConv(4),
            Conv(1, "set"),
        )
    ),
    "gru": Program(
        (Embed("tokens", TOKENS, 24), Quantize(), GRU(20), Linear(24, "add"), Norm(), GRU(17), Linear(9, "set"))
    ),
    "lstm": Program(
        (
            Input("latent", (8,)),
            Linear(24, "set"),
            Embed("tokens", TOKENS, 24),
            Norm(),
            LSTM(20),
            Linear(24, "add"),
            Quantize(),
            LSTM(17),
            Linear(9, "set"),
        )
    ),
    "causal": Program(
        (
            Embed("tokens", TOKENS, 24),
            Condition("label", (3, 4), 24),
            Positions(49),
            *block(True),
            *block(True),
            Norm(),
            Linear(TOKENS, "set"),
        )
    ),
    "full": Program(
        (
            Embed("tokens", TOKENS, 24, (49,)),
            Embed("known", 2, 24, (49,)),
            Positions(49),
            *block(False),
            *block(False),
            Reshape((7, 7, 24), "r"),
            Norm(),
            Conv(6, "set"),
        )
    ),
    "grid": Program(
        (
            Embed("cells", TOKENS, 12, (None, None)),
            Condition("label", (10,), 12),
            Quantize(),
            Conv(12, dilation=2),
            Conv(12, "add", 1),
            Push(),
            Quantize(),
            SpaceToDepth(),
            Linear(20, "set"),
            Quantize(),
            PoolMean(),
            Linear(20, "add"),
            Quantize(rectified=True),
            Upsample(),
            Conv(12, "set"),
            Pop(),
            Norm(),
            TransposedConv(6, "set"),
            Quantize(),
            TransposedConv(5, "signed"),
            Upsample("r"),
            Linear(6, "add"),
        )
    ),
}


def random_tensors(program: Program, name: str) -> Arrays:
    """Tensors that make use of the whole range."""
    stream = Stream(name)
    tensors: Arrays = {}
    for place in program.places:
        goal = getattr(place.op, "goal", "add")
        for key, spec in place.tensors().items():
            count = int(np.prod(spec.shape))
            wobble = (1 + stream.integers(64, count) / 64).reshape(spec.shape)
            if key.endswith(".w"):
                values = stream.integers(129, count) - 64
            elif key.endswith((".b", ".t")):
                values = stream.integers(20001, count) - 10000
            elif f"{key[:-1]}w" in tensors:  # the multiplier of a product
                columns = tensors[f"{key[:-1]}w"].shape[1]
                target = 50 if goal in {"rectified", "signed"} or ".qkv." in key else 300 if ".h." in key else 5000
                values = wobble * 2.0 ** -(2700 * isqrt(columns) // target).bit_length()
            elif place.op.kind == "quantize":
                values = wobble / 256
            else:  # of a norm, of scores or of means
                values = wobble / 64 if ".score." in key else wobble
            tensors[key] = values.reshape(spec.shape).astype(spec.dtype)
    return tensors


def random_inputs(program: Program, batch: int, length: int = 23, name: str = "inputs") -> Arrays:
    """Inputs in which an axis that varies has ``length`` entries (a side of a grid 8)."""
    inputs: Arrays = {}
    sizes: dict[str, tuple[int, ...]] = {}
    for op in program.ops:
        if isinstance(op, Embed | Condition):
            own = (op.rows,) if isinstance(op, Embed) else op.sizes
            sizes[op.input] = tuple(map(min, own, sizes.get(op.input, own)))
    for key, spec in program.inputs.items():
        stream = Stream(f"{name} {key}")
        vary = 8 if len(spec.shape) > 1 and spec.kind == "tokens" else length
        shape = (batch, *(vary if size is None else size for size in spec.shape))
        count = int(np.prod(shape))
        if spec.kind == "values":
            inputs[key] = (stream.integers(255, count) - 127).reshape(shape).astype(np.int8)
        else:
            inputs[key] = np.stack(
                [stream.integers(size, count // len(sizes[key])) for size in sizes[key]], -1
            ).reshape(shape)
    return inputs


def digest_of_runs() -> str:
    """Of all programs' results on several batches."""
    hasher = hashlib.sha256()
    for name, program in PROGRAMS.items():
        network = Network(program, random_tensors(program, name))
        for batch in (1, 3, 64):
            hasher.update(np.ascontiguousarray(network(random_inputs(program, batch)), dtype="<i4").tobytes())
    return hasher.hexdigest()


def twins_agree() -> bool:
    """Whether the training forward of every program gives the bits of its integer run."""
    import torch

    from aigc_content.nn.twin import Twin

    for name, program in PROGRAMS.items():
        tensors, inputs = random_tensors(program, name), random_inputs(program, 7, 5)
        twin = Twin(program)
        twin.restore(tensors)
        with torch.no_grad():
            trained = twin({key: torch.from_numpy(value) for key, value in inputs.items()}).numpy()
        if not (Network(program, twin.export())(inputs) == 256 * trained).all():
            return False
    return True
