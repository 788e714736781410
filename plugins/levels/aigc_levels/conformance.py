"""What the conformance kit examines the generator with: requests, false proofs, golden digests."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from aigc_content import Conformance
from aigc_levels.game import shipped_game

GOLDEN = "golden.json"
"""Beside the weights: sha256 of the first levels, renewed with the weights."""

_REQUESTS: tuple[Mapping[str, Any], ...] = (
    {},
    {"width": 20, "height": 13, "difficulty": 0.6, "min": {"enemy": 3, "loot": 2}, "max": {"enemy": 9}},
    {"width": 16, "height": 16, "path_length": {"min": 12, "max": 60}, "min": {"locked_door": 1}},
    {"width": 24, "height": 16, "style": "caves"},
    {"width": 18, "height": 18, "style": "any", "difficulty": 0.3},
    {"width": 9, "height": 8, "fixed": "#########\n#<??????#\n" + "#???????#\n" * 4 + "#??????>#\n#########\n"},
)

_ROOM = ("########", "#<....>#", "#......#", "#..##..#", "#......#", "#......#", "#......#", "########")
_LOCKED = ("########", "#<.D..>#", "####.###", "#......#", "#......#", "#......#", "#......#", "########")
_SEALED = ("########", "#<.#..>#", "#..#...#", "#..#...#", "#..#...#", "#..#...#", "#..#...#", "########")
_HAZARD = ("########", "#<^...>#", "########", "#......#", "#......#", "#......#", "#......#", "########")


def material() -> Conformance:
    """The material of `aigc_levels.generator.Levels`."""
    small = {"width": 8, "height": 8}
    whole = _level(_ROOM, "EEEEE")
    walkable = json.loads(json.dumps(whole))
    for tile in walkable["rules"]["tiles"]:
        tile["traits"] = ["floor"] if tile["name"] == "wall" else tile["traits"]
    broken = (
        (_level(_SEALED, "EEEEE"), small),  # walks through a wall
        (_level(_LOCKED, "EEEEE"), small),  # opens a lock without a key
        (_level(_HAZARD, "EEEEE"), small | {"min_reachable": 0.0}),  # steps on a hazard
        (_level(_ROOM, "EEEE"), small),  # stops before the exit
        (_level(_ROOM, "SEEEEEN"), small),  # wins, but not by a shortest way
        (_level(_ROOM, ""), small),  # proves nothing
        (whole, {"width": 9, "height": 8}),  # is of another size
        (whole, small | {"min": {"enemy": 1}}),  # lacks what was asked
        (whole, small | {"path_length": {"min": 9}}),  # is shorter than asked
        (whole, small | {"fixed": "########\n#<$???>#\n" + "????????\n" * 6}),  # ignores the sketch
        (walkable, small),  # brings rules of its own
    )
    place = files("aigc_levels") / "weights" / "dungeon" / GOLDEN
    golden = json.loads(place.read_text("utf-8")) if place.is_file() else []
    return Conformance(params=_REQUESTS, broken=broken, golden=golden)


def _level(rows: tuple[str, ...], moves: str) -> dict[str, Any]:
    return {
        "rules": shipped_game("dungeon").rules.model_dump(mode="json"),
        "width": len(rows[0]),
        "height": len(rows),
        "rows": list(rows),
        "moves": moves,
        "provenance": {"stage": "first", "remasks": 0},
        "salt": 0,
    }
