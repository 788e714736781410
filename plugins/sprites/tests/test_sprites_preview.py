"""What the gallery shows of a sprite, read back by Pillow; and the page itself, in Chromium."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aigc_sprites import export
from aigc_sprites.formats.frames import animations
from aigc_sprites.generator import Sprites
from aigc_sprites.sprite import Layer, Sprite
from PIL import Image

from aigc_content import Preview, Verdict
from aigc_content.build import BuildOptions, build_plan
from aigc_content.plan import make_plan
from aigc_content.plugins import discover
from aigc_content.recipe import parse_recipe

from .test_sprites_export import (
    FACINGS,
    PALETTE,
    SIZE,
    SPRITES,
    cast,
    colors,
    figure,
    files,
    hero,
    monster,
    seen,
    walker,
)
from .test_sprites_export_clients import devtools

GAP = SIZE // 4
PITCH = SIZE + GAP


def frames_of(data: bytes) -> list[tuple[Any, int]]:
    """Every picture of a PNG file, RGBA, clear pixels black, with its milliseconds."""
    opened: Any = Image.open(BytesIO(data))
    found = []
    for number in range(getattr(opened, "n_frames", 1)):
        opened.seek(number)
        rgba = np.array(opened.convert("RGBA"))
        rgba[rgba[..., 3] == 0] = 0
        found.append((rgba, int(opened.info.get("duration", 0))))
    return found


def cells(preview: Preview, picture: Any) -> list[Any]:
    """The pictures above the captions."""
    return [picture[y - SIZE : y, x + GAP // 2 : x + GAP // 2 + SIZE] for _, x, y, _ in preview.captions]


def whole(layers: Sequence[Any]) -> Any:
    """Layers on each other."""
    out = np.zeros_like(layers[0])
    for layer in layers:
        out = np.where(layer[..., 3:] > 0, layer, out)
    return out


def test_a_sprite_with_one_picture_is_shown_as_it_is_exported() -> None:
    shown = export.preview(monster())
    assert (shown.media_type, shown.colors, shown.layers, shown.captions) == ("image/png", PALETTE, {}, [])
    assert shown.data == files(export.png, monster())[".png"]


def test_an_animation_alone_is_shown_as_it_is_exported() -> None:
    shown = export.preview(hero())
    assert shown.media_type == "image/apng"
    assert shown.data == files(export.apng, hero())[".apng"]


@pytest.mark.parametrize("name", SPRITES)
def test_same_bytes_twice(name: str) -> None:
    assert export.preview(SPRITES[name]()) == export.preview(SPRITES[name]())


@pytest.mark.parametrize("make", [hero, cast])
def test_layers_on_each_other_are_the_picture_at_every_step(make: Any) -> None:
    shown = export.preview(make())
    layers = [frames_of(data) for data in shown.layers.values()]
    for step, (picture, ms) in enumerate(frames_of(shown.data)):
        assert (whole([layer[step][0] for layer in layers]) == picture).all()
        assert {layer[step][1] for layer in layers} == {ms}


def test_layers_keep_their_order_and_those_without_a_pixel_are_left_out() -> None:
    assert list(export.preview(hero()).layers) == ["body", "cloak", "hand1"]
    assert list(export.preview(cast()).layers) == ["body", "tail", "hair"]
    (one,) = hero().figures
    first = one.model_copy(update={"frames": one.frames[:1]})
    shown = export.preview(hero().model_copy(update={"figures": (first,)}))
    assert list(shown.layers) == ["body", "hand1"]
    assert shown.layers["body"] == files(export.png, hero())["/body.png"]


def test_figures_that_disagree_about_what_is_above_have_no_layers_to_hide() -> None:
    layers = [Layer(name="body"), Layer(name="cloak")]
    members = (
        figure("ann", layers, [("down", 100, [1, 2])]),
        figure("bob", layers[::-1], [("down", 100, [3, 4])]),
    )
    assert export.preview(Sprite(kind="cast", size=SIZE, palette=PALETTE, figures=members)).layers == {}


def test_a_walker_walks_all_ways_at_once() -> None:
    sprite = walker()
    shown = export.preview(sprite)
    assert [text for text, *_ in shown.captions] == list(FACINGS)
    pictures = frames_of(shown.data)
    assert [ms for _, ms in pictures] == [100, 150, 200]
    for step, (picture, _) in enumerate(pictures):
        assert picture.shape[:2] == (2 * PITCH, 2 * PITCH)
        for row, cell in zip(animations(sprite), cells(shown, picture), strict=True):
            assert (cell == colors(sprite, sprite.flat(row.figure, row.frames[step]))).all()


def test_a_cast_shows_every_member_over_its_name() -> None:
    sprite = cast()
    shown = export.preview(sprite)
    assert [text for text, *_ in shown.captions] == ["ann", "bob", "cat"]
    pictures = frames_of(shown.data)
    assert [ms for _, ms in pictures] == [100, 80]  # of cat, which has most frames
    for step, (picture, _) in enumerate(pictures):
        for member, cell in zip(sprite.figures, cells(shown, picture), strict=True):
            frames = [frame for frame in member.frames if frame.facing == member.frames[0].facing]
            assert (cell == colors(sprite, sprite.flat(member, frames[step % len(frames)]))).all()
    boxes = [(x, y) for _, x, y, _ in shown.captions]
    assert boxes == [(0, SIZE), (PITCH, SIZE), (PITCH // 2, PITCH + SIZE)]  # the odd one in the middle


@pytest.mark.parametrize(("members", "side"), [(2, 2), (4, 2), (5, 3), (9, 3), (16, 4), (64, 8)])
def test_members_stand_in_a_square_without_touching(members: int, side: int) -> None:
    made = [figure(f"m{number}", [Layer(name="body")], [("down", 100, [number + 1])]) for number in range(members)]
    sprite = Sprite(kind="cast", size=SIZE, palette=PALETTE, figures=tuple(made))
    shown = export.preview(sprite)
    picture = seen(shown.data)
    assert picture.shape[:2] == (side * PITCH, side * PITCH)
    for member, cell in zip(made, cells(shown, picture), strict=True):
        assert (cell == colors(sprite, sprite.flat(member, member.frames[0]))).all()
    assert len({(x, y) for _, x, y, _ in shown.captions}) == members


def test_frames_of_many_lengths_do_not_make_a_film_without_end() -> None:
    made = [
        figure(f"m{count}", [Layer(name="body")], [("down", 10 * count, [count])] * count) for count in (5, 7, 11, 13)
    ]
    sprite = Sprite(kind="cast", size=SIZE, palette=PALETTE, figures=tuple(made))
    opened: Any = Image.open(BytesIO(export.preview(sprite).data))
    assert opened.n_frames == 13


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    kit = devtools()
    if kit.PROGRAM is None:
        pytest.skip("needs Chromium (Debian: apt install chromium)")
    with kit.chromium() as page:
        yield page


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A build by the host whose networks are replaced by the sprites of these tests."""
    ready = iter([walker(), hero(), cast()])
    monkeypatch.setattr(Sprites, "models_for", classmethod(lambda cls, params: {}))
    monkeypatch.setattr(Sprites, "open", lambda self: None)
    monkeypatch.setattr(Sprites, "generate_batch", lambda self, requests: [next(ready) for _ in requests])
    monkeypatch.setattr(Sprites, "verify", lambda self, asset, params: Verdict(True))
    monkeypatch.setattr(Sprites, "measure", lambda self, asset: {"colors": len(asset.palette)})
    text = 'version: 1\njobs: [{name: figures, generator: sprites, count: 3, export: ["png", "apng"]}]'
    plan = make_plan(parse_recipe(text.encode(), tmp_path / "recipe.yaml", "recipe.yaml"), discover())
    result = build_plan(plan, BuildOptions(tmp_path / "out", executor="inline", title="sprites"), base=tmp_path)
    assert result.status == 0
    return tmp_path / "out"


