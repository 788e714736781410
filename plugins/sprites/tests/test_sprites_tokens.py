"""Pictures as materials and levels: what is kept, what is one material, and clean pixel art in figures."""

from __future__ import annotations

import numpy as np
from aigc_sprites.craft import craft, outline
from aigc_sprites.palette import oklab
from aigc_sprites.tokens import CLEAR, DARK, FIRST, LEVELS, MATERIALS, colors_of, encode

RED, BLUE, GRAY = ((90, 10, 10), (170, 30, 30), (240, 90, 90)), ((10, 10, 90), (60, 60, 220)), ((128, 128, 128),)


def picture(*materials: tuple[tuple[int, int, int], ...]) -> np.ndarray:
    """Bands of color, the first material widest, on a transparent ground."""
    pixels = np.zeros((32, 32, 4), np.uint8)
    top = 2
    for place, colors in enumerate(materials):
        for color in colors:
            pixels[top : top + 3, 2 : 28 - 4 * place] = (*color, 255)
            top += 3
    return pixels


def test_colors_come_back_nearly() -> None:
    pixels = picture(RED, BLUE, GRAY)
    tokens, ramps = encode(pixels)
    back = colors_of(ramps)[tokens]
    assert (back[..., 3] == pixels[..., 3]).all()
    assert np.abs(back.astype(int) - pixels)[..., :3].max() <= 1


def test_one_drawing_in_other_colors_is_nearly_the_same_tokens() -> None:
    light = [
        oklab(np.array(colors, np.uint8))[:, 0] for colors in (RED, ((20, 60, 20), (40, 110, 40), (90, 190, 90)))
    ]
    assert np.abs(light[0] - light[1]).max() < 150
    first, second = (encode(picture(colors))[0] for colors in (RED, ((20, 60, 20), (40, 110, 40), (90, 190, 90))))
    assert ((first == CLEAR) == (second == CLEAR)).all()
    assert set(np.unique(second)) <= {CLEAR, *range(FIRST, FIRST + LEVELS)}


def test_materials_are_numbered_by_area() -> None:
    tokens, _ = encode(picture(RED, BLUE, GRAY))
    material = (tokens.astype(int) - FIRST) // LEVELS
    areas = [int((material[tokens >= FIRST] == m).sum()) for m in range(MATERIALS)]
    assert areas == sorted(areas, reverse=True)
    assert areas[2] > 0 == areas[3]


def test_near_black_is_outline_whatever_its_hue() -> None:
    tokens, _ = encode(picture(((5, 0, 0), (0, 0, 6)), ((200, 180, 90),)))
    lit = tokens[tokens >= FIRST]
    assert set(np.unique(tokens)) == {CLEAR, DARK, *np.unique(lit)}
    assert len(np.unique(lit)) == 1


def test_a_dark_picture_has_no_fewer_levels_than_a_light_one() -> None:
    shades = np.linspace(0, 1, 32)[None, :, None]
    dark, light = (low + shades * (high - low) for low, high in ((8, 60), (90, 250)))
    found = []
    for gray in (dark, light):
        pixels = np.concatenate([np.broadcast_to(gray, (32, 32, 3)), np.full((32, 32, 1), 255)], axis=2)
        tokens, ramps = encode(pixels.astype(np.uint8))
        found.append(len(np.unique(tokens[tokens >= FIRST])))
        shown = colors_of(ramps)[tokens, 0].astype(int)[:, 4:]
        assert np.abs(shown - pixels[:, 4:, 0].astype(int)).max() <= 20, "and keeps how light it is"
    assert found[0] == LEVELS
    assert found[1] >= LEVELS - 2


def test_nothing_is_nothing() -> None:
    tokens, ramps = encode(np.zeros((32, 32, 4), np.uint8))
    assert not tokens.any()
    assert not ramps.any()


def test_craft_of_a_square_with_flaws() -> None:
    pixels = np.zeros((16, 16), np.uint8)
    pixels[4:12, 4:12] = 2
    dark = np.array([False, True, False])
    clean = craft(pixels, dark)
    assert (clean.opaque, clean.parts, clean.main, clean.orphans, clean.jaggies, clean.border) == (
        64,
        1,
        1000,
        0,
        0,
        0,
    )
    assert (clean.outlined, clean.colors) == (0, 1)
    flawed = pixels.copy()
    flawed[3, 7] = 2  # a bump
    flawed[11, 6] = 0  # a notch
    flawed[7, 7] = 1  # a lone pixel
    flawed[0, 15] = 2  # a speck in the corner
    found = craft(flawed, dark)
    edge = int(outline(flawed > 0).sum())
    assert (found.parts, found.border) == (2, 1)
    assert found.main == 64 * 1000 // 65
    assert found.orphans == 2 * 1000 // 65
    assert found.jaggies == 2 * 1000 // edge


def test_outline_that_is_dark_counts_as_outline() -> None:
    pixels = np.zeros((16, 16), np.uint8)
    pixels[4:12, 4:12] = 1
    pixels[5:11, 5:11] = 2
    assert craft(pixels, np.array([False, True, False])).outlined == 1000
