"""Painting: walls join as their masks say, variants are a matter of position, numbers and picture agree."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from aigc_levels.paint import compose, render, tile_layers
from aigc_levels.tileset import BLOB47, Tileset, default_tileset, load_tileset
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from aigc_content import InputError, encode_png

CHARS = {
    " ": "void",
    "#": "wall",
    ".": "floor",
    "+": "door",
    "D": "locked_door",
    "~": "water",
    "^": "trap",
    "e": "enemy",
    "$": "loot",
    "k": "key",
    "<": "start",
    ">": "exit",
}
NAMES = list(CHARS.values())
LEVEL = """
#########
#<.e#.$.#
#~~.D.^.#
#~~k#...#
##+#####
 #.#  #.#
 #>#  ###
"""


def grid(text: str, chars: Sequence[str] = tuple(CHARS)) -> Any:
    rows = text.strip("\n").split("\n")
    width = max(len(row) for row in rows)
    return np.array([[chars.index(char) for char in row.ljust(width)] for row in rows], np.uint8)


def mine(tiles: str, rgba: bool = False) -> Tileset:
    """A tileset of 64 tiles of 8 x 8 pixels, each of its own colors."""
    pixels = np.arange(64).reshape(8, 8).repeat(8, axis=0).repeat(8, axis=1).astype(np.uint8)
    pixels[::3, ::2] = 64
    colors = np.array([[3 * n, 255 - 2 * n, 7 * n % 256, 255] for n in range(65)], np.uint8)
    colors[64] = 0
    if rgba:
        picture = colors[pixels]
        picture[1::3, :, 3] = 130
        picture[::3, ::2] = 0
        file = BytesIO()
        Image.fromarray(picture).save(file, "PNG")
        png = file.getvalue()
    else:
        png = encode_png(pixels, colors)
    return load_tileset(f"image: a.png\ntile_size: 8\ntiles: {tiles}".encode(), lambda _: png, "mine.yaml")


def joined(cells: Any, y: int, x: int, dy: int, dx: int, codes: set[int]) -> bool:
    height, width = cells.shape
    return int(cells[min(max(y + dy, 0), height - 1), min(max(x + dx, 0), width - 1)]) in codes


GRIDS = st.integers(0, 10**6).map(
    lambda seed: np.random.Generator(np.random.Philox(seed)).integers(0, 3, (7, 9)).astype(np.uint8)
)


@settings(max_examples=25, deadline=None)
@given(GRIDS)
def test_mask4_is_the_sum_of_the_joining_sides(cells: Any) -> None:
    looks = [10 + mask for mask in range(16)]
    tileset = mine(f"{{a: 0, b: {{mask4: {looks}, joins: [b, c]}}, c: 1}}")
    ground, _ = tile_layers(cells, ["a", "b", "c"], tileset)
    for y, x in np.argwhere(cells == 1):
        sides = [joined(cells, y, x, dy, dx, {1, 2}) for dy, dx in ((-1, 0), (0, 1), (1, 0), (0, -1))]
        assert ground[y, x] == 10 + sum(side << bit for bit, side in enumerate(sides))


@settings(max_examples=25, deadline=None)
@given(GRIDS)
def test_blob47_counts_a_corner_only_between_joining_sides(cells: Any) -> None:
    tileset = mine(f"{{a: 0, b: {{blob47: {list(range(10, 57))}}}, c: 1}}")
    ground, _ = tile_layers(cells, ["a", "b", "c"], tileset)
    steps = ((-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1))
    for y, x in np.argwhere(cells == 1):
        ring = [joined(cells, y, x, dy, dx, {1}) for dy, dx in steps]
        mask = sum(
            1 << bit for bit in range(8) if ring[bit] and (bit % 2 == 0 or (ring[bit - 1] and ring[(bit + 1) % 8]))
        )
        assert ground[y, x] == 10 + BLOB47.index(mask)


def test_patterns_repeat_from_the_top_left() -> None:
    tileset = mine("{a: {pattern: [[1, 2, 3], [4, 5, 6]]}}")
    ground, _ = tile_layers(np.zeros((3, 4), np.uint8), ["a"], tileset)
    assert ground.tolist() == [[1, 2, 3, 1], [4, 5, 6, 4], [1, 2, 3, 1]]


def test_the_first_rule_that_fits_wins() -> None:
    rules = "[{when: {north: b, west: b}, variants: 1}, {when: {north: [b]}, variants: 2}]"
    tileset = mine(f"{{a: {{variants: 0, rules: {rules}}}, b: 9}}")
    ground, _ = tile_layers(grid("bbb\nbaa\naaa", "ab"), ["a", "b"], tileset)
    assert ground.tolist() == [[9, 9, 9], [9, 1, 2], [2, 0, 0]]


def test_an_object_lies_over_its_ground_and_counts_as_it() -> None:
    water = "{mask4: [10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25]}"
    tileset = mine(f"{{land: 0, water: {water}, boat: {{layer: object, under: water, variants: 40}}}}")
    ground, objects = tile_layers(grid("lwb", "lwb"), ["land", "water", "boat"], tileset)
    assert ground.tolist() == [[0, 10 + 7, 10 + 15]]  # north and south of the map count as the cell itself
    assert objects.tolist() == [[-1, -1, 40]]


def test_variants_depend_on_position_and_salt_alone() -> None:
    tileset = mine("{a: {variants: [0, 1, 2, 3]}, b: 4}")
    whole = np.zeros((20, 30), np.uint8)
    changed = whole.copy()
    changed[::3] = 1
    first, _ = tile_layers(whole, ["a", "b"], tileset, salt=5)
    second, _ = tile_layers(changed, ["a", "b"], tileset, salt=5)
    other, _ = tile_layers(whole, ["a", "b"], tileset, salt=-6)
    assert (first == second)[changed == 0].all()
    assert 0.5 < (first != other).mean() < 0.95
    names_reversed, _ = tile_layers(1 - whole, ["b", "a"], tileset, salt=5)
    assert np.array_equal(first, names_reversed)


def test_variants_come_as_often_as_they_weigh() -> None:
    tileset = mine("{a: {variants: [0, 1, 2, 3], weights: [6, 3, 0, 1]}, b: {variants: [4, 5]}}")
    for code, shares in ((0, {0: 0.6, 1: 0.3, 3: 0.1}), (1, {4: 0.5, 5: 0.5})):
        ground, _ = tile_layers(np.full((100, 100), code, np.uint8), ["a", "b"], tileset)
        numbers, counts = np.unique(ground, return_counts=True)
        assert numbers.tolist() == list(shares)
        assert np.allclose(counts / 10_000, list(shares.values()), atol=0.02)


def test_doors_stand_as_their_walls_run() -> None:
    tileset = default_tileset()
    door = tileset.tiles["door"]
    flat, upright = (rule.variants for rule in door.rules)
    for text, expected in (("...\n#+#\n...", flat), (".#.\n.+.\n.#.", upright), ("...\n.+.\n...", door.variants)):
        _, objects = tile_layers(grid(text), NAMES, tileset)
        assert (objects[1, 1],) == expected


def test_wall_ends_beside_an_upright_door() -> None:
    ground, _ = tile_layers(grid(".#.\n.#.\n.+.\n.#.\n.#."), NAMES, default_tileset())
    alone, _ = tile_layers(grid(".#.\n.#.\n...\n.#.\n.#."), NAMES, default_tileset())
    assert np.array_equal(ground[[1, 3], 1], alone[[1, 3], 1])


def test_floor_below_and_right_of_walls_is_in_shadow() -> None:
    tileset = default_tileset()
    ground, _ = tile_layers(grid("######\n#....#\n#....#\n#....#\n######"), NAMES, tileset)
    brightness = tileset.sheet.palette[tileset.sheet.tiles, :3].sum(axis=(1, 2, 3))  # type: ignore[index]
    bright = brightness[ground]
    assert bright[1, 1] < min(bright[1, 2], bright[2, 1])
    assert max(bright[1, 2], bright[2, 1]) < bright[2, 2]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 10**6))
def test_any_grid_is_covered(height: int, width: int, seed: int) -> None:
    cells = np.random.Generator(np.random.Philox(seed)).integers(0, 12, (height, width)).astype(np.uint8)
    ground, objects = tile_layers(cells, NAMES, default_tileset(), salt=seed)
    assert ground.dtype == objects.dtype == np.int32
    assert ground.min() >= 0
    assert max(ground.max(), objects.max()) < len(default_tileset().sheet.tiles)
    is_object = np.array([default_tileset().tiles[name].layer == "object" for name in NAMES])
    assert np.array_equal(objects >= 0, is_object[cells])
    picture = compose([ground, objects], default_tileset().sheet)
    assert picture.shape == (16 * height, 16 * width)
    assert (default_tileset().sheet.palette[picture, 3] == 255).all(), "a hole in the picture"  # type: ignore[index]


def pasted(layers: Sequence[Any], tileset: Tileset) -> Image.Image:
    """The picture as any other program would draw it from the numbers and the tileset's image."""
    sheet, (width, height) = tileset.sheet, tileset.tile_size
    atlas = Image.open(BytesIO(sheet.png)).convert("RGBA")
    rows, columns = layers[0].shape
    picture = Image.new("RGBA", (columns * width, rows * height))
    for layer in layers:
        for y, x in np.argwhere(layer >= 0):
            row, column = divmod(int(layer[y, x]), sheet.columns)
            box = (column * width, row * height, (column + 1) * width, (row + 1) * height)
            picture.alpha_composite(atlas.crop(box), (int(x) * width, int(y) * height))
    return picture


