"""Tilesets: which picture stands for which tile of a game, as a designer writes it down.

A tileset is one PNG, cut into tiles of one size, and a YAML file beside it::

    image: mine.png
    tile_size: 16                       # or [width, height]; 8 to 128 pixels
    margin: 0                           # pixels before the first tile
    spacing: 0                          # pixels between two tiles
    tiles:                              # by the names that the game uses
      void: 0                           # a number: tiles are counted from 0, row by row
      floor: {variants: [3, 4, 5], weights: [8, 1, 1]}
      wall: {mask4: [...16 looks...], joins: [wall, door]}
      water: {blob47: [...47 looks...], joins: [water, wall]}
      grass: {pattern: [[8, 9], [24, 25]]}
      enemy: {layer: object, under: floor, variants: [20, 21]}
      door:
        layer: object
        under: floor
        variants: 30
        rules:                          # the first rule whose neighbors all fit replaces the look
          - {when: {north: wall, south: wall}, variants: 31}

A tile, and each of its rules, has exactly one of these:

* ``variants``: numbers, with optional integer ``weights``. Which one a cell shows is decided by a hash of its
  position, so a level always looks the same.
* ``mask4``: sixteen looks by the sum of N=1, E=2, S=4, W=8 over the neighbors that join.
* ``blob47``: forty-seven looks in the order of `BLOB47`: ascending sums of N=1, NE=2, E=4, SE=8, S=16, SW=32,
  W=64, NW=128, in which a corner counts only if both sides beside it join (the common "blob" order).
* ``pattern``: rows of looks that repeat over the map from its top left cell.

Inside the last three a look is a tile number, a list of numbers, or ``{variants, weights}``.

``joins`` lists the tiles that a mask joins with (by default only the tile itself). A tile of ``layer:
object`` is drawn, with its transparent pixels, over the tile named by ``under``. A neighbor is of a listed
name if its own name or the name of the tile under it is listed. Cells outside the map count as the nearest
cell inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from aigc_content import InputError, Node, did_you_mean, nearest, parse_document
from aigc_levels.faults import Keys, first_error, listing
from aigc_levels.sheet import Sheet, read_sheet, unusable

__all__ = ["BLOB47", "DIRECTIONS", "Sheet", "Tileset", "default_tileset", "load_tileset"]

DIRECTIONS = ("north", "northeast", "east", "southeast", "south", "southwest", "west", "northwest")
"""The eight neighbors, clockwise: bit ``1 << i`` of a blob mask stands for ``DIRECTIONS[i]``."""


def reduced_mask(mask: int) -> int:
    """A blob mask (0 to 255) without the corners that do not count: a corner needs both sides beside it."""
    for corner in (1, 3, 5, 7):
        sides = 1 << (corner - 1) | 1 << (corner + 1) % 8
        if mask & sides != sides:
            mask &= ~(1 << corner)
    return mask


BLOB47 = tuple(sorted({reduced_mask(mask) for mask in range(256)}))
"""The 47 masks of ``blob47``, in its order."""


def _listed(value: object) -> object:
    """A single number or name in place of a list."""
    return [value] if isinstance(value, int | str) else value


def _as_look(value: object) -> object:
    """A number or a list of them in place of ``{variants: ...}``."""
    return {"variants": value} if isinstance(value, int | list | tuple) else value


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Number = Annotated[int, Field(strict=True, ge=0, lt=1 << 24)]
Weight = Annotated[int, Field(strict=True, ge=0, lt=1 << 16)]
Side = Annotated[int, Field(strict=True, ge=8, le=128)]
Gap = Annotated[int, Field(strict=True, ge=0, le=1024)]
Name = Annotated[str, Field(strict=True, min_length=1, max_length=64)]
Numbers = Annotated[
    tuple[Number, ...],
    Field(min_length=1, max_length=256),
    BeforeValidator(_listed, json_schema_input_type=int | list[int]),
]
Names = Annotated[
    tuple[Name, ...], Field(min_length=1), BeforeValidator(_listed, json_schema_input_type=str | list[str])
]


class Variants(_Model):
    """Tile numbers that may stand for each other, chosen by position; equally often unless weighted."""

    variants: Numbers
    weights: tuple[Weight, ...] | None = None

    @model_validator(mode="after")
    def _weights_fit(self) -> Self:
        if self.weights is not None and len(self.weights) != len(self.variants):
            raise ValueError(f"{len(self.weights)} weights for {len(self.variants)} variants")
        if self.weights is not None and not sum(self.weights):
            raise ValueError("all weights are 0")
        return self


Look = Annotated[Variants, BeforeValidator(_as_look, json_schema_input_type=int | list[int] | Variants)]


class Neighbors(_Model):
    """Names that may stand in each direction of a cell; where none are given, anything may."""

    north: Names | None = None
    northeast: Names | None = None
    east: Names | None = None
    southeast: Names | None = None
    south: Names | None = None
    southwest: Names | None = None
    west: Names | None = None
    northwest: Names | None = None


class _Looks(_Model):
    variants: Numbers | None = None
    weights: tuple[Weight, ...] | None = None
    mask4: Annotated[tuple[Look, ...], Field(min_length=16, max_length=16)] | None = None
    blob47: Annotated[tuple[Look, ...], Field(min_length=47, max_length=47)] | None = None
    pattern: (
        Annotated[
            tuple[Annotated[tuple[Look, ...], Field(min_length=1, max_length=64)], ...],
            Field(min_length=1, max_length=64),
        ]
        | None
    ) = None
    joins: Names | None = None

    @model_validator(mode="after")
    def _looks_fit(self) -> Self:
        given = [key for key in ("variants", "mask4", "blob47", "pattern") if getattr(self, key) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none of them"
            raise ValueError(f"exactly one of variants, mask4, blob47 and pattern is needed, found {found}")
        if self.weights is not None and self.variants is None:
            raise ValueError("weights stand beside variants, here or inside a look")
        if self.joins is not None and self.mask4 is None and self.blob47 is None:
            raise ValueError("joins goes with mask4 or blob47")
        if self.pattern is not None and len({len(row) for row in self.pattern}) != 1:
            raise ValueError("the rows of a pattern must be equally long")
        self.looks()
        return self

    def looks(self) -> tuple[Variants, ...]:
        """The looks by mask, or by place in the pattern row by row; a single one for ``variants``."""
        return tuple(look for _, look in self.placed_looks())

    def placed_looks(self) -> Iterator[tuple[Keys, Variants]]:
        """The same, each with the keys that lead to it."""
        if self.variants is not None:
            yield (), Variants(variants=self.variants, weights=self.weights)
        for kind, looks in (("mask4", self.mask4), ("blob47", self.blob47)):
            yield from (((kind, place), look) for place, look in enumerate(looks or ()))
        for y, row in enumerate(self.pattern or ()):
            yield from ((("pattern", y, x), look) for x, look in enumerate(row))


class Rule(_Looks):
    """A look for the cells with certain neighbors."""

    when: Neighbors


class Tile(_Looks):
    """How one tile of the game looks."""

    layer: Literal["ground", "object"] = "ground"
    under: Name | None = None
    rules: tuple[Rule, ...] = ()

    @model_validator(mode="after")
    def _layer_fits(self) -> Self:
        if self.layer == "object" and self.under is None:
            raise ValueError("a tile of layer object needs under: the ground tile that it is drawn over")
        if self.layer == "ground" and self.under is not None:
            raise ValueError("under is for tiles of layer object")
        return self


class Tileset(_Model):
    """A tileset as its YAML file states it; one made by `load_tileset` also holds its picture."""

    image: Annotated[str, Field(strict=True, min_length=1, max_length=255)]
    tile_size: Annotated[
        tuple[Side, Side],
        BeforeValidator(
            lambda value: [value, value] if isinstance(value, int) else value,
            json_schema_input_type=int | tuple[int, int],
        ),
    ]
    margin: Gap = 0
    spacing: Gap = 0
    tiles: Annotated[
        dict[Name, Annotated[Tile, BeforeValidator(_as_look, json_schema_input_type=int | list[int] | Tile)]],
        Field(min_length=1, max_length=255),
    ]

    _origin: str = PrivateAttr(default="tileset")
    _sheet: Sheet | None = PrivateAttr(default=None)
    _cache: dict[str, Any] = PrivateAttr(default_factory=dict)

    @property
    def sheet(self) -> Sheet:
        """The picture; a ValueError if the tileset was not made by `load_tileset`."""
        if self._sheet is None:
            raise ValueError("this tileset has no picture: make it with load_tileset")
        return self._sheet

    def require(self, names: Iterable[str]) -> None:
        """Raise an InputError, L026, unless each of the game's tile names has its look."""
        for name in names:
            if name not in self.tiles:
                near = nearest(name, self.tiles)
                remedy = f"rename {near!r}, if that is it" if near else f"add {name}: NUMBER under tiles:"
                raise unusable(self._origin, f"no picture for the game's tile {name!r}", remedy)

    def _numbers(self) -> Iterator[tuple[Keys, int]]:
        """Every tile number with the keys that lead to it."""
        for name, tile in self.tiles.items():
            parts: list[tuple[Keys, _Looks]] = [(("tiles", name), tile)]
            parts += [(("tiles", name, "rules", place), rule) for place, rule in enumerate(tile.rules)]
            for keys, part in parts:
                for where, look in part.placed_looks():
                    for place, number in enumerate(look.variants):
                        yield (*keys, *where, "variants", place), number

    def _mentions(self) -> Iterator[tuple[Keys, str]]:
        """Every name of another tile, with the keys that lead to it."""
        for name, tile in self.tiles.items():
            if tile.under is not None:
                yield ("tiles", name, "under"), tile.under
            yield from ((("tiles", name, "joins"), other) for other in tile.joins or ())
            for place, rule in enumerate(tile.rules):
                keys = ("tiles", name, "rules", place)
                yield from (((*keys, "joins"), other) for other in rule.joins or ())
                for direction in DIRECTIONS:
                    others = getattr(rule.when, direction) or ()
                    yield from (((*keys, "when", direction), other) for other in others)


