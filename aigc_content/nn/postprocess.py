"""Pictures as a network left them, made fit for use: sharpened, cut to two values or a palette, specks removed.

Pictures are uint8 with channels last, (B, H, W, C). All is integer arithmetic, so results may decide bytes.
`aigc_content.nn.preprocess.denoise` serves here as well.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Masks = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]

FLAT = 256
"""The level that `otsu` gives a picture of one value: no pixel reaches it."""

_BLOCK = 1 << 14  # pixels compared with a palette at a time


def sharpen(images: Pixels, strength: int = 16) -> Pixels:
    """Unsharp mask: add the difference to a blurred picture: (B, H, W, C) to (B, H, W, C).

    The blur is (1, 2, 1) down and across over 16; beyond the border stands the nearest pixel. The result is rounded
    half up and clamped.

    Args:
        images: uint8.
        strength: in 1/16, 0 to 256; 16 adds the whole difference.
    """
    wide = np.pad(images.astype(np.int32), ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    down = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
    blurred = down[:, :, :-2] + 2 * down[:, :, 1:-1] + down[:, :, 2:]  # in 1/16
    center = wide[:, 1:-1, 1:-1]
    sharp = (256 * center + strength * (16 * center - blurred) + 128) >> 8
    return np.asarray(np.clip(sharp, 0, 255), dtype=np.uint8)


def threshold(images: Pixels, level: int | Ints) -> Masks:
    """Which values are ``level`` or more: (B, ...) to (B, ...).

    Args:
        images: uint8.
        level: 0 to 256, one for all pictures or one each, (B,), such as `otsu` gives.
    """
    levels = np.asarray(level, dtype=np.int64).reshape(-1, *[1] * (images.ndim - 1))
    return np.asarray(images >= levels)


def otsu(images: Pixels) -> Ints:
    """The level that parts each picture's values best, (B, ...) to (B,), 1 to 255; `FLAT` for a single value.

    The greatest variance between the classes below and from the level on, compared as exact fractions; of equal
    ones the lowest level. Otsu 1979, "A threshold selection method from gray-level histograms".
    """
    return np.array([_otsu(picture) for picture in images.reshape(len(images), -1)], dtype=np.int64)


def _otsu(values: Pixels) -> int:
    counts = np.bincount(values, minlength=256)
    below = np.cumsum(counts).tolist()  # pixels with a value of at most i
    sums = np.cumsum(counts * np.arange(256)).tolist()
    level, best, best_of = FLAT, 0, 1
    for last, (count, total) in enumerate(zip(below[:-1], sums[:-1], strict=True)):
        both = count * (below[-1] - count)
        between = (sums[-1] * count - below[-1] * total) ** 2  # over `both`, a multiple of the variance
        if both and between * best_of > best * both:
            level, best, best_of = last + 1, between, both
    return level


def to_palette(images: Pixels, palette: Pixels) -> Pixels:
    """Index of the nearest color, by the sum of squared differences; of equal ones the lowest.

    ``palette[to_palette(images, palette)]`` is the picture in these colors.

    Args:
        images: (..., C), C up to 4.
        palette: (colors, C), 1 to 256 colors.

    Returns:
        (...), uint8.

    Raises:
        ValueError: shapes that do not fit, or too many colors or channels.
    """
    if palette.ndim != 2 or images.shape[-1:] != palette.shape[1:] or not palette.shape[1] <= 4:
        raise ValueError(f"a palette of shape {palette.shape} does not fit pictures of shape {images.shape}")
    if not 1 <= len(palette) <= 256:
        raise ValueError(f"{len(palette)} colors; a palette has 1 to 256")
    # Whole numbers below 4 * 3 * 255**2 < 2**24, which float32 holds exactly, so a product of matrices may be used.
    colors = palette.astype(np.float32)
    squares = (colors * colors).sum(axis=1)
    flat = images.reshape(-1, palette.shape[1])
    found = np.empty(len(flat), dtype=np.uint8)
    for start in range(0, len(flat), _BLOCK):
        block = flat[start : start + _BLOCK].astype(np.float32)
        found[start : start + _BLOCK] = (squares - 2 * (block @ colors.T)).argmin(axis=1)
    return found.reshape(images.shape[:-1])


def components(masks: Masks, diagonal: bool = False) -> Ints:
    """Which set pixels hang together: (B, H, W) to (B, H, W).

    Args:
        masks: set pixels.
        diagonal: whether pixels that touch at a corner hang together.

    Returns:
        At each set pixel a number of its component (the place of its first pixel in the flattened array), -1
        elsewhere.
    """
    places = np.arange(masks.size, dtype=np.int64).reshape(masks.shape)
    whole, start, end = slice(None), slice(None, -1), slice(1, None)
    pairs = [((start, whole), (end, whole)), ((whole, start), (whole, end))]
    if diagonal:
        pairs += [((start, start), (end, end)), ((start, end), (end, start))]
    ends = []
    for (rows, columns), (other_rows, other_columns) in pairs:
        one, other = (whole, rows, columns), (whole, other_rows, other_columns)
        both = masks[one] & masks[other]
        ends.append(np.stack([places[one][both], places[other][both]]))
    a, b = np.concatenate(ends, axis=1)
    root = places.ravel().copy()
    while True:  # hang each root below the least neighboring root, then point every pixel at its root
        root_a, root_b = root[a], root[b]
        apart = root_a != root_b
        if not apart.any():
            return np.where(masks, root.reshape(masks.shape), -1)
        a, b, root_a, root_b = a[apart], b[apart], root_a[apart], root_b[apart]
        np.minimum.at(root, np.maximum(root_a, root_b), np.minimum(root_a, root_b))
        while not np.array_equal(root, further := root[root]):
            root = further


def remove_small(masks: Masks, least: int, diagonal: bool = False) -> Masks:
    """The masks without components of fewer than ``least`` pixels: (B, H, W) to (B, H, W); see `components`."""
    labels = components(masks, diagonal)
    sizes = np.bincount(labels[masks], minlength=masks.size)
    return masks & (sizes[labels] >= least)
