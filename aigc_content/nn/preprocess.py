"""Pictures made ready for a network: uint8 with channels last, (B, H, W, C), to numbers of a known range.

Everything is integer arithmetic or single IEEE operations, rounded the same on every machine, so results may decide
bytes. After a network comes `aigc_content.nn.postprocess`.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Statistics = npt.NDArray[np.float64]

_LARGEST = np.float32(255)


def channel_statistics(images: Pixels) -> tuple[Statistics, Statistics]:
    """Mean and standard deviation of each channel over all pictures: (..., C) to (C,) twice, in pixel units.

    Sums are exact integers, so the order of the pictures changes no bit. A channel that never changes has
    deviation 0.

    Raises:
        ValueError: there is no pixel.
    """
    flat = images.reshape(-1, images.shape[-1])
    if not len(flat):
        raise ValueError("no pixels to measure")
    means, deviations = [], []
    for channel in range(flat.shape[1]):
        histogram = np.bincount(flat[:, channel], minlength=256).tolist()
        total = sum(value * count for value, count in enumerate(histogram))
        squares = sum(value * value * count for value, count in enumerate(histogram))
        means.append(total / len(flat))
        deviations.append(math.sqrt((squares * len(flat) - total * total) / len(flat) ** 2))
    return np.array(means), np.array(deviations)


def standardize(images: Pixels, mean: Statistics, deviation: Statistics) -> Floats:
    """``(pixel - mean) / deviation``, each channel: (..., C) to (..., C).

    Args:
        images: uint8.
        mean, deviation: (C,), in pixel units, such as `channel_statistics` gives.

    Raises:
        ValueError: a deviation is not above 0.
    """
    if not np.all(deviation > 0):
        raise ValueError(f"a deviation is not above 0: {deviation.tolist()}")
    return ((images - mean) / deviation).astype(np.float32)


def destandardize(values: Floats, mean: Statistics, deviation: Statistics) -> Pixels:
    """Back to pixels, rounded half to even and clamped to 0..255: the inverse of `standardize`.

    Raises:
        ValueError: a value is not finite.
    """
    return _pixels(values.astype(np.float64) * deviation + mean)


def normalize(images: Pixels) -> Floats:
    """0..255 to 0..1: ``pixel / 255``, any shape."""
    return images.astype(np.float32) / _LARGEST


def denormalize(values: Floats) -> Pixels:
    """0..1 to 0..255, rounded half to even and clamped: the inverse of `normalize`, any shape.

    Raises:
        ValueError: a value is not finite.
    """
    return _pixels(values * _LARGEST)


def denoise(images: Pixels) -> Pixels:
    """Median of each pixel and its eight neighbors, each channel by itself: (B, H, W, C) to (B, H, W, C).

    Takes away single wrong pixels and keeps edges (Tukey 1977). Beyond the border stands the nearest pixel.
    """
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    low, middle, high = _sorted(padded[:, :-2], padded[:, 1:-1], padded[:, 2:])  # each column of three
    _, _, low = _sorted(low[:, :, :-2], low[:, :, 1:-1], low[:, :, 2:])
    _, middle, _ = _sorted(middle[:, :, :-2], middle[:, :, 1:-1], middle[:, :, 2:])
    high, _, _ = _sorted(high[:, :, :-2], high[:, :, 1:-1], high[:, :, 2:])
    # The median is that of the largest low, the median middle and the smallest high (Paeth 1990, Graphics Gems).
    return _sorted(low, middle, high)[1]


def _sorted(a: Pixels, b: Pixels, c: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    """Smallest, middle and largest of three, at each place."""
    low, high = np.minimum(a, b), np.maximum(a, b)
    return np.minimum(low, c), np.maximum(low, np.minimum(high, c)), np.maximum(high, c)


def _pixels(values: npt.NDArray[np.floating]) -> Pixels:
    if not np.isfinite(values).all():
        raise ValueError("a value is not finite")
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)
