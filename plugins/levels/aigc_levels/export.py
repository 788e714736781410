"""Exporters: Tiled maps, pictures, plain text; and the gallery's preview.

A Tiled map (JSON format 1.10) has two tile layers, ground and objects, and an object layer in which every tile with
a role (start, exit, enemy, loot, key, door, hazard) is an object with its class and properties. All maps of a job
share one external tileset. Format: https://doc.mapeditor.org/en/stable/reference/json-map-format/.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from aigc_content import File, Preview
from aigc_levels.game import KIND_OF_TRAIT
from aigc_levels.level import Level
from aigc_levels.measure import path_cells
from aigc_levels.paint import render, tile_layers
from aigc_levels.params import LevelParams
from aigc_levels.rules import Rules, Tile
from aigc_levels.tileset import Tileset, default_tileset

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
TILED_VERSION = "1.10.2"
ROLES = ("start", "exit", "enemy", "loot", "key", "door", "hazard")

_TEXT = {"DigitalSourceType": SOURCE_TYPE}


def png(level: Level, params: LevelParams, name: str) -> Iterator[File]:
    """The level as a picture, one tile of the tileset a cell."""
    yield File(".png", picture(level, params))


def text(level: Level, params: LevelParams, name: str) -> Iterator[File]:
    """The level in characters, one a cell, rows by newline."""
    yield File(".txt", ("\n".join(level.rows) + "\n").encode("utf-8"))


def tiled(level: Level, params: LevelParams, name: str) -> Iterator[File]:
    """A ``.tmj`` map, and the job's tileset with its picture."""
    look = look_of(level.rules, params)
    yield File(".tmj", _json(_tiled_map(level, look)))
    yield File("tileset.tsj", _tiled_tileset(look, level.rules.model_dump_json()), shared=True)
    yield File("tileset.png", look.tileset.sheet.png, shared=True)


def picture(level: Level, params: LevelParams) -> bytes:
    """The level as a PNG file."""
    return _drawn(look_of(level.rules, params), level.grid.tobytes(), level.width, level.salt)


def preview(level: Level, params: LevelParams) -> Preview:
    """The picture, with the winning path as an overlay."""
    tile_size = look_of(level.rules, params).tileset.tile_size
    return Preview("image/png", picture(level, params), path_overlay(level, tile_size))