@pytest.mark.parametrize("rgba", [False, True])
def test_the_picture_shows_the_numbers(rgba: bool) -> None:
    tileset = mine("{a: {variants: [1, 2, 3]}, b: {layer: object, under: a, variants: [8, 9]}}", rgba)
    cells = np.indices((6, 7)).sum(axis=0).astype(np.uint8) % 2
    wanted = np.asarray(pasted(tile_layers(cells, ["a", "b"], tileset), tileset)).astype(int)
    with Image.open(BytesIO(render(cells, ["a", "b"], tileset))) as image:
        assert image.mode == ("RGBA" if rgba else "P")
        found = np.asarray(image.convert("RGBA")).astype(int)
    shown = wanted[..., 3] > 0
    assert np.array_equal(shown, found[..., 3] > 0)
    assert np.abs(wanted - found)[shown].max() <= (1 if rgba else 0)


def test_our_picture_shows_the_numbers() -> None:
    layers = tile_layers(grid(LEVEL), NAMES, default_tileset(), salt=3)
    with Image.open(BytesIO(render(grid(LEVEL), NAMES, default_tileset(), salt=3))) as image:
        assert image.mode == "P"
        assert np.array_equal(np.asarray(image.convert("RGBA")), np.asarray(pasted(layers, default_tileset())))


