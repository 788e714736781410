"""The U-Net of `aigc_content.nn.unet` as a graph of ONNX operators."""

from __future__ import annotations

import numpy as np

from aigc_content.nn.kernels import MAX_ACTIVATION
from aigc_content.nn.onnx.graph import Graph, product
from aigc_content.nn.unet import Tensors, UNetConfig


def build(graph: Graph, config: UNetConfig, tensors: Tensors) -> None:
    """Add the network to an empty graph.

    Inputs ``planes`` int64 (B, P, H, W) and ``conditions`` int64 (B, K), output ``logits`` float32 (B, H, W, outputs)
    in nat. Height and width are free: they are padded inside, and padding changes nothing.
    """
    _Builder(graph, config, tensors).build()


class _Builder:
    """Values are (B, C, H, W); the residual stream is in 1/256 of an activation's unit."""

    def __init__(self, graph: Graph, config: UNetConfig, tensors: Tensors) -> None:
        self.graph, self.config, self.tensors = graph, config, tensors

    def build(self) -> None:
        graph, config = self.graph, self.config
        counts = (len(config.planes), len(config.conditions))
        planes = graph.input(
            "planes", np.int64, ("batch", counts[0], "height", "width"), f"tokens below {config.planes}"
        )
        told = graph.input("conditions", np.int64, ("batch", counts[1]), f"tokens below {config.conditions}")
        pads = self.pads(planes)
        masks = self.masks(planes, pads)
        residual = self.embed(planes, pads)
        rows = graph.add("Add", told, graph.integers(*np.cumsum((0, *config.conditions[:-1]))))
        skips: list[str] = []
        for level in range(config.levels):
            if level:
                below = self.quantize(residual, f"leave{level - 1}", masks[level - 1])
                skips.append(residual)
                residual = self.clip_product(f"enter{level}", below, size=2, stride=2)
            residual = graph.add("Add", residual, self.condition(rows, level))
            residual = self.blocks(residual, "down", level, masks[level])
        residual = self.pool(residual, masks[-1])
        for level in reversed(range(config.levels - 1)):
            coarse = self.clip_product(f"merge{level + 1}", self.quantize(residual, f"leave{level + 1}"))
            residual = graph.add("Add", skips.pop(), graph.twice(coarse))
            residual = self.blocks(residual, "up", level, masks[level])
        hidden = self.rectified("head.a", self.quantize(residual, "leave0"))
        logits = graph.conv(hidden, *product(self.tensors, "head.b", 1 / 256))
        ends = graph.add("Concat", graph.size(planes, 2), graph.size(planes, 3), axis=0)
        whole = graph.add("Slice", logits, graph.integers(0, 0), ends, graph.integers(2, 3))
        axes = ("batch", "height", "width", config.outputs)
        graph.output(graph.channels_last(whole), "logits", axes, "in nat")

    def pads(self, planes: str) -> str:
        """Padding to multiples of the coarsest cell, at the bottom and the right: (8,)."""
        graph = self.graph
        step = graph.integers(1 << (self.config.levels - 1))
        missing = [graph.add("Mod", graph.add("Neg", graph.size(planes, axis)), step) for axis in (2, 3)]
        return graph.add("Concat", graph.integers(0, 0, 0, 0, 0, 0), *missing, axis=0)

    def masks(self, planes: str, pads: str) -> list[str]:
        """1 where a cell belongs to the picture, at each level: (B, 1, H, W)."""
        graph = self.graph
        first = graph.add("Gather", planes, graph.integers(0), axis=1)  # (B, 1, H, W)
        ones = graph.add("Mul", graph.add("Cast", first, to=1), graph.constant(np.float32(0)))
        masks = [graph.add("Pad", graph.add("Add", ones, graph.constant(np.float32(1))), pads)]
        for _ in range(self.config.levels - 1):
            masks.append(graph.add("MaxPool", masks[-1], kernel_shape=[2, 2], strides=[2, 2]))
        return masks

    def embed(self, planes: str, pads: str) -> str:
        """The tokens' vectors, summed over planes, 0 in the padding."""
        graph = self.graph
        total = ""
        for index in range(len(self.config.planes)):
            tokens = graph.add("Gather", planes, graph.constant(np.int64(index), np.int64), axis=1)  # (B, H, W)
            rows = graph.embed(self.tensors[f"plane{index}.t"], tokens)
            total = graph.add("Add", total, rows) if total else rows
        return graph.add("Pad", graph.channels_first(total), pads)

    def condition(self, rows: str, level: int) -> str:
        """The conditions' vectors, summed: (B, C, 1, 1)."""
        graph = self.graph
        vectors = graph.embed(self.tensors[f"cond{level}.t"], rows)  # (B, K, C)
        vector = graph.add("ReduceSum", vectors, graph.integers(1), keepdims=0)
        return graph.add("Unsqueeze", vector, graph.integers(2, 3))

    def quantize(self, residual: str, name: str, mask: str = "") -> str:
        """The residual stream to activations, 0 in the padding where a mask tells it."""
        scale = self.graph.constant(self.tensors[f"{name}.m"][:, None, None])
        x = self.graph.clip(self.graph.add("Mul", residual, scale))
        return self.graph.add("Mul", x, mask) if mask else x

    def rectified(self, name: str, x: str, size: int = 1, dilation: int = 1) -> str:
        """A layer to activations within 0..127."""
        return self.graph.clip(self.graph.conv(x, *product(self.tensors, name), size, dilation), 0, MAX_ACTIVATION)

    def clip_product(self, name: str, x: str, size: int = 1, stride: int = 1) -> str:
        """A layer to the residual stream."""
        return self.graph.clip_residual(self.graph.conv(x, *product(self.tensors, name), size, stride=stride))

    def joined(self, residual: str, name: str, x: str) -> str:
        """A layer added to the residual stream."""
        return self.graph.clip_residual(
            self.graph.add("Add", residual, self.graph.conv(x, *product(self.tensors, name)))
        )

    def blocks(self, residual: str, way: str, level: int, mask: str) -> str:
        """The residual blocks of one level."""
        for name, at, dilation in self.config.blocks():
            if at == level and name.startswith(way):
                x = self.quantize(residual, f"{name}.q", mask)
                residual = self.joined(residual, f"{name}.b", self.rectified(f"{name}.a", x, 3, dilation))
        return residual

    def pool(self, residual: str, mask: str) -> str:
        """The mean over the picture, through two layers, added to all cells."""
        graph = self.graph
        axes = graph.integers(2, 3)
        sums, cells = (
            graph.add("ReduceSum", value, axes) for value in (self.quantize(residual, "pool.q", mask), mask)
        )
        hidden = self.rectified("pool.a", graph.add("Div", sums, cells))
        return graph.add("Add", residual, self.clip_product("pool.b", hidden))
