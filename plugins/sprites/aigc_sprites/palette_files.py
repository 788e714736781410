"""The files that hold a palette, read: ``.gpl``, ``.hex``, ``.pal``, and the colors of a picture.

Nothing is trusted: a text is capped in size, a picture's size is looked at before anything is decoded, and what is
wrong is told with file and line.
"""

from __future__ import annotations

import re
import struct
import zlib
from io import BytesIO
from pathlib import PurePath

import numpy as np
import numpy.typing as npt
from PIL import Image

from aigc_content import InputError, InputFile, did_you_mean

Colors = npt.NDArray[np.uint8]
"""Colors (N, 3), sRGB."""

MAX_COLORS = 64
REDUCED = 32
"""Colors that are left of a picture that has more than `MAX_COLORS`."""
MAX_TEXT_BYTES = 64 << 10
MAX_PIXELS = 4_000_000
OPAQUE = 128
"""Pixels of less alpha show no color."""
SUFFIXES = (".gpl", ".hex", ".pal", ".png")

_BINARY_BYTES = 768
_AGAIN = "correct the line, or export the palette again"
_WEIGHTS = np.array([2, 4, 3], np.int64)  # of red, green and blue in a squared distance, as the eye has it roughly
_UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    MemoryError,
    IndexError,
    KeyError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)

Rgb = tuple[int, int, int]
_Ints = npt.NDArray[np.int64]


def suffix_of(name: str) -> str:
    """The suffix of a palette file's name, in small letters.

    Raises:
        InputError: SPR002, it is none of `SUFFIXES`.
    """
    suffix = PurePath(name).suffix.lower()
    if suffix not in SUFFIXES:
        found = f"{name!r} ends in {suffix!r}" if suffix else f"{name!r} has no suffix"
        remedy = did_you_mean(suffix, SUFFIXES, "save the palette in one of these formats")
        raise InputError("SPR002", found, allowed=", ".join(SUFFIXES), remedy=remedy)
    return suffix


def read_colors(file: InputFile, suffix: str) -> Colors:
    """The colors of a palette file, uint8 (N, 3), 2 <= N <= `MAX_COLORS`, each where it first stands.

    Those of a picture stand in the order of its pixels, row by row; if they are more than `MAX_COLORS`, they are
    reduced to `REDUCED` by `median_cut`.

    Args:
        file: as opened; a ledger may have opened it first by another name, hence the second argument.
        suffix: as `suffix_of` gives it.

    Raises:
        InputError: SPR003 broken, SPR004 fewer than two colors, SPR005 more than `MAX_COLORS`, SPR006 a
            palette file of more than `MAX_TEXT_BYTES`, SPR007 a picture of more than `MAX_PIXELS`, SPR008 a
            broken one; I003, a text is not UTF-8.
    """
    where = str(file.path)
    if suffix == ".png":
        colors, counts = picture_colors(file.data, where)
        if len(colors) > MAX_COLORS:
            colors = median_cut(colors, counts, REDUCED)
    else:
        if len(file.data) > MAX_TEXT_BYTES:
            found = f"has {len(file.data):,} bytes, too many for a palette"
            remedy = "name a palette file; a picture must be a .png"
            raise InputError("SPR006", found, where=where, allowed=f"at most {MAX_TEXT_BYTES:,} bytes", remedy=remedy)
        colors = np.array(list(dict.fromkeys(_READERS[suffix](file))), np.uint8).reshape(-1, 3)
    if len(colors) < 2:
        found = "is of one color" if len(colors) else "has no color"
        remedy = "a figure needs an outline and a fill at least: name a palette of more colors"
        raise InputError("SPR004", found, where=where, allowed=f"2 to {MAX_COLORS} colors", remedy=remedy)
    if len(colors) > MAX_COLORS:
        found = f"has {len(colors)} different colors"
        remedy = f"leave out the colors that you need least, or save them as a .png, which is reduced to {REDUCED}"
        raise InputError("SPR005", found, where=where, allowed=f"2 to {MAX_COLORS} colors", remedy=remedy)
    return colors


def _hex(file: InputFile) -> list[Rgb]:
    """One ``rrggbb`` a line, as Lospec writes it; a ``#`` before it and empty lines are allowed."""
    colors: list[Rgb] = []
    for number, line in enumerate(_lines(file), 1):
        if not line:
            continue
        digits = line.removeprefix("#")
        if not re.fullmatch(r"[0-9A-Fa-f]{6}", digits):
            raise _broken(file, number, line, "six hexadecimal digits a line, such as c2a38d")
        red, green, blue = bytes.fromhex(digits)
        colors.append((red, green, blue))
    return colors


