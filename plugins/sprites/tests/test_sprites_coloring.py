"""Colors of sprites: ramps kept, few enough, a palette's own; and what is tidied before."""

from __future__ import annotations

import numpy as np
import pytest
from aigc_sprites.coloring import Uncolored, darkest, paint, recolored
from aigc_sprites.palette import oklab, shipped_names, shipped_palette
from aigc_sprites.tidy import smooth, whole
from aigc_sprites.tokens import CLEAR, DARK, FIRST, LEVELS, MATERIALS, OUTLINE, colors_of

RNG = np.random.default_rng(0)


def ramps() -> np.ndarray:
    """Four hues from dark to light."""
    ends = np.array([[255, 90, 60], [80, 200, 90], [90, 120, 255], [240, 220, 120]])
    return np.rint(ends[:, None] * np.linspace(0.25, 1, LEVELS)[:, None]).astype(np.uint8)


def tokens() -> np.ndarray:
    picture = np.zeros((16, 16), np.uint8)
    picture[2:14, 2:14] = DARK
    picture[3:13, 3:13] = RNG.integers(FIRST, FIRST + MATERIALS * LEVELS, (10, 10))
    return picture


def test_all_colors_of_the_ramps_are_kept_where_they_may_be() -> None:
    picture, own = tokens(), ramps()
    colors, (indices,) = paint([Uncolored(picture, own)], 64)
    rgb = np.concatenate([[(0, 0, 0)], colors])[indices]
    assert (rgb[picture != CLEAR] == colors_of(own)[picture][picture != CLEAR][:, :3]).all()
    assert ((indices == 0) == (picture == CLEAR)).all()
    assert len(np.unique(colors, axis=0)) == len(colors)


@pytest.mark.parametrize("most", [2, 5, 12])
def test_no_more_colors_than_asked_for_and_none_is_invented(most: int) -> None:
    picture, own = tokens(), ramps()
    colors, (indices,) = paint([Uncolored(picture, own)], most)
    assert len(colors) == most
    known = {tuple(color) for color in colors_of(own)[:, :3].tolist()}
    assert {tuple(color) for color in colors.tolist()} <= known
    assert indices.max() == most


def test_layers_share_their_colors() -> None:
    first, second = tokens(), tokens()
    colors, pictures = paint([Uncolored(first, ramps()), Uncolored(second, ramps())], 64)
    assert len(pictures) == 2
    assert len(colors) <= 1 + MATERIALS * LEVELS


def test_nothing_has_no_colors() -> None:
    colors, (indices,) = paint([Uncolored(np.zeros((4, 4), np.uint8), ramps())], 8)
    assert len(colors) == 0
    assert not indices.any()


@pytest.mark.parametrize("name", shipped_names())
def test_palette_gives_every_color_and_dark_stays_dark(name: str) -> None:
    palette = shipped_palette(name).colors
    result = recolored(ramps(), palette)
    allowed = {tuple(color) for color in palette.tolist()}
    assert {tuple(color) for color in result.reshape(-1, 3).tolist()} <= allowed
    light = oklab(result)[..., 0]
    assert (np.diff(light, axis=1) >= 0).all()
    assert light[:, -1].min() > light[:, 0].max() - 200
    assert darkest(palette) in allowed


def test_hues_stay_apart_where_the_palette_has_them() -> None:
    palette = np.array(
        [[20, 10, 10], [120, 30, 20], [240, 90, 60], [10, 20, 40], [30, 60, 140], [110, 160, 250]], np.uint8
    )
    result = recolored(ramps(), palette)
    assert result[0, -1].tolist() == [240, 90, 60]
    assert result[2, -1].tolist() == [110, 160, 250]


def test_crumbs_pinholes_bumps_and_lone_pixels_go() -> None:
    clean = np.zeros((32, 32), np.uint8)
    clean[8:24, 8:24] = FIRST + 3
    clean[8:24, 8] = DARK
    spoilt = clean.copy()
    spoilt[2, 2] = FIRST  # a crumb
    spoilt[12, 12] = CLEAR  # a pinhole
    spoilt[16, 16] = FIRST + LEVELS + 6  # a lone pixel
    spoilt[7, 14] = DARK  # a bump
    spoilt[23, 18] = CLEAR  # a notch
    assert (smooth(whole(spoilt)) == clean).all()
    assert (smooth(whole(clean)) == clean).all()


def test_of_pieces_only_the_large_ones_stay() -> None:
    two = np.zeros((32, 32), np.uint8)
    two[8:24, 4:14], two[8:12, 20:24] = FIRST, FIRST  # 160 and 16 pixels
    assert (whole(two, 40) == two).all()
    assert int((whole(two, 150) != CLEAR).sum()) == 160


def test_outline_has_the_asked_color() -> None:
    colors, (indices,) = paint([Uncolored(tokens(), ramps())], 64)
    assert tuple(colors[indices[2, 2] - 1].tolist()) == OUTLINE
    colors, (indices,) = paint([Uncolored(tokens(), ramps())], 64, (1, 2, 3))
    assert colors[indices[2, 2] - 1].tolist() == [1, 2, 3]
