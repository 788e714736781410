"""Tokens to colors: the ramps that a picture was given, few enough, or a palette's own. All in whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aigc_sprites.palette import oklab, ramps
from aigc_sprites.sprite import Indices
from aigc_sprites.tokens import CLEAR, DARK, FIRST, LEVELS, MATERIALS, OUTLINE, Ramps, Tokens, colors_of

Colors = npt.NDArray[np.uint8]
Rgb = tuple[int, int, int]

_EXACT = 1 << 16  # weight of a pixel whose color must stay


@dataclass(frozen=True, eq=False)
class Uncolored:
    """A picture before it has colors of its own.

    Attributes:
        tokens: (H, W).
        ramps: colors of its materials.
        exact: RGBA (H, W, 4); its opaque pixels show whatever the tokens say, in just this color.
    """

    tokens: Tokens
    ramps: Ramps
    exact: npt.NDArray[np.uint8] | None = None

    def shown(self, outline: Rgb) -> tuple[Colors, npt.NDArray[np.bool_], npt.NDArray[np.int64]]:
        """Colors (H, W, 3), what shows (H, W), and how much each pixel weighs (H, W)."""
        table = colors_of(self.ramps)[:, :3]
        table[DARK] = outline
        rgb, mask, weight = table[self.tokens], self.tokens != CLEAR, np.ones(self.tokens.shape, np.int64)
        if self.exact is not None:
            given = self.exact[..., 3] > 0
            rgb, mask = np.where(given[..., None], self.exact[..., :3], rgb), mask | given
            weight = np.where(given, _EXACT, weight)
        return rgb, mask, weight


def paint(pictures: Sequence[Uncolored], most: int, outline: Rgb = OUTLINE) -> tuple[Colors, list[Indices]]:
    """Pictures in the colors of their ramps, at most so many together.

    Where there are more, the two whose joining costs least are joined again and again: their distance in Oklab,
    squared, times the pixels of the rarer one, which takes the other's color. Exact colors are never given up for
    others.

    Args:
        pictures: one or more.
        most: colors, 2 or more.
        outline: the color of outlines.

    Returns:
        Colors (N, 3), from the outline's on, and indices (H, W) of each picture, 0 transparent, k the k-th color.
    """
    shown = [picture.shown(outline) for picture in pictures]
    used = np.concatenate([rgb[mask] for rgb, mask, _ in shown])
    if not len(used):
        return np.zeros((0, 3), np.uint8), [np.zeros(picture.tokens.shape, np.uint8) for picture in pictures]
    colors, place = np.unique(used, axis=0, return_inverse=True)
    counts = np.zeros(len(colors), dtype=np.int64)
    np.add.at(counts, place.ravel(), np.concatenate([weight[mask] for _, mask, weight in shown]))
    target = _joined(colors, counts, most)
    kept = np.unique(target)
    rank = np.zeros(len(colors), dtype=np.int64)
    rank[kept] = np.arange(1, len(kept) + 1)
    final = rank[target]
    found = []
    for rgb, mask, _ in shown:
        indices = np.zeros(mask.shape, dtype=np.uint8)
        if mask.any():
            indices[mask] = final[_rows(rgb[mask], colors)]
        found.append(indices)
    return colors[kept], found


def recolored(own: Ramps, palette: Colors) -> Ramps:
    """Ramps in a palette's colors: each material takes the palette's ramp whose hue is nearest, by lightness.

    Args:
        own: (MATERIALS, LEVELS, 3).
        palette: (N, 3), 2 colors or more.
    """
    runs = ramps(palette)
    lab = oklab(palette).astype(np.int64)
    result = np.zeros_like(own)
    for material in range(MATERIALS):
        wanted = oklab(own[material]).astype(np.int64)  # (LEVELS, 3)
        costs = []
        for run in runs:
            gaps = wanted[:, None] - lab[run][None]  # (LEVELS, colors of the run, 3)
            costs.append(int(np.square(gaps * (1, 2, 2)).sum(axis=2).min(axis=1).sum()))
        run = runs[int(np.argmin(costs))]
        light = np.abs(wanted[:, 0][:, None] - lab[run][:, 0])
        result[material] = palette[np.array(run)[light.argmin(axis=1)]]
    return result


def darkest(palette: Colors) -> Rgb:
    """The color of a palette that outlines take."""
    red, green, blue = palette[int(oklab(palette)[:, 0].argmin())].tolist()
    return red, green, blue


def levels_of(tokens: Tokens) -> npt.NDArray[np.int64]:
    """How light each pixel is: 0 transparent, 1 outline, then 2 to 8."""
    wide = tokens.astype(np.int64)
    return np.where(tokens >= FIRST, 2 + (wide - FIRST) % LEVELS, np.where(tokens == DARK, 1, 0))


def _joined(colors: Colors, counts: npt.NDArray[np.int64], most: int) -> npt.NDArray[np.int64]:
    """For each color the index of the one that stands for it."""
    target = np.arange(len(colors))
    lab = oklab(colors).astype(np.int64)
    gaps = np.square(lab[:, None] - lab).sum(axis=2)
    alive = np.ones(len(colors), dtype=np.bool_)
    weight = counts.copy()
    far = np.iinfo(np.int64).max
    while int(alive.sum()) > most:
        costs = gaps * np.minimum(weight[:, None], weight)
        costs[~alive] = far
        costs[:, ~alive] = far
        np.fill_diagonal(costs, far)
        a, b = divmod(int(costs.argmin()), len(colors))
        keep, drop = (a, b) if (weight[a], -a) >= (weight[b], -b) else (b, a)
        target[target == drop] = keep
        weight[keep] += weight[drop]
        alive[drop] = False
    return target


def _rows(rgb: Colors, colors: Colors) -> npt.NDArray[np.int64]:
    """The index of each color (N, 3) among sorted, different ones."""
    keys = [(part.astype(np.int64) * (65536, 256, 1)).sum(axis=1) for part in (rgb, colors)]
    return np.asarray(np.searchsorted(keys[1], keys[0]))
