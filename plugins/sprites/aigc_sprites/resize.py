"""Other sizes by rule: nothing is blurred, no color is added. In whole numbers.

A picture is made three times as large by Scale3x, which rounds corners, and each pixel of the result takes what most
of the pixels beneath it have. Sides of 16, 24 and 48 are 6, 4 and 2 of those pixels a side.

Source: A. Mazzoleni, "Scale2x", 2001, https://www.scale2x.it/algorithm.
"""

from __future__ import annotations

import numpy as np

from aigc_sprites.sprite import Indices

_UP = 3


def resized(pixels: Indices, size: int) -> Indices:
    """A picture (32, 32) as one of ``size`` x ``size``: 16, 24, 32 or 48."""
    if size == len(pixels):
        return pixels
    large = _scale3x(pixels)
    step = len(large) // size
    fields = large.reshape(size, step, size, step).transpose(0, 2, 1, 3).reshape(size, size, step * step)
    counts = np.zeros((size, size, int(pixels.max()) + 1), dtype=np.int64)
    rows, columns = np.indices((size, size))
    for place in range(step * step):
        np.add.at(counts, (rows, columns, fields[..., place]), 2)
    counts[..., 0] -= 1  # where as much shows as does not, it shows: thin lines stay
    return np.asarray(counts.argmax(axis=2), dtype=np.uint8)


def _scale3x(pixels: Indices) -> Indices:
    """(H, W) to (3 H, 3 W)."""
    padded = np.pad(pixels, 1, mode="edge")
    a, b, c = padded[:-2, :-2], padded[:-2, 1:-1], padded[:-2, 2:]
    d, e, f = padded[1:-1, :-2], pixels, padded[1:-1, 2:]
    g, h, i = padded[2:, :-2], padded[2:, 1:-1], padded[2:, 2:]
    edge = (b != h) & (d != f)
    cells = [
        [
            np.where(edge & (d == b), d, e),
            np.where(edge & (((d == b) & (e != c)) | ((b == f) & (e != a))), b, e),
            np.where(edge & (b == f), f, e),
        ],
        [
            np.where(edge & (((d == b) & (e != g)) | ((d == h) & (e != a))), d, e),
            e,
            np.where(edge & (((b == f) & (e != i)) | ((h == f) & (e != c))), f, e),
        ],
        [
            np.where(edge & (d == h), d, e),
            np.where(edge & (((d == h) & (e != i)) | ((h == f) & (e != g))), h, e),
            np.where(edge & (h == f), f, e),
        ],
    ]
    stacked = np.stack([np.stack(row, axis=-1) for row in cells], axis=-2)  # (H, W, 3, 3)
    height, width = pixels.shape
    return np.ascontiguousarray(stacked.transpose(0, 2, 1, 3).reshape(_UP * height, _UP * width))
