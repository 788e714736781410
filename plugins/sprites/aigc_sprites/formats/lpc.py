"""The walk of the Liberated Pixel Cup: 9 x 4 cells of 64 x 64 pixels, rows up, left, down, right.

Specification: https://lpc.opengameart.org/static/lpc-style-guide/build/styleguide.html, and the sheets of
https://github.com/LiberatedPixelCup/Universal-LPC-Spritesheet-Character-Generator. The first column stands, the
others are a cycle of eight. A figure that has no frame for a facing shows its first facing there.
"""

from __future__ import annotations

from aigc_sprites.formats.frames import facing_rows, flats, grid, picture
from aigc_sprites.sprite import Facing, Figure, Frame, Sprite

ROWS: tuple[Facing, ...] = ("up", "left", "down", "right")
CELL = 64
FRAMES = 9
FOOT = (32, 61)
"""Where the pivot stands in a cell, as far as the picture then fits into it."""


def lpc(sprite: Sprite, figure: Figure) -> bytes:
    """The sheet as an indexed PNG.

    Nine frames stand as they are; of others the first is the standing one, and all are spread over the cycle.
    """
    return picture(
        sprite,
        grid(
            sprite,
            [flats(sprite, figure, _nine(row)) for row in facing_rows(figure, ROWS)],
            CELL,
            offset(sprite, figure),
        ),
    )


def offset(sprite: Sprite, figure: Figure) -> tuple[int, int]:
    """X and y of the picture in its cell."""
    room = CELL - sprite.size
    x, y = (min(max(foot - pivot, 0), room) for foot, pivot in zip(FOOT, figure.pivot, strict=True))
    return x, y


def _nine(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
    count, cycle = len(frames), FRAMES - 1
    if count == FRAMES:
        return frames
    return frames[0], *(frames[step * count // cycle] for step in range(cycle))