def load_tileset(yaml_bytes: bytes, open_image: Callable[[str], bytes], origin: str) -> Tileset:
    """Read and check a tileset.

    Args:
        yaml_bytes: the YAML file.
        open_image: gives the bytes of the PNG that ``image:`` names (at most 16 MiB and 64 megapixels).
        origin: how messages call the YAML file, usually its path.

    Returns:
        The tileset with its picture.

    Raises:
        InputError: for the first thing that is wrong, with line and column: L026, or the host's R002 to R014 for
            what is not YAML; an InputError of ``open_image`` gets the place of ``image:``.
    """
    root = parse_document(yaml_bytes, origin)
    if not isinstance(root.value, dict):
        found = f"a tileset is a mapping with the keys image, tile_size and tiles, not {root.kind}"
        raise unusable(root.mark.within(origin), found)
    try:
        tileset = Tileset.model_validate(root.plain())
    except ValidationError as error:
        first = first_error(error, root)
        raise _at(root, origin, first["loc"], *_explained(first)) from None
    for keys, name in tileset._mentions():
        if name not in tileset.tiles:
            remedy = did_you_mean(name, tileset.tiles, "name a tile that stands under tiles:")
            raise _at(root, origin, keys, f"{name!r} is no tile of this tileset", remedy)
        if keys[-1] == "under" and tileset.tiles[name].layer != "ground":
            raise _at(root, origin, keys, f"{name!r} is itself an object", "name a ground tile")
    where = root.mark_of(("image",)).within(origin)
    try:
        png = open_image(tileset.image)
    except InputError as error:
        raise InputError(error.code, error.found, where=where, allowed=error.allowed, remedy=error.remedy) from None
    sheet = read_sheet(png, tileset.tile_size, tileset.margin, tileset.spacing, where, tileset.image)
    count = len(sheet.tiles)
    for keys, number in tileset._numbers():
        if number >= count:
            found = f"tile {number} is beyond the picture, which holds {count} tiles: 0 to {count - 1}"
            raise _at(root, origin, keys, found, "tiles are counted from 0, row by row")
    tileset._sheet, tileset._origin = sheet, root.mark_of(("tiles",)).within(origin)
    return tileset


