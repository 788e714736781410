"""Animated GIF: https://www.w3.org/Graphics/GIF/spec-gif89a.txt, with an LZW encoder of its own.

Index 0 is transparent and every frame is disposed of to the background (2), so nothing of one shows in the next. A
delay is whole hundredths of a second, at least two: browsers take less for ten.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from aigc_sprites.formats.frames import SOURCE_TYPE
from aigc_sprites.sprite import Indices, Sprite

_MAX_CODES = 4096
_TO_BACKGROUND = 2
_LOOP = b"\x21\xff\x0bNETSCAPE2.0\x03\x01\0\0\0"


def gif(sprite: Sprite, frames: Iterable[tuple[Indices, int]]) -> bytes:
    """An endless GIF file.

    Args:
        sprite: whose palette it has.
        frames: pixels (size, size), and milliseconds.
    """
    side, colors = sprite.size, sprite.colors
    bits = max(2, (len(colors) - 1).bit_length())
    table = colors[:, :3].tobytes().ljust(3 << bits, b"\0")
    screen = struct.pack("<HHBBB", side, side, 0x80 | 0x70 | (bits - 1), 0, 0)
    parts = [b"GIF89a", screen, table, _LOOP, b"\x21\xfe", _blocks(f"DigitalSourceType {SOURCE_TYPE}".encode())]
    for pixels, milliseconds in frames:
        delay = max(2, (milliseconds + 5) // 10)
        parts += [
            struct.pack("<BBBBHBB", 0x21, 0xF9, 4, _TO_BACKGROUND << 2 | 1, delay, 0, 0),
            struct.pack("<BHHHHB", 0x2C, 0, 0, side, side, 0),
            bytes([bits]),
            _blocks(lzw(pixels.tobytes(), bits)),
        ]
    return b"".join([*parts, b"\x3b"])


def lzw(indices: bytes, bits: int) -> bytes:
    """Variable-length-code LZW of appendix F.

    Args:
        indices: one or more, below ``2 ** bits``.
        bits: the minimum code size, 2 to 8.
    """
    clear = 1 << bits
    codes: dict[int, int] = {}  # of the code of a prefix and the index after it
    width, fresh = bits + 1, clear + 2
    stream, filled = clear, width  # all codes so far, the first in the lowest bits
    out = bytearray()
    prefix = indices[0]
    for index in indices[1:]:
        pair = prefix << 8 | index
        if pair in codes:
            prefix = codes[pair]
            continue
        stream |= prefix << filled
        filled += width
        prefix = index
        if fresh < _MAX_CODES:
            codes[pair] = fresh
            width += fresh == 1 << width
            fresh += 1
        else:
            stream |= clear << filled
            filled += width
            codes.clear()
            width, fresh = bits + 1, clear + 2
        while filled >= 8:
            out.append(stream & 255)
            stream >>= 8
            filled -= 8
    stream |= prefix << filled
    filled += width
    width += fresh == 1 << width and width < 12
    stream |= (clear + 1) << filled
    filled += width
    return bytes(out) + stream.to_bytes((filled + 7) // 8, "little")


def _blocks(data: bytes) -> bytes:
    """Data sub-blocks of at most 255 bytes, and the block terminator."""
    parts = (data[start : start + 255] for start in range(0, len(data), 255))
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"
