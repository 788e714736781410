"""RPG Maker's character sheet: 3 x 4 cells, rows down, left, right, up; columns step, stand, other step.

Specification: the asset standards of RPG Maker's help, https://rpgmakerofficial.com/product/MZ_help-en/
(characters). A sheet of one character, of any cell size, has ``$`` at the beginning of its file name; the columns
are played 1, 2, 3, 2. A figure that has no frame for a facing shows its first facing there.
"""

from __future__ import annotations

from aigc_sprites.formats.frames import facing_rows, flats, grid, picture
from aigc_sprites.sprite import Facing, Figure, Frame, Sprite

ROWS: tuple[Facing, ...] = ("down", "left", "right", "up")


def rpgmaker(sprite: Sprite, figure: Figure) -> bytes:
    """The sheet as an indexed PNG.

    Three frames stand as they are; of two the first is the stand; of more, the first, and those at a quarter
    and a half.
    """
    return picture(sprite, grid(sprite, [flats(sprite, figure, _three(row)) for row in facing_rows(figure, ROWS)]))


def _three(frames: tuple[Frame, ...]) -> tuple[Frame, ...]:
    count = len(frames)
    if count == 3:
        return frames
    if count < 3:
        return frames[-1], frames[0], frames[-1]
    return frames[0], frames[count // 4], frames[count // 2]
