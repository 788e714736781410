"""What makes pixel art clean, in whole numbers: parts that hang together, lone pixels, bumps, edges, outline.

Calibrated on real tiles: `LIMITS` are 90th percentiles of the pictures that a network learns from.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from aigc_content.nn.postprocess import components

Indices = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Craft:
    """Figures of one picture.

    Attributes:
        opaque: pixels that show.
        parts: pieces that hang together, diagonals included.
        main: pixels of the largest of them, in thousandths of all that show.
        orphans: pixels whose color none of their four neighbors has, in thousandths of all that show.
        jaggies: bumps and notches of one pixel in the outline, in thousandths of the outline's pixels.
        border: pixels on the picture's border.
        outlined: pixels of the outline that are dark, in thousandths.
        colors: different ones.
    """

    opaque: int
    parts: int
    main: int
    orphans: int
    jaggies: int
    border: int
    outlined: int
    colors: int


@dataclass(frozen=True)
class Limits:
    """Of `aigc_sprites.craft.Craft`: 10th and 90th percentiles of the pictures that the network learned from."""

    least: int
    most: int
    main: int
    orphans: int
    jaggies: int
    border: int


LIMITS = {
    "monster": Limits(180, 780, 940, 410, 100, 29),
    "item": Limits(160, 620, 940, 430, 68, 19),
    "hero": Limits(240, 620, 970, 430, 90, 26),
    "walker": Limits(165, 420, 960, 330, 49, 5),
    "tile": Limits(1024, 1024, 1000, 1000, 1000, 1024),
}
"""For pictures of 32 x 32 pixels."""


_HIPS = 55
"""Percent of a walker's height from the top."""


def upright(shown: Mask) -> bool:
    """Whether a hero's body (H, H) reaches from head to feet, within 3/32 and 1/32 as learned ones."""
    rows, side = np.flatnonzero(shown.any(axis=1)), len(shown)
    return bool(len(rows)) and int(rows[0]) * 32 <= 3 * side and (int(rows[-1]) + 1) * 32 >= 31 * side


def hips(shown: Mask) -> int:
    """The first row of the legs of a walker (H, H)."""
    rows = np.flatnonzero(shown.any(axis=1))
    return int(rows[0] + (rows[-1] - rows[0]) * _HIPS // 100) if len(rows) else 0


def craft(pixels: Indices, dark: npt.NDArray[np.bool_]) -> Craft:
    """Measure a picture.

    Args:
        pixels: (H, W), 0 transparent.
        dark: for each index whether its color is that of an outline, (indices,).
    """
    return _craft(pixels.tobytes(), pixels.shape, dark.tobytes())


@lru_cache(maxsize=64)
def _craft(data: bytes, shape: tuple[int, ...], darkness: bytes) -> Craft:
    """As `craft`; a picture is measured for its proof, for the evidence and for its figures."""
    pixels, dark = np.frombuffer(data, np.uint8).reshape(shape), np.frombuffer(darkness, np.bool_)
    shown = pixels > 0
    opaque = int(shown.sum())
    sizes = np.unique(components(shown[None], diagonal=True)[0][shown], return_counts=True)[1]
    padded = np.pad(pixels.astype(np.int16), 1)
    inner = padded[1:-1, 1:-1]
    around = [padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]]
    alike = np.any([other == inner for other in around], axis=0)
    edge = outline(shown)
    border = shown[0].sum() + shown[-1].sum() + shown[1:-1, 0].sum() + shown[1:-1, -1].sum()
    return Craft(
        opaque=opaque,
        parts=len(sizes),
        main=_share(int(sizes.max(initial=0)), opaque),
        orphans=_share(int((shown & ~alike).sum()), opaque),
        jaggies=_share(_jaggies(shown), int(edge.sum())),
        border=int(border),
        outlined=_share(int(dark[pixels[edge]].sum()), int(edge.sum())),
        colors=len(np.unique(pixels[shown])),
    )


def outline(shown: Mask) -> Mask:
    """Pixels that show and have a transparent one beside them (or the picture's end), (H, W)."""
    padded = np.pad(shown, 1)
    inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return shown & ~inside


def seam(light: npt.NDArray[np.integer[Any]]) -> int:
    """Steps of light over a picture's border, in thousandths of those between neighbors inside, (H, W)."""
    inside = [np.abs(np.diff(light, axis=axis)) for axis in (0, 1)]
    over = [np.abs(light[0] - light[-1]), np.abs(light[:, 0] - light[:, -1])]
    most = 0
    for within, across in zip(inside, over, strict=True):
        most = max(
            most, int(across.sum()) * within.size * 1000 // (across.size * max(int(within.sum()), within.size))
        )
    return most


def _jaggies(shown: Mask) -> int:
    """Pixels that stick out by one, or are missing by one, on an otherwise straight edge."""
    return sum(int(sides.sum()) for sides in (*bumps(shown), *bumps(~shown)))


def bumps(shown: Mask) -> tuple[Mask, ...]:
    """Pixels that stick out by one from a straight edge below, above, right or left of them, (H, W) each.

    What lies outside the picture is taken for clear; of an inverted mask, the notches are found.
    """
    found = []
    padded = np.pad(shown, 1, constant_values=bool(shown[0, 0] and shown[-1, -1]))
    for turned in (padded, padded.T):
        alone = turned[1:-1, 1:-1] & ~turned[1:-1, :-2] & ~turned[1:-1, 2:]
        for step in (-1, 1):
            rows, over = np.roll(turned, step, axis=0), np.roll(turned, -step, axis=0)
            base = rows[1:-1, 1:-1] & rows[1:-1, :-2] & rows[1:-1, 2:]
            free = ~(over[1:-1, 1:-1] | over[1:-1, :-2] | over[1:-1, 2:])
            sticks = alone & base & free
            found.append(sticks if turned is padded else sticks.T)
    return tuple(found)


def _share(part: int, whole: int) -> int:
    return part * 1000 // max(1, whole)
