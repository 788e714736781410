"""The proof: a clean sprite passes, and each thing that may be wrong with one is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aigc_sprites import check as checks
from aigc_sprites import proof
from aigc_sprites.conformance import material, pixels_of, slime
from aigc_sprites.copies import Copies, bits_of, pack
from aigc_sprites.craft import upright
from aigc_sprites.params import SpriteParams
from aigc_sprites.sprite import Sprite, rows_of
from pydantic import ValidationError


@pytest.fixture(autouse=True)
def no_training_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was learned from."""
    monkeypatch.setattr(proof, "nearest", lambda views, *_: [500] * len(views))


def verdict(asset: dict[str, Any], **params: Any) -> tuple[bool, str]:
    found = checks.check(Sprite.model_validate(asset), SpriteParams(**params))
    return found.passed, found.constraint


def test_a_clean_creature_passes() -> None:
    assert verdict(slime()) == (True, "")
    assert verdict(slime(), outline=True, colors=4) == (True, "")


def test_every_false_proof_of_the_kit_is_refused() -> None:
    found = []
    for asset, params in material().broken:
        try:
            passed, constraint = verdict(dict(asset), **params)
        except ValidationError:
            continue
        assert not passed, (params, constraint)
        found.append(constraint)
    assert {"kind", "type", "colors", "palette", "size", "pixels", "pieces", "orphans", "outline"} <= set(found)


def test_a_copy_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = pixels_of(slime())
    known = Copies(pack(bits_of(pixels > 0, pixels.astype(np.int64))[None]))
    monkeypatch.setattr(proof, "nearest", lambda views, *_: known.distances(views))
    asset = Sprite.model_validate(slime())
    assert checks.check(asset, SpriteParams()).constraint == "copy"


def test_the_copy_check_asks_the_shipped_model_and_the_own_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.undo()
    asked: list[Path] = []

    class Far:
        def distances(self, views: list[Any]) -> list[int]:
            return [400] * len(views)

    def copies(folder: Path) -> Far:
        asked.append(folder)
        return Far()

    monkeypatch.setattr(proof, "copies", copies)
    view = np.ones((32, 32), np.bool_), np.ones((32, 32), np.int64)
    assert proof.nearest([view, view], "walker", tmp_path) == [400, 400]
    assert asked == [proof.WEIGHTS / "walker", tmp_path]


def walker(**changes: np.ndarray) -> dict[str, Any]:
    """The slime as a walker: it leans to one side with each step."""
    standing = pixels_of(slime())
    frames = []
    for facing in ("down", "left", "right", "up"):
        for step in ("", "-step"):
            pixels = changes.get(f"{facing}{step}".replace("-", "_"), np.roll(standing, 1 if step else 0, axis=1))
            frames.append({"facing": facing, "duration": 160, "cels": [rows_of(pixels)]})
    figure = {
        "name": "walker",
        "pivot": [15, 29],
        "layers": [{"name": "walker", "tags": []}],
        "frames": frames,
    }
    return {**slime(), "kind": "walker", "figures": [figure]}


def test_a_walker_stays_on_its_feet_and_keeps_its_mass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(checks.LIMITS, "walker", checks.LIMITS["monster"])
    standing = pixels_of(slime())
    assert verdict(walker(), kind="walker") == (True, "")
    assert verdict(walker(up=np.roll(standing, -2, axis=0)), kind="walker") == (False, "feet")
    thin = standing.copy()
    thin[:, 20:] = 0
    assert verdict(walker(left=thin), kind="walker") == (False, "area")
    assert verdict(walker(left_step=standing), kind="walker") == (False, "steps")
    down = walker()
    down["figures"][0]["frames"] = down["figures"][0]["frames"][:2]
    assert verdict(down, kind="walker", facing="down") == (True, "")
    assert verdict(down, kind="walker", facing="up") == (False, "facings")
    lame = walker()
    lame["figures"][0]["frames"].pop()
    assert verdict(lame, kind="walker") == (False, "facings")


