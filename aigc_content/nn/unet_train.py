"""The U-Net of `aigc_content.nn.unet` as a torch module that trains with the same rounding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_content.nn.quant import RESIDUAL_SCALE, Layer, Quantize, Table, clamp_residual, ste_round
from aigc_content.nn.unet import Tensors, UNetConfig

Part = Layer | Quantize | Table


class Block(nn.Module):
    """Residual block: quantize, 3x3 dilated convolution, rectify, 1x1 convolution, add."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.q = Quantize(width)
        self.a = Layer(width, width, 3, dilation)
        self.b = Layer(width, width, 1, gain=0.4)

    def forward(self, residual: Tensor, mask: Tensor | None) -> Tensor:
        """(B, C, H, W) in residual units to the same; the mask is 0 outside a map, and None where all is inside."""
        return clamp_residual(residual + self.b.scaled(self.a.activate(_masked(self.q(residual), mask))))


class UNet(nn.Module):
    """Trainable twin of `aigc_content.nn.unet.UNet`.

    Args:
        config: sizes.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths = config.channels
        self.tables = [Table(size, widths[0], 0.7) for size in config.planes]
        self.vectors = [Table(sum(config.conditions), width, 0.1) for width in widths]
        self.left = [Quantize(width) for width in widths]
        self.entered = [Layer(4 * fine, coarse) for fine, coarse in pairwise(widths)]
        self.merged = [Layer(coarse, fine, gain=0.5) for fine, coarse in pairwise(widths)]
        self.block = {name: Block(widths[level], dilation) for name, level, dilation in config.blocks()}
        parts: dict[str, Sequence[nn.Module]] = {
            "planes": self.tables,
            "conditions": self.vectors,
            "leave": self.left,
            "enter": self.entered,
            "merge": self.merged,
        }
        for name, modules in parts.items():
            self.add_module(name, nn.ModuleList(modules))
        self.blocks = nn.ModuleDict({name.replace(".", "_"): block for name, block in self.block.items()})
        self.pool_q = Quantize(widths[-1])
        self.pool_a = Layer(widths[-1], widths[-1])
        self.pool_b = Layer(widths[-1], widths[-1], gain=0.4)
        self.head_a = Layer(widths[0], widths[0])
        self.head_b = Layer(widths[0], config.outputs, gain=0.5)
        nn.init.constant_(self.head_b.log_gain, -3.0)

    def forward(self, planes: Tensor, conditions: Tensor, inside: Tensor) -> Tensor:
        """Logits in nat, (B, outputs, H, W).

        Args:
            planes: tokens (B, P, H, W), sides multiples of ``2 ** (levels - 1)``.
            conditions: tokens (B, K).
            inside: 1 where a cell belongs to the map, (B, H, W) float.
        """
        config = self.config
        masks: list[Tensor | None] = [None] * config.levels
        if not bool(inside.all()):
            masks[0] = found = inside[:, None]
            for level in range(1, config.levels):
                masks[level] = found = F.max_pool2d(found, 2)
        rows = conditions + torch.tensor((0, *config.conditions[:-1]), device=conditions.device).cumsum(0)
        residual = torch.stack([table(planes[:, i]) for i, table in enumerate(self.tables)]).sum(dim=0)
        residual = _masked(residual.permute(0, 3, 1, 2), masks[0])  # (B, C, H, W), channels last
        skips = []
        for level in range(config.levels):
            if level:
                below = _masked(self.left[level - 1](residual), masks[level - 1])
                skips.append(residual)
                residual = self.entered[level - 1].scaled(_space_to_depth(below))
            vector = self.vectors[level](rows).sum(dim=1)  # (B, C)
            residual = residual + vector[:, :, None, None]
            residual = self._run(residual, "down", level, masks[level])
        residual = residual + self._pool(residual, masks[-1])
        for level in reversed(range(config.levels - 1)):
            coarse = self.merged[level].scaled(self.left[level + 1](residual))
            residual = skips.pop() + F.interpolate(coarse, scale_factor=2, mode="nearest")
            residual = self._run(residual, "up", level, masks[level])
        hidden = self.head_a.activate(self.left[0](residual))
        return self.head_b.scaled(hidden) / RESIDUAL_SCALE

    def _run(self, residual: Tensor, way: str, level: int, mask: Tensor | None) -> Tensor:
        for name, at, _ in self.config.blocks():
            if at == level and name.startswith(way):
                residual = self.block[name](residual, mask)
        return residual

    def _pool(self, residual: Tensor, mask: Tensor | None) -> Tensor:
        x = _masked(self.pool_q(residual), mask)
        cells = x.shape[2] * x.shape[3] if mask is None else mask.sum(dim=(2, 3))
        mean = ste_round(x.sum(dim=(2, 3)) / cells)  # (B, C)
        return self.pool_b.scaled(self.pool_a.activate(mean[:, :, None, None]))

    def parts(self) -> Iterator[tuple[str, Part, bool]]:
        """Name in the file, module, and whether its output goes to the residual stream."""
        for index, table in enumerate(self.tables):
            yield f"plane{index}", table, True
        for level, table in enumerate(self.vectors):
            yield f"cond{level}", table, True
            yield f"leave{level}", self.left[level], False
            if level:
                yield f"enter{level}", self.entered[level - 1], True
                yield f"merge{level}", self.merged[level - 1], True
        for name, block in self.block.items():
            yield f"{name}.q", block.q, False
            yield f"{name}.a", block.a, False
            yield f"{name}.b", block.b, True
        yield "pool.q", self.pool_q, False
        yield "pool.a", self.pool_a, False
        yield "pool.b", self.pool_b, True
        yield "head.a", self.head_a, False
        yield "head.b", self.head_b, True

    def export(self) -> Tensors:
        """All tensors of the integer network by name."""
        tensors: Tensors = {}
        for name, part, residual in self.parts():
            found = part.export(residual) if isinstance(part, Layer) else part.export()
            tensors.update({f"{name}.{key}": value for key, value in found.items()})
        return tensors

    def restore(self, tensors: Tensors) -> None:
        """Continue from the integers of a trained network; the configuration must be the same."""
        for name, part, residual in self.parts():
            found = {key: tensors[f"{name}.{key}"] for key in "wbmt" if f"{name}.{key}" in tensors}
            if isinstance(part, Layer):
                part.restore(found, residual)
            else:
                part.restore(found)


def _masked(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else x * mask


def _space_to_depth(x: Tensor) -> Tensor:
    """(B, C, H, W) to (B, 4C, H/2, W/2), channel order (dy, dx, c)."""
    batch, channels, height, width = x.shape
    blocks = x.reshape(batch, channels, height // 2, 2, width // 2, 2)
    return blocks.permute(0, 3, 5, 1, 2, 4).reshape(batch, 4 * channels, height // 2, width // 2)