def _at(root: Node, origin: str, keys: Keys, found: str, remedy: str) -> InputError:
    """L026 for the value at ``keys``: ``mine.yaml:12:7: L026: tiles.wall.mask4[3]: ...``."""
    keys = tuple(key for key in keys if key != "[key]")  # pydantic's word for a fault of the key itself
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")
    return unusable(root.mark_of(keys).within(origin), f"{path}: {found}" if path else found, remedy)


@cache
def default_tileset() -> Tileset:
    """The tileset that comes with this plugin, for the tiles of its game ``dungeon``; made by `aigc_levels.atlas`."""
    assets = Path(__file__).parent / "assets"
    data = (assets / "dungeon.tileset.yaml").read_bytes()
    return load_tileset(data, lambda name: (assets / name).read_bytes(), "aigc_levels/assets/dungeon.tileset.yaml")


def _explained(error: Any) -> tuple[str, str]:
    """Reason and remedy of one of pydantic's errors, in the words of the format."""
    kind, loc, context = error["type"], error["loc"], error.get("ctx", {})
    found = repr(error["input"])[:60]
    if kind == "extra_forbidden":
        allowed = _allowed(loc)
        return f"unknown key {loc[-1]!r}", did_you_mean(str(loc[-1]), allowed, f"allowed: {listing(allowed)}")
    reasons = {
        "missing": f"the key {loc[-1]!r} is missing",
        "string_type": f"a name must be text, not {found}",
        "value_error": str(context.get("error")),
    }
    reasons |= dict.fromkeys(("int_type", "int_from_float"), f"a whole number is needed, not {found}")
    wanted = "a mapping" if kind == "dict_type" or "when" in loc else "a tile number, a list or a mapping"
    reasons |= dict.fromkeys(("model_type", "dict_type"), f"{wanted} is needed, not {found}")
    reasons["tuple_type"] = f"a list is needed, not {found}"
    count = f"{context.get('actual_length')} entries"
    reasons["too_short"] = f"{count}, at least {context.get('min_length')} are needed"
    reasons["too_long"] = f"{count}, at most {context.get('max_length')} are allowed"
    message = error["msg"].replace("Input should be", "must be")
    return reasons.get(kind, f"{message}, not {found}"), ""


def _allowed(loc: Keys) -> list[str]:
    """The keys that may stand where ``loc`` ends in a key that may not."""
    model: type[BaseModel] = Tileset
    if len(loc) >= 3:
        model = Rule if "rules" in loc[2:-1] else Tile
        model = Neighbors if "when" in loc[2:-1] else model
        model = Variants if {"mask4", "blob47", "pattern"} & set(loc[2:-1]) else model
    return list(model.model_fields)
