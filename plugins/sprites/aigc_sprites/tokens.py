"""Pictures as tokens that know no color: which material a pixel is of, and how light it is.

A picture has up to four materials (cloth, skin, metal ...), each with a ramp of seven colors from dark to light. A
token is 0 for transparent, 1 for the dark of outlines, or a material and a level. A network learns forms and light,
one drawing in ten colors is one drawing, and whatever it draws has exactly the colors of the ramps that it is given.
(Plain palette indices overfit: Coutinho and Chaimowicz 2022, AIIDE workshop.)
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from aigc_sprites.palette import oklab

Tokens = npt.NDArray[np.uint8]
Ramps = npt.NDArray[np.uint8]
"""Colors (MATERIALS, LEVELS, 3), each material from dark to light."""

MATERIALS, LEVELS = 4, 7
CLEAR, DARK, FIRST = 0, 1, 2
TOKENS = FIRST + MATERIALS * LEVELS
HIDDEN = TOKENS
"""The token of a pixel that is still to be drawn."""

OUTLINE = (12, 10, 14)
"""The color of `DARK`."""

_DARKEST = 170  # lightness in 1/1000; below it, hue cannot be seen
_ONE_MORE = 600  # what another material must save, in squared thousandths of chroma a pixel
_LIGHT = 0.05  # weight of lightness beside chroma when materials are told apart
_TINT, _TINT_FROM = 700.0, 200.0
_ROUNDS = 15


def encode(picture: npt.NDArray[np.uint8]) -> tuple[Tokens, Ramps]:
    """Tokens (H, W) and ramps of a picture (H, W, 4) whose pixels are opaque or transparent.

    Materials are told apart by k-means over chroma in Oklab, as few as explain the picture, the largest first.
    """
    opaque = picture[..., 3] > 0
    lab = oklab(picture[opaque][:, :3])  # (N, 3), in thousandths
    tokens = np.full(len(lab), DARK, dtype=np.uint8)
    lit = lab[:, 0] >= _DARKEST
    ramps = np.zeros((MATERIALS, LEVELS, 3), dtype=np.uint8)
    if lit.any():
        material = _materials(lab[lit].astype(np.float64))
        level = np.minimum((lab[lit][:, 0] - _DARKEST) * LEVELS // (1001 - _DARKEST), LEVELS - 1)
        tokens[lit] = FIRST + material * LEVELS + level
        colors = picture[opaque][:, :3][lit].astype(np.float64)
        ramps = np.stack([_ramp(colors[material == m], level[material == m]) for m in range(MATERIALS)])
    whole = np.zeros(opaque.shape, dtype=np.uint8)
    whole[opaque] = tokens
    return whole, ramps


def colors_of(ramps: Ramps) -> npt.NDArray[np.uint8]:
    """The color of every token: (TOKENS, 4), RGBA."""
    rgb = np.concatenate([[(0, 0, 0), OUTLINE], ramps.reshape(-1, 3)]).astype(np.uint8)
    alpha = np.full((TOKENS, 1), 255, dtype=np.uint8)
    alpha[CLEAR] = 0
    return np.concatenate([rgb, alpha], axis=1)


def _materials(lab: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """The material of each pixel (N,), numbered by area."""
    tint = lab[:, 1:] * (_TINT / (lab[:, :1] + _TINT_FROM))  # of one hue, a dark color has less chroma
    points = np.column_stack([tint, lab[:, :1] * _LIGHT])
    best, lowest = np.zeros(len(points), dtype=np.int64), np.inf
    for count in range(1, min(MATERIALS, len(points)) + 1):
        nearest, centers = _k_means(points, count)
        cost = float(np.square(points - centers[nearest]).sum(axis=1).mean()) + _ONE_MORE * count
        if cost < lowest:
            best, lowest = nearest, cost
    order = np.argsort(-np.bincount(best, minlength=MATERIALS), kind="stable")
    rank = np.empty(MATERIALS, dtype=np.int64)
    rank[order] = np.arange(MATERIALS)
    return rank[best]


def _k_means(points: npt.NDArray[np.float64], count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The nearest of ``count`` centers for each point, begun with points that are far from each other."""
    far = np.square(points - points.mean(axis=0)).sum(axis=1)
    centers = points[[far.argmin()]]
    for _ in range(count - 1):
        apart = np.square(points[:, None] - centers).sum(axis=2).min(axis=1)
        centers = np.concatenate([centers, points[[apart.argmax()]]])
    nearest = np.zeros(len(points), dtype=np.int64)
    for _ in range(_ROUNDS):
        nearest = np.square(points[:, None] - centers).sum(axis=2).argmin(axis=1)
        centers = np.stack(
            [points[nearest == i].mean(axis=0) if (nearest == i).any() else centers[i] for i in range(count)]
        )
    return nearest, centers


def _ramp(colors: npt.NDArray[np.float64], level: npt.NDArray[np.int64]) -> Ramps:
    """Mean color of each level, (LEVELS, 3); between levels that occur by a line, beyond them darker or lighter."""
    ramp = np.zeros((LEVELS, 3))
    if not len(colors):
        return ramp.astype(np.uint8)
    known = np.unique(level)
    means = np.stack([colors[level == one].mean(axis=0) for one in known])
    places = np.concatenate([[-1.0], known, [float(LEVELS)]])
    ends = np.concatenate([means[:1] * 0.15, means, means[-1:] * 0.3 + 255 * 0.7])
    for channel in range(3):
        ramp[:, channel] = np.interp(np.arange(LEVELS), places, ends[:, channel])
    return np.rint(ramp).astype(np.uint8)