def _gpl(file: InputFile) -> list[Rgb]:
    """GIMP's: a first line, headers such as ``Name:``, then ``r g b`` and perhaps a name; ``#`` begins a comment.

    With the header ``Channels: RGBA`` (Aseprite's) a fourth number is alpha, and colors below `OPAQUE` are left out.
    """
    lines = _lines(file)
    if lines[0] != "GIMP Palette":
        raise _broken(file, 1, lines[0], "GIMP Palette in the first line")
    colors: list[Rgb] = []
    channels = 3
    for number, line in enumerate(lines[1:], 2):
        if not line or line.startswith("#"):
            continue
        if re.match(r"[A-Za-z]+:", line):
            channels = 4 if re.fullmatch(r"Channels:\s*RGBA", line) else channels
            continue
        values = _numbers(line, channels, more=True)
        if values is None:
            allowed = "red, green, blue and alpha" if channels == 4 else "red, green and blue"
            raise _broken(file, number, line, f"{allowed} from 0 to 255, then perhaps a name")
        if channels == 3 or values[3] >= OPAQUE:
            colors.append((values[0], values[1], values[2]))
    return colors


def _pal(file: InputFile) -> list[Rgb]:
    """JASC's text of version 0100, or 256 times three bytes 0 to 255."""
    if not file.data.lstrip(b"\xef\xbb\xbf").startswith(b"JASC-PAL"):
        if len(file.data) == _BINARY_BYTES:
            return [(red, green, blue) for red, green, blue in struct.iter_unpack("BBB", file.data)]
        found = f"does not begin with JASC-PAL, and has {len(file.data):,} bytes"
        allowed = f"JASC-PAL of version 0100, or {_BINARY_BYTES} bytes: red, green and blue of 256 colors"
        raise InputError("SPR003", found, where=f"{file.path}:1", allowed=allowed, remedy="save it as .gpl or .hex")
    lines = _lines(file)
    while lines and not lines[-1]:
        lines.pop()
    head = [*lines[:3], "", "", ""]
    for number, wanted, allowed in (
        (1, r"JASC-PAL", "JASC-PAL"),
        (2, r"0100", "version 0100"),
        (3, r"[0-9]{1,5}", "the number of colors"),
    ):
        if not re.fullmatch(wanted, head[number - 1]):
            raise _broken(file, number, head[number - 1], allowed)
    colors: list[Rgb] = []
    for number, line in enumerate(lines[3:], 4):
        values = _numbers(line, 3)
        if values is None:
            raise _broken(file, number, line, "red, green and blue from 0 to 255")
        colors.append((values[0], values[1], values[2]))
    if len(colors) != int(head[2]):
        found = f"line 3 says {int(head[2])} colors, and {len(colors)} follow"
        raise InputError("SPR003", found, where=f"{file.path}:3", remedy="correct the number, or export again")
    return colors


_READERS = {".hex": _hex, ".gpl": _gpl, ".pal": _pal}


def _lines(file: InputFile) -> list[str]:
    """The lines without space around them, counted as an editor counts; at least one."""
    return [line.strip() for line in file.text().replace("\r\n", "\n").replace("\r", "\n").split("\n")]


def _numbers(line: str, count: int, *, more: bool = False) -> list[int] | None:
    """The first ``count`` words as numbers from 0 to 255; None if they are not, or if others follow unasked."""
    words = line.split()
    if len(words) < count or (len(words) > count and not more):
        return None
    if not all(re.fullmatch(r"[0-9]{1,3}", word) and int(word) < 256 for word in words[:count]):
        return None
    return [int(word) for word in words[:count]]


def _broken(file: InputFile, number: int, line: str, allowed: str) -> InputError:
    shown = line if len(line) <= 40 else f"{line[:37]}..."
    found = f"the line is {shown!r}" if line else "the line is empty or missing"
    return InputError("SPR003", found, where=f"{file.path}:{number}", allowed=allowed, remedy=_AGAIN)


def picture_colors(png: bytes, where: str) -> tuple[Colors, npt.NDArray[np.int64]]:
    """The different colors of a PNG picture of any mode, and how many pixels have each.

    Args:
        png: the file. Its header is checked before it is decoded.
        where: its path, for messages.

    Returns:
        uint8 (N, 3) in the order in which they first stand, row by row, and int64 (N,). Pixels whose alpha is below
        `OPAQUE` are left out; samples of 16 bits keep the upper 8.

    Raises:
        InputError: SPR007 more than `MAX_PIXELS`, SPR008 not a PNG picture, or broken.
    """
    rgba = picture_pixels(png, where).reshape(-1, 4)
    shown = rgba[rgba[:, 3] >= OPAQUE].astype(np.int64)
    codes, firsts, counts = np.unique(
        shown[:, 0] << 16 | shown[:, 1] << 8 | shown[:, 2], return_index=True, return_counts=True
    )
    order = np.argsort(firsts)
    codes = codes[order]
    return np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1).astype(np.uint8), counts[order]


