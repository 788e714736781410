"""Animated PNG: PNG specification, third edition (W3C, 2025), chunks ``acTL``, ``fcTL``, ``fdAT``; indexed.

The frames are the deterministic PNG files of `aigc_content.encode_png`, taken apart: the first keeps its ``IDAT``, of
the others it becomes ``fdAT``.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence

from aigc_sprites.formats.frames import picture
from aigc_sprites.sprite import Indices, Sprite


def apng(sprite: Sprite, frames: Sequence[tuple[Indices, int]]) -> bytes:
    """An endless animated PNG file; a program that knows none shows its first frame.

    Args:
        sprite: whose palette it has.
        frames: pixels (size, size), and milliseconds.
    """
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in _chunks(sprite, frames))


def _chunks(sprite: Sprite, frames: Sequence[tuple[Indices, int]]) -> Iterator[tuple[bytes, bytes]]:
    sequence = 0
    for number, (pixels, milliseconds) in enumerate(frames):
        for kind, data in _taken_apart(picture(sprite, pixels)):
            if kind == b"IDAT":
                # whole picture, no offset, disposal none, the frame replaces what was there
                size = (sprite.size, sprite.size)
                yield b"fcTL", struct.pack(">5I2H2B", sequence, *size, 0, 0, milliseconds, 1000, 0, 0)
                sequence += 1
                if number == 0:
                    yield kind, data
                else:
                    yield b"fdAT", struct.pack(">I", sequence) + data
                    sequence += 1
            elif number == 0 and kind != b"IEND":
                yield kind, data
                if kind == b"IHDR":
                    yield b"acTL", struct.pack(">II", len(frames), 0)
    yield b"IEND", b""


def _taken_apart(png: bytes) -> Iterable[tuple[bytes, bytes]]:
    place = 8
    while place < len(png):
        (length,) = struct.unpack_from(">I", png, place)
        yield png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        place += length + 12


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
