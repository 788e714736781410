"""Animated GIF and PNG, read back by Pillow frame for frame."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from aigc_sprites import export
from aigc_sprites.formats.frames import animations
from aigc_sprites.formats.gif import lzw
from aigc_sprites.sprite import Figure, Frame, Layer, Sprite, rows_of
from PIL import Image, ImageSequence

from .test_sprites_export import SPRITES, colors, files, flats, seen


@pytest.mark.parametrize("kind", SPRITES)
def test_gif_shows_every_frame_for_its_time(kind: str) -> None:
    sprite = SPRITES[kind]()
    made = files(export.gif, sprite)
    assert len(made) == (1 if len(animations(sprite)) == 1 else 1 + len(animations(sprite)))
    opened = Image.open(BytesIO(made[".gif"]))
    shown = list(ImageSequence.Iterator(opened))
    for number, (flat, duration) in enumerate(flats(sprite)):
        opened.seek(number)
        assert opened.info["duration"] == duration
        rgba = np.array(opened.convert("RGBA"))
        rgba[rgba[..., 3] == 0] = 0
        assert (rgba == colors(sprite, flat)).all()
    assert len(shown) == len(flats(sprite))
    if len(shown) > 1:
        assert opened.disposal_method == 2  # type: ignore[attr-defined]
        assert opened.info["loop"] == 0


@pytest.mark.parametrize("kind", SPRITES)
def test_apng_shows_every_frame_for_its_time(kind: str) -> None:
    sprite = SPRITES[kind]()
    data = files(export.apng, sprite)[".apng"]
    opened = Image.open(BytesIO(data))
    assert opened.n_frames == len(flats(sprite))  # type: ignore[attr-defined]
    for number, (flat, duration) in enumerate(flats(sprite)):
        opened.seek(number)
        assert opened.info.get("duration", duration) == duration
        rgba = np.array(opened.convert("RGBA"))
        rgba[rgba[..., 3] == 0] = 0
        assert (rgba == colors(sprite, flat)).all()


def unlzw(data: bytes, bits: int) -> bytes:
    """Appendix F of the specification, the other way."""
    clear = 1 << bits
    stream, left = int.from_bytes(data, "little"), 8 * len(data)
    table: list[bytes] = []
    width, out, last = bits + 1, [], b""
    while True:
        code, stream, left = stream & (1 << width) - 1, stream >> width, left - width
        if code == clear:
            table = [bytes([value]) for value in range(clear)] + [b"", b""]
            width, last = bits + 1, b""
            continue
        if code == clear + 1:
            assert left < 8
            return b"".join(out)
        word = table[code] if code < len(table) else last + last[:1]
        if last and len(table) < 4096:
            table.append(last + word[:1])
        if len(table) == 1 << width and width < 12:
            width += 1
        out.append(word)
        last = word


@pytest.mark.parametrize("bits", [2, 4, 7])
def test_lzw_comes_back_at_every_length(bits: int) -> None:
    noise = np.random.default_rng(bits).integers(0, 1 << bits, 9000).astype(np.uint8).tobytes()
    for length in [*range(1, 90), 500, 3900, 4100, 9000]:
        assert unlzw(lzw(noise[:length], bits), bits) == noise[:length]
    flat = bytes(5000)
    assert unlzw(lzw(flat, bits), bits) == flat


def test_gif_with_full_codes_is_read_by_pillow() -> None:
    """64 x 64 pixels of noise in 64 colors fill the table of 4096 codes."""
    palette = tuple(f"#{3 * color:02x}2040" for color in range(64))
    pixels = np.random.default_rng(0).integers(0, 65, (64, 64)).astype(np.uint8)
    one = Figure(name="x", pivot=(0, 0), layers=(Layer(name="a"),), frames=(Frame(cels=(rows_of(pixels),)),))
    sprite = Sprite(kind="tile", size=64, palette=palette, figures=(one,))
    assert (seen(files(export.gif, sprite)[".gif"]) == colors(sprite, pixels)).all()
