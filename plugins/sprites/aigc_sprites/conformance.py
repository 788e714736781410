"""What the conformance kit examines the generator with: requests, false proofs, golden digests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from aigc_content import Conformance
from aigc_sprites.sprite import rows_of

GOLDEN = Path(__file__).parent / "weights" / "golden.json"
"""sha256 of the first sprites, renewed with the weights."""

_SLIME = """
................
................
................
......1111......
....11333311....
...1344333221...
..134433332221..
..133333333221..
.13311333113221.
.13314333143221.
.13333333333221.
.13331111332221.
.12333333332221.
..122222222221..
...1111111111...
................
"""
REQUESTS: tuple[dict[str, Any], ...] = (
    {},
    {"kind": "hero", "palette": "dusk", "colors": 24},
    {"kind": "walker"},
    {"kind": "item", "type": "weapon", "size": 16},
    {"kind": "tile"},
    {"kind": "cast", "of": "monster", "members": 3, "palette": "pastel"},
)


def material() -> Conformance:
    """The material of `aigc_sprites.generator.Sprites`."""
    good = slime()
    frame = good["figures"][0]["frames"][0]
    whole = pixels_of(good)
    halves = whole.copy()
    halves[:, 15:17] = 0
    y, x = np.indices(whole.shape)
    speckled = np.where(whole > 0, 1 + (y + x) % 4, 0)
    broken: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({**good, "kind": "item"}, {}),  # is not what was asked for
        (good, {"type": "dragon"}),  # does not say that it is one
        (good, {"kind": "hero"}),  # has no layers
        (good, {"kind": "walker"}),  # looks nowhere else
        (good, {"kind": "cast", "members": 2}),  # is alone
        (good, {"colors": 3}),  # has more colors
        (good, {"palette": "frost"}),  # has other colors
        (good, {"size": 16}),  # is larger
        (_with(good, np.zeros_like(whole)), {}),  # shows nothing
        (_with(good, np.ones_like(whole)), {}),  # fills the picture
        (_with(good, halves), {}),  # lies in pieces
        (_with(good, speckled), {}),  # is full of lone pixels
        (_with(good, np.where(whole == 1, 3, whole)), {"outline": True}),  # has no outline
        ({**good, "palette": good["palette"][:3]}, {}),  # has pixels without a color
        ({**good, "palette": [*good["palette"][:3], good["palette"][0]]}, {}),  # has a color twice
        (_framed(good, {**frame, "cels": [None, None]}), {}),  # has more cels than layers
        (_framed(good, {**frame, "cels": [frame["cels"][0][1:]]}), {}),  # lacks a row
    ]
    golden = json.loads(GOLDEN.read_text("utf-8")) if GOLDEN.is_file() else []
    return Conformance(params=REQUESTS, broken=broken, golden=golden)


def slime() -> dict[str, Any]:
    """A creature that no network drew and that is no training picture, as plain data of a `Sprite`."""
    small = np.array([[0 if char == "." else int(char) for char in line] for line in _SLIME.split()], dtype=np.uint8)
    figure = {
        "name": "monster",
        "pivot": [15, 29],
        "layers": [{"name": "monster", "tags": []}],
        "frames": [{"facing": "down", "duration": 100, "cels": [rows_of(small.repeat(2, axis=0).repeat(2, axis=1))]}],
    }
    palette = ["#180c1c", "#2a5a3c", "#4c9a54", "#c4ecac"]
    return {"kind": "monster", "size": 32, "palette": palette, "figures": [figure]}


def pixels_of(asset: dict[str, Any]) -> np.ndarray:
    """The first cel (32, 32) of an asset as plain data."""
    rows = asset["figures"][0]["frames"][0]["cels"][0]
    return np.frombuffer(bytes.fromhex("".join(rows)), np.uint8).reshape(32, 32).copy()


def _with(asset: dict[str, Any], pixels: np.ndarray) -> dict[str, Any]:
    """An asset with another picture."""
    frame = asset["figures"][0]["frames"][0]
    return _framed(asset, {**frame, "cels": [rows_of(pixels.astype(np.uint8))]})


def _framed(asset: dict[str, Any], frame: dict[str, Any]) -> dict[str, Any]:
    """An asset with another frame."""
    return {**asset, "figures": [{**asset["figures"][0], "frames": [frame]}]}
