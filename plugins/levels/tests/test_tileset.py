"""Tilesets: ours is whole and freshly baked, a designer's is read as written, a wrong one gets one clear message."""

from __future__ import annotations

import json
import struct
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import yaml
from aigc_levels import artwork, atlas
from aigc_levels.sheet import MAX_IMAGE_BYTES
from aigc_levels.tileset import BLOB47, Tileset, default_tileset, load_tileset
from PIL import Image
from pydantic import ValidationError

from aigc_content import InputError, encode_png

ASSETS = Path(atlas.__file__).parent / "assets"
NAMES = ["void", "wall", "floor", "door", "locked_door", "water", "trap", "enemy", "loot", "key", "start", "exit"]

SPRITES = "slime skeleton bat spider imp ghost chest gold gem ruby potion elixir key"


def png(size: tuple[int, int] = (64, 32), mode: str = "RGBA") -> bytes:
    file = BytesIO()
    Image.new(mode, size).save(file, "PNG")
    return file.getvalue()


def load(text: str | bytes, picture: bytes | None = None, name: str = "mine.yaml") -> Tileset:
    data = text.encode() if isinstance(text, str) else text
    return load_tileset(data, lambda _: png() if picture is None else picture, name)


HEAD = "image: a.png\ntile_size: 16\n"
GOOD = HEAD + "tiles:\n  floor: [0, 1]\n  wall: {mask4: [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]}\n"


def test_ours_has_every_tile_of_the_game() -> None:
    tileset = default_tileset()
    tileset.require(NAMES)
    assert tileset.sheet.palette is not None
    assert len(tileset.sheet.palette) <= 64
    assert tileset.sheet.tiles.shape[1:] == (16, 16)
    assert len(tileset.tiles["enemy"].variants or ()) >= 4


def test_ours_is_freshly_baked() -> None:
    pytest.importorskip("noise")
    indices, palette, groups = atlas.draw()
    assert encode_png(indices, palette) == (ASSETS / "dungeon.png").read_bytes(), "run aigc_levels.atlas"
    assert atlas.describe(groups) == (ASSETS / "dungeon.tileset.yaml").read_text(encoding="utf-8")
    used = {number for keys, number in default_tileset()._numbers()}
    assert used == {number for group in groups.values() for number in group}, "a tile is drawn for nothing"


def test_sprites_are_outlined() -> None:
    """An opaque pixel beside a transparent one is outline or shadow, so that objects show on any floor."""
    edges = {artwork.INDEX[key] for key in "#b"}
    for name in SPRITES.split():
        sprite = np.pad(artwork.sprites()[name], 1)
        opaque = sprite != 0
        touches = np.logical_or.reduce([~np.roll(opaque, step, axis) for step in (1, -1) for axis in (0, 1)])
        assert set(np.unique(sprite[opaque & touches])) <= edges, name


def test_missing_noise_is_one_clear_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "noise", None)
    with pytest.raises(SystemExit, match="pip install noise"):
        atlas.draw()


def test_blob47_is_the_common_order() -> None:
    assert BLOB47[:12] == (0, 1, 4, 5, 7, 16, 17, 20, 21, 23, 28, 29)
    assert BLOB47[-4:] == (245, 247, 253, 255)
    assert len(BLOB47) == 47


def test_short_and_long_spellings_mean_the_same() -> None:
    short = load(HEAD + "tiles: {floor: 3, wall: [1, 2], a: {pattern: [[1, [2, 3]]]}}")
    long = load(
        HEAD.replace("16", "[16, 16]")
        + "margin: 0\nspacing: 0\ntiles: {floor: {layer: ground, variants: [3]}, wall: {variants: [1, 2]},"
        " a: {pattern: [[{variants: 1}, {variants: [2, 3]}]]}}"
    )
    assert short.model_dump() == long.model_dump()


def test_a_look_may_be_named_once_and_used_again() -> None:
    tiles = load(HEAD + "tiles: {floor: &look [1, 2], off: *look}").tiles
    assert tiles["off"].variants == tiles["floor"].variants == (1, 2)


def test_margin_and_spacing_are_cut_away() -> None:
    image = Image.new("RGBA", (2 * 3 + 2 * 16 + 1, 2 * 3 + 16), "black")
    image.paste((200, 0, 0, 255), (3, 3, 19, 19))
    image.paste((0, 200, 0, 255), (20, 3, 36, 19))
    file = BytesIO()
    image.save(file, "PNG")
    tiles = load(HEAD + "margin: 3\nspacing: 1\ntiles: {floor: [0, 1]}", file.getvalue()).sheet.tiles
    assert tiles.shape == (2, 16, 16, 4)
    assert (tiles[0] == (200, 0, 0, 255)).all()
    assert (tiles[1] == (0, 200, 0, 255)).all()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "RGB", "RGBA"])
