"""Does a picture copy a training picture? Asked of a stand-in for the training set that holds none of its pictures.

A training picture leaves 512 bits: for each of 16 x 16 fields of 2 x 2 pixels whether most of it shows, and whether
it is lighter than the median. A copy agrees in nearly all of them, wherever it was moved to and however it was
colored; two drawings of one kind of thing differ in a fifth or more of the fields where either shows anything.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.bool_]

FIELDS = 16
LIMIT = 120
"""Thousandths of the fields that differ: a picture nearer than this to a training picture counts as a copy of it."""


def bits_of(shown: npt.NDArray[np.bool_], light: npt.NDArray[np.integer[Any]]) -> Bits:
    """Shape and light of a picture that is moved to its top left corner: (2, 16, 16).

    Args:
        shown: pixels that are not transparent, (32, 32).
        light: how light they are, in any unit, (32, 32).
    """
    rows, columns = (np.flatnonzero(shown.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return np.zeros((2, FIELDS, FIELDS), dtype=np.bool_)
    shown, light = (np.roll(part, (-rows[0], -columns[0]), (0, 1)) for part in (shown, light))
    covered = _fields(shown)
    mean = _fields(np.where(shown, light, 0)) // np.maximum(covered, 1)
    shape = covered >= 2
    middle = int(np.median(mean[shape])) if shape.any() else 0
    return np.stack([shape, shape & (mean > middle)])


def pack(bits: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Bits of pictures (N, 2, 16, 16) as bytes (N, 64)."""
    return np.packbits(bits.reshape(len(bits), -1), axis=1)


class Copies:
    """Knows training pictures by their bits.

    Args:
        codes: (N, 64), as `pack` gives them.
    """

    def __init__(self, codes: npt.NDArray[np.uint8]) -> None:
        self._bits = np.unpackbits(codes, axis=1).reshape(len(codes), 2, -1).astype(np.int32)
        self._areas = self._bits[:, 0].sum(axis=1)

    def distance(self, shown: npt.NDArray[np.bool_], light: npt.NDArray[np.integer[Any]]) -> int:
        """Thousandths of the fields in which the nearest training picture, or its mirror image, differs.

        Takes a picture as `bits_of` does. A field counts where either picture shows something; it differs by half
        where only the light does.
        """
        found = 1000
        for step in (1, -1):
            own = bits_of(shown[:, ::step], light[:, ::step]).reshape(2, -1).astype(np.int32)
            both = self._bits[:, 0] @ own[0]
            either = np.maximum(self._areas + int(own[0].sum()) - both, 1)
            lights = (np.abs(self._bits[:, 1] - own[1]) * (self._bits[:, 0] & own[0])).sum(axis=1)
            differs = (2 * (either - both) + lights) * 1000 // (2 * either)
            found = min(found, int(differs.min(initial=1000)))
        return found


def _fields(values: npt.NDArray[np.integer[Any] | np.bool_]) -> npt.NDArray[np.int64]:
    """Sums over fields of 2 x 2: (32, 32) to (16, 16)."""
    return np.asarray(values.astype(np.int64).reshape(FIELDS, 2, FIELDS, 2).sum(axis=(1, 3)))