def test_scale_magnifies_and_text_is_written() -> None:
    small = Image.open(BytesIO(render(grid(LEVEL), NAMES, default_tileset())))
    png = render(grid(LEVEL), NAMES, default_tileset(), scale=3, text={"Source": "trainedAlgorithmicMedia"})
    with Image.open(BytesIO(png)) as large:
        assert large.size == (small.width * 3, small.height * 3)
        assert np.array_equal(np.asarray(large)[1::3, 2::3], np.asarray(small))
        assert large.info["Source"] == "trainedAlgorithmicMedia"


def test_bytes_are_pinned() -> None:
    """They change only with the painter or the baked tileset: raise the exporter's revision then."""
    layers = tile_layers(grid(LEVEL), NAMES, default_tileset(), salt=1)
    numbers = hashlib.sha256(b"".join(layer.astype("<i4").tobytes() for layer in layers))
    assert numbers.hexdigest()[:16] == "f1cf863261e12fd1"
    assert (
        hashlib.sha256(render(grid(LEVEL), NAMES, default_tileset(), salt=1)).hexdigest()[:16] == "67a19b6559c0e1ff"
    )


def test_wrong_grids_are_named() -> None:
    cases: list[tuple[Any, str]] = [
        (np.zeros((2, 2), np.int64), r"not int64 \(2, 2\)"),
        (np.zeros((2, 0), np.uint8), r"not uint8 \(2, 0\)"),
        (np.zeros(4, np.uint8), r"not uint8 \(4,\)"),
        ([[0]], "not list"),
        (np.full((2, 2), 12, np.uint8), "the grid holds code 12, but there are 12 tile names"),
    ]
    for wrong, message in cases:
        with pytest.raises(ValueError, match=message):
            tile_layers(wrong, NAMES, default_tileset())
    with pytest.raises(ValueError, match="scale must be 1 to 16, not 0"):
        render(grid(LEVEL), NAMES, default_tileset(), scale=0)


def test_a_name_without_tile_is_named() -> None:
    with pytest.raises(InputError, match=r"'doors'.*\n.*rename 'door'"):
        tile_layers(np.zeros((2, 2), np.uint8), ["floor", "doors"], default_tileset())
