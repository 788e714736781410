"""Random changes of pictures for training: (B, C, H, W), 0 to 1, another draw for each picture of the batch.

All randomness comes from a ``torch.Generator``, so a seed repeats a run on one machine. A function without a draw
takes the change itself: `affine`. `diff_augment` is for both sides of a generative adversarial network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

Change = Literal["brightness", "saturation", "contrast", "translation", "cutout"]
"""Names that a policy of `diff_augment` is made of."""

POLICY: tuple[Change, ...] = ("brightness", "saturation", "contrast", "translation", "cutout")
"""All changes of Zhao et al. 2020, who call the first three color."""

Mode = Literal["bilinear", "nearest"]
Padding = Literal["zeros", "border"]


def affine(images: Tensor, matrices: Tensor, mode: Mode = "bilinear", padding: Padding = "zeros") -> Tensor:
    """Turn, stretch or slant each picture about its center: (B, C, H, W) to (B, C, H, W).

    Args:
        images: any range.
        matrices: (B, 2, 2), from the offset (x right, y down) of a result's pixel from the center to the offset
            where its value is found, in pixels.
        mode: ``nearest`` invents no new colors, for pixel art.
        padding: what stands outside: 0, or the nearest pixel of the border.
    """
    half = torch.tensor([images.shape[-1] / 2, images.shape[-2] / 2], dtype=images.dtype, device=images.device)
    scaled = matrices.to(images) * half[None, None, :] / half[None, :, None]  # to units of half the picture's sides
    grid = F.affine_grid(F.pad(scaled, (0, 1)), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode=mode, padding_mode=padding, align_corners=False)


def rotate(
    images: Tensor, degrees: float, generator: torch.Generator, mode: Mode = "bilinear", padding: Padding = "zeros"
) -> Tensor:
    """Turn by an angle uniform within +-``degrees``; see `affine`."""
    angle = _uniform(images, -math.radians(degrees), math.radians(degrees), generator)
    cos, sin = angle.cos(), angle.sin()
    return affine(images, _matrices(cos, -sin, sin, cos), mode, padding)


def scale(
    images: Tensor,
    low: float,
    high: float,
    generator: torch.Generator,
    mode: Mode = "bilinear",
    padding: Padding = "zeros",
) -> Tensor:
    """Make what is shown larger by a factor from ``low`` to ``high``, uniform in its logarithm; see `affine`."""
    inverse = _uniform(images, -math.log(high), -math.log(low), generator).exp()
    zero = torch.zeros_like(inverse)
    return affine(images, _matrices(inverse, zero, zero, inverse), mode, padding)


def shear(
    images: Tensor, degrees: float, generator: torch.Generator, mode: Mode = "bilinear", padding: Padding = "zeros"
) -> Tensor:
    """Slant sideways by an angle uniform within +-``degrees``, below 90; see `affine`."""
    slant = _uniform(images, -math.radians(degrees), math.radians(degrees), generator).tan()
    one, zero = torch.ones_like(slant), torch.zeros_like(slant)
    return affine(images, _matrices(one, slant, zero, one), mode, padding)


def shift(images: Tensor, pixels: int, generator: torch.Generator, padding: Padding = "zeros") -> Tensor:
    """Move by whole pixels, each axis uniform within +-``pixels``."""
    top, left = _whole(images, -pixels, pixels, generator), _whole(images, -pixels, pixels, generator)
    return _windows(images, top, left, images.shape[-2], images.shape[-1], padding)


def crop(images: Tensor, height: int, width: int, generator: torch.Generator) -> Tensor:
    """A part of each picture, anywhere: (B, C, H, W) to (B, C, height, width).

    Raises:
        ValueError: the part is larger than the picture.
    """
    if height > images.shape[-2] or width > images.shape[-1]:
        raise ValueError(f"no part of {height}x{width} in pictures of {images.shape[-2]}x{images.shape[-1]}")
    top = _whole(images, 0, images.shape[-2] - height, generator)
    left = _whole(images, 0, images.shape[-1] - width, generator)
    return _windows(images, top, left, height, width, "border")


def noise(images: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Add Gaussian noise to each value, then clamp to 0..1; ``deviation`` 1 is the whole range."""
    drawn = torch.randn(images.shape, generator=generator, device=generator.device).to(images)
    return (images + deviation * drawn).clamp(0, 1)