def picture_pixels(png: bytes, where: str) -> npt.NDArray[np.uint8]:
    """The pixels of a PNG picture of any mode, RGBA (H, W, 4). Takes and raises what `picture_colors` does."""
    if png[:8] != b"\x89PNG\r\n\x1a\n" or png[12:16] != b"IHDR" or len(png) < 33:
        raise InputError("SPR008", "is not a PNG picture", where=where, remedy="save the picture as PNG")
    width, height = struct.unpack(">II", png[16:24])
    _check_size(width, height, where)
    try:
        with Image.open(BytesIO(png), formats=["PNG"]) as image:
            _check_size(*image.size, where)  # a second header would have replaced the first
            return _decoded(image)
    except _UNREADABLE as error:
        found = f"the picture is broken: {error}"
        raise InputError("SPR008", found, where=where, remedy="save the picture as PNG again") from None


def opaque_or_clear(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Pixels (H, W, 4) that are all opaque or transparent: what is below `OPAQUE` shows nothing."""
    shown = pixels[..., 3] >= OPAQUE
    return np.where(shown[..., None], pixels | (0, 0, 0, 255), 0).astype(np.uint8)


def _check_size(width: int, height: int, where: str) -> None:
    if width * height > MAX_PIXELS:
        found = f"the picture has {width:,} x {height:,} pixels"
        remedy = "make it smaller without smoothing"
        raise InputError("SPR007", found, where=where, allowed=f"at most {MAX_PIXELS:,} in all", remedy=remedy)


def _decoded(image: Image.Image) -> npt.NDArray[np.uint8]:
    """RGBA (H, W, 4)."""
    if image.mode.startswith("I"):  # grays of 16 bits, which Pillow's own conversion would clip
        gray = (np.asarray(image).astype(np.int64) >> 8).astype(np.uint8)
        return np.stack([gray, gray, gray, np.full_like(gray, 255)], axis=-1)
    return np.asarray(image.convert("RGBA"))


def median_cut(colors: Colors, counts: npt.NDArray[np.int64], most: int) -> Colors:
    """Choose some of a picture's colors that stand for all of them.

    All colors begin as one box. The box and the channel whose squared deviations are the largest are cut at the
    median of the channel, until there are ``most`` boxes; a color counts as the square root of its pixels, so that a
    large background does not take all boxes. Of each box stays its color nearest to the mean. All in integers, ties
    to the first: the same on every machine.

    Args:
        colors: uint8 (N, 3), no two alike, N >= 1.
        counts: int64 (N,), pixels of each, at least 1.
        most: boxes, at least 1.

    Returns:
        uint8 (min(N, most), 3), in the order of ``colors``.

    Source:
        P. Heckbert, "Color image quantization for frame buffer display", SIGGRAPH 1982; which box is cut next follows
        X. Wu's variance ("Efficient statistical computations for optimal color quantization", 1991).
    """
    values = colors.astype(np.int64)
    weights = np.maximum(np.sqrt(counts).astype(np.int64), 1)  # IEEE square roots are exact to the last bit
    boxes = [np.arange(len(colors))]
    spreads = [_spread(values, weights, boxes[0])]
    while len(boxes) < min(most, len(colors)):
        place = max(range(len(boxes)), key=lambda one: (spreads[one][0], -one))
        box, channel = boxes[place], spreads[place][1]
        along = values[box, channel]
        mass = np.bincount(along, weights=weights[box], minlength=256).astype(np.int64)
        median = int(np.searchsorted(2 * np.cumsum(mass), mass.sum()))
        lower = along <= min(median, int(along.max()) - 1)
        boxes[place : place + 1] = [box[lower], box[~lower]]
        spreads[place : place + 1] = [_spread(values, weights, box[lower]), _spread(values, weights, box[~lower])]
    chosen = []
    for box in boxes:
        total = int(weights[box].sum())
        mean = (weights[box] @ values[box] + total // 2) // total
        far = (values[box] - mean) ** 2 @ _WEIGHTS
        chosen.append(int(box[far.argmin()]))
    return colors[sorted(chosen)]


def _spread(values: _Ints, weights: _Ints, box: _Ints) -> tuple[int, int]:
    """The largest sum of squared deviations of a channel, and the channel."""
    inside, weight = values[box], weights[box]
    total = int(weight.sum())
    sums: list[int] = (weight @ inside).tolist()
    squares: list[int] = (weight @ inside**2).tolist()
    found = [
        int(_WEIGHTS[channel]) * (total * squares[channel] - sums[channel] ** 2) // total for channel in range(3)
    ]
    channel = max(range(3), key=lambda one: (found[one], -one))
    return found[channel], channel
