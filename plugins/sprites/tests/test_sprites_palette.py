"""What may be written as a palette, what is refused, and that color decides in whole numbers."""

from __future__ import annotations

import pickle
import struct
import zlib
from collections.abc import Iterator
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from aigc_sprites.palette import (
    GRAY_CHROMA,
    MAX_RAMPS,
    Palette,
    nearest,
    oklab,
    ramps,
    shipped_names,
    shipped_palette,
)
from aigc_sprites.palette_files import MAX_COLORS, REDUCED, Colors, median_cut
from PIL import Image
from pydantic import BaseModel, ValidationError

from aigc_content import InputError, encode_png
from aigc_content.inputs import Inputs

RGB = [(26, 20, 32), (200, 120, 60), (200, 120, 60), (240, 240, 230), (0, 0, 0)]
DISTINCT = [RGB[0], RGB[1], RGB[3], RGB[4]]
HEX = "\n".join(bytes(color).hex() for color in RGB)
GPL = (
    "GIMP Palette\r\nName: Mine\r\nColumns: 4\r\n# from nowhere\r\n\r\n 26  20  32\tInk 7\r\n200 120 60\r\n"
    "200 120  60 twice\r\n240 240 230\twhite\r\n0 0 0\r\n"
)
RGBA_GPL = "GIMP Palette\nChannels: RGBA\n26 20 32 255 Ink\n9 9 9 0 clear\n200 120 60 128\n240 240 230 255\n0 0 0 255"
JASC = "JASC-PAL\n0100\n5\n" + "\n".join(" ".join(map(str, color)) for color in RGB) + "\n\n"
BINARY = b"".join(map(bytes, RGB)) + bytes(768 - 3 * len(RGB))


class Wish(BaseModel):
    palette: Palette = shipped_palette("dusk")


class Asked(BaseModel):
    palette: Palette


def png(pixels: Any, mode: str | None = None) -> bytes:
    file = BytesIO()
    image = Image.fromarray(np.asarray(pixels, np.uint8))
    (image.convert(mode) if mode else image).save(file, "PNG")
    return file.getvalue()


def open_palette(folder: Path, name: str, data: bytes | str) -> Palette:
    (folder / name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return Wish.model_validate({"palette": name}, context={"inputs": Inputs(folder)}).palette


def many(count: int) -> Colors:
    """Different colors (count, 3)."""
    return np.array([(place * 7 % 256, place // 256 * 9, place % 256) for place in range(count)], np.uint8)


# What is read


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.hex", HEX),
        ("a.hex", HEX.upper().replace("\n", "\r\n\r\n#")),
        ("a.gpl", GPL),
        ("A.GPL", "\ufeff" + GPL),
        ("a.gpl", RGBA_GPL),
        ("a.pal", JASC),
        ("a.pal", JASC.replace("\n", "\r\n")),
        ("a.pal", BINARY),
        ("a.png", encode_png(np.array([RGB], np.uint8))),
        ("a.png", encode_png(np.array([[3, 0, 0, 1, 2]], np.uint8), np.array([*DISTINCT[1:], RGB[0]], np.uint8))),
        ("a.png", encode_png(np.array([[(*c, 255) for c in RGB] + [(9, 9, 9, 127)]], np.uint8))),
    ],
)
def test_every_format_gives_the_same_palette(tmp_path: Path, name: str, data: bytes | str) -> None:
    palette = open_palette(tmp_path, name, data)
    assert palette.colors.tolist() == [list(color) for color in DISTINCT]
    assert palette.colors.dtype == np.uint8
    assert palette.name == name
    assert palette.digest == open_palette(tmp_path, "other.hex", HEX).digest


def test_another_order_is_another_palette(tmp_path: Path) -> None:
    turned = "\n".join(reversed(HEX.split("\n")))
    assert open_palette(tmp_path, "a.hex", HEX).digest != open_palette(tmp_path, "b.hex", turned).digest


def test_pictures_of_every_mode_are_converted(tmp_path: Path) -> None:
    rgb = np.array([RGB], np.uint8)
    gray = np.array([[0, 100, 255]], np.uint8)
    for place, (data, wanted) in enumerate(
        [
            (encode_png(rgb), DISTINCT),
            (png(gray), [(0,) * 3, (100,) * 3, (255,) * 3]),
            (png(gray, "LA"), [(0,) * 3, (100,) * 3, (255,) * 3]),
            (png(np.array([[0, 255]]), "1"), [(0,) * 3, (255,) * 3]),
        ]
    ):
        found = open_palette(tmp_path, f"{place}.png", data).colors.tolist()
        assert sorted(found) == sorted(map(list, wanted))
    file = BytesIO()
    Image.fromarray(np.array([[0, 100 * 257, 65535]], np.uint16)).save(file, "PNG")
    assert open_palette(tmp_path, "deep.png", file.getvalue()).colors[:, 0].tolist() == [0, 100, 255]


def test_a_picture_of_64_colors_is_kept_and_one_of_65_is_reduced(tmp_path: Path) -> None:
    assert np.array_equal(open_palette(tmp_path, "a.png", png(many(64)[None])).colors, many(64))
    found = open_palette(tmp_path, "b.png", png(many(65)[None])).colors
    assert len(found) == REDUCED
    assert {tuple(one) for one in found.tolist()} <= {tuple(one) for one in many(65).tolist()}


def test_median_cut_keeps_small_things_and_never_merges_without_need() -> None:
    blues = np.array([(10, 10, 100 + place) for place in range(100)], np.uint8)
    colors = np.concatenate([blues, np.array([(250, 30, 30)], np.uint8)])
    counts = np.array([10_000] * 100 + [3], np.int64)
    found = median_cut(colors, counts, REDUCED)
    assert len(found) == REDUCED
    assert [250, 30, 30] in found.tolist()
    assert np.array_equal(median_cut(colors, counts, 200), colors)
    assert median_cut(colors[:100], counts[:100], 1).tolist() == [[10, 10, 150]]


# What is refused


def header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))