def brightness(images: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """Add to the whole picture a value uniform within +-``amount``, then clamp to 0..1."""
    return _brightened(images, _uniform(images, -amount, amount, generator)).clamp(0, 1)


def contrast(images: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """Stretch values about the picture's mean by a factor uniform in 1 +- ``amount``, then clamp to 0..1."""
    return _stretched(images, _uniform(images, 1 - amount, 1 + amount, generator), (1, 2, 3)).clamp(0, 1)


def saturation(images: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """Stretch colors about each pixel's mean by a factor uniform in 1 +- ``amount``, then clamp to 0..1.

    Channels are colors, without alpha; one channel stays as it is.
    """
    return _stretched(images, _uniform(images, 1 - amount, 1 + amount, generator), (1,)).clamp(0, 1)


def diff_augment(images: Tensor, policy: Sequence[Change], generator: torch.Generator) -> Tensor:
    """Changes that gradients pass through, for all that a discriminator sees, real and generated alike.

    Zhao et al. 2020 (arXiv:2006.10738), with their sizes: brightness +-0.25 of the range 0 to 1 (0.5 of theirs, -1
    to 1), saturation times 0 to 2, contrast times 0.5 to 1.5, translation by up to 1/8 of a side, a square cut out
    of half a side. Nothing is clamped; what is moved in or cut out is 0.

    Args:
        images: (B, C, H, W), 0 to 1.
        policy: names from `POLICY`, applied in this order.
        generator: draws the sizes.

    Raises:
        ValueError: a name is none of `POLICY`.
    """
    if unknown := [name for name in policy if name not in get_args(Change)]:
        raise ValueError(f"unknown changes {unknown}; there are {', '.join(POLICY)}")
    height, width = images.shape[-2:]
    for name in policy:
        if name == "brightness":
            images = _brightened(images, _uniform(images, -0.25, 0.25, generator))
        elif name == "saturation":
            images = _stretched(images, _uniform(images, 0, 2, generator), (1,))
        elif name == "contrast":
            images = _stretched(images, _uniform(images, 0.5, 1.5, generator), (1, 2, 3))
        elif name == "translation":
            top, left = (_whole(images, -reach, reach, generator) for reach in ((height + 4) // 8, (width + 4) // 8))
            images = _windows(images, top, left, height, width, "zeros")
        else:
            images = images * _cutout(images, generator)
    return images


def _cutout(images: Tensor, generator: torch.Generator) -> Tensor:
    """1, and 0 in a rectangle of half the sides whose center is anywhere: (B, 1, H, W)."""
    inside = []
    for side in images.shape[-2:]:
        size = (side + 1) // 2
        first = _whole(images, 0, side - size % 2, generator)[:, None] - size // 2
        places = torch.arange(side, device=images.device)
        inside.append((places >= first) & (places < first + size))
    return (~(inside[0][:, None, :, None] & inside[1][:, None, None, :])).to(images.dtype)


def _windows(images: Tensor, top: Tensor, left: Tensor, height: int, width: int, padding: Padding) -> Tensor:
    """From each picture the part that begins at (top, left), which may lie outside: (B, C, height, width)."""
    rows = top[:, None] + torch.arange(height, device=images.device)  # (B, height)
    columns = left[:, None] + torch.arange(width, device=images.device)  # (B, width)
    near_rows = rows.clamp(0, images.shape[-2] - 1)[:, None, :, None]
    near_columns = columns.clamp(0, images.shape[-1] - 1)[:, None, None, :]
    batch, channels = images.shape[:2]
    found = images.gather(2, near_rows.expand(batch, channels, height, images.shape[-1]))
    found = found.gather(3, near_columns.expand(batch, channels, height, width))
    if padding == "border":
        return found
    inside = (rows >= 0) & (rows < images.shape[-2]), (columns >= 0) & (columns < images.shape[-1])
    return found * (inside[0][:, None, :, None] & inside[1][:, None, None, :])


def _brightened(images: Tensor, offset: Tensor) -> Tensor:
    return images + offset[:, None, None, None]


def _stretched(images: Tensor, factor: Tensor, axes: tuple[int, ...]) -> Tensor:
    mean = images.mean(dim=axes, keepdim=True)
    return mean + (images - mean) * factor[:, None, None, None]


def _matrices(a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    return torch.stack([a, b, c, d], dim=1).view(-1, 2, 2)


def _uniform(images: Tensor, low: float, high: float, generator: torch.Generator) -> Tensor:
    """A number for each picture, (B,), in the pictures' type."""
    drawn = torch.rand(len(images), generator=generator, device=generator.device).to(images)
    return low + (high - low) * drawn


def _whole(images: Tensor, low: int, high: int, generator: torch.Generator) -> Tensor:
    """A whole number for each picture, (B,), from ``low`` to ``high``, both possible."""
    drawn = torch.randint(low, high + 1, (len(images),), generator=generator, device=generator.device)
    return drawn.to(images.device)
