"""Bakes the default tileset into ``assets/``: ``python -m aigc_levels.atlas``.

`aigc_levels.artwork` draws the tiles; here they are named, put on one sheet, and described in the YAML format
that any designer's tileset has. The result is committed, because the noise behind the textures is
floating-point and may differ between processors, and pictures must not; at run time only the baked files are
read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from aigc_content import encode_png
from aigc_levels import artwork
from aigc_levels.artwork import INDEX, NE, NW, SIZE, E, N, Pixels, S, W, Y
from aigc_levels.tileset import BLOB47, reduced_mask

ASSETS = Path(__file__).parent / "assets"
COLUMNS = 16  # tiles a row of the sheet

SHADES = {  # in the order in which their rules are tried
    "nw": ("north", "west"),
    "n": ("north",),
    "w": ("west", "northwest"),
    "w_short": ("west",),
    "corner": ("northwest",),
}
FLOOR_KINDS = {"plain": 30, "worn": 14, "cracked": 2, "chipped": 3, "mossy": 2, "overgrown": 1, "rubble": 1}
STRAIGHT = (E | W, N | NE | E | W | NW)  # the wall masks with decorated fronts
STRAIGHT_WEIGHTS = (24, 10, 10, 10, 4, 7, 3)  # the plain one, then as `artwork.decorated_walls` lists them
OPEN_WATER_WEIGHTS = (6, 3, 3, 3, 3, 3, 1)  # calm, five with ripples, a lily
OBJECTS = {
    "trap": "spikes pit",
    "enemy": "slime skeleton bat spider imp ghost",
    "loot": "chest gold gem ruby potion elixir",
    "key": "key",
    "start": "stairs_up",
    "exit": "stairs_down",
}


def draw() -> tuple[Pixels, Pixels, dict[str, list[int]]]:
    """Draw the atlas.

    Returns:
        uint8 ``(H, W)`` palette indices, uint8 ``(N, 4)`` RGBA palette, and the tile numbers by name of each
        group.

    Raises:
        SystemExit: the package ``noise`` is missing.
    """
    groups = dict(_groups(artwork.Texture(), artwork.sprites()))
    tiles = [tile for group in groups.values() for tile in group]
    numbers = iter(range(len(tiles)))
    named = {name: [next(numbers) for _ in group] for name, group in groups.items()}
    rows = -(-len(tiles) // COLUMNS)
    tiles += [np.zeros((SIZE, SIZE), np.uint8)] * (rows * COLUMNS - len(tiles))
    sheet = np.stack(tiles).reshape(rows, COLUMNS, SIZE, SIZE).swapaxes(1, 2)
    return sheet.reshape(rows * SIZE, COLUMNS * SIZE), artwork.palette(), named


def _groups(texture: artwork.Texture, art: dict[str, Pixels]) -> Iterator[tuple[str, list[Pixels]]]:
    """The tiles of the atlas in groups, in order."""
    void = np.full((SIZE, SIZE), INDEX["X"], np.uint8)
    earth = artwork.from_ramp("floor", 2.4 - Y * 0.42 + texture(7, 4))
    yield "void", [void]
    yield "void_edge", [np.where(Y < 6, earth, void)]
    floor = artwork.floor(texture, list(FLOOR_KINDS))
    for shade in ("none", *SHADES):
        yield f"floor_{shade}", [artwork.shaded(tile, shade) for tiles in floor for tile in tiles]
    yield "wall", [artwork.wall(texture, mask) for mask in BLOB47]
    yield "wall_over_void", [artwork.wall(texture, mask, fade=True) for mask in BLOB47 if not mask & S]
    yield "wall_inside", [artwork.wall(texture, 255, seed=seed) for seed in (1, 2, 3)]
    for mask in STRAIGHT:
        yield f"wall_{mask}", artwork.decorated_walls(texture, mask, art)
    pools = [artwork.water(texture, mask) for mask in BLOB47]
    yield "water", pools
    yield "water_shaded", [artwork.shaded(p, "n") for p, mask in zip(pools, BLOB47, strict=True) if mask & N]
    yield "water_open", [artwork.water(texture, 255, seed=seed) for seed in range(1, 6)]
    yield "water_lily", [artwork.over(pools[-1], art["lily"])]
    for name, sprite in art.items():
        if name in ("door", "locked"):
            yield name, [artwork.over(artwork.wall(texture, E | W), sprite)]
        elif name not in ("torch", "banner", "lily"):
            yield name, [sprite]


class _Flow(list[Any]):
    """A list that YAML writes in brackets."""


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(
    _Flow, lambda dumper, data: dumper.represent_sequence("tag:yaml.org,2002:seq", data, flow_style=True)
)


def describe(groups: dict[str, list[int]]) -> str:
    """The tileset's YAML file, for the groups that `draw` returns."""
    tiles = {"void": _void(groups), "floor": _floor(groups), "wall": _wall(groups), "water": _water(groups)}
    for name, front, side in (("door", "door", "door_side"), ("locked_door", "locked", "locked_side")):
        rules = [
            {"when": {"east": ROCK, "west": ROCK}, "variants": groups[front][0]},
            {"when": {"north": ROCK, "south": ROCK}, "variants": groups[side][0]},
        ]
        tiles[name] = {"layer": "object", "under": "floor", "variants": groups[front][0], "rules": rules}
    for name, members in OBJECTS.items():
        numbers = _Flow(groups[member][0] for member in members.split())
        tiles[name] = {"layer": "object", "under": "floor", "variants": numbers}
    spec = {"image": "dungeon.png", "tile_size": SIZE, "tiles": tiles}
    note = "# Made by `python -m aigc_levels.atlas`; the format is explained in aigc_levels/tileset.py.\n"
    return note + yaml.dump(spec, Dumper=_Dumper, sort_keys=False, width=108)