def two_headers(width: int, height: int) -> bytes:
    """A picture whose first header is harmless and whose second is not."""
    data = encode_png(np.zeros((4, 4, 3), np.uint8))
    return data[:33] + header(width, height) + data[33:]


GOOD_PNG = encode_png(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))


@pytest.mark.parametrize(
    ("name", "data", "code", "says"),
    [
        ("a.gif", b"GIF89a", "SPR002", "'a.gif' ends in '.gif'"),
        ("a.gpl2", b"", "SPR002", "did you mean '.gpl'?"),
        ("./a", b"", "SPR002", "has no suffix"),
        ("a.hex", HEX + "\n12345", "SPR003", "a.hex:6: SPR003: the line is '12345'"),
        ("a.hex", "\n1a1420\n1a1420ff", "SPR003", "a.hex:3: "),
        ("a.hex", "x" * 99, "SPR003", "xxx...'"),
        ("a.gpl", "1 2 3\n4 5 6", "SPR003", "a.gpl:1: SPR003: the line is '1 2 3'"),
        ("a.gpl", "", "SPR003", "a.gpl:1: SPR003: the line is empty or missing"),
        ("a.gpl", GPL.replace("240 240", "240 256"), "SPR003", "a.gpl:9: SPR003: the line is '240 256 230"),
        ("a.gpl", GPL + "1 2", "SPR003", "a.gpl:11: "),
        ("a.gpl", RGBA_GPL + "\n1 2 3", "SPR003", "red, green, blue and alpha from 0 to 255"),
        ("a.gpl", GPL + "\uff11 2 3", "SPR003", "a.gpl:11: "),
        ("a.pal", "RIFF1234PAL data", "SPR003", "768 bytes: red, green and blue of 256 colors"),
        ("a.pal", JASC.replace("0100", "0200"), "SPR003", "a.pal:2: SPR003: the line is '0200'"),
        ("a.pal", JASC.replace("\n5\n", "\nfive\n"), "SPR003", "a.pal:3: "),
        ("a.pal", JASC.replace("\n5\n", "\n6\n"), "SPR003", "line 3 says 6 colors, and 5 follow"),
        ("a.pal", JASC.replace("0 0 0", "0 0 0 9"), "SPR003", "a.pal:8: "),
        ("a.pal", "JASC-PAL", "SPR003", "a.pal:2: SPR003: the line is empty or missing"),
        ("a.hex", "1a1420\n1A1420\n", "SPR004", "a.hex: SPR004: is of one color"),
        ("a.hex", "", "SPR004", "has no color"),
        ("a.pal", bytes(768), "SPR004", "is of one color"),
        ("a.png", encode_png(np.zeros((2, 2, 4), np.uint8)), "SPR004", "has no color"),
        (
            "a.hex",
            "\n".join(bytes(one).hex() for one in many(65)),
            "SPR005",
            "SPR005: has 65 different colors",
        ),
        ("a.pal", many(256).tobytes(), "SPR005", "has 256 different colors"),
        ("a.gpl", GPL + "#" * (64 << 10), "SPR006", "a.gpl: SPR006: has 65,6"),
        (
            "a.png",
            GOOD_PNG[:8] + header(2001, 2000) + GOOD_PNG[33:],
            "SPR007",
            "a.png: SPR007: the picture has 2,001 x 2,000",
        ),
        ("a.png", two_headers(5000, 4000), "SPR007", "5,000 x 4,000"),
        ("a.png", two_headers(60_000, 50_000), "SPR008", "the picture is broken: "),
        ("a.png", b"\xff\xd8\xff" + bytes(100), "SPR008", "is not a PNG picture"),
        ("a.png", GOOD_PNG[:20], "SPR008", "is not a PNG picture"),
        ("a.png", GOOD_PNG[:60], "SPR008", "a.png: SPR008: the picture is broken: "),
        ("a.png", GOOD_PNG[:8] + header(0, 5) + GOOD_PNG[33:], "SPR008", "the picture is broken: "),
        ("a.hex", b"1a1420\n\xff\xfe", "I003", "a.hex:2: "),
    ],
)
def test_a_wrong_file_gets_one_message(tmp_path: Path, name: str, data: bytes | str, code: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        open_palette(tmp_path, name, data)
    assert caught.value.code == code
    assert says in str(caught.value)
    assert caught.value.remedy


def test_an_unknown_name_is_told_with_the_nearest(tmp_path: Path) -> None:
    for name, remedy in (("forrest", "did you mean 'forest'?"), ("xyz", "take one of these")):
        with pytest.raises(InputError, match=f"SPR001: there is no palette '{name}'") as caught:
            Wish.model_validate({"palette": name})
        assert remedy in caught.value.remedy
        assert "dusk" in caught.value.allowed
    with pytest.raises(InputError, match="I001"):
        Wish.model_validate({"palette": "gone.hex"}, context={"inputs": Inputs(tmp_path)})


@pytest.mark.parametrize("value", [None, 3, "", "  ", ["1a1420"]])
def test_what_is_no_text_is_no_palette(value: Any) -> None:
    with pytest.raises(ValidationError, match="the name of a palette, or a file, is expected"):
        Wish.model_validate({"palette": value})


def test_every_code_has_its_section() -> None:
    text = (files("aigc_sprites") / "errors.md").read_text("utf-8")
    for number in range(1, 9):
        assert text.count(f"\n## SPR{number:03} ") == 1


# As a param


def test_a_palette_is_written_as_it_was_and_enters_the_key_by_its_colors(tmp_path: Path) -> None:
    (tmp_path / "mine.hex").write_bytes((files("aigc_sprites") / "palettes" / "frost.hex").read_bytes())
    inputs = Inputs(tmp_path)
    mine = Wish.model_validate({"palette": "./mine.hex"}, context={"inputs": inputs})
    frost = Wish.model_validate({"palette": "frost"})
    assert mine.model_dump(mode="json") == {"palette": "./mine.hex"}
    assert [file.path.name for file in inputs] == ["mine.hex"]
    keys = [wish.model_dump(mode="json", context={"digests": True}) for wish in (mine, frost)]
    assert keys[0] == keys[1] == {"palette": {"palette": shipped_palette("frost").digest}}
    assert Wish.model_validate({"palette": "dusk"}).model_dump(exclude_defaults=True) == {}
    again = pickle.loads(pickle.dumps(mine))
    assert again == mine
    assert hash(again.palette) == hash(mine.palette)
    with pytest.raises(ValueError, match="read-only"):
        mine.palette.colors[0, 0] = 1


def test_the_schema_names_the_shipped_palettes() -> None:
    schema = Palette.described()
    assert Asked.model_json_schema()["properties"]["palette"] == {"title": "Palette", **schema}
    assert schema["type"] == "string"
    assert all(name in schema["description"] for name in shipped_names())


# Color in whole numbers


def reference(colors: Colors) -> npt.NDArray[np.float64]:
    """OKLab by floats, as Ottosson writes it."""
    part = colors / 255
    light = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    cones = light @ np.array(
        [
            [0.4122214708, 0.2119034982, 0.0883024619],
            [0.5363325363, 0.6806995451, 0.2817188376],
            [0.0514459929, 0.1073969566, 0.6299787005],
        ]
    )
    found: npt.NDArray[np.float64] = np.cbrt(cones) @ np.array(
        [
            [0.2104542553, 1.9779984951, 0.0259040371],
            [0.7936177850, -2.4285922050, 0.7827717662],
            [-0.0040720468, 0.4505937099, -0.8086757660],
        ]
    )
    return found


@pytest.fixture(scope="module")
def grid() -> Colors:
    steps = np.array([0, 1, 2, 3, 5, 10, 11, 20, *range(32, 256, 16), 254, 255], np.uint8)
    return np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(-1, 3)


def test_oklab_is_the_published_one_rounded(grid: Colors) -> None:
    found = oklab(grid)
    assert found.dtype == np.int32
    assert np.abs(found - 1000 * reference(grid)).max() < 0.51
    assert oklab(np.array([(0, 0, 0), (255, 255, 255), (128, 128, 128)], np.uint8)).tolist() == [
        [0, 0, 0],
        [1000, 0, 0],
        [600, 0, 0],
    ]
    assert (found.min(axis=0).tolist(), found.max(axis=0).tolist()) == ([0, -234, -312], [1000, 276, 199])


def test_oklab_takes_pictures_and_nothing() -> None:
    picture = many(12).reshape(3, 4, 3)
    assert np.array_equal(oklab(picture), oklab(many(12)).reshape(3, 4, 3))
    assert nearest(picture, many(12)).tolist() == np.arange(12).reshape(3, 4).tolist()
    assert oklab(np.zeros((0, 3), np.uint8)).shape == (0, 3)


@pytest.mark.parametrize("name", shipped_names())
def test_nearest_is_nearest(name: str, grid: Colors) -> None:
    colors = shipped_palette(name).colors
    found = nearest(grid, colors)
    distances = np.linalg.norm(reference(grid)[:, None] - reference(colors)[None], axis=-1)
    best, second = np.sort(distances, axis=1)[:, :2].T
    clear = second - best > 0.004
    assert clear.mean() > 0.8
    assert np.array_equal(found[clear], distances.argmin(axis=1)[clear])


def test_of_equally_near_colors_the_first_is_taken() -> None:
    palette = np.array([(9, 9, 9), (250, 0, 0), (250, 0, 0)], np.uint8)
    assert nearest(np.array([(255, 0, 0)], np.uint8), palette).tolist() == [1]


# Shipped palettes and their ramps


def hue_and_chroma(colors: Colors) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    lab = reference(colors)
    return np.degrees(np.arctan2(lab[:, 2], lab[:, 1])), np.hypot(lab[:, 1], lab[:, 2])


def shipped() -> Iterator[Palette]:
    return map(shipped_palette, shipped_names())


def test_six_palettes_are_shipped() -> None:
    assert shipped_names() == ("dusk", "embers", "forest", "frost", "gray", "pastel")
    for palette in shipped():
        light = oklab(palette.colors)[:, 0]
        assert 8 <= len(palette.colors) <= 32
        assert len({tuple(color) for color in palette.colors.tolist()}) == len(palette.colors)
        assert light.min() < 200
        assert light.max() > 960


@pytest.mark.parametrize("name", shipped_names())
def test_ramps_of_shipped_palettes_are_of_one_hue_each(name: str) -> None:
    colors = shipped_palette(name).colors
    found = ramps(colors)
    light = oklab(colors)[:, 0]
    hues, chromas = hue_and_chroma(colors)
    assert sorted(index for ramp in found for index in ramp) == list(range(len(colors)))
    assert 3 <= len(found) <= MAX_RAMPS
    for ramp in found:
        steps = np.diff(light[ramp])
        assert len(ramp) >= 3
        assert (steps > 40).all()
        assert np.ptp(light[ramp]) > 240
    assert (chromas[found[0]] < (GRAY_CHROMA + 1) / 1000).all()
    for ramp in found[1:]:
        turned = (hues[ramp] - hues[ramp[0]] + 180) % 360 - 180
        assert np.ptp(turned) < 30


@pytest.mark.parametrize("count", [0, 1, 2, 64])
def test_ramps_hold_every_color_once(count: int) -> None:
    colors = np.random.default_rng(count).integers(0, 256, (count, 3), np.uint8)
    found = ramps(colors)
    light = oklab(colors)[:, 0]
    assert sorted(index for ramp in found for index in ramp) == list(range(count))
    assert len(found) <= MAX_RAMPS
    assert all((np.diff(light[ramp]) >= 0).all() and ramp for ramp in found)


def test_hues_around_red_are_one_ramp_though_the_angle_wraps() -> None:
    reds = [(120, 10, 50), (160, 20, 40), (200, 50, 70), (230, 110, 120)]
    greens = [(20, 90, 30), (40, 140, 50), (90, 190, 90)]
    assert sorted(ramps(np.array(reds + greens, np.uint8))) == [[0, 1, 2, 3], [4, 5, 6]]


def test_muted_and_vivid_colors_of_one_hue_are_two_ramps() -> None:
    brown = ["4a3527", "7a5a45", "a58268", "cdb09a"]
    orange = ["7a2d00", "b85000", "f08020", "ffb070"]
    colors = np.frombuffer(bytes.fromhex("".join(brown + orange)), np.uint8).reshape(-1, 3)
    assert sorted(ramps(colors)) == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_a_circle_of_hues_is_cut_into_no_more_than_eight() -> None:
    wheel = [Image.new("HSV", (1, 1), (hue, 220, 200)).convert("RGB").getpixel((0, 0)) for hue in range(0, 256, 4)]
    found = ramps(np.array(wheel, np.uint8))
    assert 4 <= len(found) <= MAX_RAMPS
    assert sum(map(len, found)) == MAX_COLORS
