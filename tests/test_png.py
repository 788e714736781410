"""The encoder: what Pillow reads back is what was given, the bytes are pinned, and mistakes are named."""

from __future__ import annotations

import hashlib
import struct
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from aigc_content.png import encode_png


def noise(seed: int, shape: tuple[int, ...], below: int = 256) -> Any:
    return np.random.Generator(np.random.Philox(seed)).integers(0, below, shape).astype(np.uint8)


def ramp(height: int, width: int, modulus: int) -> Any:
    y, x = np.mgrid[0:height, 0:width]
    return ((x * 3 + y * 5 + (x * y) // 7) % modulus).astype(np.uint8)


def shades(colors: int, channels: int) -> Any:
    return (np.arange(colors * channels) * 37 % 251).astype(np.uint8).reshape(colors, channels)


def chunks(png: bytes) -> list[tuple[str, bytes]]:
    found, at = [], 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        found.append((png[at + 4 : at + 8].decode(), png[at + 8 : at + 8 + length]))
        at += 12 + length
    return found


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 37),
    st.integers(1, 37),
    st.sampled_from((1, 2, 3, 4, 5, 16, 17, 64, 256)),
    st.sampled_from((3, 4)),
    st.integers(0, 999),
)
def test_pillow_reads_an_indexed_picture_back(height: int, width: int, colors: int, channels: int, seed: int) -> None:
    palette = noise(seed, (colors, channels))
    pixels = noise(seed + 1, (height, width), colors)
    with Image.open(BytesIO(encode_png(pixels, palette))) as image:
        image.load()
        assert image.mode == "P"
        rgba = np.full((colors, 4), 255, np.uint8)
        rgba[:, :channels] = palette
        assert np.array_equal(np.asarray(image.convert("RGBA")), rgba[pixels])


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 29), st.integers(1, 29), st.sampled_from((3, 4)), st.booleans(), st.integers(0, 999))
def test_pillow_reads_a_true_color_picture_back(h: int, w: int, channels: int, magnified: bool, seed: int) -> None:
    pixels = noise(seed, (h, w, channels))
    if magnified:
        pixels = pixels.repeat(3, axis=0).repeat(3, axis=1)
    with Image.open(BytesIO(encode_png(pixels))) as image:
        assert image.mode == ("RGB" if channels == 3 else "RGBA")
        assert np.array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize(("colors", "depth"), [(1, 1), (2, 1), (3, 2), (4, 2), (5, 4), (16, 4), (17, 8), (256, 8)])
def test_bit_depth_is_the_smallest_that_holds_the_palette(colors: int, depth: int) -> None:
    header = chunks(encode_png(ramp(5, 7, colors), noise(1, (colors, 3))))[0][1]
    assert struct.unpack(">IIBBBBB", header) == (7, 5, depth, 3, 0, 0, 0)


def test_transparency_is_written_only_as_far_as_needed() -> None:
    palette = np.full((6, 4), 255, np.uint8)
    palette[2, 3] = 0
    assert dict(chunks(encode_png(ramp(4, 4, 6), palette)))["tRNS"] == b"\xff\xff\x00"
    assert "tRNS" not in dict(chunks(encode_png(ramp(4, 4, 6), palette[:, :3])))


def test_texts_are_sorted_and_read_back() -> None:
    texts = {"Title": "Höhle", "Comment": "two\nlines", "Author": "名前", "XML:com.adobe.xmp": ""}
    png = encode_png(ramp(4, 4, 2), noise(2, (2, 3)), texts)
    backwards = dict(reversed(texts.items()))
    assert png == encode_png(ramp(4, 4, 2), noise(2, (2, 3)), backwards)
    kinds = [kind for kind, _ in chunks(png)]
    assert kinds == ["IHDR", "PLTE", "iTXt", "tEXt", "tEXt", "tEXt", "IDAT", "IEND"]
    with Image.open(BytesIO(png)) as image:
        image.load()
        assert dict(image.info) == texts