DOORS = _Flow(["door", "locked_door"])
ROCK = _Flow(["wall", *DOORS])
SHORE = _Flow(["water", *ROCK])


def _void(groups: dict[str, list[int]]) -> dict[str, Any]:
    edge = {"when": {"north": "floor"}, "variants": groups["void_edge"][0]}
    return {"variants": groups["void"][0], "rules": [edge]}


def _floor(groups: dict[str, list[int]]) -> dict[str, Any]:
    def paving(shade: str) -> _Flow:
        numbers, count = groups[f"floor_{shade}"], len(FLOOR_KINDS)
        quads = [
            {"variants": numbers[first : first + count], "weights": list(FLOOR_KINDS.values())}
            for first in range(0, 4 * count, count)
        ]
        return _Flow([quads[:2], quads[2:]])

    rules = [{"when": dict.fromkeys(sides, ROCK), "pattern": paving(shade)} for shade, sides in SHADES.items()]
    return {"pattern": paving("none"), "rules": rules}


def _wall(groups: dict[str, list[int]]) -> dict[str, Any]:
    number = dict(zip(BLOB47, groups["wall"], strict=True))
    looks: dict[int, Any] = dict(number)
    looks[255] = _weighted([number[255], *groups["wall_inside"]], (3, 1, 1, 1))
    for mask in STRAIGHT:
        looks[mask] = _weighted([number[mask], *groups[f"wall_{mask}"]], STRAIGHT_WEIGHTS)
    lower = iter(groups["wall_over_void"])
    rules = [
        {"when": {"south": "void"}, "blob47": [number[mask] if mask & S else next(lower) for mask in BLOB47]},
        # Beside a door in a wall that runs from north to south the wall ends, so that the passage shows.
        {
            "when": {"north": DOORS, "south": DOORS},
            "blob47": [number[_without(mask, N | S)] for mask in BLOB47],
        },
        {"when": {"south": DOORS}, "blob47": [number[_without(mask, S)] for mask in BLOB47]},
        {"when": {"north": DOORS}, "blob47": [number[_without(mask, N)] for mask in BLOB47]},
    ]
    rules = [{**rule, "blob47": _Flow(rule["blob47"]), "joins": ROCK} for rule in rules]
    return {"blob47": _Flow(looks.values()), "joins": ROCK, "rules": rules}


def _water(groups: dict[str, list[int]]) -> dict[str, Any]:
    looks: dict[int, Any] = dict(zip(BLOB47, groups["water"], strict=True))
    looks[255] = _weighted([looks[255], *groups["water_open"], *groups["water_lily"]], OPEN_WATER_WEIGHTS)
    shaded = iter(groups["water_shaded"])
    below = [next(shaded) if mask & N else number for mask, number in zip(BLOB47, groups["water"], strict=True)]
    rule = {"when": {"north": ROCK}, "blob47": _Flow(below), "joins": SHORE}
    return {"blob47": _Flow(looks.values()), "joins": SHORE, "rules": [rule]}


def _weighted(variants: Iterable[int], weights: Iterable[int]) -> dict[str, _Flow]:
    return {"variants": _Flow(variants), "weights": _Flow(weights)}


def _without(mask: int, sides: int) -> int:
    return reduced_mask(mask & ~sides)


def bake() -> None:
    """Draw the tileset and write its two files."""
    indices, colors, groups = draw()
    (ASSETS / "dungeon.png").write_bytes(encode_png(indices, colors))
    (ASSETS / "dungeon.tileset.yaml").write_text(describe(groups), encoding="utf-8")


if __name__ == "__main__":
    bake()
