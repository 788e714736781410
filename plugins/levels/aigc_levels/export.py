"""Exporters: Tiled maps, pictures, plain text; and the gallery's preview.

A Tiled map (JSON format 1.10) has two tile layers, ground and objects, and an object layer in which every tile with
a role (start, exit, enemy, loot, key, door, hazard) is an object with its class and properties. All maps of a job
share one external tileset. Format: https://doc.mapeditor.org/en/stable/reference/json-map-format/.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from typing import Any

from aigc_content import File, Preview
from aigc_levels.game import KIND_OF_TRAIT
from aigc_levels.level import Level
from aigc_levels.measure import path_cells
from aigc_levels.paint import render, tile_layers
from aigc_levels.params import LevelParams
from aigc_levels.rules import Rules, Tile
from aigc_levels.tileset import Tileset, load_tileset

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
    tileset, names = looks(level.rules, params)
    yield File(".tmj", _json(_tiled_map(level, tileset, names)))
    yield File("tileset.tsj", _json(_tiled_tileset(level.rules, tileset, names)), shared=True)
    yield File("tileset.png", tileset.sheet.png, shared=True)


def picture(level: Level, params: LevelParams) -> bytes:
    """The level as a PNG file."""
    tileset, names = looks(level.rules, params)
    return render(level.grid, names, tileset, level.salt, text=_TEXT)


def preview(level: Level, params: LevelParams) -> Preview:
    """The picture, with the winning path as an overlay."""
    tileset, _ = looks(level.rules, params)
    return Preview("image/png", picture(level, params), path_overlay(level, tileset.tile_size))


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


def looks(rules: Rules, params: LevelParams) -> tuple[Tileset, tuple[str, ...]]:
    """The tileset, and for each tile of the game the name under which it stands there.

    A designer's own tileset has every tile by its name. The drawn one lends a tile that it does not know the look
    of its trait.
    """
    own = params.open_tileset()
    if own is not None:
        return own, tuple(tile.name for tile in rules.tiles)
    tileset = default_tileset()
    return tileset, tuple(_lent(tile, tileset) for tile in rules.tiles)


@lru_cache(maxsize=1)
def default_tileset() -> Tileset:
    """The tileset that the plugin draws itself (`aigc_levels.atlas`)."""
    assets = files("aigc_levels") / "assets"
    definition = (assets / "dungeon.tileset.yaml").read_bytes()
    return load_tileset(definition, lambda name: (assets / name).read_bytes(), "dungeon.tileset.yaml")


def _lent(tile: Tile, tileset: Tileset) -> str:
    if tile.name in tileset.tiles:
        return tile.name
    special = {"start": "start", "door": "locked_door"}
    by_trait = [special.get(trait, KIND_OF_TRAIT[trait]) for trait in KIND_OF_TRAIT if trait in tile.traits]
    return next((name for name in by_trait if name in tileset.tiles), "floor")


def _tiled_map(level: Level, tileset: Tileset, names: tuple[str, ...]) -> dict[str, Any]:
    ground, objects = tile_layers(level.grid, names, tileset, level.salt)
    width, height = tileset.tile_size
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


def _tiled_tileset(rules: Rules, tileset: Tileset, names: tuple[str, ...]) -> dict[str, Any]:
    sheet = tileset.sheet
    width, height = tileset.tile_size
    meaning: dict[int, Tile] = {}
    for tile, name in zip(rules.tiles, names, strict=True):
        look = tileset.tiles[name]
        for part in (look, *look.rules):
            for variants in part.looks():
                for number in variants.variants:
                    meaning.setdefault(number, tile)
    return {
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


def _property(name: str, value: int | str) -> dict[str, Any]:
    return {"name": name, "type": "int" if isinstance(value, int) else "string", "value": value}


def _json(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=None, separators=(",", ":"), ensure_ascii=False) + "\n").encode("utf-8")
