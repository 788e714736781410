"""Pictures and earlier sprites that a recipe begins from: read, kept to the pixel, refused with place and remedy."""

from __future__ import annotations

import json
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aigc_sprites import check as checks
from aigc_sprites import model as m
from aigc_sprites import proof
from aigc_sprites.assemble import Drawn, assembled
from aigc_sprites.conformance import pixels_of, slime
from aigc_sprites.params import SpriteParams
from aigc_sprites.plan import turns
from aigc_sprites.sprite import Sprite, rows_of
from aigc_sprites.tokens import CLEAR, DARK, FIRST, HIDDEN, LEVELS, MATERIALS
from PIL import Image
from pydantic import ValidationError

from aigc_content import InputError, Stream

COLORS = np.array([(0, 0, 0, 0), (24, 12, 28, 255), (42, 90, 60, 255), (76, 154, 84, 255), (196, 236, 172, 255)])


@pytest.fixture
def picture(tmp_path: Path) -> str:
    """The slime as a picture."""
    path = tmp_path / "slime.png"
    Image.fromarray(COLORS[pixels_of(slime())].astype(np.uint8)).save(path)
    return str(path)


RAMPS = np.linspace(40, 220, MATERIALS * LEVELS * 3).reshape(MATERIALS, LEVELS, 3).astype(np.uint8)


def made(params: SpriteParams, hidden_token: int = FIRST + 2) -> Sprite:
    """A sprite whose hidden pixels all get one token."""
    rng = Stream("made")
    plan = turns(params, params.figure, rng)
    tokens, ramps = {}, {}
    for part in (part for turn in plan for part in turn):
        known = np.full((32, 32), HIDDEN, np.uint8) if part.known is None else part.known
        tokens[part.name] = np.where(known == HIDDEN, hidden_token, known).astype(np.uint8)
        ramps[part.name] = RAMPS if part.ramps is None else part.ramps
    found = assembled(params, [Drawn(plan, tokens, {}, ramps)])
    assert isinstance(found, Sprite)
    return found


def test_vary_keeps_the_share_that_is_not_drawn_anew(picture: str) -> None:
    part = turns(SpriteParams.model_validate({"vary": {"image": picture, "strength": 0.25}}), "monster", Stream("a"))[
        0
    ][0]
    assert part.known is not None
    assert int((part.known == HIDDEN).sum()) == 256
    assert part.ramps is not None
    again = turns(
        SpriteParams.model_validate({"vary": {"image": picture, "strength": 0.25}}), "monster", Stream("a")
    )[0][0]
    assert again.known is not None
    assert (part.known == again.known).all()


def test_like_tells_colors_size_and_materials(picture: str) -> None:
    params = SpriteParams.model_validate({"like": {"image": picture}})
    told = turns(params, "monster", Stream("a"))[0][0].told
    assert told[m.INDEX["size"]] < m.untold("size")
    assert told[m.INDEX["materials"]] >= 1
    assert (
        {tuple(color) for color in params.palette_colors.tolist()}
        == {  # type: ignore[union-attr]
            tuple(color) for color in COLORS[1:, :3].tolist()
        }
    )
    assert {tuple(color) for color in made(params).colors[1:, :3].tolist()} <= {
        tuple(color) for color in COLORS[1:, :3].tolist()
    }


def test_fixed_pixels_stay_to_the_color(picture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "nearest", lambda *_: 500)
    params = SpriteParams.model_validate({"fixed": picture, "colors": 5})
    found = made(params, CLEAR)
    shown = found.colors[found.flat(found.figures[0], found.figures[0].frames[0])]
    assert (shown == COLORS[pixels_of(slime())]).all()
    problems = list(checks._kept(found, found.figures[0], params))
    assert not problems
    moved = slime()
    moved["figures"][0]["frames"][0]["cels"] = [rows_of(np.roll(pixels_of(slime()), 1, axis=1))]
    assert checks.check(Sprite.model_validate(moved), params).constraint == "fixed"


def hero(tmp_path: Path) -> tuple[str, Sprite]:
    """A hero of three layers, and its file."""
    base, legs, hair = (np.zeros((32, 32), np.uint8) for _ in range(3))
    base[6:28, 10:20], legs[20:28, 10:20], hair[6:10, 10:20] = 1, 2, 3
    sprite = Sprite.model_validate(
        {
            "kind": "hero",
            "size": 32,
            "palette": ["#c08060", "#204080", "#603010"],
            "figures": [
                {
                    "name": "hero",
                    "pivot": [14, 27],
                    "layers": [{"name": "base", "tags": ["human"]}, {"name": "legs"}, {"name": "hair"}],
                    "frames": [{"cels": [rows_of(part) for part in (base, legs, hair)]}],
                }
            ],
        }
    )
    path = tmp_path / "hero.sprite.json"
    path.write_text(sprite.model_dump_json(), "utf-8")
    return str(path), sprite


