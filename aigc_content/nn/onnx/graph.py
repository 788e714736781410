"""A graph of ONNX operators that grows node by node; values are named by strings."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import TensorProto, helper, numpy_helper

from aigc_content.nn.kernels import MAX_ACTIVATION, MAX_RESIDUAL

Array = npt.NDArray[Any]
Axes = Sequence[int | str]
OPSET, IR_VERSION = 15, 8  # what most engines read
_TYPES = {np.float32: TensorProto.FLOAT, np.int64: TensorProto.INT64}


class Graph:
    """A graph under construction.

    Args:
        prefix: of the names of its values, so that a graph inside another shares none with it.
    """

    def __init__(self, prefix: str = "") -> None:
        self._prefix = prefix
        self._nodes: list[Any] = []
        self._constants: dict[str, Any] = {}
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def input(self, name: str, kind: type[np.float32 | np.int64], axes: Axes, meaning: str = "") -> str:
        """A value from outside; axes that vary have names."""
        info = helper.make_tensor_value_info(name, _TYPES[kind], axes, doc_string=meaning)
        self._inputs.append(info)
        return name

    def output(self, value: str, name: str, axes: Axes, meaning: str = "") -> None:
        """Give a float value to the outside by a name of its own."""
        self._nodes.append(helper.make_node("Identity", [value], [name], name=name))
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, axes, doc_string=meaning))

    def constant(self, values: Any, kind: type[np.float32 | np.int64] = np.float32) -> str:
        """A constant tensor; equal ones are stored once."""
        array = np.ascontiguousarray(values, dtype=kind)
        key = hashlib.sha256(repr((kind.__name__, np.shape(values))).encode() + array.tobytes()).hexdigest()
        if key not in self._constants:
            name = f"{self._prefix}constant_{len(self._constants)}"
            self._constants[key] = numpy_helper.from_array(array.reshape(np.shape(values)), name)
        return str(self._constants[key].name)

    def integers(self, *values: int) -> str:
        """A constant vector of integers: axes, sizes, places."""
        return self.constant(values, np.int64)

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """A node with one output."""
        return self.add_several(operator, 1, *inputs, **attributes)[0]

    def add_several(self, operator: str, count: int, *inputs: str, **attributes: Any) -> list[str]:
        """A node with several outputs."""
        place = f"{self._prefix}{operator.lower()}_{len(self._nodes)}"
        outputs = [place if count == 1 else f"{place}_{index}" for index in range(count)]
        self._nodes.append(helper.make_node(operator, list(inputs), outputs, name=place, **attributes))
        return outputs

    def clip(self, value: str, low: float = -MAX_ACTIVATION, high: float = MAX_ACTIVATION) -> str:
        """Within bounds; those of activations unless told otherwise."""
        return self.add("Clip", value, self.constant(np.float32(low)), self.constant(np.float32(high)))

    def clip_residual(self, value: str) -> str:
        """Within the bounds of the residual stream."""
        return self.clip(value, -MAX_RESIDUAL, MAX_RESIDUAL)

    def embed(self, table: Array, tokens: str) -> str:
        """Rows of a table: (...) to (..., C)."""
        return self.add("Gather", self.constant(table), tokens, axis=0)

    def conv(self, x: str, weight: Array, bias: Array, size: int = 1, dilation: int = 1, stride: int = 1) -> str:
        """A convolution; the size stays, or becomes 1/stride.

        Args:
            x: (B, C, H, W).
            weight: (N, size * size * C), order (dy, dx, c).
            bias: (N,).
            size, dilation, stride: of the kernel.
        """
        kernel = weight.reshape(len(weight), size, size, -1).transpose(0, 3, 1, 2)
        reach = dilation * (size // 2) if stride == 1 else 0
        return self.add(
            "Conv",
            x,
            self.constant(kernel),
            self.constant(bias),
            kernel_shape=[size, size],
            pads=[reach] * 4,
            dilations=[dilation] * 2,
            strides=[stride] * 2,
        )

    def twice(self, x: str) -> str:
        """Every cell becomes 2x2 equal ones: (B, C, H, W) to (B, C, 2H, 2W)."""
        scales = self.constant(np.array([1, 1, 2, 2], np.float32))
        plain = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
        return self.add("Resize", x, "", scales, **plain)

    def channels_first(self, x: str) -> str:
        """(B, H, W, C) to (B, C, H, W)."""
        return self.add("Transpose", x, perm=[0, 3, 1, 2])

    def channels_last(self, x: str) -> str:
        """(B, C, H, W) to (B, H, W, C)."""
        return self.add("Transpose", x, perm=[0, 2, 3, 1])

    def size(self, value: str, axis: int) -> str:
        """The size of an axis, as a vector of one integer."""
        return self.add("Gather", self.add("Shape", value), self.integers(axis), axis=0)

    def build(self, name: str) -> Any:
        """The graph by itself, as an attribute of a node that runs it."""
        return helper.make_graph(self._nodes, name, self._inputs, self._outputs, list(self._constants.values()))

    def to_bytes(self, about: Mapping[str, str]) -> bytes:
        """The whole as a file; ``about`` says what it came from."""
        model = helper.make_model(
            self.build("network"),
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="aigc_content",
        )
        helper.set_model_props(model, dict(about))
        data: bytes = model.SerializeToString(deterministic=True)
        return data


def product(tensors: Mapping[str, Array], name: str, unit: float = 1.0) -> tuple[Array, Array]:
    """Weights and bias of a layer in float32: the stored integers times their scales, times ``unit``."""
    scale = tensors[f"{name}.m"] * np.float32(unit)
    return tensors[f"{name}.w"] * scale[:, None], tensors[f"{name}.b"] * scale
