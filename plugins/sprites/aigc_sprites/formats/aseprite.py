"""Aseprite's own file, ``.aseprite``: indexed color, layers, cels, tags, slices.

Specification: https://github.com/aseprite/aseprite/blob/main/docs/ase-file-specs.md. Chunks in their order: color
profile 0x2007, palette 0x2019 (and user data of the sprite 0x2020), layers 0x2004 (with user data: their tags), tags
0x2018, slice 0x2022, and in every frame its cels 0x2005, compressed, cut to what they show.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import deflate
import numpy as np

from aigc_sprites.formats.frames import SOURCE_TYPE, animations_of
from aigc_sprites.sprite import Figure, Frame, Sprite

_LEVEL = 6  # libdeflate's
_SRGB = 1
_VISIBLE_EDITABLE = 3
_OPAQUE = 255
_COMPRESSED = 2
_HAS_PIVOT = 2
_HAS_TEXT = 1


def aseprite(sprite: Sprite, figure: Figure) -> bytes:
    """The ``.aseprite`` file of one figure; a tag a facing."""
    frames = [frame for animation in animations_of(figure) for frame in animation.frames]
    body = b""
    for number, frame in enumerate(frames):
        chunks = [*(_about(sprite, figure) if number == 0 else ()), *_cels(sprite, figure, frame)]
        head = struct.pack("<HHHHI", 0xF1FA, len(chunks), frame.duration, 0, len(chunks))
        data = head + b"".join(chunks)
        body += struct.pack("<I", len(data) + 4) + data
    header = struct.pack(
        "<IHHHHHIHIIB3xHBBhhHH84x",
        128 + len(body),
        0xA5E0,
        len(frames),
        sprite.size,
        sprite.size,
        8,  # bits a pixel: indexed
        1,  # the opacity of layers counts
        frames[0].duration,
        0,
        0,
        0,  # the transparent index
        len(sprite.colors),
        1,
        1,
        0,
        0,
        0,  # no grid
        0,
    )
    return header + body


def _about(sprite: Sprite, figure: Figure) -> Iterator[bytes]:
    """The chunks that stand once, in the first frame."""
    yield _chunk(0x2007, struct.pack("<HHI8x", _SRGB, 0, 0))
    last = len(sprite.colors) - 1
    entries = b"".join(b"\0\0" + color.tobytes() for color in sprite.colors)
    yield _chunk(0x2019, struct.pack("<III8x", last + 1, 0, last) + entries)
    yield _user_data(SOURCE_TYPE)
    for layer in figure.layers:
        yield _chunk(0x2004, struct.pack("<6HB3x", _VISIBLE_EDITABLE, 0, 0, 0, 0, 0, _OPAQUE) + _string(layer.name))
        if layer.tags:
            yield _user_data(",".join(layer.tags))
    tags, first = [], 0
    for animation in animations_of(figure):
        last = first + len(animation.frames) - 1
        tags.append(struct.pack("<HHBH6x3sB", first, last, 0, 0, b"\0\0\0", 0) + _string(animation.name))
        first = last + 1
    yield _chunk(0x2018, struct.pack("<H8x", len(tags)) + b"".join(tags))
    key = struct.pack("<IiiIIii", 0, 0, 0, sprite.size, sprite.size, *figure.pivot)
    yield _chunk(0x2022, struct.pack("<III", 1, _HAS_PIVOT, 0) + _string("pivot") + key)


def _cels(sprite: Sprite, figure: Figure, frame: Frame) -> Iterator[bytes]:
    """One chunk a layer that shows anything."""
    for number in range(len(figure.layers)):
        pixels = sprite.cel(figure, frame, number)
        rows, columns = np.flatnonzero(pixels.any(axis=1)), np.flatnonzero(pixels.any(axis=0))
        if not len(rows):
            continue
        top, left = int(rows[0]), int(columns[0])
        cut = pixels[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1]
        head = struct.pack("<HhhBHh5x", number, left, top, _OPAQUE, _COMPRESSED, 0)
        data = bytes(deflate.zlib_compress(cut.tobytes(), _LEVEL))
        yield _chunk(0x2005, head + struct.pack("<HH", cut.shape[1], cut.shape[0]) + data)


def _user_data(text: str) -> bytes:
    return _chunk(0x2020, struct.pack("<I", _HAS_TEXT) + _string(text))


def _string(text: str) -> bytes:
    data = text.encode("utf-8")
    return struct.pack("<H", len(data)) + data


def _chunk(kind: int, data: bytes) -> bytes:
    return struct.pack("<IH", len(data) + 6, kind) + data
