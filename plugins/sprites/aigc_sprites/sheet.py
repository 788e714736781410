"""A sheet of freshly drawn pictures: what a network makes, at one look."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from aigc_content import Stream
from aigc_sprites import model as m
from aigc_sprites.coloring import Uncolored, paint
from aigc_sprites.draw import Canvas, SpriteModel
from aigc_sprites.schedule import Schedule, schedule_of
from aigc_sprites.sprite import SIDE
from aigc_sprites.tidy import smooth
from aigc_sprites.tokens import HIDDEN, Tokens

_GROUND = (84, 92, 104)
_GAP, _COLORS = 2, 32


def drawn(
    painter: SpriteModel, labels: Sequence[str], seed: int, schedule: Schedule | None = None
) -> list[npt.NDArray[np.uint8]]:
    """One picture of each label with nothing beneath, RGBA (32, 32, 4)."""
    canvases = []
    for place, label in enumerate(labels):
        rng = Stream(f"sheet {seed}").child(f"{place}")
        told, draft = painter.plan(m.told(label), rng.child("asked"))
        nothing = np.zeros((SIDE, SIDE), np.uint8)
        hidden = np.full((SIDE, SIDE), HIDDEN, np.uint8)
        canvases.append(
            Canvas(hidden, nothing, told, rng, 1.0, schedule or schedule_of(label, draft is not None), draft)
        )
    painter.draw(canvases)
    return [colored(painter, canvas.tokens, canvas.told, canvas.rng) for canvas in canvases]


def colored(painter: SpriteModel, tokens: Tokens, told: m.Told, rng: Stream) -> npt.NDArray[np.uint8]:
    """Tokens in colors of what they were drawn by, RGBA (32, 32, 4)."""
    tokens = smooth(tokens)
    ramps = painter.ramps(told, tokens, rng.child("colors"))
    colors, (indices,) = paint([Uncolored(tokens, ramps)], _COLORS)
    table = np.zeros((len(colors) + 1, 4), np.uint8)
    table[1:, :3], table[1:, 3] = colors, 255
    return table[indices]


def grid(pictures: Sequence[npt.NDArray[np.uint8]], across: int) -> npt.NDArray[np.uint8]:
    """RGBA pictures (32, 32, 4) in rows of ``across`` on a plain ground: (H, W, 3)."""
    cell = SIDE + _GAP
    page = np.full((-(-len(pictures) // across) * cell, across * cell, 3), _GROUND, np.uint8)
    for place, picture in enumerate(pictures):
        y, x = (part * cell for part in divmod(place, across))
        view = page[y : y + SIDE, x : x + SIDE]
        view[picture[..., 3] > 0] = picture[..., :3][picture[..., 3] > 0]
    return page


def sheet(painter: SpriteModel, each: int, seed: int) -> npt.NDArray[np.uint8]:
    """``each`` pictures of all that a network has learned to draw over nothing, twice enlarged: (H, W, 3)."""
    known = {m.LABELS[place] for place in painter.labels.tolist()}
    labels = [label for label in (*m.SHOWN, "walker/down") if label in known for _ in range(each)]
    return grid(drawn(painter, labels, seed), 6 * each).repeat(2, axis=0).repeat(2, axis=1)