def test_redrawing_a_layer_leaves_the_others_as_they_are(tmp_path: Path) -> None:
    path, before = hero(tmp_path)
    params = SpriteParams.model_validate({"kind": "hero", "redraw": {"asset": path, "layers": ["hair"]}})
    after = made(params, DARK)
    figure, old = after.figures[0], before.figures[0]
    assert [layer.name for layer in figure.layers] == ["base", "legs", "hair"]
    for place, name in enumerate(("base", "legs", "hair")):
        same = (
            after.colors[after.cel(figure, figure.frames[0], place)]
            == before.colors[before.cel(old, old.frames[0], place)]
        ).all()
        assert same == (name != "hair")
    assert not list(checks._kept(after, figure, params))
    assert next(iter(checks._kept(before, old, params)))[0] == "redraw"


def png(width: int, height: int) -> bytes:
    """A PNG file that claims a size and holds next to nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )


def saved(pixels: np.ndarray) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (png(10_000, 5_000), "SPR007", "10,000 x 5,000"),
        (b"GIF89a" + b"\0" * 60, "SPR008", "not a PNG"),
        (png(32, 32), "SPR008", "broken"),
        (saved(np.full((40, 32, 4), 255, np.uint8)), "SPR009", "32 x 40"),
        (saved(np.zeros((32, 32, 4), np.uint8)), "SPR010", "no opaque pixel"),
    ],
)
def test_a_picture_that_cannot_be_used_is_refused_by_its_path(
    tmp_path: Path, data: bytes, code: str, words: str
) -> None:
    path = tmp_path / "mine.png"
    path.write_bytes(data)
    for params in (
        {"fixed": str(path)},
        {"vary": {"image": str(path)}},
        {"like": {"image": str(path)}},
    ):
        with pytest.raises(InputError) as caught:
            SpriteParams.model_validate(params)
        assert caught.value.code == code
        assert words in str(caught.value)
        assert caught.value.where == str(path)
        assert caught.value.remedy


@pytest.mark.parametrize("mode", ["P", "L", "RGB", "1", "LA"])
def test_pictures_of_every_mode_are_read(tmp_path: Path, mode: str) -> None:
    path = tmp_path / "mine.png"
    gray = Image.fromarray((np.indices((32, 32)).sum(axis=0) * 4).astype(np.uint8))
    gray.convert("RGB").quantize(8).save(path) if mode == "P" else gray.convert(mode).save(path)
    params = SpriteParams.model_validate({"vary": {"image": str(path)}})
    assert params.vary is not None
    assert params.vary.image.pixels.shape == (32, 32, 4)


@pytest.mark.parametrize(
    ("text", "words"),
    [("nothing", "is no sprite"), ("{}", "is no sprite: kind"), (json.dumps(slime()), "is a monster of 32 x 32")],
)
def test_an_earlier_sprite_that_cannot_be_used_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "old.sprite.json"
    path.write_text(text, "utf-8")
    with pytest.raises(InputError) as caught:
        SpriteParams.model_validate({"kind": "hero", "redraw": {"asset": str(path), "layers": ["hair"]}})
    assert caught.value.code == "SPR011"
    assert words in str(caught.value)


def refusal(params: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        SpriteParams.model_validate(params)
    return str(caught.value.errors(include_url=False)[0]["msg"])


def test_what_no_sprite_can_be_is_refused_before_anything_is_drawn(tmp_path: Path, picture: str) -> None:
    full = tmp_path / "full.png"
    Image.fromarray(np.full((32, 32, 4), 200, np.uint8) | np.array([0, 0, 0, 255], np.uint8)).save(full)
    path, _ = hero(tmp_path)
    redraw = {"asset": path, "layers": ["hair"]}
    assert "no monster can have these fixed pixels" in refusal({"fixed": str(full)})
    assert "4 colors, and colors is 3" in refusal({"fixed": picture, "colors": 3})
    assert "which the palette lacks" in refusal({"fixed": picture, "palette": "frost"})
    assert "give one of" in refusal({"fixed": picture, "vary": {"image": picture}})
    assert "this is a hero" in refusal({"kind": "hero", "fixed": picture})
    assert "leave out size" in refusal({"fixed": picture, "size": 48})
    assert "redraw belongs to a hero" in refusal({"redraw": redraw})
    assert "cloak" in refusal({"kind": "hero", "redraw": {**redraw, "layers": ["cloak"]}})
    assert "did you mean" in refusal({"type": "dragn"}).lower()
    assert "did you mean" in refusal({"kind": "hero", "wear": {"body": "rob"}}).lower()
    assert "did you mean" in refusal({"kind": "hero", "wear": {"cloack": None}}).lower()
    assert "did you mean" in refusal({"kind": "hero", "race": "humen"}).lower()
    assert "wear belongs to a hero" in refusal({"kind": "item", "wear": {"body": "robe"}})
    assert "members belongs to a cast" in refusal({"kind": "item", "members": 3})
    assert "tag 'sword' needs a type that has it: weapon" in refusal({"kind": "item", "tag": "sword"})
    assert "did you mean 'sword'" in refusal({"kind": "item", "type": "weapon", "tag": "swrd"})
    assert "a floor has no tag 'rock', but this has: wall" in refusal(
        {"kind": "tile", "type": "floor", "tag": "rock"}
    )
    assert "did you mean 'brick'" in refusal({"kind": "tile", "tag": "brik"})
    assert "tag belongs to" in refusal({"kind": "hero", "tag": "robe"})
    assert "build belongs to" in refusal({"kind": "tile", "build": "tiny"})
    assert "a tile has no outline" in refusal({"kind": "tile", "outline": True})