GOLDEN = {
    "1 bit": "0084e6e4ffa9ab30",
    "2 bits": "062b677355ccd9cf",
    "4 bits": "ee3b251cb14d9d46",
    "8 bits": "450b99154f393951",
    "RGB": "c3fcf8a08df3007b",
    "RGBA": "acbfb1b2a4224c5c",
    "texts": "3b25eac29a55467a",
}


def test_bytes_are_pinned() -> None:
    """They change only with the encoder or with libdeflate; both change what users' builds give."""
    rgba = np.stack([ramp(60, 90, m) for m in (251, 13, 97, 256)], axis=2)
    pictures = {
        "1 bit": encode_png(ramp(33, 45, 2), shades(2, 3)),
        "2 bits": encode_png(ramp(33, 45, 4), shades(4, 3)),
        "4 bits": encode_png(ramp(33, 45, 13), shades(13, 4)),
        "8 bits": encode_png(ramp(200, 300, 60), shades(60, 4)),
        "RGB": encode_png(rgba[..., :3].copy()),
        "RGBA": encode_png(rgba.repeat(2, axis=0).repeat(2, axis=1)),
        "texts": encode_png(ramp(3, 3, 2), shades(2, 3), {"b": "é", "a": "→"}),
    }
    assert {name: hashlib.sha256(png).hexdigest()[:16] for name, png in pictures.items()} == GOLDEN


@pytest.mark.parametrize(
    ("pixels", "palette", "message"),
    [
        (
            np.zeros((2, 2), np.int64),
            np.zeros((1, 3), np.uint8),
            "pixels must be a numpy array of uint8, not int64",
        ),
        ([[0]], np.zeros((1, 3), np.uint8), "pixels must be a numpy array of uint8, not list"),
        (np.zeros((2, 2), np.uint8), None, "need a palette"),
        (np.zeros((2, 2), np.uint8), np.zeros((1, 3), np.float32), "palette must be a numpy array of uint8"),
        (
            np.zeros((2, 2), np.uint8),
            np.zeros((1, 5), np.uint8),
            r"palette must be \(N, 3\) or \(N, 4\), not \(1, 5\)",
        ),
        (np.zeros((2, 2), np.uint8), np.zeros((257, 3), np.uint8), "at most 256 colors, this one has 257"),
        (np.zeros((2, 2), np.uint8), np.zeros((0, 3), np.uint8), "palette must not be empty"),
        (ramp(2, 9, 20), np.zeros((3, 3), np.uint8), r"pixel \(.*\) has index .*, but the palette has 3 colors"),
        (np.zeros((0, 2), np.uint8), np.zeros((1, 3), np.uint8), "pixels must not be empty"),
        (np.zeros((2, 2, 2), np.uint8), None, r"pixels must be \(H, W\), .* not \(2, 2, 2\)"),
        (
            np.zeros((2, 2, 3), np.uint8),
            np.zeros((1, 3), np.uint8),
            r"a palette goes with pixels of shape \(H, W\)",
        ),
        (np.zeros(4, np.uint8), None, r"not \(4,\)"),
    ],
)
def test_wrong_arguments_are_named(pixels: Any, palette: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        encode_png(pixels, palette)


@pytest.mark.parametrize("keyword", ["", " a", "a ", "a  b", "a" * 80, "a\nb", "名"])
def test_wrong_keywords_are_refused(keyword: str) -> None:
    with pytest.raises(ValueError, match="PNG keyword"):
        encode_png(ramp(2, 2, 2), noise(4, (2, 3)), {keyword: "x"})


def test_null_in_a_text_is_refused() -> None:
    with pytest.raises(ValueError, match="null character"):
        encode_png(ramp(2, 2, 2), noise(4, (2, 3)), {"a": "x\0y"})


def test_views_and_slices_are_taken_as_they_are_seen() -> None:
    whole = noise(5, (20, 30), 16)
    palette = noise(6, (16, 3))
    assert encode_png(whole[::2, 3:17], palette) == encode_png(np.ascontiguousarray(whole[::2, 3:17]), palette)