def test_members_of_a_cast_differ() -> None:
    one = slime()["figures"][0]
    leaning = pixels_of(slime())
    leaning[:14] = 0
    other = {**one, "name": "monster-2", "frames": [{**one["frames"][0], "cels": [rows_of(leaning)]}]}
    cast = {**slime(), "kind": "cast", "figures": [one, other]}
    assert verdict(cast, kind="cast", members=2) == (True, "")
    twins = {**cast, "figures": [one, {**one, "name": "monster-2"}]}
    assert verdict(twins, kind="cast", members=2) == (False, "members")
    assert verdict(cast, kind="cast", members=3) == (False, "members")


def test_a_tile_goes_on_at_its_sides() -> None:
    y, x = np.indices((32, 32))
    waves = 1 + ((np.minimum(x % 16, 15 - x % 16) // 2 + np.minimum(y % 16, 15 - y % 16) // 2) % 4)
    tile = {**slime(), "kind": "tile"}
    tile["figures"] = [
        {
            **tile["figures"][0],
            "name": "tile",
            "layers": [{"name": "tile", "tags": []}],
            "frames": [{"facing": "down", "duration": 100, "cels": [rows_of(waves.astype(np.uint8))]}],
        }
    ]
    assert verdict(tile, kind="tile") == (True, "")
    slope = np.clip(1 + x // 8, 1, 4).astype(np.uint8)
    tile["figures"][0]["frames"][0]["cels"] = [rows_of(slope)]
    assert verdict(tile, kind="tile") == (False, "seam")


def test_a_build_is_held_to() -> None:
    area = int((pixels_of(slime()) > 0).sum())
    assert area >= 400, "the slime is large"
    assert verdict(slime(), build="large") == (True, "")
    assert verdict(slime(), build="tiny") == verdict(slime(), build="medium") == (False, "pixels")


@pytest.mark.parametrize(
    ("first", "last", "side", "whole"),
    [(2, 31, 32, True), (3, 30, 32, True), (4, 31, 32, False), (2, 29, 32, False), (1, 15, 16, True)],
)
def test_a_body_reaches_from_head_to_feet(first: int, last: int, side: int, whole: bool) -> None:
    shown = np.zeros((side, side), np.bool_)
    assert not upright(shown)
    shown[first : last + 1, side // 2] = True
    assert upright(shown) == whole


def test_a_hero_without_a_head_is_refused() -> None:
    asset = slime()
    asset["kind"] = "hero"
    asset["figures"][0]["layers"] = [{"name": "base", "tags": ["human"]}]
    found = [
        constraint for constraint, _ in checks._problems(Sprite.model_validate(asset), SpriteParams(kind="hero"), [])
    ]
    assert "body" in found


class Opinion:
    """A reader that believes in nothing but dragons and snakes."""

    def believed(self, pictures: np.ndarray, asked: list[tuple[str, str]]) -> list[int]:
        assert len(pictures) == len(asked)
        return [900 if answer in (("monster", "dragon"), ("animal", "snake")) else 10 for answer in asked]


def test_the_reader_must_find_what_a_sprite_says_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "reader", Opinion)
    for tags, right in ((["dragon"], ""), (["demon"], "tags"), (["animal", "snake"], "tags")):
        asset = slime()
        asset["figures"][0]["layers"][0]["tags"] = tags
        assert verdict(asset, type=tags[0]) == (not right, right)
    asset = slime()
    asset["figures"][0]["layers"][0]["tags"] = ["animal"]
    assert verdict(asset, type="animal", tag="snake") == (False, "type")


def test_what_is_asked_for_must_be_surer_than_what_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unsure:
        def believed(self, pictures: np.ndarray, asked: list[tuple[str, str]]) -> list[int]:
            return [70] * len(asked)

    monkeypatch.setattr(proof, "reader", Unsure)
    asset = slime()
    asset["figures"][0]["layers"][0]["tags"] = ["demon"]
    assert verdict(asset) == (True, "")
    assert verdict(asset, type="demon") == (False, "tags")


def test_other_sizes_are_measured_on_their_own_scale() -> None:
    from aigc_sprites.resize import resized

    for size in (16, 24, 48):
        pixels = resized(pixels_of(slime()), size)
        assert pixels.shape == (size, size)
        assert set(np.unique(pixels)) <= set(range(5))
        asset = slime()
        asset["size"] = size
        asset["figures"][0]["pivot"] = [size // 2, size - 2]
        asset["figures"][0]["frames"][0]["cels"] = [rows_of(pixels)]
        assert verdict(asset, size=size) == (True, "")