def test_pictures_without_palette_become_rgba(mode: str) -> None:
    sheet = load(GOOD, png(mode=mode)).sheet
    assert sheet.palette is None
    assert sheet.tiles.shape == (8, 16, 16, 4)


def test_a_half_transparent_palette_becomes_rgba() -> None:
    pixels, colors = np.zeros((32, 64), np.uint8), np.array([[9, 8, 7, 128]], np.uint8)
    sheet = load(GOOD, encode_png(pixels, colors)).sheet
    assert sheet.palette is None
    assert (sheet.tiles == (9, 8, 7, 128)).all()


def test_the_schema_admits_what_the_loader_admits() -> None:
    schema = Tileset.model_json_schema()
    for text in (GOOD, (ASSETS / "dungeon.tileset.yaml").read_text(encoding="utf-8")):
        jsonschema.validate(json.loads(json.dumps(yaml.safe_load(text))), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"image": "a.png", "tile_size": 16, "tiles": {"floor": {"varients": [1]}}}, schema)


def test_a_tileset_is_frozen() -> None:
    with pytest.raises(ValidationError):
        load(GOOD).image = "b.png"  # type: ignore[misc]


def swap(old: str, new: str) -> Callable[[str], str]:
    return lambda text: text.replace(old, new)


WRONG: dict[str, tuple[str, str]] = {
    "unknown key": (
        HEAD + "tile: {}\ntiles: {floor: 0}",
        "3:1: L026: tile: unknown key 'tile'\n  remedy: did you mean 'tiles'?",
    ),
    "unknown key of a tile": (GOOD + "  x: {varients: [1]}", "6:7: L026: tiles.x.varients: unknown key 'varients'"),
    "unknown key of a rule": (GOOD + "  x: {variants: 0, rules: [{when: {}, use: 1}]}", "unknown key 'use'"),
    "unknown direction": (
        GOOD + "  x: {variants: 0, rules: [{when: {up: floor}, variants: 1}]}",
        "unknown key 'up'\n  remedy: allowed: north, northeast",
    ),
    "unknown key of a look": (GOOD + "  x: {pattern: [[{variant: 1}]]}", "unknown key 'variant'"),
    "missing key": ("image: a.png\ntiles: {floor: 0}", "1:1: L026: tile_size: the key 'tile_size' is missing"),
    "tile size": (
        HEAD.replace("16", "4") + "tiles: {floor: 0}",
        "2:1: L026: tile_size[0]: must be greater than or equal to 8",
    ),
    "text for a number": (
        HEAD + "tiles: {floor: one}",
        "tiles.floor: a tile number, a list or a mapping is needed, not 'one'",
    ),
    "fraction": (
        HEAD + "tiles: {floor: [1.5]}",
        "3:17: L026: tiles.floor.variants[0]: a whole number is needed, not 1.5",
    ),
    "boolean": (HEAD + "tiles: {floor: true}", "a whole number is needed, not True"),
    "negative": (HEAD + "tiles: {floor: -1}", "must be greater than or equal to 0, not -1"),
    "empty": (HEAD + "tiles: {floor: []}", "0 entries, at least 1 are needed"),
    "nothing": (HEAD + "tiles: {floor: }", "a tile number, a list or a mapping is needed, not None"),
    "mask of 15": (
        HEAD + f"tiles: {{w: {{mask4: {list(range(8)) + [0] * 7}}}}}",
        "15 entries, at least 16 are needed",
    ),
    "blob of 48": (HEAD + f"tiles: {{w: {{blob47: {[0] * 48}}}}}", "48 entries, at most 47 are allowed"),
    "two looks": (HEAD + "tiles: {w: {variants: 1, pattern: [[1]]}}", "found variants and pattern"),
    "no look": (HEAD + "tiles: {w: {layer: ground}}", "exactly one of variants, mask4, blob47 and pattern is needed"),
    "ragged pattern": (HEAD + "tiles: {w: {pattern: [[1, 2], [3]]}}", "the rows of a pattern must be equally long"),
    "weights": (HEAD + "tiles: {w: {variants: [1, 2], weights: [1]}}", "1 weights for 2 variants"),
    "no weight": (HEAD + "tiles: {w: {variants: [1], weights: [0]}}", "all weights are 0"),
    "stray weights": (HEAD + "tiles: {w: {pattern: [[1]], weights: [1]}}", "weights stand beside variants"),
    "stray joins": (HEAD + "tiles: {w: {variants: 1, joins: w}}", "joins goes with mask4 or blob47"),
    "object over nothing": (HEAD + "tiles: {w: {layer: object, variants: 1}}", "needs under:"),
    "ground over ground": (GOOD + "  x: {variants: 1, under: floor}", "under is for tiles of layer object"),
    "under": (
        GOOD + "  x: {layer: object, under: flor, variants: 1}",
        "6:22: L026: tiles.x.under: 'flor' is no tile of this tileset\n  remedy: did you mean 'floor'?",
    ),
    "object over object": (
        GOOD + "  x: {layer: object, under: floor, variants: 1}\n  y: {layer: object, under: x, variants: 1}",
        "'x' is itself an object",
    ),
    "join": (GOOD.replace("{mask4", "{joins: dor, mask4"), "'dor' is no tile of this tileset"),
    "neighbor": (GOOD + "  x: {variants: 0, rules: [{when: {west: wal}, variants: 1}]}", "did you mean 'wall'?"),
    "beyond": (
        GOOD.replace("[0, 1]", "[0, 8]"),
        "4:14: L026: tiles.floor.variants[1]: tile 8 is beyond the picture, which ",
    ),
    "beyond in a mask": (GOOD.replace("3]}", "99]}"), "tiles.wall.mask4[15].variants[0]: tile 99 is beyond"),
    "twice": (GOOD + "  floor: 2\n", "6:3: R002: key 'floor' stands twice, first in line 4"),
    "alias": (HEAD + "tiles: {floor: *a}", "3:16: R004: alias *a names nothing that stands before it"),
    "tag": (HEAD + "tiles: !!python/object:os.system {}", "3:8: R013: the tag"),
    "deep": ("image: " + "[" * 500, "R011: nested deeper than"),
    "not YAML": (HEAD + "tiles: [", "R004: not YAML"),
    "list": ("- 1", "1:1: L026: a tileset is a mapping"),
    "nothing at all": ("", "1:1: L026: a tileset is a mapping"),
    "key that is a list": (HEAD + "tiles: {[1]: 2}", "3:9: R003: a key is a list"),
    "key that is a number": (HEAD + "tiles: {1: 2}", "3:9: R003: a key is an integer, 1"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_file_gets_one_message_with_its_place(kind: str) -> None:
    text, message = WRONG[kind]
    with pytest.raises(InputError) as caught:
        load(text)
    assert message in str(caught.value)
    assert str(caught.value).startswith("mine.yaml:")


def test_bytes_that_are_no_text_are_refused() -> None:
    for data, message in (
        (b"image: \xff", ":1:8: R012: byte 0xff is not UTF-8"),
        (b"#" * (1 << 20) + b"#", "R011: has more than 1,048,576 bytes"),
    ):
        with pytest.raises(InputError, match=message):
            load(data)


def bomb() -> bytes:
    data = bytearray(png())
    data[16:24] = struct.pack(">II", 60_000, 60_000)
    return bytes(data)


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (b"GIF89a" + bytes(100), "a.png is not a PNG file"),
        (b"\x89PNG\r\n\x1a\n", "is not a PNG file"),
        (png()[:60], "a.png is broken: "),
        (png()[:45] + bytes(20) + png()[65:], "a.png is broken: "),
        (bomb(), "60,000 x 60,000 pixels; the most is 64,000,000 in all"),
        (bytes(MAX_IMAGE_BYTES + 1), "16,777,217 bytes; the most is 16,777,216"),
        (png((60, 32)), "width of a.png, 60 pixels, is no multiple of the tile size 16"),
        (png((64, 8)), "height of a.png, 8 pixels, is no multiple of the tile size 16"),
        (png(mode="I;16"), "16 bits a sample"),
    ],
)
def test_a_wrong_picture_gets_one_message(picture: bytes, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load(GOOD, picture)
    assert message in str(caught.value)
    assert str(caught.value).startswith("mine.yaml:1:1: L026: ")


def test_a_tile_of_the_game_without_picture_is_named() -> None:
    tileset = load(GOOD.replace("wall:", "wal:"))
    with pytest.raises(InputError, match="3:1: L026: no picture for the game's tile 'wall'\n  remedy: rename 'wal'"):
        tileset.require(["floor", "wall"])
    with pytest.raises(InputError, match="remedy: add exit: NUMBER under tiles:"):
        tileset.require(["exit"])


def test_a_missing_picture_is_named_with_the_place_that_names_it() -> None:
    def missing(name: str) -> Any:
        raise InputError("I001", f"there is no file {name!r}", where=name)

    with pytest.raises(InputError, match=r"^mine\.yaml:1:1: I001: there is no file 'a\.png'"):
        load_tileset(GOOD.encode(), missing, "mine.yaml")


def test_a_tileset_without_picture_says_so() -> None:
    tileset = Tileset.model_validate({"image": "a.png", "tile_size": 16, "tiles": {"floor": 0}})
    with pytest.raises(ValueError, match="make it with load_tileset"):
        _ = tileset.sheet
