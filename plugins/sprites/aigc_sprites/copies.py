"""Does a picture copy a training picture? Asked of a stand-in for the training set that holds none of its pictures.

A training picture leaves 512 bits: for each of 16 x 16 fields whether most of it shows, and whether it is lighter
than the median. A field is one pixel of a small picture (at most 16 a side) and 2 x 2 of any other. A copy agrees in
nearly all of them, wherever it was moved to and however it was colored; two drawings of one kind of thing differ in a
fifth or more of the fields where either shows anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.bool_]
View = tuple[Bits, npt.NDArray[np.integer[Any]]]
"""What shows of a picture, and how light each pixel is in any unit; both (32, 32)."""

FIELDS = 16
CODE_BYTES = 2 * FIELDS * FIELDS // 8
_WORDS = CODE_BYTES // 16
LIMIT = 100
"""Thousandths of the fields that differ: a picture nearer than this to a training picture counts as a copy of it."""
LEAST = 20
"""Pixels: what shows fewer (a beard, a belt) is too small to be somebody's drawing."""


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
    light = np.where(shown, light, 0)
    if max(rows[-1] - rows[0], columns[-1] - columns[0]) < FIELDS:
        shape, mean = shown[:FIELDS, :FIELDS], light[:FIELDS, :FIELDS].astype(np.int64)
    else:
        covered = _fields(shown)
        shape, mean = covered >= 2, _fields(light) // np.maximum(covered, 1)
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
        words = np.ascontiguousarray(codes).view(np.uint64).reshape(len(codes), 2 * _WORDS)
        self._shapes, self._lights = np.ascontiguousarray(words.T).reshape(2, _WORDS, -1)
        self._areas = _count(self._shapes)
        self._nearest = lru_cache(maxsize=64)(self._search)

    def distances(self, views: Sequence[View]) -> list[int]:
        """Thousandths of the fields in which the nearest training picture, or its mirror image, differs from each.

        A field counts where either picture shows something; it differs by half where only the light does.

        Args:
            views: of each picture what shows and how light it is, as `bits_of` takes it.
        """
        codes = [
            [pack(bits_of(shown[:, ::step], light[:, ::step])[None]).tobytes() for step in (1, -1)]
            for shown, light in views
        ]
        return [min(map(self._nearest, both)) for both in codes]

    def _search(self, code: bytes) -> int:
        shape, lit = np.frombuffer(code, np.uint64).reshape(2, _WORDS, 1)
        both = self._shapes & shape
        common = _count(both)
        either = np.maximum(self._areas + _count(shape) - common, 1)
        differs = 2 * (either - common) + _count((self._lights ^ lit) & both)
        return int((differs * 1000 // (2 * either)).min(initial=1000))


def distance_of(one: View, other: View) -> int:
    """As `Copies.distances`, of two pictures."""
    return Copies(pack(bits_of(*other)[None])).distances([one])[0]


def _fields(values: npt.NDArray[np.integer[Any] | np.bool_]) -> npt.NDArray[np.int64]:
    """Sums over fields of 2 x 2: (32, 32) to (16, 16)."""
    return np.asarray(values.astype(np.int64).reshape(FIELDS, 2, FIELDS, 2).sum(axis=(1, 3)))


def _count(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.int32]:
    """How many bits are set in each column: (W, N) to (N,)."""
    return np.asarray(np.bitwise_count(words).sum(axis=0, dtype=np.int32))
