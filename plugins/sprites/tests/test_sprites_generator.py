"""The shipped generator: what it promises for every kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from aigc_sprites import model as m
from aigc_sprites.data.words import NOT_LEARNED
from aigc_sprites.draw import SpriteModel
from aigc_sprites.generator import Sprites
from aigc_sprites.params import SpriteParams
from aigc_sprites.sprite import FACINGS, Sprite

from aigc_content import Request, Stream
from aigc_content.models import ModelRef, resolve
from aigc_content.testing import check_generator


def test_conformance() -> None:
    assert [check for check in check_generator("sprites") if not check.passed] == []


def made(params: dict[str, Any], tries: int = 12) -> Sprite:
    """The first of some attempts that passes."""
    asked = SpriteParams.model_validate(params)
    generator = Sprites()
    models = Sprites.models_for(asked)
    generator.opened = {role: resolve(ref) for role, ref in models.items() if isinstance(ref, ModelRef)}
    generator.open()
    requests = [Request(asked, Stream(f"attempt {number}")) for number in range(tries)]
    for asset in generator.generate_batch(requests):
        if isinstance(asset, Sprite) and generator.verify(asset, asked).passed:
            return asset
    raise AssertionError(f"none of {tries} attempts passes")


def test_tags_that_were_not_learned_are_not_offered() -> None:
    told = SpriteModel(resolve(Sprites.models["painter"]).path).told
    seen = np.bincount(told[:, m.INDEX["word"]], minlength=len(m.WORDS) + 1)
    assert {word for word, count in zip(m.WORDS, seen, strict=False) if count < 2} == NOT_LEARNED


def test_a_hero_wears_what_is_asked_in_the_asked_colors() -> None:
    wear = {"body": "robe", "legs": None, "hand2": "shield"}
    found = made({"kind": "hero", "wear": wear, "palette": "dusk", "colors": 16})
    (figure,) = found.figures
    assert [layer.name for layer in figure.layers] == ["base", "legs", "body", "hand2"]
    assert figure.layers[2].tags == ("robe",)
    assert len(found.palette) <= 16
    allowed = {tuple(color) for color in SpriteParams.model_validate({"palette": "dusk"}).palette.colors.tolist()}  # type: ignore[union-attr]
    assert {tuple(color) for color in found.colors[1:, :3].tolist()} <= allowed


def test_a_walker_looks_everywhere_and_a_cast_has_its_members() -> None:
    (walker,) = made({"kind": "walker"}).figures
    assert [frame.facing for frame in walker.frames] == [facing for facing in FACINGS for _ in range(2)]
    cast = made({"kind": "cast", "of": "monster", "members": 3}, tries=3)
    assert [figure.name for figure in cast.figures] == ["monster-1", "monster-2", "monster-3"]


def test_an_asked_tag_is_drawn_and_read() -> None:
    (figure,) = made({"kind": "item", "type": "weapon", "tag": "sword"}).figures
    assert figure.layers[0].tags == ("weapon", "sword")


@pytest.mark.parametrize("size", [16, 24, 48])
def test_other_sizes_pass_the_same_proof(size: int) -> None:
    assert made({"kind": "monster", "size": size}).size == size
