"""Draw pictures with the trained network by unmasking: masked (absorbing) diffusion over tokens.

Every free pixel starts hidden, and at each step some are drawn from the network's distribution, first few, then more
(MaskGIT, Chang et al. 2022, arXiv:2202.04200; absorbing diffusion, Austin et al. 2021, arXiv:2107.03006). Pixels that
are known are seen and never changed: inpainting is the same thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from pathlib import Path

import numpy as np

from aigc_content import ModelError, Stream
from aigc_content.nn import modelfile, sampling
from aigc_content.nn.unet import UNet, UNetConfig
from aigc_sprites import model as m
from aigc_sprites.copies import CODE_BYTES
from aigc_sprites.tokens import HIDDEN, LEVELS, MATERIALS, Ramps, Tokens

FORMAT = "sprites-1"
LEARNED = "learned."
"""Prefix of the tensors that tell what a network learned from."""
_FREE = [m.INDEX[name] for name in m.FREE]
_UNTOLD = [m.untold(name) for name in m.FREE]
_UNITS = 256


@dataclass(frozen=True)
class Schedule:
    """How hidden pixels are drawn.

    Attributes:
        steps: so many parts are drawn one after the other.
        hot, cold: temperature of the first and the last part.
        guidance: how far conditions push, in 1/256; 0 takes one pass a step, else two.
    """

    steps: int = 12
    hot: float = 1.0
    cold: float = 0.6
    guidance: int = 192

    def warmth(self, step: int) -> float:
        """Temperature of a step."""
        return self.hot if self.steps == 1 else self.hot + (self.cold - self.hot) * step / (self.steps - 1)

    def left(self, step: int, cells: int) -> int:
        """How many of ``cells`` are hidden after a step: drawn are ``((step + 1) / steps) ** 1.5`` of them."""
        return cells - cells * isqrt((step + 1) ** 3 << 40) // isqrt(self.steps**3 << 40)


@dataclass
class Canvas:
    """One picture while it is drawn.

    Attributes:
        tokens: (H, W); `HIDDEN` where it is still to be drawn.
        beneath: (H, W), the layers below.
        told: conditions, (conditions,).
        rng: its own random numbers.
        temperature: factor on that of the schedule.
    """

    tokens: Tokens
    beneath: Tokens
    told: m.Told
    rng: Stream
    temperature: float = 1.0


class SpriteModel:
    """The trained network, and of the pictures that it learned from their colors and 512 bits.

    Args:
        folder: model folder.

    Raises:
        ModelError: M002, M003, M005.
    """

    def __init__(self, folder: Path) -> None:
        config, tensors = modelfile.load(folder)
        if config.get("format") != FORMAT:
            remedy = "train it again with `aigc train sprites`"
            raise ModelError("M003", "is no sprite model of this version", where=str(folder), remedy=remedy)
        own = {name: value for name, value in tensors.items() if not name.startswith(LEARNED)}
        nothing = np.zeros(0)
        self.colors, self.labels, self.materials, self.codes = (
            tensors.get(f"{LEARNED}{name}", nothing) for name in ("colors", "labels", "materials", "codes")
        )
        count = len(self.labels)
        shapes = [(count, MATERIALS, LEVELS, 3), (count,), (count,), (count, CODE_BYTES)]
        known = (self.colors, self.labels, self.materials, self.codes)
        if [array.shape for array in known] != shapes or any(array.dtype != np.uint8 for array in known):
            found = "the tensors of what it learned from are missing or do not fit"
            raise ModelError("M005", found, where=str(folder), remedy="train the model again")
        with modelfile.loading(folder):
            self.net = UNet(UNetConfig.from_json(config.get("network", {})), own)

    def draw(self, canvases: Sequence[Canvas], schedule: Schedule) -> None:
        """Fill the hidden pixels of canvases of one size, in place."""
        orders = []
        for canvas in canvases:
            order = sampling.spread_order(canvas.tokens.shape[0], canvas.tokens.shape[1], canvas.rng)
            orders.append(order[canvas.tokens.ravel()[order] == HIDDEN])
        for step in range(schedule.steps):
            parts = []
            for canvas, order in zip(canvases, orders, strict=True):
                hidden = int((canvas.tokens == HIDDEN).sum())
                canvas.told[m.INDEX["rate"]] = m.rate_condition(hidden, canvas.tokens.size)
                parts.append(order[len(order) - hidden : len(order) - schedule.left(step, len(order))])
            moves = [self._move(canvas) for canvas in canvases]
            logits = self._logits(canvases, moves, schedule.guidance)
            for canvas, part, scores, (dy, dx) in zip(canvases, parts, logits, moves, strict=True):
                if len(part):
                    placed = np.roll(scores, (-dy, -dx), (0, 1)) if dy or dx else scores
                    rows = placed.reshape(-1, scores.shape[-1])[part]
                    warmth = schedule.warmth(step) * canvas.temperature
                    canvas.tokens.flat[part] = sampling.draw(rows, canvas.rng, warmth)[0]

    def _move(self, canvas: Canvas) -> tuple[int, int]:
        """How far a tile is rolled for a step, so that its border is nowhere; anything else stays."""
        if not m.LABELS[canvas.told[m.INDEX["label"]]].startswith("tile/"):
            return 0, 0
        height, width = canvas.tokens.shape
        return canvas.rng.integer(height), canvas.rng.integer(width)

    def _logits(self, canvases: Sequence[Canvas], moves: Sequence[tuple[int, int]], guidance: int) -> np.ndarray:
        planes = np.stack(
            [
                m.planes_of(np.roll(canvas.tokens, move, (0, 1)), canvas.beneath, canvas.told)
                for canvas, move in zip(canvases, moves, strict=True)
            ]
        )
        told = np.stack([canvas.told for canvas in canvases])
        if not guidance:
            return self.net(planes, told)
        free = told.copy()
        free[:, _FREE] = _UNTOLD
        both = self.net(np.concatenate([planes, planes]), np.concatenate([told, free])).astype(np.int64)
        sure, unsure = both[: len(told)], both[len(told) :]
        return (sure + guidance * (sure - unsure) // _UNITS).astype(np.int32)

    def ramps(self, label: str, tokens: Tokens, rng: Stream) -> Ramps:
        """Colors for a picture: those of a random learned one of its label with as many materials."""
        same = np.flatnonzero(self.labels == m.LABELS.index(label))
        fit = same[self.materials[same] >= m.materials_of(tokens)]
        chosen = fit if len(fit) else same
        return np.asarray(self.colors[chosen[rng.integer(len(chosen))]])
