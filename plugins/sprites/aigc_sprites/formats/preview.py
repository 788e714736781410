"""The gallery's picture of a sprite: the members of a cast beside each other, or all ways that one figure faces.

One that stands alone is shown as it is, so the bytes are those of its PNG or APNG file. More of them stand in the
cells of a square picture, each with its name below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt, lcm

import numpy as np

from aigc_content import Preview
from aigc_sprites.formats.apng import apng
from aigc_sprites.formats.frames import animations_of, picture
from aigc_sprites.sprite import Figure, Frame, Indices, Sprite

_MOST_STEPS = 64


@dataclass(frozen=True)
class _Cell:
    """One animation in the picture.

    Attributes:
        name: what is written below it; empty for one that is alone.
        figure: whose it is.
        frames: in their order.
        x, y: the upper left corner of its pictures.
    """

    name: str
    figure: Figure
    frames: tuple[Frame, ...]
    x: int
    y: int


def preview(sprite: Sprite) -> Preview:
    """A sprite as the gallery shows it: with its layers, its palette and, if it has several frames, in motion."""
    cells, side = _laid_out(sprite)
    steps = _steps(cells)
    layers = {name: _drawn(sprite, cells, steps, side, name) for name in _layers([cell.figure for cell in cells])}
    layers = {name: pictures for name, pictures in layers.items() if any(one.any() for one in pictures)}
    gap = _gap(sprite)
    return Preview(
        "image/png" if len(steps) == 1 else "image/apng",
        _encoded(sprite, _drawn(sprite, cells, steps, side), steps),
        layers={name: _encoded(sprite, layer, steps) for name, layer in layers.items()} if len(layers) > 1 else {},
        colors=sprite.palette,
        captions=[
            (cell.name, cell.x - gap // 2, cell.y + sprite.size, sprite.size + gap) for cell in cells if cell.name
        ],
    )


def _laid_out(sprite: Sprite) -> tuple[list[_Cell], int]:
    """The cells, row by row, and the side of the picture."""
    if len(sprite.figures) > 1:
        shown = [(figure.name, figure, animations_of(figure)[0].frames) for figure in sprite.figures]
    else:
        (figure,) = sprite.figures
        shown = [(row.facing, figure, row.frames) for row in animations_of(figure)]
    if len(shown) == 1:
        return [_Cell("", shown[0][1], shown[0][2], 0, 0)], sprite.size
    gap = _gap(sprite)
    pitch = sprite.size + gap
    columns = isqrt(len(shown) - 1) + 1
    rows = -(-len(shown) // columns)
    cells = []
    for place, (name, figure, frames) in enumerate(shown):
        row, column = divmod(place, columns)
        in_row = min(columns, len(shown) - row * columns)
        x = (columns - in_row) * pitch // 2 + column * pitch + gap // 2
        cells.append(_Cell(name, figure, frames, x, (columns - rows) * pitch // 2 + row * pitch))
    return cells, columns * pitch


def _gap(sprite: Sprite) -> int:
    """Pixels between two cells: room for a name."""
    return sprite.size // 4


def _steps(cells: Sequence[_Cell]) -> list[int]:
    """Milliseconds of each picture of the whole: all cells step together, at the pace of the one with most frames."""
    longest = max(cells, key=lambda cell: len(cell.frames)).frames
    steps = lcm(*(len(cell.frames) for cell in cells))
    if steps > _MOST_STEPS:
        steps = len(longest)  # shorter ones then begin anew before they have ended
    return [longest[step % len(longest)].duration for step in range(steps)]


def _layers(figures: Sequence[Figure]) -> list[str]:
    """Names of the layers of all figures, from the lowest up; none if figures disagree about what is above what."""
    order: list[str] = []
    for figure in figures:
        place = 0
        for layer in figure.layers:
            if layer.name not in order:
                order.insert(place, layer.name)
            place = order.index(layer.name) + 1
    ranks = [[order.index(layer.name) for layer in figure.layers] for figure in figures]
    return order if all(rank == sorted(rank) for rank in ranks) else []


def _drawn(sprite: Sprite, cells: Sequence[_Cell], steps: Sequence[int], side: int, name: str = "") -> list[Indices]:
    """The whole, or one layer of it, for each step, (side, side)."""
    pictures = [np.zeros((side, side), dtype=np.uint8) for _ in steps]
    for cell in cells:
        names = [layer.name for layer in cell.figure.layers]
        if name and name not in names:
            continue
        for step, canvas in enumerate(pictures):
            frame = cell.frames[step % len(cell.frames)]
            shown = sprite.cel(cell.figure, frame, names.index(name)) if name else sprite.flat(cell.figure, frame)
            canvas[cell.y : cell.y + sprite.size, cell.x : cell.x + sprite.size] = shown
    return pictures


def _encoded(sprite: Sprite, pictures: Sequence[Indices], steps: Sequence[int]) -> bytes:
    """A PNG file, animated if there are several pictures."""
    if len(pictures) == 1:
        return picture(sprite, pictures[0])
    of_whole = sprite.model_copy(update={"size": len(pictures[0])})  # a sprite's side is that of its pictures
    return apng(of_whole, list(zip(pictures, steps, strict=True)))
