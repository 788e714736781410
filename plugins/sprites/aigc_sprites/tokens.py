"""Pictures as tokens that know no color: which material a pixel is of, and how light it is.

A picture has up to four materials (cloth, skin, metal ...), each with a ramp of seven colors from dark to light. A
token is 0 for transparent, 1 for the dark of outlines, or a material and a level. A network learns forms and light,
one drawing in ten colors is one drawing, and whatever it draws has exactly the colors of the ramps that it is given.
(Plain palette indices overfit: Coutinho and Chaimowicz 2022, AIIDE workshop.)
"""

from __future__ import annotations

from typing import Any

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
UNLIT = HIDDEN + 1
"""The token of a pixel of the first material whose light is still to be drawn; the other materials' follow."""
FORMS = FIRST + MATERIALS
"""A pixel's form is clear, dark, or a material."""

OUTLINE = (4, 3, 5)
"""The color of `DARK`."""

_DARKEST, _BLACK = 170, 40  # lightness in 1/1000; below them hue cannot be seen, or nothing at all
_DARK_SHARE = 5  # the darkest fifth of a picture's range of light is dark, too, unless it is lighter than `_DARKEST`
_TAIL = 3  # percent of the pixels that are left out of the range at either end
_NARROW = 140  # lightness in 1/1000 over which the levels reach at least
_FINE = 8  # points of k-means are in 1/8 of 1/1000
_ONE_MORE = 600 * _FINE**2  # what another material must save, in squared units of chroma a pixel
_LIGHT = 20  # lightness counts a twentieth of chroma when materials are told apart
_TINT, _TINT_FROM = 700, 200
_ROUNDS = 15

_Ints = npt.NDArray[np.int64]


def encode(picture: npt.NDArray[np.uint8]) -> tuple[Tokens, Ramps]:
    """Tokens (H, W) and ramps of a picture (H, W, 4) whose pixels are opaque or transparent.

    Materials are told apart by k-means over chroma in Oklab, as few as explain the picture, the largest first. All in
    whole numbers: a recipe's picture gives the same tokens on every machine. Levels are relative to the picture's own
    range of light, so that a dark floor has as many of them as a bright dragon.
    """
    opaque = picture[..., 3] > 0
    lab = oklab(picture[opaque][:, :3]).astype(np.int64)  # (N, 3), in thousandths
    tokens = np.full(len(lab), DARK, dtype=np.uint8)
    darkest, lowest, lightest = _range(lab[:, 0])
    lit = lab[:, 0] >= darkest
    ramps = np.zeros((MATERIALS, LEVELS, 3), dtype=np.uint8)
    if lit.any():
        material = _materials(lab[lit])
        level = np.clip((lab[lit][:, 0] - lowest) * LEVELS // (lightest - lowest), 0, LEVELS - 1)
        tokens[lit] = FIRST + material * LEVELS + level
        colors = picture[opaque][:, :3][lit].astype(np.int64)
        ramps = np.stack([_ramp(colors[material == m], level[material == m]) for m in range(MATERIALS)])
    whole = np.zeros(opaque.shape, dtype=np.uint8)
    whole[opaque] = tokens
    return whole, ramps


def _range(light: _Ints) -> tuple[int, int, int]:
    """The lightness (N,) from which on a picture's pixels are lit, and those between which its levels reach."""
    if not len(light):
        return _DARKEST, _DARKEST, 1000
    ordered = np.sort(light)
    tail = len(ordered) * _TAIL // 100
    low, high = int(ordered[tail]), int(ordered[-1 - tail])
    darkest = min(_DARKEST, max(_BLACK, low + (high - low) // _DARK_SHARE))
    lowest = max(darkest, min(low, high + 1 - _NARROW))
    return darkest, lowest, max(high + 1, lowest + _NARROW)


def form_of(tokens: Tokens) -> npt.NDArray[np.int64]:
    """0 clear, 1 dark, 2 and more a material: tokens that are not `HIDDEN`, of any shape."""
    wide = tokens.astype(np.int64)
    lit = FIRST + (wide - FIRST) // LEVELS
    return np.where(wide >= UNLIT, FIRST + wide - UNLIT, np.where(wide >= FIRST, lit, wide))


def unlit(forms: npt.NDArray[np.integer[Any]]) -> Tokens:
    """The tokens of forms whose light is still to be drawn."""
    return np.where(forms >= FIRST, UNLIT + forms - FIRST, forms).astype(np.uint8)


def colors_of(ramps: Ramps) -> npt.NDArray[np.uint8]:
    """The color of every token: (TOKENS, 4), RGBA."""
    rgb = np.concatenate([[(0, 0, 0), OUTLINE], ramps.reshape(-1, 3)]).astype(np.uint8)
    alpha = np.full((TOKENS, 1), 255, dtype=np.uint8)
    alpha[CLEAR] = 0
    return np.concatenate([rgb, alpha], axis=1)


def _materials(lab: _Ints) -> _Ints:
    """The material of each pixel (N,), numbered by area."""
    tint = lab[:, 1:] * (_TINT * _FINE) // (lab[:, :1] + _TINT_FROM)  # of one hue, a dark color has less chroma
    points = np.column_stack([tint, lab[:, :1] * _FINE // _LIGHT])
    best, lowest = np.zeros(len(points), dtype=np.int64), np.iinfo(np.int64).max
    for count in range(1, min(MATERIALS, len(points)) + 1):
        nearest, centers = _k_means(points, count)
        cost = int(np.square(points - centers[nearest]).sum()) + _ONE_MORE * count * len(points)
        if cost < lowest:
            best, lowest = nearest, cost
    order = np.argsort(-np.bincount(best, minlength=MATERIALS), kind="stable")
    rank = np.empty(MATERIALS, dtype=np.int64)
    rank[order] = np.arange(MATERIALS)
    return rank[best]


def _k_means(points: _Ints, count: int) -> tuple[_Ints, _Ints]:
    """The nearest of ``count`` centers for each point, begun with points that are far from each other."""
    far = np.square(points - points.sum(axis=0) // len(points)).sum(axis=1)
    centers = points[[far.argmin()]]
    for _ in range(count - 1):
        apart = np.square(points[:, None] - centers).sum(axis=2).min(axis=1)
        centers = np.concatenate([centers, points[[apart.argmax()]]])
    nearest = np.zeros(len(points), dtype=np.int64)
    for _ in range(_ROUNDS):
        nearest = np.square(points[:, None] - centers).sum(axis=2).argmin(axis=1)
        centers = np.stack([_mean(points[nearest == i], centers[i]) for i in range(count)])
    return nearest, centers


def _mean(points: _Ints, without: _Ints) -> _Ints:
    """Of points (N, D), rounded: (D,)."""
    count = len(points)
    return (2 * points.sum(axis=0) + count) // (2 * count) if count else without


def _ramp(colors: _Ints, level: _Ints) -> Ramps:
    """Mean color of each level, (LEVELS, 3); between levels that occur by a line, beyond them darker or lighter."""
    ramp = np.zeros((LEVELS, 3), dtype=np.int64)
    if not len(colors):
        return ramp.astype(np.uint8)
    known = np.unique(level).tolist()
    means = [_mean(colors[level == one], colors[0]) for one in known]
    places = [-1, *known, LEVELS]
    ends = [means[0] * 15 // 100, *means, (means[-1] * 3 + 255 * 7) // 10]
    for place in range(LEVELS):
        above = next(i for i, one in enumerate(places) if one > place)
        low, high = places[above - 1], places[above]
        ramp[place] = (ends[above - 1] * (high - place) + ends[above] * (place - low)) // (high - low)
    return ramp.astype(np.uint8)
