"""A U-Net over token grids, run in integers: configuration, loading and the forward pass, without torch.

The shape is Ronneberger et al. 2015 (arXiv:1505.04597) with residual blocks (He et al. 2016, arXiv:1512.03385) and
dilated convolutions; global conditions are tables of vectors added to every cell at every level. The training
module with the same arithmetic is `aigc_content.nn.unet_train.UNet`.

Shapes: planes (B, P, H, W) tokens, conditions (B, K) tokens, logits (B, H, W, outputs) in 1/256 nat. Height and
width are padded to a multiple of ``2 ** (levels - 1)``; padding is masked, so it changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from aigc_content.errors import ModelError
from aigc_content.nn import backend
from aigc_content.nn.kernels import MAX_WEIGHT, Int8, Int32

Tokens = npt.NDArray[np.integer[Any]]
Tensors = dict[str, npt.NDArray[Any]]
FORMAT = "unet-1"
MAX_LEVELS, MAX_DILATION = 8, 64
_CELLS = 24 * 32 * 32
"""Cells that are computed at a time: more of them do not fit the caches."""


@dataclass(frozen=True)
class UNetConfig:
    """Sizes of a U-Net.

    Attributes:
        planes: vocabulary size of each input plane of tokens.
        conditions: vocabulary size of each global condition.
        outputs: channels of the result.
        channels: width of each level, finest first.
        down, up: dilations of the blocks of each level on the way down and up; ``down[-1]`` is the bottom.
    """

    planes: tuple[int, ...]
    conditions: tuple[int, ...]
    outputs: int
    channels: tuple[int, ...] = (48, 96, 128)
    down: tuple[tuple[int, ...], ...] = ((1,), (1, 2), (1, 2, 4, 1))
    up: tuple[tuple[int, ...], ...] = ((1, 1), (1, 2))

    @property
    def levels(self) -> int:
        """Number of resolutions."""
        return len(self.channels)

    def blocks(self) -> Iterator[tuple[str, int, int]]:
        """Name, level and dilation of every residual block, in the order of the forward pass."""
        for level, dilations in enumerate(self.down):
            yield from ((f"down{level}.{i}", level, d) for i, d in enumerate(dilations))
        for level in reversed(range(self.levels - 1)):
            yield from ((f"up{level}.{i}", level, d) for i, d in enumerate(self.up[level]))

    def to_json(self) -> dict[str, Any]:
        """Plain data for ``config.json``."""
        return {"format": FORMAT, **asdict(self)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> UNetConfig:
        """Read ``config.json``.

        Raises:
            ModelError: M003.
        """
        try:
            if data["format"] != FORMAT:
                raise ValueError(f"format {data['format']!r}")
            config = cls(
                planes=tuple(map(int, data["planes"])),
                conditions=tuple(map(int, data["conditions"])),
                outputs=int(data["outputs"]),
                channels=tuple(map(int, data["channels"])),
                down=tuple(tuple(map(int, row)) for row in data["down"]),
                up=tuple(tuple(map(int, row)) for row in data["up"]),
            )
            config._check()
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(
                "M003", f"the network's configuration is broken: {error}", allowed=f"format {FORMAT}"
            ) from None
        return config

    def _check(self) -> None:
        """Refuse sizes that no network has; a ValueError says which."""
        sizes = (*self.planes, *self.conditions, self.outputs, *self.channels)
        dilations = [dilation for row in (*self.down, *self.up) for dilation in row]
        if not self.planes or not self.channels or min(sizes) < 1:
            raise ValueError("planes, conditions, outputs and channels are above 0")
        if self.levels > MAX_LEVELS or len(self.down) != self.levels or len(self.up) < self.levels - 1:
            raise ValueError(f"at most {MAX_LEVELS} levels, each with its blocks")
        if not all(1 <= dilation <= MAX_DILATION for dilation in dilations):
            raise ValueError(f"a dilation is not within 1 and {MAX_DILATION}")


class UNet:
    """A trained network in integers.

    Args:
        config: sizes.
        tensors: as `aigc_content.nn.unet_train.UNet.export` gives them.

    Raises:
        ModelError: M005, a tensor is missing, has another shape or type, is not finite, or breaks a bound.
    """

    def __init__(self, config: UNetConfig, tensors: Tensors) -> None:
        self.config = config
        self._tensors = tensors
        self._kernels = backend.kernels()
        self._layers: dict[str, tuple[Any, int, int, npt.NDArray[np.float32]]] = {}
        self._plan = tuple(config.blocks())
        self._load()

    def _load(self) -> None:
        config, widths = self.config, self.config.channels
        for index, size in enumerate(config.planes):
            self._check(f"plane{index}.t", np.int32, (size, widths[0]))
        for level, width in enumerate(widths):
            self._check(f"cond{level}.t", np.int32, (sum(config.conditions), width))
            self._check(f"leave{level}.m", np.float32, (width,))
            if level:
                self._layer(f"enter{level}", 4 * widths[level - 1], width)
                self._layer(f"merge{level}", width, widths[level - 1])
        for name, level, dilation in self._plan:
            width = widths[level]
            self._check(f"{name}.q.m", np.float32, (width,))
            self._layer(f"{name}.a", width, width, 3, dilation)
            self._layer(f"{name}.b", width, width)
        bottom = widths[-1]
        self._check("pool.q.m", np.float32, (bottom,))
        self._layer("pool.a", bottom, bottom)
        self._layer("pool.b", bottom, bottom)
        self._layer("head.a", widths[0], widths[0])
        self._layer("head.b", widths[0], config.outputs)

    def _check(self, name: str, kind: Any, shape: tuple[int, ...]) -> npt.NDArray[Any]:
        tensor = self._tensors.get(name)
        if tensor is None or tensor.dtype != kind or tensor.shape != shape:
            found = "missing" if tensor is None else f"{tensor.dtype} {tensor.shape}"
            raise ModelError(
                "M005",
                f"tensor {name!r} is {found}",
                allowed=f"{np.dtype(kind)} {shape}",
                remedy="fetch the model again",
            )
        if kind is np.float32 and not (np.isfinite(tensor).all() and (tensor > 0).all()):
            raise ModelError("M005", f"tensor {name!r} has a scale that is not finite and above 0")
        return tensor

    def _layer(self, name: str, inputs: int, outputs: int, size: int = 1, dilation: int = 1) -> None:
        w = self._check(f"{name}.w", np.int8, (outputs, size * size * inputs))
        b = self._check(f"{name}.b", np.int32, (outputs,))
        m = self._check(f"{name}.m", np.float32, (outputs,))
        bound = np.abs(w.astype(np.int64)).sum(axis=1) * 127 + np.abs(b.astype(np.int64))
        if int(np.abs(w.astype(np.int16)).max()) > MAX_WEIGHT or int(bound.max()) >= 1 << 24:
            raise ModelError("M005", f"the weights of {name!r} pass the bound of exact sums")
        self._layers[name] = (self._kernels.pack(w, b), size, dilation, m)

    def __call__(self, planes: Tokens, conditions: Tokens) -> Int32:
        """Logits in 1/256 nat: (B, P, H, W) and (B, K) to (B, H, W, outputs)."""
        parts = -(-planes[:, 0].size // _CELLS)
        if parts <= 1:
            return self._logits(planes, conditions)
        cut = zip(np.array_split(planes, parts), np.array_split(conditions, parts), strict=True)
        return np.concatenate([self._logits(*part) for part in cut if len(part[0])])

    def _logits(self, planes: Tokens, conditions: Tokens) -> Int32:
        kernels, config = self._kernels, self.config
        batch, _, height, width = planes.shape
        step = 1 << (config.levels - 1)
        full = (-(-height // step) * step, -(-width // step) * step)
        inside = np.zeros((batch, *full), dtype=np.int8)
        inside[:, :height, :width] = 1
        masks = [inside]
        for _ in range(config.levels - 1):
            last = masks[-1]
            rows, cols = last.shape[1] // 2, last.shape[2] // 2
            masks.append(np.ascontiguousarray(last.reshape(batch, rows, 2, cols, 2).max(axis=(2, 4))))
        whole = full == (height, width)

        residual = self._embedded(planes, full)
        skips: list[Int32] = []
        for level in range(config.levels):
            mask = None if whole else masks[level]
            if level:
                below = self._quantize(residual, f"leave{level - 1}", None if whole else masks[level - 1])
                skips.append(residual)
                shape = (*masks[level].shape, config.channels[level])
                residual = np.zeros(shape, dtype=np.int32)
                self._accumulate(residual, kernels.space_to_depth(below), f"enter{level}")
            self._condition(residual, conditions, level)
            self._blocks(residual, "down", level, mask)
        mask = None if whole else masks[-1]
        self._pool(residual, mask)
        for level in reversed(range(config.levels - 1)):
            coarse = self._quantize(residual, f"leave{level + 1}", None)
            up = np.zeros((*coarse.shape[:3], config.channels[level]), dtype=np.int32)
            self._accumulate(up, coarse, f"merge{level + 1}")
            residual = skips.pop()
            kernels.upsample_add(residual, up)
            self._blocks(residual, "up", level, None if whole else masks[level])
        hidden = self._activate(kernels.quantize(residual, self._tensors["leave0.m"], -127), "head.a")
        logits: Int32 = np.zeros((*hidden.shape[:3], config.outputs), dtype=np.int32)
        self._accumulate(logits, hidden, "head.b")
        return logits[:, :height, :width]

    def _embedded(self, planes: Tokens, full: tuple[int, int]) -> Int32:
        """Sums of the tokens' vectors, (B, P, H, W) to (B, *full, C); a picture at a time, which the caches hold."""
        batch, _, height, width = planes.shape
        tables = [self._tensors[f"plane{index}.t"] for index in range(len(self.config.planes))]
        for index, size in enumerate(self.config.planes):
            if planes[:, index].size and not 0 <= int(planes[:, index].min()) <= int(planes[:, index].max()) < size:
                raise IndexError(f"plane {index} has tokens that are not within 0 and {size - 1}")
        residual: Int32 = np.zeros((batch, *full, self.config.channels[0]), dtype=np.int32)
        vectors = np.empty((height, width, self.config.channels[0]), dtype=np.int32)
        for picture in range(batch):
            for index, table in enumerate(tables):
                np.take(table, planes[picture, index], axis=0, out=vectors, mode="clip")
                residual[picture, :height, :width] += vectors
        return residual

    def _quantize(self, residual: Int32, name: str, mask: Int8 | None) -> Int8:
        x: Int8 = self._kernels.quantize(residual, self._tensors[f"{name}.m"], -127)
        if mask is not None:
            x *= mask[..., None]
        return x

    def _activate(self, x: Int8, name: str) -> Int8:
        packed, size, dilation, multiplier = self._layers[name]
        result: Int8 = self._kernels.conv_requant(x, packed, size, dilation, multiplier, 0)
        return result

    def _accumulate(self, residual: Int32, x: Int8, name: str) -> None:
        packed, size, dilation, multiplier = self._layers[name]
        self._kernels.conv_accumulate(residual, x, packed, size, dilation, multiplier)

    def _condition(self, residual: Int32, conditions: Tokens, level: int) -> None:
        offsets = np.cumsum((0, *self.config.conditions[:-1]))
        rows = self._tensors[f"cond{level}.t"][conditions + offsets]  # (B, K, C)
        self._kernels.add_vector(residual, rows.sum(axis=1, dtype=np.int32))

    def _blocks(self, residual: Int32, way: str, level: int, mask: Int8 | None) -> None:
        for name, at, _ in self._plan:
            if at == level and name.startswith(way):
                x = self._quantize(residual, f"{name}.q", mask)
                self._accumulate(residual, self._activate(x, f"{name}.a"), f"{name}.b")

    def _pool(self, residual: Int32, mask: Int8 | None) -> None:
        x = self._quantize(residual, "pool.q", mask)
        mean = self._kernels.pool_mean(x, None if mask is None else mask.astype(np.bool_))
        hidden = self._activate(mean[:, None, None, :], "pool.a")
        vector: Int32 = np.zeros((len(mean), 1, 1, residual.shape[3]), dtype=np.int32)
        self._accumulate(vector, hidden, "pool.b")
        self._kernels.add_vector(residual, vector[:, 0, 0, :])
