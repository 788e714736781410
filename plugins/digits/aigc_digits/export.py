"""Exporters: a picture of each digit, and a sheet of all digits of a job; and the gallery's preview.

Ink is white on black, as MNIST has it: a pixel's gray is its value.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from aigc_content import File, Preview, encode_png
from aigc_digits.data import SIDE, Bytes
from aigc_digits.digit import Digit
from aigc_digits.params import DigitParams

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
COLUMNS = 20

_GRAYS = np.arange(256, dtype=np.uint8)[:, None].repeat(3, axis=1)
_CELL = SIDE + 2
_ZOOM = 4  # of the preview, and of the numbers on a sheet
_SHADE = 160
_NUMBERS = (
    "### .#. ### ### #.# ### ### ### ### ###",
    "#.# ##. ..# ..# #.# #.. #.. ..# #.# #.#",
    "#.# .#. ### ### ### ### ### ..# ### ###",
    "#.# .#. #.. ..# ..# ..# #.# ..# #.# ..#",
    "### ### ### ### ..# ### ### ..# ### ###",
)


def png(digit: Digit, params: DigitParams, name: str) -> Iterator[File]:
    """The digit as a picture of 28 x 28 pixels."""
    yield File(".png", picture(digit.pixels))


def sheet(digits: Sequence[tuple[Digit, str]], params: DigitParams, job: str) -> Iterator[File]:
    """All digits of a job on one picture, in rows of one label, which stands before them."""
    rows = []
    for label in range(10):
        own = [digit.pixels for digit, _ in digits if digit.label == label]
        rows += [_row(label, own[start : start + COLUMNS]) for start in range(0, len(own), COLUMNS)]
    yield File("sheet.png", picture(np.concatenate(rows)), shared=True)


def preview(digit: Digit) -> Preview:
    """The picture, larger."""
    return Preview("image/png", picture(_enlarged(digit.pixels)))


def picture(pixels: Bytes) -> bytes:
    """A gray picture (H, W) as a PNG file that says how it came about."""
    return encode_png(pixels, _GRAYS, {"DigitalSourceType": SOURCE_TYPE})


def _row(label: int, digits: Sequence[Bytes]) -> Bytes:
    """A label and up to `COLUMNS` digits beside each other."""
    row = np.zeros((_CELL, _CELL * (COLUMNS + 1)), dtype=np.uint8)
    number = [[_SHADE * (pixel == "#") for pixel in line.split()[label]] for line in _NUMBERS]
    for place, pixels in enumerate([_enlarged(np.array(number, dtype=np.uint8)), *digits]):
        height, width = pixels.shape
        top, left = (_CELL - height) // 2, place * _CELL + (_CELL - width) // 2
        row[top : top + height, left : left + width] = pixels
    return row


def _enlarged(pixels: Bytes) -> Bytes:
    return pixels.repeat(_ZOOM, axis=0).repeat(_ZOOM, axis=1)
