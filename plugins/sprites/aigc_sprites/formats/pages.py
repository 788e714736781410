"""The pictures of many sprites, packed on as few pictures as can be: what the atlas formats describe.

Equal cells all over: as large as the largest sprite and a gap of one pixel, so that nothing bleeds in from beside.
Equal frames of one palette share a cell. A page is at most 4096 pixels a side, which every graphics card takes; the
frames of one asset stand on one page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, sqrt

import numpy as np
import numpy.typing as npt

from aigc_content import encode_png
from aigc_sprites.formats.frames import TEXT, anchor, animations
from aigc_sprites.sprite import Indices, Sprite

MAX_SIDE = 4096
GAP = 1
_MAX_COLORS = 256

_Key = tuple[tuple[str, ...], bytes]


@dataclass(frozen=True)
class Placed:
    """One frame on a page.

    Attributes:
        name: ``hero-000001/walk_down/0``.
        x, y, side: where it is.
        anchor: of the figure, in shares of the side.
        duration: milliseconds.
    """

    name: str
    x: int
    y: int
    side: int
    anchor: dict[str, float]
    duration: int


@dataclass(frozen=True)
class Page:
    """One picture, and what is on it.

    Attributes:
        png: the file, indexed if its colors allow it.
        indexed: whether they do.
        size: width and height.
        animations: frames by the name of their animation, such as ``hero-000001/walk_down``.
    """

    png: bytes
    indexed: bool
    size: tuple[int, int]
    animations: dict[str, tuple[Placed, ...]]


def pack(assets: Sequence[tuple[Sprite, str]], max_side: int = MAX_SIDE) -> list[Page]:
    """Pack the frames of all assets.

    Args:
        assets: with their ids.
        max_side: of a page in pixels; a single asset that does not fit gets a larger page.
    """
    cell = max(sprite.size for sprite, _ in assets) + GAP
    room = max(1, (max_side + GAP) // cell) ** 2
    return [_page(group, cell) for group in _groups(assets, room)]


def _groups(assets: Sequence[tuple[Sprite, str]], room: int) -> Iterator[list[tuple[Sprite, str]]]:
    group: list[tuple[Sprite, str]] = []
    seen: set[_Key] = set()
    for sprite, name in assets:
        own = {key for key, _ in _pictures(sprite)}
        if group and len(seen | own) > room:
            yield group
            group, seen = [], set()
        group.append((sprite, name))
        seen |= own
    if group:
        yield group


def _pictures(sprite: Sprite) -> Iterator[tuple[_Key, Indices]]:
    for animation in animations(sprite):
        for frame in animation.frames:
            flat = sprite.flat(animation.figure, frame)
            yield (sprite.palette, flat.tobytes()), flat


def _page(assets: Sequence[tuple[Sprite, str]], cell: int) -> Page:
    number: dict[_Key, int] = {}
    drawn: list[tuple[Sprite, Indices]] = []
    for sprite, _ in assets:
        for key, flat in _pictures(sprite):
            if key not in number:
                number[key] = len(drawn)
                drawn.append((sprite, flat))
    columns = ceil(sqrt(len(drawn)))
    size = (columns * cell - GAP, ceil(len(drawn) / columns) * cell - GAP)
    places = [(index % columns * cell, index // columns * cell) for index in range(len(drawn))]
    named: dict[str, tuple[Placed, ...]] = {}
    for sprite, name in assets:
        keys = (key for key, _ in _pictures(sprite))
        for animation in animations(sprite):
            title, pivot = f"{name}/{animation.name}", anchor(sprite, animation.figure)
            named[title] = tuple(
                Placed(f"{title}/{index}", *places[number[next(keys)]], sprite.size, pivot, frame.duration)
                for index, frame in enumerate(animation.frames)
            )
    png, indexed = _drawn(size, list(zip(drawn, places, strict=True)))
    return Page(png, indexed, size, named)


def _drawn(
    size: tuple[int, int], drawn: Sequence[tuple[tuple[Sprite, Indices], tuple[int, int]]]
) -> tuple[bytes, bool]:
    colors: dict[tuple[int, ...], int] = {(0, 0, 0, 0): 0}
    for (sprite, _), _ in drawn:
        for color in sprite.colors.tolist():
            colors.setdefault(tuple(color), len(colors))
    table = np.array(list(colors), dtype=np.uint8)
    canvas = np.zeros((size[1], size[0]), dtype=np.uint32)
    for (sprite, flat), (x, y) in drawn:
        own: npt.NDArray[np.uint32] = np.array([colors[tuple(color)] for color in sprite.colors.tolist()], np.uint32)
        canvas[y : y + sprite.size, x : x + sprite.size] = own[flat]
    if len(table) <= _MAX_COLORS:
        return encode_png(canvas.astype(np.uint8), table, TEXT), True
    return encode_png(table[canvas], None, TEXT), False
