"""Draw pictures with the trained network by unmasking: masked (absorbing) diffusion over tokens.

Every free pixel starts hidden, and at each step some are drawn from the network's distribution, first few, then more
(MaskGIT, Chang et al. 2022, arXiv:2202.04200; absorbing diffusion, Austin et al. 2021, arXiv:2107.03006). First all
forms are drawn: where the picture is clear, dark, or of which material. Then light falls on them. Pixels that are
known are seen and never changed: inpainting is the same thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isqrt
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aigc_content import ModelError, Stream
from aigc_content.nn import modelfile, sampling
from aigc_content.nn.unet import UNet, UNetConfig
from aigc_sprites import model as m
from aigc_sprites.copies import CODE_BYTES
from aigc_sprites.tidy import whole
from aigc_sprites.tokens import FIRST, FORMS, HIDDEN, LEVELS, MATERIALS, UNLIT, Ramps, Tokens, unlit

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
        forms, lights: in so many parts forms, then light, are drawn, one after the other.
        hot, cold: temperature of the first and the last part of the forms.
        light: temperature of the light.
        guidance: how far conditions push the forms, in 1/256; 0 takes one pass a part, else two.
    """

    forms: int = 12
    lights: int = 4
    hot: float = 0.9
    cold: float = 0.6
    light: float = 0.7
    guidance: int = 128

    def warmth(self, part: int) -> float:
        """Temperature of a part of the forms."""
        return self.hot if self.forms == 1 else self.hot + (self.cold - self.hot) * part / (self.forms - 1)


def left(part: int, parts: int, cells: int) -> int:
    """How many of ``cells`` are hidden after a part: drawn are ``((part + 1) / parts) ** 1.5`` of them."""
    return cells - cells * isqrt((part + 1) ** 3 << 40) // isqrt(parts**3 << 40)


@dataclass
class Canvas:
    """One picture while it is drawn.

    Attributes:
        tokens: (H, W); `HIDDEN` where it is still to be drawn.
        beneath: (H, W), the layers below.
        told: conditions, (conditions,).
        rng: its own random numbers.
        temperature: factor on that of the schedule.
        known: ``tokens`` as they were before anything was drawn.
    """

    tokens: Tokens
    beneath: Tokens
    told: m.Told
    rng: Stream
    temperature: float = 1.0
    known: Tokens = field(init=False)

    def __post_init__(self) -> None:
        self.known = self.tokens.copy()

    @property
    def tile(self) -> bool:
        """Whether it goes on at every side."""
        return m.LABELS[int(self.told[m.INDEX["label"]])].startswith("tile/")

    def hidden(self, stage: int) -> npt.NDArray[np.bool_]:
        """Pixels that are to be drawn in a stage, (H, W)."""
        return self.tokens == HIDDEN if stage == m.FORM else self.tokens >= UNLIT


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
        """Draw the hidden pixels of canvases of one size, in place: first all forms, then all light.

        The forms are cleaned before the light falls on them, so that what is left stands in no false light.
        """
        self._draw(canvases, m.FORM, schedule)
        for canvas in canvases:
            if not canvas.tile:
                drawn = whole(canvas.tokens)
                canvas.tokens[:] = np.where(canvas.known == HIDDEN, drawn, canvas.known)
        self._draw(canvases, m.LIGHT, schedule)

    def _draw(self, canvases: Sequence[Canvas], stage: int, schedule: Schedule) -> None:
        parts = schedule.forms if stage == m.FORM else schedule.lights
        orders = []
        for canvas in canvases:
            canvas.told[m.INDEX["stage"]] = stage
            order = sampling.spread_order(canvas.tokens.shape[0], canvas.tokens.shape[1], canvas.rng)
            orders.append(order[canvas.hidden(stage).ravel()[order]])
        for part in range(parts):
            busy = []
            for canvas, order in zip(canvases, orders, strict=True):
                start, end = (len(order) - left(step, parts, len(order)) for step in (part - 1, part))
                if end > start:
                    hidden = len(order) - start
                    canvas.told[m.INDEX["rate"]] = m.rate_condition(hidden, canvas.tokens.size)
                    busy.append((canvas, order[start:end], self._move(canvas)))
            if not busy:
                continue
            guidance = schedule.guidance if stage == m.FORM else 0
            logits = self._logits([canvas for canvas, _, _ in busy], [move for _, _, move in busy], guidance)
            for (canvas, cells, (dy, dx)), scores in zip(busy, logits, strict=True):
                placed = np.roll(scores, (-dy, -dx), (0, 1)) if dy or dx else scores
                rows = placed.reshape(-1, m.OUTPUTS)[cells]
                if stage == m.FORM:
                    rows = np.ascontiguousarray(rows[:, :FORMS])
                    warmth = schedule.warmth(part) * canvas.temperature
                    canvas.tokens.flat[cells] = unlit(sampling.draw(rows, canvas.rng, warmth)[0])
                else:
                    rows = np.ascontiguousarray(rows[:, FORMS:])
                    levels = sampling.draw(rows, canvas.rng, schedule.light * canvas.temperature)[0]
                    materials = canvas.tokens.ravel()[cells] - UNLIT
                    canvas.tokens.flat[cells] = FIRST + materials * LEVELS + levels

    def _move(self, canvas: Canvas) -> tuple[int, int]:
        """How far a tile is rolled for a step, so that its border is nowhere; anything else stays."""
        if not canvas.tile:
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
