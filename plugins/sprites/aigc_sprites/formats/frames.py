"""What every format is written from: the animations of a sprite, and its pictures as PNG files.

A file carries no date and no name of a machine; pictures are indexed, and say that a trained model made them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aigc_content import encode_png
from aigc_sprites.sprite import Facing, Figure, Frame, Indices, Sprite

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
TEXT = {"DigitalSourceType": SOURCE_TYPE}


@dataclass(frozen=True)
class Animation:
    """The frames of one figure that look one way.

    Attributes:
        name: ``default`` for a figure with one facing, else ``walk_down`` and so on; in a cast the figure's name and
            ``_`` come before it. No two of a sprite are alike.
        figure: whose it is.
        facing: where it looks.
        frames: in their order.
    """

    name: str
    figure: Figure
    facing: Facing
    frames: tuple[Frame, ...]


def animations(sprite: Sprite) -> tuple[Animation, ...]:
    """All animations of a sprite, figure by figure."""
    several = len(sprite.figures) > 1
    return tuple(
        Animation((f"{figure.name}_" if several else "") + name, figure, facing, frames)
        for figure in sprite.figures
        for name, facing, frames in _facings(figure)
    )


def animations_of(figure: Figure) -> tuple[Animation, ...]:
    """The animations of one figure, named as if it were alone."""
    return tuple(Animation(name, figure, facing, frames) for name, facing, frames in _facings(figure))


def _facings(figure: Figure) -> list[tuple[str, Facing, tuple[Frame, ...]]]:
    groups: dict[Facing, list[Frame]] = {}
    for frame in figure.frames:
        groups.setdefault(frame.facing, []).append(frame)
    return [
        (f"walk_{facing}" if len(groups) > 1 else "default", facing, tuple(frames))
        for facing, frames in groups.items()
    ]


def sheet(sprite: Sprite) -> Indices:
    """All frames on one picture: a row an animation, in the order of `animations`, a column a frame."""
    rows = animations(sprite)
    return grid(sprite, [flats(sprite, row.figure, row.frames) for row in rows])


def grid(
    sprite: Sprite, rows: Sequence[Sequence[Indices]], cell: int = 0, offset: tuple[int, int] = (0, 0)
) -> Indices:
    """Pictures in cells, each row from the left.

    Args:
        sprite: whose pictures they are.
        rows: pictures (size, size); a row may be shorter than another.
        cell: side of a cell, at least the sprite's size; 0 for that size.
        offset: x and y of a picture in its cell.
    """
    side = cell or sprite.size
    out = np.zeros((len(rows) * side, max(map(len, rows)) * side), dtype=np.uint8)
    for row, pictures in enumerate(rows):
        for column, picture in enumerate(pictures):
            y, x = row * side + offset[1], column * side + offset[0]
            out[y : y + sprite.size, x : x + sprite.size] = picture
    return out


def facing_rows(figure: Figure, facings: Sequence[Facing]) -> list[tuple[Frame, ...]]:
    """The frames for each of some facings; those of the figure's first where it has none."""
    own = {facing: frames for _, facing, frames in _facings(figure)}
    return [own.get(facing, own[figure.frames[0].facing]) for facing in facings]


def flats(sprite: Sprite, figure: Figure, frames: Iterable[Frame]) -> list[Indices]:
    """Pictures of frames, all layers on each other."""
    return [sprite.flat(figure, frame) for frame in frames]


def picture(sprite: Sprite, pixels: Indices) -> bytes:
    """An indexed PNG file (third edition, W3C 2025) of pixels (H, W) in the sprite's palette."""
    return encode_png(pixels, sprite.colors, TEXT)


def layer_picture(sprite: Sprite, figure: Figure, layer: int) -> bytes:
    """One layer of a figure's first frame as `picture`, aligned with the whole."""
    return picture(sprite, sprite.cel(figure, figure.frames[0], layer))


def anchor(sprite: Sprite, figure: Figure) -> dict[str, float]:
    """The middle of the lower edge of the pivot's pixel, as shares of the picture's width and height."""
    x, y = figure.pivot
    return {"x": (x + 0.5) / sprite.size, "y": (y + 1) / sprite.size}


def box(x: int, y: int, w: int, h: int) -> dict[str, int]:
    """A rectangle as texture packers write it."""
    return {"x": x, "y": y, "w": w, "h": h}


def json_bytes(value: Any) -> bytes:
    """A JSON file, its keys in the order given."""
    return (json.dumps(value, separators=(",", ":"), ensure_ascii=False) + "\n").encode("utf-8")
