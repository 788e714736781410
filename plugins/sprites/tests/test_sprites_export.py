"""Exported files, read back by other programs or by a reader written from the format's specification."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from aigc_sprites import export
from aigc_sprites.formats.frames import animations
from aigc_sprites.formats.pages import pack
from aigc_sprites.sprite import Facing, Figure, Frame, Indices, Layer, Sprite, rows_of
from PIL import Image

from aigc_content import File, Origin, Params
from aigc_content.export import check_name

SIZE = 12
PARAMS = Params()
PALETTE = ("#201510", "#a04030", "#e0c090", "#3050a0", "#60b060")
FACINGS: tuple[Facing, ...] = ("down", "left", "right", "up")


def blot(seed: int, colors: int = len(PALETTE), size: int = SIZE) -> Indices:
    """A picture with a clear rim, unlike those of other seeds."""
    pixels = np.random.default_rng(seed).integers(0, colors + 1, (size, size)).astype(np.uint8)
    rim = 1 + seed % 3
    pixels[:rim] = pixels[-1:] = 0
    pixels[:, :rim] = pixels[:, -2:] = 0
    return pixels


def figure(name: str, layers: Iterable[Layer], frames: Iterable[tuple[Facing, int, list[int]]]) -> Figure:
    """Each frame is a facing, a duration, and the seed of each cel (0 for None)."""
    made = tuple(
        Frame(facing=facing, duration=ms, cels=tuple(rows_of(blot(seed)) if seed else None for seed in seeds))
        for facing, ms, seeds in frames
    )
    return Figure(name=name, pivot=(6, 11), layers=tuple(layers), frames=made)


def monster() -> Sprite:
    one = figure("slime", [Layer(name="body", tags=("slime",))], [("down", 100, [1])])
    return Sprite(kind="monster", size=SIZE, palette=PALETTE, figures=(one,))


def hero() -> Sprite:
    layers = [Layer(name="body"), Layer(name="cloak", tags=("red", "long")), Layer(name="hand1", tags=("sword",))]
    one = figure("hero", layers, [("down", 200, [2, 0, 3]), ("down", 120, [4, 5, 6])])
    return Sprite(kind="hero", size=SIZE, palette=PALETTE, figures=(one,))


def walker() -> Sprite:
    frames = [
        (facing, 100 + 50 * step, [10 + 3 * place + step])
        for place, facing in enumerate(FACINGS)
        for step in range(3)
    ]
    one = figure("guard", [Layer(name="body")], frames)
    return Sprite(kind="walker", size=SIZE, palette=PALETTE, figures=(one,))


def cast() -> Sprite:
    members = (
        figure("ann", [Layer(name="body"), Layer(name="hair")], [("down", 100, [30, 31])]),
        figure("bob", [Layer(name="body")], [("left", 100, [32]), ("up", 100, [33])]),
        figure("cat", [Layer(name="body"), Layer(name="tail")], [("down", 100, [34, 0]), ("down", 80, [35, 36])]),
    )
    return Sprite(kind="cast", size=SIZE, palette=PALETTE, figures=members)


SPRITES = {"monster": monster, "hero": hero, "walker": walker, "cast": cast}
ORIGIN = Origin("one", "CC0-1.0", [("painter", "CC0-1.0", ["tiles"])], '{"version":1}')
PER_ASSET = (
    export.png,
    export.sheet,
    export.aseprite,
    export.godot,
    export.rpgmaker,
    export.lpc,
    export.gif,
    export.apng,
    export.character,
)


@pytest.fixture(params=SPRITES)
def sprite(request: pytest.FixtureRequest) -> Sprite:
    return SPRITES[request.param]()


def files(exporter: Callable[..., Iterator[File]], sprite: Sprite) -> dict[str, bytes]:
    last = ORIGIN if exporter is export.character else "one"
    return {file.name: file.data for file in exporter(sprite, PARAMS, last)}


def colors(sprite: Sprite, pixels: Indices) -> Any:
    """What a picture must look like: RGBA."""
    return sprite.colors[pixels]


def seen(data: bytes) -> Any:
    """What Pillow sees, RGBA; clear pixels black."""
    rgba = np.array(Image.open(BytesIO(data)).convert("RGBA"))
    rgba[rgba[..., 3] == 0] = 0
    return rgba


def flats(sprite: Sprite) -> list[tuple[Indices, int]]:
    return [(sprite.flat(row.figure, frame), frame.duration) for row in animations(sprite) for frame in row.frames]


def test_same_bytes_twice_under_safe_names_that_no_other_exporter_takes() -> None:
    for make in SPRITES.values():
        once, again = ([pair for one in PER_ASSET for pair in files(one, make()).items()] for _ in range(2))
        names = [check_name("one" + name, "here") for name, _ in once]
        assert once == again
        assert len(set(names)) == len(names)
    assets = [(make(), name) for name, make in SPRITES.items()]
    assert list(export.atlas(assets, PARAMS, "job")) == list(export.atlas(assets, PARAMS, "job"))


def test_png_is_indexed_and_says_that_it_is_generated() -> None:
    sprite = monster()
    made = files(export.png, sprite)
    assert list(made) == [".png"]
    opened = Image.open(BytesIO(made[".png"]))
    assert opened.mode == "P"
    assert opened.text["DigitalSourceType"].endswith("trainedAlgorithmicMedia")  # type: ignore[attr-defined]
    assert (seen(made[".png"]) == colors(sprite, blot(1))).all()


def test_png_of_layers_are_aligned_and_make_the_whole() -> None:
    sprite = hero()
    made = files(export.png, sprite)
    assert list(made) == [".png", "/body.png", "/cloak.png", "/hand1.png"]
    whole = np.zeros((SIZE, SIZE, 4), np.uint8)
    for name in list(made)[1:]:
        layer = seen(made[name])
        whole = np.where(layer[..., 3:] > 0, layer, whole)
    assert (whole == seen(made[".png"])).all()
    assert not seen(made["/cloak.png"]).any()


def test_png_of_a_cast_has_each_member() -> None:
    assert list(files(export.png, cast())) == [
        "/ann.png",
        "/ann/body.png",
        "/ann/hair.png",
        "/bob.png",
        "/cat.png",
        "/cat/body.png",
        "/cat/tail.png",
    ]


def test_sheet_frames_are_where_aseprite_json_says(sprite: Sprite) -> None:
    made = files(export.sheet, sprite)
    picture, data = seen(made[".sheet.png"]), json.loads(made[".sheet.json"])
    meta = data["meta"]
    assert meta["image"] == "one.sheet.png"
    assert picture.shape[:2] == (meta["size"]["h"], meta["size"]["w"])
    assert len(data["frames"]) == len(flats(sprite))
    for number, (frame, (flat, duration)) in enumerate(zip(data["frames"], flats(sprite), strict=True)):
        box = frame["frame"]
        part = picture[box["y"] : box["y"] + box["h"], box["x"] : box["x"] + box["w"]]
        assert (part == colors(sprite, flat)).all()
        assert (frame["filename"], frame["duration"]) == (str(number), duration)
    covered = [number for tag in meta["frameTags"] for number in range(tag["from"], tag["to"] + 1)]
    assert covered == list(range(len(data["frames"])))


def test_aseprite_json_names_tags_layers_and_pivots() -> None:
    meta = json.loads(files(export.sheet, walker())[".sheet.json"])["meta"]
    assert [tag["name"] for tag in meta["frameTags"]] == ["walk_down", "walk_left", "walk_right", "walk_up"]
    meta = json.loads(files(export.sheet, hero())[".sheet.json"])["meta"]
    assert [tag["name"] for tag in meta["frameTags"]] == ["default"]
    assert [(layer["name"], layer.get("data")) for layer in meta["layers"]] == [
        ("body", None),
        ("cloak", "red,long"),
        ("hand1", "sword"),
    ]
    meta = json.loads(files(export.sheet, cast())[".sheet.json"])["meta"]
    tags = ["ann_default", "bob_walk_left", "bob_walk_up", "cat_default"]
    assert [tag["name"] for tag in meta["frameTags"]] == tags
    assert [(key["frame"], key["pivot"]) for key in meta["slices"][0]["keys"]] == [
        (0, {"x": 6, "y": 11}),
        (1, {"x": 6, "y": 11}),
        (3, {"x": 6, "y": 11}),
    ]


def test_godot_four_resource_is_whole() -> None:
    made = files(export.godot, walker())
    text = made[".godot4.tres"].decode()
    assert text.startswith('[gd_resource type="SpriteFrames" load_steps=14 format=3]\n')
    assert '[ext_resource type="Texture2D" path="one.godot.png" id="1"]' in text
    subs = [line.split('id="')[1][:-2] for line in text.splitlines() if line.startswith("[sub_resource")]
    used = [part.split('")')[0] for part in text.split('SubResource("')[1:]]
    assert used == subs
    assert len(used) == 12
    assert [part.split('"')[0] for part in text.split('"name": &"')[1:]] == [f"walk_{facing}" for facing in FACINGS]
    assert '"duration": 1.5,' in text
    assert text.count('"speed": 10.0\n') == 4


def test_atlas_of_pixi_and_phaser_hold_every_frame() -> None:
    assets = [(make(), f"job-{number:06}") for number, make in enumerate(SPRITES.values(), 1)]
    made = {file.name: file.data for file in export.atlas(assets, PARAMS, "job")}
    assert list(made) == ["atlas.png", "atlas.pixi.json", "atlas.phaser.json"]
    assert Image.open(BytesIO(made["atlas.png"])).mode == "P"
    picture, pixi = seen(made["atlas.png"]), json.loads(made["atlas.pixi.json"])
    (texture,) = json.loads(made["atlas.phaser.json"])["textures"]
    phaser = {frame["filename"]: frame["frame"] for frame in texture["frames"]}
    assert "job-000003/walk_left/2" in phaser
    for sprite, name in assets:
        for row in animations(sprite):
            names = pixi["animations"][f"{name}/{row.name}"]
            for frame, title in zip(row.frames, names, strict=True):
                box = pixi["frames"][title]["frame"]
                assert phaser[title] == box
                part = picture[box["y"] : box["y"] + box["h"], box["x"] : box["x"] + box["w"]]
                assert (part == colors(sprite, sprite.flat(row.figure, frame))).all()


def test_atlas_with_many_colors_is_true_color() -> None:
    sprites = []
    for number in range(6):
        palette = tuple(f"#{number:02x}{color:02x}40" for color in range(50))
        one = Figure(
            name="x", pivot=(0, 0), layers=(Layer(name="a"),), frames=(Frame(cels=(rows_of(blot(number, 50)),)),)
        )
        sprites.append((Sprite(kind="item", size=SIZE, palette=palette, figures=(one,)), f"x-{number}"))
    (page,) = pack(sprites)
    assert not page.indexed
    picture = seen(page.png)
    for number, (sprite, name) in enumerate(sprites):
        (place,) = page.animations[f"{name}/default"]
        part = picture[place.y : place.y + SIZE, place.x : place.x + SIZE]
        assert (part == colors(sprite, blot(number, 50))).all()


def test_atlas_shares_equal_frames_and_opens_a_page_when_one_is_full() -> None:
    assert len(pack([(hero(), "a"), (hero(), "b")], max_side=25)) == 1
    pages = pack([(walker(), "a"), (hero(), "b"), (monster(), "c"), (hero(), "d")], max_side=25)
    assert [next(iter(page.animations)) for page in pages] == ["a/walk_down", "b/default"]
    assert pages[1].size == (2 * 13 - 1, 2 * 13 - 1)


def test_rpgmaker_rows_are_down_left_right_up() -> None:
    sprite = walker()
    (name, data) = next(iter(files(export.rpgmaker, sprite).items()))
    assert name == "/$one.png"
    picture = seen(data)
    assert picture.shape == (4 * SIZE, 3 * SIZE, 4)
    for row in range(4):
        for column in range(3):
            part = picture[row * SIZE : (row + 1) * SIZE, column * SIZE : (column + 1) * SIZE]
            assert (part == colors(sprite, blot(10 + 3 * row + column))).all()


def test_rpgmaker_rows_are_alike_without_facings() -> None:
    sprite = monster()
    cells = seen(files(export.rpgmaker, sprite)["/$one.png"]).reshape(4, SIZE, 3, SIZE, 4).swapaxes(1, 2)
    assert (cells == colors(sprite, blot(1))).all()
    assert list(files(export.rpgmaker, cast())) == ["/$ann.png", "/$bob.png", "/$cat.png"]


def test_lpc_rows_are_up_left_down_right_with_the_foot_in_place() -> None:
    sprite = walker()
    picture = seen(files(export.lpc, sprite)[".lpc.png"])
    assert picture.shape == (4 * 64, 9 * 64, 4)
    x, y = 32 - 6, 61 - 11
    for row, facing in enumerate(("up", "left", "down", "right")):
        for column, step in enumerate((0, 0, 0, 0, 1, 1, 1, 2, 2)):
            cell = picture[row * 64 : row * 64 + 64, column * 64 : column * 64 + 64]
            expected = np.zeros((64, 64, 4), np.uint8)
            seed = 10 + 3 * FACINGS.index(facing) + step
            expected[y : y + SIZE, x : x + SIZE] = colors(sprite, blot(seed))
            assert (cell == expected).all()


def test_character_lists_parts_and_what_each_frame_shows() -> None:
    data = json.loads(files(export.character, hero())["/character.json"])
    (one,) = data["figures"]
    assert data["palette"] == list(PALETTE)
    assert one["pivot"] == {"x": 6, "y": 11}
    assert one["parts"][2] == {"layer": "hand1", "tags": ["sword"]}
    (default,) = one["animations"]
    assert [frame["layers"] for frame in default["frames"]] == [["body", "hand1"], ["body", "cloak", "hand1"]]
    assert [frame["sheet"]["x"] for frame in default["frames"]] == [0, SIZE]
    assert data["id"] == "one"


@pytest.mark.parametrize("name", SPRITES)
def test_character_tells_where_a_frame_stands_on_the_sheet(name: str) -> None:
    sprite = SPRITES[name]()
    sheet = seen(next(data for file, data in files(export.sheet, sprite).items() if file.endswith(".png")))
    told = json.loads(files(export.character, sprite)["/character.json"])
    for figure, own in zip(sprite.figures, told["figures"], strict=True):
        shown = [frame for row in animations(sprite) if row.figure is figure for frame in row.frames]
        places = [frame["sheet"] for row in own["animations"] for frame in row["frames"]]
        for frame, at in zip(shown, places, strict=True):
            view = sheet[at["y"] : at["y"] + at["h"], at["x"] : at["x"] + at["w"]]
            assert (view == colors(sprite, sprite.flat(figure, frame))).all()


def test_character_says_whom_to_credit_and_how_to_make_it_again() -> None:
    data = json.loads(files(export.character, cast())["/character.json"])
    assert data["license"] == "CC0-1.0"
    assert data["credits"] == [{"model": "painter", "license": "CC0-1.0", "learned_from": ["tiles"]}]
    assert data["recipe"] == ORIGIN.recipe