def test_the_page_of_a_build_shows_motion_layers_palette_and_names(browser: Any, built: Path) -> None:
    assert not (built / "gallery" / "previews" / "figures-000002.apng").exists()  # the exporter's is as good
    browser.problems.clear()
    browser.open(built / "gallery.html")
    frames = "[...document.querySelectorAll('.card .frame')]"
    assert browser.js(f"{frames}.map((node) => node.querySelector('img').naturalWidth)") == [
        2 * PITCH,
        SIZE,
        2 * PITCH,
    ]
    assert browser.js(f"{frames}.map((node) => node.textContent)") == ["downleftrightup", "", "annbobcat"]
    browser.js("aigcGallery.setOpen('figures-000002')")
    browser.wait("document.querySelector('.layers input')")
    assert browser.js("[...document.querySelectorAll('.layers label')].map((node) => node.textContent)") == [
        "hand1",
        "cloak",
        "body",
    ]
    assert browser.js("[...document.querySelectorAll('.palette li')].map((node) => node.title)") == list(PALETTE)
    browser.click("[data-layer=cloak]")
    browser.wait("document.querySelector('.picture.parted')")
    assert browser.js("[...document.querySelectorAll('.stack img')].map((node) => node.hidden)") == [
        False,
        True,
        False,
    ]
    assert browser.problems == []
