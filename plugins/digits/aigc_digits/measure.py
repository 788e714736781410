"""Figures about a picture of a digit, in whole pixels and their ratios; and which of its colors is the ink."""

from __future__ import annotations

import numpy as np

from aigc_digits.data import Bytes

_INK = 128


def bright_ink(images: Bytes) -> Bytes:
    """Pictures (B, 28, 28) with 0 as paper and 255 as ink: those with a bright border are turned to their negatives.

    What reads digits and what knows the training digits has seen bright ink alone.
    """
    border = np.ones(images.shape[1:], dtype=bool)
    border[1:-1, 1:-1] = False
    bright = images[:, border].sum(axis=1, dtype=np.int64) > 127 * int(border.sum())
    return np.where(bright[:, None, None], 255 - images, images)


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