def path_overlay(level: Level, tile_size: tuple[int, int]) -> bytes:
    """An SVG of the winning path over the picture: a line from start to exit through the middles of cells."""
    width, height = tile_size
    points = [(x, y) for y, x in path_cells(level.rules, level.grid, level.moves)]
    line = " ".join(f"{px * width + width // 2},{py * height + height // 2}" for px, py in points)
    stroke = max(2, width // 6)
    ends = "".join(
        f'<circle cx="{px * width + width // 2}" cy="{py * height + height // 2}" r="{stroke * 3 // 2}"/>'
        for px, py in (points[0], points[-1])
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {level.width * width} {level.height * height}">'
        f'<g fill="none" stroke-linejoin="round" stroke-linecap="round">'
        f'<polyline points="{line}" stroke="#000" stroke-opacity=".55" stroke-width="{stroke + 2}"/>'
        f'<polyline points="{line}" stroke="#ffe14d" stroke-width="{stroke}"/></g>'
        f'<g fill="#ffe14d" stroke="#000" stroke-opacity=".55">{ends}</g></svg>'
    ).encode()


@dataclass(frozen=True)
class Look:
    """How a game's tiles look.

    Attributes:
        key: digest of the designer's tileset file; empty for the drawn one.
        names: for each tile of the game, the name under which it stands in the tileset.
        tileset: with its picture.
    """

    key: str
    names: tuple[str, ...]
    tileset: Tileset = field(compare=False, repr=False)


def look_of(rules: Rules, params: LevelParams) -> Look:
    """The look that the params ask for.

    A designer's own tileset has every tile by its name. The drawn one lends a tile that it does not know the look
    of its trait.
    """
    if params.tileset is None:
        tileset = default_tileset()
        return Look("", tuple(_lent(tile, tileset) for tile in rules.tiles), tileset)
    key = params.tileset.sha256
    if key not in _OWN:
        _OWN.clear()  # one job at a time
        own = params.open_tileset()
        _OWN[key] = default_tileset() if own is None else own
    return Look(key, tuple(tile.name for tile in rules.tiles), _OWN[key])


_OWN: dict[str, Tileset] = {}


@lru_cache(maxsize=4)
def _drawn(look: Look, cells: bytes, width: int, salt: int) -> bytes:
    """The picture of a grid; the exporter and the gallery ask for the same one after the other."""
    grid = np.frombuffer(cells, dtype=np.uint8).reshape(-1, width)
    return render(grid, look.names, look.tileset, salt, text=_TEXT)


def _lent(tile: Tile, tileset: Tileset) -> str:
    if tile.name in tileset.tiles:
        return tile.name
    special = {"start": "start", "door": "locked_door"}
    by_trait = [special.get(trait, KIND_OF_TRAIT[trait]) for trait in KIND_OF_TRAIT if trait in tile.traits]
    return next((name for name in by_trait if name in tileset.tiles), "floor")


def _tiled_map(level: Level, look: Look) -> dict[str, Any]:
    ground, objects = tile_layers(level.grid, look.names, look.tileset, level.salt)
    width, height = look.tileset.tile_size
    things = list(_tiled_objects(level, (width, height)))
    size = {"width": level.width, "height": level.height}
    layers: list[dict[str, Any]] = [
        {
            "id": number,
            "name": title,
            "type": "tilelayer",
            "data": [int(tile) + 1 for tile in layer.ravel()],
            "x": 0,
            "y": 0,
            "opacity": 1,
            "visible": True,
            **size,
        }
        for number, title, layer in ((1, "ground", ground), (2, "objects", objects))
    ]
    layers.append(
        {
            "id": 3,
            "name": "entities",
            "type": "objectgroup",
            "draworder": "index",
            "objects": things,
            "x": 0,
            "y": 0,
            "opacity": 1,
            "visible": False,
        }
    )
    return {
        "type": "map",
        "version": "1.10",
        "tiledversion": TILED_VERSION,
        "orientation": "orthogonal",
        "renderorder": "right-down",
        "infinite": False,
        "compressionlevel": -1,
        "tilewidth": width,
        "tileheight": height,
        "nextlayerid": 4,
        "nextobjectid": len(things) + 1,
        "layers": layers,
        "tilesets": [{"firstgid": 1, "source": "tileset.tsj"}],
        "properties": [
            _property("digitalSourceType", SOURCE_TYPE),
            _property("game", level.rules.name),
            _property("pathLength", len(level.moves)),
            _property("winningMoves", level.moves),
        ],
        **size,
    }


def _tiled_objects(level: Level, tile_size: tuple[int, int]) -> Iterator[dict[str, Any]]:
    width, height = tile_size
    number = 0
    roles = {code: role for code, tile in enumerate(level.rules.tiles) if (role := _role(tile))}
    for y, row in enumerate(level.grid.tolist()):
        for x, code in enumerate(row):
            if code not in roles:
                continue
            number += 1
            tile = level.rules.tiles[code]
            properties = [_property("tile", tile.name), _property("column", x), _property("row", y)]
            if tile.opens:
                properties.append(_property("opens", ",".join(tile.opens)))
            yield {
                "id": number,
                "name": tile.name,
                "type": roles[code],
                "x": x * width,
                "y": y * height,
                "width": width,
                "height": height,
                "rotation": 0,
                "visible": True,
                "properties": sorted(properties, key=lambda item: str(item["name"])),
            }


def _role(tile: Tile) -> str:
    return next((role for role in ROLES if role in tile.traits), "")


@lru_cache(maxsize=4)
def _tiled_tileset(look: Look, rules_json: str) -> bytes:
    """The ``.tsj`` of a look; ``rules_json`` is the game's `Rules` as JSON."""
    rules, tileset = Rules.model_validate_json(rules_json), look.tileset
    sheet = tileset.sheet
    width, height = tileset.tile_size
    meaning: dict[int, Tile] = {}
    for tile, name in zip(rules.tiles, look.names, strict=True):
        shown = tileset.tiles[name]
        for part in (shown, *shown.rules):
            for variants in part.looks():
                for number in variants.variants:
                    meaning.setdefault(number, tile)
    tsj = {
        "type": "tileset",
        "version": "1.10",
        "tiledversion": TILED_VERSION,
        "name": rules.name,
        "image": "tileset.png",
        "imagewidth": sheet.size[0],
        "imageheight": sheet.size[1],
        "tilewidth": width,
        "tileheight": height,
        "tilecount": len(sheet.tiles),
        "columns": sheet.columns,
        "margin": tileset.margin,
        "spacing": tileset.spacing,
        "tiles": [
            {
                "id": number,
                "type": tile.name,
                "properties": [_property("traits", ",".join(tile.traits))],
            }
            for number, tile in sorted(meaning.items())
        ],
    }
    return _json(tsj)


def _property(name: str, value: int | str) -> dict[str, Any]:
    return {"name": name, "type": "int" if isinstance(value, int) else "string", "value": value}


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=None, separators=(",", ":"), ensure_ascii=False) + "\n").encode("utf-8")
