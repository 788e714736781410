"""Programs of `aigc_content.nn.program` as graphs of ONNX operators, whole samples at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from aigc_content.nn.cells import MAX_CELL, NORM_UNIT
from aigc_content.nn.flow import Goal, InputSpec, Register, Shape
from aigc_content.nn.kernels import MAX_ACTIVATION, MAX_WEIGHT
from aigc_content.nn.onnx.graph import Array, Graph, product
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
from aigc_content.nn.sequences import GRU, LSTM, Attention, Positions
from aigc_content.nn.tables import ONE, UNITS, WEIGHING_STEPS

_AXES = {1: ("length",), 2: ("height", "width")}
_HIDDEN = np.float32(-1e30)


def build(graph: Graph, program: Program, tensors: Mapping[str, Array]) -> None:
    """Add a program to an empty graph.

    Inputs have the names and axes that `Program.inputs` tells, tokens as int64 and values as float32 in units of an
    activation (40 is a standard deviation of noise; beyond +-127 they are cut). Output ``result`` float32, channels
    last: register ``r`` at the end over 256, nat where it holds logits.
    """
    builder = _Builder(graph, tensors)
    for name, spec in program.inputs.items():
        kind = np.int64 if spec.kind == "tokens" else np.float32
        builder.inputs[name] = graph.input(name, kind, _axes(spec), spec.kind)
    for place in program.places:
        _BUILD[type(place.op)](builder, place, place.op)
    result = graph.add("Mul", builder.r, graph.constant(np.float32(1 / UNITS)))
    last = graph.channels_last(result) if len(program.result) == 3 else result
    graph.output(last, "result", ("batch", *_named(program.result)))


def _axes(spec: InputSpec) -> tuple[int | str, ...]:
    return ("batch", *_named(spec.shape if spec.kind == "values" else (*spec.shape, 1))[: len(spec.shape)])


def _named(shape: Shape) -> tuple[int | str, ...]:
    """A shape whose last axis is channels, with names for the axes that vary."""
    names = ("height", "width", "") if len(shape) == 3 else ("length", "")[-len(shape) :]
    return tuple(name if size is None else size for name, size in zip(names, shape, strict=True))


class _Builder:
    """The registers, as names of values: (B, C), (B, T, C) or, other than in integers, (B, C, H, W)."""

    def __init__(self, graph: Graph, tensors: Mapping[str, Array]) -> None:
        self.graph, self.tensors = graph, tensors
        self.inputs: dict[str, str] = {}
        self.x = self.r = ""
        self.stack: list[str] = []

    def add(self, value: str, place: Place, shape: Shape) -> None:
        """Add a value of that shape to ``r``; a vector is added to every cell."""
        if place.before.r is None:
            self.r = self.graph.clip_residual(value)
            return
        ranks = len(shape), len(place.before.r)
        value, r = self._spread(value, *ranks), self._spread(self.r, *reversed(ranks))
        self.r = self.graph.clip_residual(self.graph.add("Add", r, value))

    def _spread(self, value: str, rank: int, other: int) -> str:
        """A vector with axes for the cells of the other term."""
        if rank != 1 or other == 1:
            return value
        return self.graph.add("Unsqueeze", value, self.graph.integers(*((2, 3) if other == 3 else (1,))))

    def channels(self, values: Array, rank: int) -> str:
        """A constant number a channel, to be multiplied with a register of so many axes."""
        return self.graph.constant(values[:, None, None] if rank == 3 else values)

    def rows(self, x: str, name: str, unit: float = 1.0) -> str:
        """A product with every vector: (..., C) to (..., N)."""
        weight, bias = product(self.tensors, name, unit)
        return self.graph.add(
            "Add", self.graph.add("MatMul", x, self.graph.constant(weight.T)), self.graph.constant(bias)
        )

    def embed(self, place: Place, op: Embed) -> None:
        rows = self.graph.embed(self.tensors[f"{place.name}.t"], self.inputs[op.input])
        shape = (*op.shape, op.width)
        self.add(self.graph.channels_first(rows) if len(shape) == 3 else rows, place, shape)

    def positions(self, place: Place, op: Positions) -> None:
        graph = self.graph
        table = graph.constant(self.tensors[f"{place.name}.t"])
        rows = graph.add("Slice", table, graph.integers(0), graph.size(self.r, 1), graph.integers(0))
        self.r = graph.clip_residual(graph.add("Add", self.r, rows))

    def condition(self, place: Place, op: Condition) -> None:
        graph = self.graph
        rows = graph.add("Add", self.inputs[op.input], graph.integers(*np.cumsum((0, *op.sizes[:-1]))))
        vectors = graph.embed(self.tensors[f"{place.name}.t"], rows)  # (B, K, C)
        self.add(graph.add("ReduceSum", vectors, graph.integers(1), keepdims=0), place, (op.width,))

    def input(self, place: Place, op: Input) -> None:
        values = self.graph.clip(self.inputs[op.input])
        self.x = self.graph.channels_first(values) if len(op.shape) == 3 else values

    def linear(self, place: Place, op: Linear) -> None:
        rank = len(place.before.read("x"))
        whole = (
            self.graph.conv(self.x, *product(self.tensors, place.name))
            if rank == 3
            else self.rows(self.x, place.name)
        )
        self.to_goal(whole, op.goal, place, (*place.before.read("x")[:-1], op.outputs))

    def conv(self, place: Place, op: Conv) -> None:
        whole = self.graph.conv(self.x, *product(self.tensors, place.name), op.size, op.dilation)
        self.to_goal(whole, op.goal, place, (*place.before.read("x")[:-1], op.outputs))

    def transposed_conv(self, place: Place, op: TransposedConv) -> None:
        cells = self.graph.conv(self.x, *product(self.tensors, place.name), 3)
        whole = self.graph.add("DepthToSpace", cells, blocksize=2, mode="DCR")
        self.to_goal(whole, op.goal, place, (None, None, op.outputs))

    def to_goal(self, value: str, goal: Goal, place: Place, shape: Shape) -> None:
        """Bring a product to its goal."""
        if goal == "add":
            self.add(value, place, shape)
        elif goal == "set":
            self.r = self.graph.clip_residual(value)
        else:
            self.x = self.graph.clip(value, 0 if goal == "rectified" else -MAX_ACTIVATION, MAX_ACTIVATION)

    def quantize(self, place: Place, op: Quantize) -> None:
        scale = self.channels(self.tensors[f"{place.name}.m"], len(place.before.read("r")))
        self.x = self.graph.clip(self.graph.add("Mul", self.r, scale), 0 if op.rectified else -MAX_ACTIVATION)

    def norm(self, place: Place, op: Norm) -> None:
        graph, rank, count = self.graph, len(place.before.read("r")), place.before.channels("r")
        squares = graph.add("ReduceSumSquare", self.r, axes=[1 if rank == 3 else rank], keepdims=1)
        total = graph.add("Add", squares, graph.constant(np.float32(count)))
        share = graph.add("Div", graph.constant(np.float32(NORM_UNIT * NORM_UNIT * count)), total)
        scaled = graph.add("Mul", self.r, graph.add("Sqrt", share))
        self.x = graph.clip(graph.add("Mul", scaled, self.channels(self.tensors[f"{place.name}.m"], rank)))

    def upsample(self, place: Place, op: Upsample) -> None:
        self.put(op.register, self.graph.twice(self.get(op.register)))

    def space_to_depth(self, place: Place, op: SpaceToDepth) -> None:
        self.x = self.graph.add("SpaceToDepth", self.x, blocksize=2)

    def reshape(self, place: Place, op: Reshape) -> None:
        value = self.get(op.register)
        rows = self.graph.channels_last(value) if len(place.before.read(op.register)) == 3 else value
        shaped = self.graph.add("Reshape", rows, self.graph.integers(0, *op.shape))  # 0 keeps the batch
        self.put(op.register, self.graph.channels_first(shaped) if len(op.shape) == 3 else shaped)

    def pool_mean(self, place: Place, op: PoolMean) -> None:
        axes = [2, 3] if len(place.before.read("x")) == 3 else [1]
        self.x = self.graph.add("ReduceMean", self.x, axes=axes, keepdims=0)

    def attention(self, place: Place, op: Attention) -> None:
        graph, name, width = self.graph, place.name, op.heads * op.size
        parts = graph.add_several(
            "Split", 3, self.rows(self.x, f"{name}.qkv"), graph.integers(width, width, width), axis=2
        )
        bounds = (MAX_ACTIVATION, MAX_WEIGHT, MAX_WEIGHT)
        apart = graph.integers(0, 0, op.heads, op.size)
        query, key, value = (
            graph.add("Transpose", graph.add("Reshape", graph.clip(part, -bound, bound), apart), perm=perm)
            for part, bound, perm in zip(parts, bounds, ([0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]), strict=True)
        )  # (B, H, T, D), the keys (B, H, D, T)
        score = self.tensors[f"{name}.score.m"][:, None, None] / np.float32(WEIGHING_STEPS)
        scores = graph.add("Mul", graph.add("MatMul", query, key), graph.constant(score))  # (B, H, T, T) in nat
        if op.causal:
            scores = graph.add("Where", self.later(), graph.constant(_HIDDEN), scores)
        mixed = graph.add("MatMul", graph.add("Softmax", scores, axis=3), value)
        mix = graph.constant(self.tensors[f"{name}.mix.m"].reshape(op.heads, 1, op.size))
        heads = graph.add("Transpose", graph.clip(graph.add("Mul", mixed, mix)), perm=[0, 2, 1, 3])
        joined = graph.add("Reshape", heads, graph.integers(0, 0, width))
        self.add(self.rows(joined, f"{name}.out"), place, place.before.read("x"))

    def later(self) -> str:
        """Whether a key's position comes after the query's: (T, T)."""
        graph = self.graph
        first, step = (graph.constant(np.int64(value), np.int64) for value in (0, 1))
        places = graph.add("Range", first, graph.add("Squeeze", graph.size(self.x, 1)), step)
        return graph.add("Less", graph.add("Unsqueeze", places, graph.integers(1)), places)

    def gru(self, place: Place, op: GRU) -> None:
        """ONNX's own: the gates stand in its order, and its reset gate acts on the product."""
        graph, name = self.graph, place.name
        weight, bias = product(self.tensors, f"{name}.x", 1 / UNITS)
        inner, inner_bias = product(self.tensors, f"{name}.h", MAX_ACTIVATION / UNITS)  # its state stands for +-1
        biases = np.concatenate([bias, inner_bias / np.float32(MAX_ACTIVATION)])
        outputs = graph.add(
            "GRU",
            graph.add("Transpose", self.x, perm=[1, 0, 2]),
            *(graph.constant(part[None]) for part in (weight, inner, biases)),
            hidden_size=op.width,
            linear_before_reset=1,
        )  # (T, 1, B, N)
        rows = graph.add("Transpose", graph.add("Squeeze", outputs, graph.integers(1)), perm=[1, 0, 2])
        self.x = graph.add("Mul", rows, graph.constant(np.float32(MAX_ACTIVATION)))

    def lstm(self, place: Place, op: LSTM) -> None:
        """Step by step, for ONNX's own has no bound on its cell."""
        graph, name, width = self.graph, place.name, op.width
        products = graph.add("Transpose", self.rows(self.x, f"{name}.x", 1 / UNITS), perm=[1, 0, 2])  # (T, B, 4N)
        zeros = graph.add(
            "ConstantOfShape", graph.add("Concat", graph.size(self.x, 0), graph.integers(width), axis=0)
        )
        step = Graph(f"{name}.")
        output, cell, inputs = (
            step.input(f"{name}.{part}", np.float32, ("batch", size))
            for part, size in (("output", width), ("cell", width), ("inputs", 4 * width))
        )
        weight, bias = product(self.tensors, f"{name}.h", 1 / UNITS)
        inner = step.add("Add", step.add("MatMul", output, step.constant(weight.T)), step.constant(bias))
        gates = step.add_several("Split", 4, step.add("Add", inputs, inner), step.integers(*[width] * 4), axis=1)
        enter, forget, leave = (step.add("Sigmoid", gates[index]) for index in (0, 1, 3))
        kept, new = step.add("Mul", forget, cell), step.add("Mul", enter, step.add("Tanh", gates[2]))
        now = step.clip(step.add("Add", kept, new), -MAX_CELL / ONE, MAX_CELL / ONE)
        shown = step.add(
            "Mul", step.add("Mul", leave, step.add("Tanh", now)), step.constant(np.float32(MAX_ACTIVATION))
        )
        for value, part in ((shown, "next_output"), (now, "next_cell"), (shown, "shown")):
            step.output(value, f"{name}.{part}", ("batch", width))
        outputs = graph.add_several(
            "Scan", 3, zeros, zeros, products, body=step.build(f"{name}.step"), num_scan_inputs=1
        )
        self.x = graph.add("Transpose", outputs[2], perm=[1, 0, 2])

    def push(self, place: Place, op: Push) -> None:
        self.stack.append(self.r)

    def pop(self, place: Place, op: Pop) -> None:
        self.add(self.stack.pop(), place, place.before.stack[-1])

    def get(self, register: Register) -> str:
        return self.x if register == "x" else self.r

    def put(self, register: Register, value: str) -> None:
        if register == "x":
            self.x = value
        else:
            self.r = value


_BUILD: dict[type, Callable[[_Builder, Place, Any], None]] = {
    Embed: _Builder.embed,
    Positions: _Builder.positions,
    Condition: _Builder.condition,
    Input: _Builder.input,
    Linear: _Builder.linear,
    Conv: _Builder.conv,
    TransposedConv: _Builder.transposed_conv,
    Quantize: _Builder.quantize,
    Norm: _Builder.norm,
    Upsample: _Builder.upsample,
    SpaceToDepth: _Builder.space_to_depth,
    Reshape: _Builder.reshape,
    PoolMean: _Builder.pool_mean,
    Attention: _Builder.attention,
    GRU: _Builder.gru,
    LSTM: _Builder.lstm,
    Push: _Builder.push,
    Pop: _Builder.pop,
}
