"""Run a program in integers, without torch: the same bits in every batch, order, thread count and kernel.

Example, a language model that writes after a prompt::

    network = Network(program, tensors)
    state = network.start(batch=8)
    logits = network.extend({"tokens": prompts}, state)[:, -1]        # (8, T) tokens to (8, T, C), the last of them
    for _ in range(100):
        tokens, _ = sampling.draw(logits, stream)                     # (8,)
        logits = network.step({"tokens": tokens}, state)              # (8, C)

A whole sequence at once, ``network({"tokens": tokens})``, gives what its steps give, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from aigc_content.errors import ModelError, did_you_mean
from aigc_content.nn import backend
from aigc_content.nn.flow import MAX_TABLE, Goal
from aigc_content.nn.kernels import MAX_ACTIVATION, MAX_RESIDUAL, MAX_WEIGHT, Int8, Int32
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
from aigc_content.nn.program import Program
from aigc_content.nn.sequences import GRU, LSTM, MAX_SPAN, Attention, Positions, Recurrent

Array = npt.NDArray[Any]
_Number = TypeVar("_Number", np.int8, np.int32)
_LEAST, _MOST = np.int32(-MAX_RESIDUAL), np.int32(MAX_RESIDUAL)


class State:
    """What a network remembers of sequences of which it has seen the beginning.

    Attributes:
        batch: number of sequences.
        position: how many positions of each were seen.
    """

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.position = 0
        self.memory: dict[str, list[Array]] = {}

    def select(self, rows: Array) -> State:
        """The state of some of the sequences, by index (R,) or mask (B,): those that are not finished, say."""
        chosen = State(int(np.arange(self.batch)[rows].size))
        chosen.position = self.position
        chosen.memory = {name: [array[rows] for array in arrays] for name, arrays in self.memory.items()}
        return chosen


@dataclass
class _Run:
    """The registers of one run."""

    inputs: Mapping[str, Array]
    state: State
    x: Int8 | None = None
    r: Int32 | None = None
    stack: list[Int32] = field(default_factory=list)

    def activations(self) -> Int8:
        assert self.x is not None
        return self.x

    def residual(self) -> Int32:
        assert self.r is not None
        return self.r


class Network:
    """A program with its tensors, ready to run.

    Args:
        program: the operations.
        tensors: by name, exactly those of `Program.tensors`, as `aigc_content.nn.twin.Twin.export` gives them.

    Raises:
        ModelError: M005, a tensor is missing, unknown, has another type or shape, or breaks a bound of exact sums.
    """

    def __init__(self, program: Program, tensors: Mapping[str, Array]) -> None:
        self.program = program
        self._kernels, self._cells = backend.kernels(), backend.cells()
        self._tensors = checked(program, tensors)
        self._packed: dict[str, Any] = {}
        for name in self._tensors:
            if name.endswith(".w"):
                stem = name.removesuffix(".w")
                try:
                    self._packed[stem] = self._kernels.pack(self._tensors[name], self._tensors[f"{stem}.b"])
                except ValueError as error:
                    raise _refused(f"the weights of {stem!r} pass the bound of exact sums: {error}") from None

    def __call__(self, inputs: Mapping[str, Array]) -> Int32:
        """The result of whole samples.

        Args:
            inputs: by name, as `Program.inputs` tells, with an axis for the batch in front.

        Returns:
            Register ``r`` at the end, in 1/256: (B, C), (B, T, C) or (B, H, W, C).

        Raises:
            ValueError: an input is missing, unknown, of a wrong shape or type or out of range.
        """
        return self._execute(inputs, None)

    def start(self, batch: int) -> State:
        """The state before the first position of ``batch`` sequences.

        Raises:
            ValueError: the program cannot run position by position.
        """
        if not self.program.stepwise:
            raise ValueError("this program needs all positions at once; it has no state")
        return State(batch)

    def step(self, inputs: Mapping[str, Array], state: State) -> Int32:
        """The result at the next position: sequences of tokens are (B,), of values (B, C), the result (B, C).

        Inputs without an axis of positions are as in a whole run and must be the same in every step.
        """
        told = self.program.inputs
        single = {
            name: value[:, None] if name in told and None in told[name].shape else value
            for name, value in inputs.items()
        }
        result: Int32 = self.extend(single, state)[:, 0]
        return result

    def extend(self, inputs: Mapping[str, Array], state: State) -> Int32:
        """The results at the next T positions, such as those of a prompt: (B, T, C)."""
        result = self._execute(inputs, state)
        state.position += result.shape[1]
        return result

    def _execute(self, inputs: Mapping[str, Array], state: State | None) -> Int32:
        batch = self._check_inputs(inputs)
        if state is not None and state.batch != batch:
            raise ValueError(f"{batch} samples for a state of {state.batch}")
        run = _Run(inputs, state or State(batch))
        for place in self.program.places:
            _RUN[type(place.op)](self, place.name, place.op, run)
        return run.residual()

    def _check_inputs(self, inputs: Mapping[str, Array]) -> int:
        told = self.program.inputs
        if set(inputs) != set(told):
            raise ValueError(f"inputs {sorted(inputs)}: exactly {sorted(told)} are needed")
        for name, spec in told.items():
            value, tokens = inputs[name], spec.kind == "tokens"
            fits = len(value.shape) == len(spec.shape) + 1 and all(
                size in (None, found) for size, found in zip(spec.shape, value.shape[1:], strict=True)
            )
            if not fits or (value.dtype.kind not in "iu" if tokens else value.dtype != np.int8):
                kind = "integers" if tokens else "int8"
                raise ValueError(f"input {name!r} is {value.dtype} {value.shape}: {kind} (B, *{spec.shape}) needed")
            if not tokens and value.size and value.min() < -MAX_ACTIVATION:
                raise ValueError(f"input {name!r} has -128: at least -127")
        sizes = {len(value) for value in inputs.values()}
        if len(sizes) > 1:
            raise ValueError(f"inputs of {sorted(sizes)} samples: the same number is needed in each")
        return sizes.pop() if sizes else 1

    def _rows(self, name: str, tokens: Array, rows: int) -> Int32:
        """Rows of a table: (...) to (..., C)."""
        if tokens.size and not 0 <= int(tokens.min()) <= int(tokens.max()) < rows:
            raise ValueError(f"{name}: tokens within {tokens.min()}..{tokens.max()}, not 0..{rows - 1}")
        found: Int32 = self._tensors[f"{name}.t"][tokens]
        return found

    def _activate(self, name: str, x: Int8, floor: int, size: int = 1, dilation: int = 1) -> Int8:
        """A product to activations: (..., C) to (..., N)."""
        packed, scale = self._packed[name], self._tensors[f"{name}.m"]
        result: Int8 = self._kernels.conv_requant(_grid(x), packed, size, dilation, scale, floor)
        return result.reshape(*x.shape[:-1], len(scale))

    def _fresh(self, name: str, x: Int8, size: int = 1, dilation: int = 1) -> Int32:
        """A product in units of ``r``: (..., C) to (..., N)."""
        packed, scale = self._packed[name], self._tensors[f"{name}.m"]
        result: Int32 = np.zeros((*x.shape[:-1], len(scale)), dtype=np.int32)
        self._kernels.conv_accumulate(_grid(result), _grid(x), packed, size, dilation, scale)
        return result

    def _add(self, run: _Run, value: Int32) -> None:
        """Add to ``r``; a vector is added to every cell."""
        r = run.r
        if r is None:
            total = value
        elif r.shape == value.shape:
            total = r
            total += value
        elif 2 in {r.ndim, value.ndim}:
            total, vector = (r, value) if value.ndim == 2 else (value, r)
            self._kernels.add_vector(_grid(total), vector)
        else:
            raise ValueError(f"a value {value.shape} cannot be added to {r.shape}: lengths differ")
        run.r = _bounded(total)

    def _embed(self, name: str, op: Embed, run: _Run) -> None:
        self._add(run, self._rows(name, run.inputs[op.input], op.rows))

    def _positions(self, name: str, op: Positions, run: _Run) -> None:
        r, start = run.residual(), run.state.position
        stop = start + r.shape[1]
        if stop > op.length:
            raise ValueError(f"{name}: {stop} positions: at most {op.length}")
        r += self._tensors[f"{name}.t"][start:stop]
        _bounded(r)

    def _condition(self, name: str, op: Condition, run: _Run) -> None:
        tokens = run.inputs[op.input].astype(np.int64)
        if (tokens >= op.sizes).any() or (tokens < 0).any():
            raise ValueError(f"{name}: tokens of {op.input!r} beyond their sizes {op.sizes}")
        if len(op.sizes) == 1:
            self._add(run, self._rows(name, tokens[:, 0], op.sizes[0]))
            return
        offsets = np.cumsum((0, *op.sizes[:-1]))
        self._add(run, self._rows(name, tokens + offsets, sum(op.sizes)).sum(axis=1, dtype=np.int32))

    def _input(self, name: str, op: Input, run: _Run) -> None:
        run.x = np.ascontiguousarray(run.inputs[op.input])

    def _linear(self, name: str, op: Linear, run: _Run) -> None:
        self._product(name, run, op.goal)

    def _conv(self, name: str, op: Conv, run: _Run) -> None:
        self._product(name, run, op.goal, op.size, op.dilation)

    def _product(self, name: str, run: _Run, goal: Goal, size: int = 1, dilation: int = 1) -> None:
        x = run.activations()
        if goal in {"rectified", "signed"}:
            run.x = self._activate(name, x, 0 if goal == "rectified" else -MAX_ACTIVATION, size, dilation)
        elif goal == "set":
            run.r = self._fresh(name, x, size, dilation)
        elif run.residual().shape[:-1] == x.shape[:-1]:
            packed, scale = self._packed[name], self._tensors[f"{name}.m"]
            self._kernels.conv_accumulate(_grid(run.residual()), _grid(x), packed, size, dilation, scale)
        else:
            self._add(run, self._fresh(name, x, size, dilation))

    def _transposed_conv(self, name: str, op: TransposedConv, run: _Run) -> None:
        x, goal = run.activations(), op.goal
        if goal in {"rectified", "signed"}:
            floor = 0 if goal == "rectified" else -MAX_ACTIVATION
            run.x = self._cells.depth_to_space(self._activate(name, x, floor, 3))
        else:
            if goal == "set":
                run.r = None
            self._add(run, self._cells.depth_to_space(self._fresh(name, x, 3)))

    def _quantize(self, name: str, op: Quantize, run: _Run) -> None:
        floor = 0 if op.rectified else -MAX_ACTIVATION
        run.x = self._kernels.quantize(run.residual(), self._tensors[f"{name}.m"], floor)

    def _norm(self, name: str, op: Norm, run: _Run) -> None:
        run.x = self._cells.norm(run.residual(), self._tensors[f"{name}.m"])

    def _upsample(self, name: str, op: Upsample, run: _Run) -> None:
        if op.register == "x":
            run.x = self._cells.upsample(run.activations())
        else:
            run.r = self._cells.upsample(run.residual())

    def _space_to_depth(self, name: str, op: SpaceToDepth, run: _Run) -> None:
        x = run.activations()
        if x.shape[1] % 2 or x.shape[2] % 2:
            raise ValueError(f"{name}: a grid of {x.shape[1]}x{x.shape[2]}: even sides are needed")
        run.x = self._kernels.space_to_depth(x)

    def _reshape(self, name: str, op: Reshape, run: _Run) -> None:
        if op.register == "x":
            run.x = run.activations().reshape(len(run.activations()), *op.shape)
        else:
            run.r = run.residual().reshape(len(run.residual()), *op.shape)

    def _pool_mean(self, name: str, op: PoolMean, run: _Run) -> None:
        run.x = self._kernels.pool_mean(_grid(run.activations()), None)

    def _attention(self, name: str, op: Attention, run: _Run) -> None:
        x, width, start = run.activations(), op.heads * op.size, run.state.position
        batch, steps, _ = x.shape
        if start + steps > MAX_SPAN:
            raise ValueError(f"{name}: {start + steps} positions: at most {MAX_SPAN}")
        qkv = self._activate(f"{name}.qkv", x, -MAX_ACTIVATION)
        pair = np.clip(qkv[..., width:], -MAX_WEIGHT, MAX_WEIGHT)
        heads = pair.reshape(batch, steps, 2, op.heads, op.size).transpose(2, 0, 3, 1, 4)  # (2, B, H, T, D)
        keys, values = _remember(run.state, name, heads)
        score, mix = self._tensors[f"{name}.score.m"], self._tensors[f"{name}.mix.m"]
        query = np.ascontiguousarray(qkv[..., :width])
        mixed = self._cells.attend(query, keys, values, start, op.causal, score, mix)
        if run.residual().shape[:2] != mixed.shape[:2]:
            raise ValueError(f"{name}: {mixed.shape[1]} positions in x, {run.residual().shape[1]} in r")
        scale = self._tensors[f"{name}.out.m"]
        self._kernels.conv_accumulate(_grid(run.residual()), _grid(mixed), self._packed[f"{name}.out"], 1, 1, scale)

    def _recurrent(self, name: str, op: Recurrent, run: _Run) -> None:
        """Products with all inputs at once, then step by step."""
        cell = self._cells.gru if isinstance(op, GRU) else self._cells.lstm
        x = run.activations()
        batch, steps, _ = x.shape
        inputs = self._fresh(f"{name}.x", np.ascontiguousarray(x.transpose(1, 0, 2)))  # (T, B, gates * N)
        if name not in run.state.memory:
            zeros = np.zeros((batch, op.width), dtype=np.int8)
            run.state.memory[name] = [zeros, zeros.astype(np.int32)]
        output, state = run.state.memory[name]
        outputs = np.empty((steps, batch, op.width), dtype=np.int8)
        for step in range(steps):
            output = outputs[step] = cell(inputs[step], self._fresh(f"{name}.h", output), state)
        run.state.memory[name][0] = output
        run.x = np.ascontiguousarray(outputs.transpose(1, 0, 2))

    def _push(self, name: str, op: Push, run: _Run) -> None:
        run.stack.append(run.residual().copy())

    def _pop(self, name: str, op: Pop, run: _Run) -> None:
        self._add(run, run.stack.pop())


_RUN: dict[type, Callable[[Network, str, Any, _Run], None]] = {
    Embed: Network._embed,
    Positions: Network._positions,
    Condition: Network._condition,
    Input: Network._input,
    Linear: Network._linear,
    Conv: Network._conv,
    TransposedConv: Network._transposed_conv,
    Quantize: Network._quantize,
    Norm: Network._norm,
    Upsample: Network._upsample,
    SpaceToDepth: Network._space_to_depth,
    Reshape: Network._reshape,
    PoolMean: Network._pool_mean,
    Attention: Network._attention,
    GRU: Network._recurrent,
    LSTM: Network._recurrent,
    Push: Network._push,
    Pop: Network._pop,
}


def checked(program: Program, tensors: Mapping[str, Array]) -> dict[str, Array]:
    """The tensors in the program's order, each of the right type and shape, with finite scales above 0.

    Raises:
        ModelError: M005.
    """
    wanted = program.tensors()
    for name in tensors:
        if name not in wanted:
            raise _refused(f"tensor {name!r} belongs to no operation", remedy=did_you_mean(name, wanted))
    found: dict[str, Array] = {}
    for name, spec in wanted.items():
        tensor = tensors.get(name)
        if tensor is None or tensor.dtype != spec.dtype or tensor.shape != spec.shape:
            text = "missing" if tensor is None else f"{tensor.dtype} {tensor.shape}"
            raise _refused(f"tensor {name!r} is {text}", f"{np.dtype(spec.dtype)} {spec.shape}")
        if spec.dtype is np.float32 and not (np.isfinite(tensor).all() and (tensor > 0).all()):
            raise _refused(f"tensor {name!r} has a scale that is not finite and above 0")
        if name.endswith(".t") and int(np.abs(tensor.astype(np.int64)).max()) > MAX_TABLE:
            raise _refused(f"tensor {name!r} has an entry beyond +-{MAX_TABLE}")
        found[name] = np.ascontiguousarray(tensor)
    return found


def _refused(found: str, allowed: str = "", remedy: str = "") -> ModelError:
    return ModelError("M005", found, allowed=allowed, remedy=remedy or "fetch the model again")


def _bounded(residual: Int32) -> Int32:
    """Within the bounds of ``r``, in place; two passes are faster than `numpy.clip` where arrays are small."""
    np.maximum(residual, _LEAST, out=residual)
    return np.minimum(residual, _MOST, out=residual)


def _grid(values: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
    """A view with the four axes that kernels work on: (B, C) as (B, 1, 1, C), (B, T, C) as (B, 1, T, C)."""
    if values.ndim == 4:
        return values
    return values[:, None] if values.ndim == 3 else values[:, None, None]


def _remember(state: State, name: str, pair: Int8) -> tuple[Int8, Int8]:
    """Keys and values (2, B, H, T, D) after those that the state holds; all of them, (B, H, S, D) each."""
    start, stop = state.position, state.position + pair.shape[3]
    kept = state.memory.get(name)
    if kept is None:
        kept = [np.ascontiguousarray(part) for part in pair]
    else:
        room = kept[0].shape[2]
        if stop > room:
            more = [(0, 0), (0, 0), (0, max(64, 2 * stop) - room), (0, 0)]
            kept = [np.pad(array, more) for array in kept]
        for array, part in zip(kept, pair, strict=True):
            array[:, :, start:stop] = part
    state.memory[name] = kept
    return kept[0][:, :, :stop], kept[1][:, :, :stop]
