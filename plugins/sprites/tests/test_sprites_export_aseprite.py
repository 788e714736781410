"""``.aseprite`` files, read back by a reader written from their specification."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
from aigc_sprites import export
from aigc_sprites.formats.frames import animations
from aigc_sprites.sprite import Indices

from .test_sprites_export import SIZE, SPRITES, files


class Ase:
    """A reader of ``.aseprite`` files, by the specification."""

    def __init__(self, data: bytes) -> None:
        size, magic, frames, width, height, depth, flags = struct.unpack_from("<IHHHHHI", data)
        assert (size, magic, depth, flags & 1) == (len(data), 0xA5E0, 8, 1)
        self.size, self.clear, self.colors = (width, height), data[28], struct.unpack_from("<H", data, 32)[0]
        self.layers: list[str] = []
        self.texts: list[str] = []
        self.tags: list[tuple[str, int, int]] = []
        self.palette: list[tuple[int, ...]] = []
        self.slices: list[tuple[str, tuple[int, ...]]] = []
        self.durations: list[int] = []
        self.cels: list[dict[int, Indices]] = []
        place = 128
        for _ in range(frames):
            length, magic, old, duration, new = struct.unpack_from("<IHHHxxI", data, place)
            assert (magic, old) == (0xF1FA, new)
            self.durations.append(duration)
            self.cels.append({})
            at, end = place + 16, place + length
            for _ in range(new):
                long, kind = struct.unpack_from("<IH", data, at)
                self._chunk(kind, data[at + 6 : at + long])
                at += long
            assert at == end
            place = end
        assert place == len(data)

    def _chunk(self, kind: int, data: bytes) -> None:
        match kind:
            case 0x2004:
                visible, type_, level, _, _, blend, opacity = struct.unpack_from("<6HB", data)
                assert (visible & 1, type_, level, blend, opacity) == (1, 0, 0, 0, 255)
                self.layers.append(string(data, 16))
            case 0x2005:
                layer, x, y, opacity, type_ = struct.unpack_from("<HhhBH", data)
                assert (opacity, type_) == (255, 2)
                width, height = struct.unpack_from("<HH", data, 16)
                pixels = np.zeros(self.size[::-1], np.uint8)
                cut = np.frombuffer(zlib.decompress(data[20:]), np.uint8).reshape(height, width)
                pixels[y : y + height, x : x + width] = cut
                self.cels[-1][layer] = pixels
            case 0x2007:
                assert struct.unpack_from("<HHI", data) == (1, 0, 0)
            case 0x2018:
                at = 10
                for _ in range(struct.unpack_from("<H", data)[0]):
                    first, last, way = struct.unpack_from("<HHB", data, at)
                    assert way == 0
                    self.tags.append((string(data, at + 17), first, last))
                    at += 19 + len(self.tags[-1][0])
                assert at == len(data)
            case 0x2019:
                total, first, last = struct.unpack_from("<III", data)
                assert (total, first, last) == (self.colors, 0, self.colors - 1)
                self.palette = [struct.unpack_from("<xx4B", data, 20 + 6 * number) for number in range(total)]
                assert len(data) == 20 + 6 * total
            case 0x2020:
                assert struct.unpack_from("<I", data) == (1,)
                self.texts.append(string(data, 4))
            case 0x2022:
                assert struct.unpack_from("<III", data) == (1, 2, 0)
                name = string(data, 12)
                self.slices.append((name, struct.unpack("<IiiIIii", data[14 + len(name) :])))
            case _:
                raise AssertionError(f"chunk {kind:04x}")


def string(data: bytes, at: int) -> str:
    (length,) = struct.unpack_from("<H", data, at)
    return data[at + 2 : at + 2 + length].decode()


@pytest.mark.parametrize("kind", SPRITES)
def test_aseprite_file_has_every_pixel_layer_tag_and_duration(kind: str) -> None:
    sprite = SPRITES[kind]()
    made = list(files(export.aseprite, sprite).values())
    assert len(made) == len(sprite.figures)
    for data, one in zip(made, sprite.figures, strict=True):
        read = Ase(data)
        assert read.size == (SIZE, SIZE)
        assert read.clear == 0
        assert read.palette == [tuple(color) for color in sprite.colors.tolist()]
        assert read.layers == [layer.name for layer in one.layers]
        assert read.texts[1:] == [",".join(layer.tags) for layer in one.layers if layer.tags]
        assert read.durations == [frame.duration for frame in one.frames]
        assert [tag for tag, _, _ in read.tags] == [
            row.name.removeprefix(f"{one.name}_") for row in animations(sprite) if row.figure is one
        ]
        assert read.slices == [("pivot", (0, 0, 0, SIZE, SIZE, 6, 11))]
        for frame, cels in zip(one.frames, read.cels, strict=True):
            for layer, cel in enumerate(frame.cels):
                assert (layer in cels) == (cel is not None)
                if cel is not None:
                    assert (cels[layer] == sprite.cel(one, frame, layer)).all()
