"""Draw a level's layers with the trained network: structure by unmasking, object scores by looking.

Drawing is masked-token generation (MaskGIT, Chang et al. 2022, arXiv:2202.04200): every free cell starts hidden,
and at each step some are drawn from the network's distribution, more with every step. Cells that are known, from a
sketch or from an earlier drawing, are seen and never changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aigc_content import ModelError, Stream
from aigc_content.nn import modelfile, sampling
from aigc_content.nn.unet import UNet, UNetConfig
from aigc_levels import model as m
from aigc_levels.model import Grid

FORMAT = "levels-1"
_FREE = [m.INDEX[name] for name in m.FREE]
_UNTOLD = [m.untold(name) for name in m.FREE]
_ANGLE = Decimal("1.5707963267948966")


@dataclass(frozen=True)
class Schedule:
    """How the hidden cells of a structure are drawn.

    Attributes:
        steps: so many parts are drawn one after the other, at least 1.
        hot, cold: temperature of the first and the last part. Early cells decide what the level will be and may be
            bold, late ones only finish it, and what is unlikely there is a hole in a wall.
        guidance: how far the conditions push a guided step, in 1/256; see `LevelModel.structure_logits`.
        guided: so many first steps are guided; the last only finish what is there. Each costs a second pass.
    """

    steps: int
    hot: float = 1.0
    cold: float = 0.5
    guidance: int = 0
    guided: int = 0

    @property
    def passes(self) -> int:
        """Passes of the network."""
        return self.steps + self.guided

    def warmth(self, step: int) -> float:
        """Temperature of a step, 0 .. ``steps`` - 1."""
        return self.hot if self.steps == 1 else self.hot + (self.cold - self.hot) * step / (self.steps - 1)


WHOLE = Schedule(steps=10, guidance=384, guided=7)
"""For a structure that is drawn from nothing and shall be of a style."""

FAITHFUL = Schedule(steps=12, cold=1.0)
"""For a structure that is drawn from nothing and shall be as the learned maps are."""

PART = Schedule(steps=4)
"""For a part that is drawn again."""


@dataclass
class Canvas:
    """One level while it is drawn.

    Attributes:
        structure, objects: (H, W) tokens; the mask tokens are hidden cells.
        told: conditions, shape (conditions,).
        rng: its own random numbers.
        temperature: above 0.
    """

    structure: Grid
    objects: Grid
    told: npt.NDArray[np.int64]
    rng: Stream
    temperature: float = 1.0

    @property
    def floor(self) -> npt.NDArray[np.bool_]:
        """Cells that may hold an object."""
        return np.asarray(self.structure == m.FLOOR, dtype=np.bool_)


class LevelModel:
    """The trained network and the conditions of the maps that it learned from.

    Args:
        folder: model folder.

    Raises:
        ModelError: M002, M003, M005.
    """

    def __init__(self, folder: Path) -> None:
        config, tensors = modelfile.load(folder)
        known = [list(item) for item in m.CONDITIONS.items()]
        if config.get("format") != FORMAT or config.get("conditions") != known:
            raise ModelError(
                "M003",
                "is not a level model of this version",
                where=str(folder),
                allowed=f"format {FORMAT} with its {len(known)} conditions",
                remedy="train it again with `aigc train levels`",
            )
        templates = tensors.pop("templates", np.zeros((0, 0), np.int16))
        if templates.dtype != np.int16 or templates.ndim != 2 or templates.shape[1:] != (len(m.NAMES),):
            raise ModelError("M005", "tensor 'templates' is missing or of another shape", where=str(folder))
        self.templates = templates.astype(np.int64)
        with modelfile.loading(folder):
            self.net = UNet(UNetConfig.from_json(config.get("network", {})), tensors)

    def draw_structure(self, canvases: Sequence[Canvas], schedule: Schedule) -> None:
        """Draw every hidden structure cell of canvases of one size, in place.

        The schedule's temperatures are times the canvas's own.
        """
        hidden = [np.flatnonzero(c.structure.ravel() == m.STRUCTURE_MASK) for c in canvases]
        orders = []
        for canvas, cells in zip(canvases, hidden, strict=True):
            height, width = canvas.structure.shape
            order = sampling.spread_order(height, width, canvas.rng)
            orders.append(order[np.isin(order, cells)])
        for step in range(schedule.steps):
            busy = [i for i, order in enumerate(orders) if len(order)]
            if not busy:
                return
            guidance = schedule.guidance if step < schedule.guided else 0
            logits = self.structure_logits([canvases[i] for i in busy], guidance)
            for place, index in enumerate(busy):
                canvas, order = canvases[index], orders[index]
                left = len(hidden[index]) * hidden_share(step + 1, schedule.steps) // 65536
                now, orders[index] = order[: len(order) - left], order[len(order) - left :]
                scores = logits[place].reshape(-1, len(m.STRUCTURES))[now]
                tokens, _ = sampling.draw(scores, canvas.rng, canvas.temperature * schedule.warmth(step))
                canvas.structure.ravel()[now] = tokens

    def structure_logits(self, canvases: Sequence[Canvas], guidance: int) -> npt.NDArray[np.int32]:
        """Logits of the structure, shape (canvases, H, W, structures), in 1/256 nat.

        With ``guidance`` (in 1/256; 0 is none) they are moved that far away from what the network would draw without
        being told anything: classifier-free guidance (Ho and Salimans 2022, arXiv:2207.12598) in whole numbers.
        """
        cut = len(m.STRUCTURES)
        if not guidance:
            return self._logits(canvases, m.STRUCTURE_STAGE)[..., :cut]
        bare = []
        for canvas in canvases:
            told = canvas.told.copy()
            told[_FREE] = _UNTOLD
            bare.append(replace(canvas, told=told))
        both = self._logits([*canvases, *bare], m.STRUCTURE_STAGE)[..., :cut]
        told_, untold = both[: len(canvases)], both[len(canvases) :]
        return told_ + (told_ - untold) * guidance // 256

    def object_scores(self, canvases: Sequence[Canvas]) -> list[npt.NDArray[np.int64]]:
        """How likely each object is in each hidden cell: a list of (H, W, objects) in 1/65536, 0 elsewhere."""
        if not canvases:
            return []
        logits = self._logits(canvases, m.OBJECT_STAGE)
        result = []
        for canvas, rows in zip(canvases, logits, strict=True):
            scores = sampling.weights(rows[:, :, len(m.STRUCTURES) :], canvas.temperature)
            shares = scores * 65536 // scores.sum(axis=-1, keepdims=True)
            result.append(shares * (canvas.objects == m.OBJECT_MASK)[:, :, None])
        return result

    def _logits(self, canvases: Sequence[Canvas], stage: int) -> npt.NDArray[np.int32]:
        planes, told = [], []
        for canvas in canvases:
            conditions = canvas.told.copy()
            conditions[m.INDEX["stage"]] = stage
            if stage == m.STRUCTURE_STAGE:
                seen = (canvas.structure, np.full_like(canvas.objects, m.OBJECT_MASK))
                masked, cells = canvas.structure == m.STRUCTURE_MASK, canvas.structure.size
            else:
                seen = (canvas.structure, canvas.objects)
                masked, cells = canvas.objects == m.OBJECT_MASK, int(canvas.floor.sum())
            conditions[m.INDEX["rate"]] = m.rate_condition(int(masked.sum()), cells)
            planes.append(np.stack(seen))
            told.append(conditions)
        return self.net(np.stack(planes), np.stack(told))


@lru_cache(maxsize=256)
def hidden_share(step: int, steps: int) -> int:
    """MaskGIT's cosine schedule in 1/65536: what is still hidden after ``step`` of ``steps``."""
    if step >= steps:
        return 0
    angle = _ANGLE * step / steps
    cosine = term = Decimal(1)
    for n in range(1, 12):  # Taylor series in decimal arithmetic: the same digits everywhere
        term = -term * angle * angle / ((2 * n - 1) * (2 * n))
        cosine += term
    return int(cosine * 65536)
