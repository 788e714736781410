"""The level network as an ordinary float32 torch model, from the same stored numbers, without rounding."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from aigc_content.nn import modelfile
from aigc_content.nn.kernels import MAX_ACTIVATION
from aigc_content.nn.unet import Tensors, Tokens, UNetConfig


@dataclass(frozen=True)
class Layer:
    """A convolution with its scales in the weights: (N, C, size, size) and (N,)."""

    weight: Tensor
    bias: Tensor

    def __call__(self, x: Tensor, dilation: int = 1, stride: int = 1) -> Tensor:
        """(B, C, H, W) to (B, N, H, W), or to half the size with stride 2."""
        padding = dilation * (self.weight.shape[2] // 2) if stride == 1 else 0
        return F.conv2d(x, self.weight, self.bias, stride=stride, padding=padding, dilation=dilation)


class FloatUNet:
    """Float twin of `aigc_content.nn.unet.UNet`; called in the same way.

    Args:
        config, tensors: as the model folder has them.
        clamped: keep activations within +-127 as the integer run does: the same function but for the rounding.
            Without it every scale moves into the weights and nothing is left but convolution, relu and addition;
            that is the least that a float run can cost, but another function, for the trained network saturates.
    """

    def __init__(self, config: UNetConfig, tensors: Tensors, *, clamped: bool) -> None:
        self.config, self.clamped = config, clamped
        self._tables = {name: _float(value) for name, value in tensors.items() if name.endswith(".t")}
        self._scales = {
            name.removesuffix(".m"): _float(value)[None, :, None, None]
            for name, value in tensors.items()
            if name.endswith(".m") and name.removesuffix(".m") + ".w" not in tensors
        }
        self._offsets = torch.tensor((0, *config.conditions[:-1])).cumsum(0)
        # which scale stands before a layer, to be moved into its weights
        before = {"pool.a": "pool.q", "head.a": "leave0"}
        before |= {f"{name}.a": f"{name}.q" for name, _, _ in config.blocks()}
        before |= {f"enter{level}": f"leave{level - 1}" for level in range(1, config.levels)}
        before |= {f"merge{level}": f"leave{level}" for level in range(1, config.levels)}
        names = [name.removesuffix(".w") for name in tensors if name.endswith(".w")]
        self._layers = {name: self._layer(name, tensors, "" if clamped else before.get(name, "")) for name in names}

    @classmethod
    def load(cls, folder: Path, *, clamped: bool) -> FloatUNet:
        """The twin of a level model's network, from its folder."""
        stored, tensors = modelfile.load(folder)
        tensors.pop("templates", None)
        return cls(UNetConfig.from_json(stored["network"]), tensors, clamped=clamped)

    def _layer(self, name: str, tensors: Tensors, scale: str) -> Layer:
        multiplier = _float(tensors[f"{name}.m"])
        rows = _float(tensors[f"{name}.w"]) * multiplier[:, None]
        taps = 9 if name.endswith(".a") and name[0] in "du" else 4 if name.startswith("enter") else 1
        side = {1: 1, 4: 2, 9: 3}[taps]
        weight = rows.reshape(len(rows), side, side, -1).permute(0, 3, 1, 2)
        if scale:
            weight = weight * self._scales[scale]
        bias = _float(tensors[f"{name}.b"]) * multiplier
        return Layer(weight.contiguous(memory_format=torch.channels_last), bias)

    def __call__(self, planes: Tokens, conditions: Tokens) -> npt.NDArray[np.int32]:
        """Logits rounded to 1/256 nat: (B, P, H, W) and (B, K) to (B, H, W, outputs)."""
        with torch.inference_mode():
            logits = self.forward(torch.from_numpy(planes.astype(np.int64)), torch.from_numpy(conditions))
            result: npt.NDArray[np.int32] = logits.permute(0, 2, 3, 1).round().to(torch.int32).numpy()
        return np.ascontiguousarray(result)

    def forward(self, planes: Tensor, conditions: Tensor) -> Tensor:
        """Logits in 1/256 nat, (B, outputs, H, W); both sides multiples of ``2 ** (levels - 1)``."""
        config = self.config
        if any(side % (1 << (config.levels - 1)) for side in planes.shape[2:]):
            raise ValueError(f"sides {tuple(planes.shape[2:])} would need padding, which this twin lacks")
        rows = conditions + self._offsets
        seen = [F.embedding(planes[:, i], self._tables[f"plane{i}.t"]) for i in range(len(config.planes))]
        residual = sum(seen[1:], seen[0]).permute(0, 3, 1, 2)  # (B, C, H, W), channels last
        skips = []
        for level in range(config.levels):
            if level:
                skips.append(residual)
                residual = self._layers[f"enter{level}"](self._scaled(residual, f"leave{level - 1}"), stride=2)
            told = F.embedding(rows, self._tables[f"cond{level}.t"]).sum(dim=1)  # (B, C)
            residual = self._blocks(residual + told[:, :, None, None], "down", level)
        mean = self._scaled(residual, "pool.q").mean(dim=(2, 3), keepdim=True)
        residual = residual + self._layers["pool.b"](self._rectified(self._layers["pool.a"](mean)))
        for level in reversed(range(config.levels - 1)):
            coarse = self._layers[f"merge{level + 1}"](self._scaled(residual, f"leave{level + 1}"))
            residual = skips.pop() + F.interpolate(coarse, scale_factor=2, mode="nearest")
            residual = self._blocks(residual, "up", level)
        hidden = self._rectified(self._layers["head.a"](self._scaled(residual, "leave0")))
        return self._layers["head.b"](hidden)

    def _blocks(self, residual: Tensor, way: str, level: int) -> Tensor:
        for name, at, dilation in self.config.blocks():
            if at == level and name.startswith(way):
                x = self._layers[f"{name}.a"](self._scaled(residual, f"{name}.q"), dilation)
                residual = self._layers[f"{name}.b"](self._rectified(x)) + residual
        return residual

    def _scaled(self, residual: Tensor, name: str) -> Tensor:
        """The residual as a layer sees it; without clamping the layer has the scale itself."""
        if not self.clamped:
            return residual
        return (residual * self._scales[name]).clamp_(-MAX_ACTIVATION, MAX_ACTIVATION)

    def _rectified(self, x: Tensor) -> Tensor:
        return x.clamp_(0, MAX_ACTIVATION) if self.clamped else x.relu_()


def _float(values: npt.NDArray[np.generic]) -> Tensor:
    return torch.from_numpy(np.asarray(values).astype(np.float32))
