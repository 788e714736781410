"""Figures about a picture of a digit, in whole pixels and their ratios."""

from __future__ import annotations

import numpy as np

from aigc_digits.data import Bytes

_INK = 128


def ink(pixels: Bytes) -> float:
    """Black pixels' worth of ink on (28, 28): the sum of all values over 255, to a tenth."""
    return round(int(pixels.sum(dtype=np.int64)) / 255, 1)


def thickness(pixels: Bytes) -> float:
    """Width of the stroke in pixels: twice its area over its outline, which a stroke of that width would have.

    The outline counts sides of pixels, so a slanted stroke seems up to 0.7 times as wide as it is.
    """
    inked = np.pad(pixels >= _INK, 1)
    outline = sum(int((np.diff(inked, axis=axis)).sum()) for axis in (0, 1))
    return round(2 * int(inked.sum()) / max(1, outline), 2)
