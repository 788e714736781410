"""The picture of a tileset: checked, decoded and cut into tiles."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from aigc_content import InputError

MAX_IMAGE_BYTES = 16 << 20
MAX_IMAGE_PIXELS = 64_000_000


def unusable(where: str, found: str, remedy: str = "") -> InputError:
    """L026: a tileset, or its picture, that cannot be used.

    Args:
        where: ``file:line:column`` in the tileset's YAML file.
        found: what is wrong, and what would be right.
        remedy: what to do; may be empty.
    """
    return InputError("L026", found, where=where, remedy=remedy)


@dataclass(frozen=True, eq=False)
class Sheet:
    """The picture of a tileset, cut into tiles.

    Attributes:
        png: the bytes of the file.
        size: width and height of the picture in pixels.
        columns: tiles in a row of the picture.
        tiles: uint8, ``(T, height, width)`` palette indices, or ``(T, height, width, 4)`` RGBA.
        palette: uint8, ``(N, 4)`` RGBA in which alpha is 0 or 255; None if the tiles are RGBA.
    """

    png: bytes
    size: tuple[int, int]
    columns: int
    tiles: npt.NDArray[np.uint8]
    palette: npt.NDArray[np.uint8] | None


def read_sheet(png: bytes, tile_size: tuple[int, int], margin: int, spacing: int, where: str, name: str) -> Sheet:
    """Decode a picture and cut it into tiles.

    Args:
        png: the PNG file, at most 16 MiB and 64 megapixels; both are looked at before anything is decoded.
        tile_size: width and height of a tile in pixels.
        margin: pixels before the first tile, and perhaps after the last, on each axis.
        spacing: pixels between two tiles, and perhaps after the last.
        where: ``file:line:column`` of what names the picture, for messages.
        name: the picture's.

    Raises:
        InputError: L026, not a PNG, too large, broken, or no whole number of tiles.
    """
    if len(png) > MAX_IMAGE_BYTES:
        found = f"{name} has {len(png):,} bytes; the most is {MAX_IMAGE_BYTES:,}"
        raise unusable(where, found, "use a smaller picture")
    if png[:8] != b"\x89PNG\r\n\x1a\n" or len(png) < 33:
        raise unusable(where, f"{name} is not a PNG file", "save the picture as PNG")
    width, height = struct.unpack(">II", png[16:24])
    if width * height > MAX_IMAGE_PIXELS:
        found = f"{name} has {width:,} x {height:,} pixels; the most is {MAX_IMAGE_PIXELS:,} in all"
        raise unusable(where, found, "use a smaller picture")
    steps = [side + spacing for side in tile_size]
    for axis, length, step in zip("xy", (width, height), steps, strict=True):
        # A margin after the last tile is usual but not universal, and so is a gap after it.
        spare = {0, margin, spacing, margin + spacing}
        if length < margin + step - spacing or (length - margin + spacing) % step not in spare:
            tile = step - spacing
            side = "width" if axis == "x" else "height"
            found = f"the {side} of {name}, {length} pixels, is no multiple of the tile size {tile}"
            if margin or spacing:
                found += f" with margin {margin} and spacing {spacing}"
            raise unusable(where, found, "mend tile_size:, margin: or spacing:, or crop the picture")
    pixels, palette = _decode(png, where, name)
    columns, rows = ((length - margin + spacing) // step for length, step in zip((width, height), steps, strict=True))
    tile_width, tile_height = tile_size
    tiles = [
        pixels[y : y + tile_height, x : x + tile_width]
        for y in range(margin, margin + rows * steps[1], steps[1])
        for x in range(margin, margin + columns * steps[0], steps[0])
    ]
    return Sheet(png, (width, height), columns, np.stack(tiles), palette)


def _decode(png: bytes, where: str, name: str) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8] | None]:
    """(H, W) indices and (N, 4) palette, or (H, W, 4) and None when it is true-color or half transparent."""
    try:
        with Image.open(BytesIO(png), formats=["PNG"]) as image:
            image.load()
            if image.mode.startswith("I"):
                raise unusable(where, f"{name} has 16 bits a sample", "save the picture with 8 bits a sample")
            if image.mode == "P":
                image.apply_transparency()
                palette = np.array(image.getpalette("RGBA"), np.uint8).reshape(-1, 4)
                if set(np.unique(palette[:, 3])) <= {0, 255}:
                    return np.asarray(image, np.uint8), palette
            return np.asarray(image.convert("RGBA"), np.uint8), None
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, Image.DecompressionBombError) as error:
        raise unusable(where, f"{name} is broken: {error}", "save the picture again as PNG") from None
