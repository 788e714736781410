"""A game: the rules of one tile game, read from a YAML file that a designer writes (``docs/games.md``).

`Game` is `aigc_levels.rules.Rules` and what generation needs beside them: sizes, counts, weights, and the kinds of
the trained model's vocabulary that the tiles stand for.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.resources import files
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import (
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue

from aigc_content import InputError, InputFile, Node, Written, did_you_mean, open_input, parse_document
from aigc_levels.faults import Keys, fault, first_error, listing
from aigc_levels.rules import MAX_SIDE, MAX_TILES, MIN_SIDE, FrozenModel, Goal, Movement, Rules, Tile

KINDS = ("void", "wall", "floor", "door", "water", "trap", "enemy", "loot", "key", "exit")
"""The vocabulary of the trained models, in the order of the plain data sets' characters."""

KIND_OF_TRAIT = {
    "exit": "exit",
    "start": "exit",
    "key": "key",
    "enemy": "enemy",
    "loot": "loot",
    "door": "door",
    "doorway": "door",
    "hazard": "trap",
    "liquid": "water",
    "solid": "wall",
    "void": "void",
    "floor": "floor",
}
_PLACED_ON_PURPOSE = frozenset({"start", "door"})

Count = Annotated[int, Field(strict=True, ge=0, le=MAX_SIDE * MAX_SIDE)]
Side = Annotated[int, Field(strict=True, ge=MIN_SIDE, le=MAX_SIDE)]


class GameTile(Tile):
    """A tile as the game file states it.

    Attributes:
        weight: how often, among the tiles of one kind, it is chosen where the model asks for that kind: 0 to
            1000. 0 is never; None is 1, but 0 for starts and locked doors, which are placed on purpose.
        model: its kind in `KINDS`; None derives it from the traits.
    """

    weight: Annotated[int, Field(strict=True, ge=0, le=1000)] | None = None
    model: Literal[KINDS] | None = None  # type: ignore[valid-type]

    @property
    def kind(self) -> str:
        """The kind of the model's vocabulary that it stands for; a start counts as an exit."""
        return str(self.model or next(KIND_OF_TRAIT[trait] for trait in KIND_OF_TRAIT if trait in self.traits))

    @property
    def drawn_weight(self) -> int:
        """``weight``, or its default."""
        if self.weight is not None:
            return self.weight
        return 0 if _PLACED_ON_PURPOSE & set(self.traits) else 1


class Span(FrozenModel):
    """Base of a least and a greatest value, either of which may be left open.

    Attributes:
        min, max: both included.
    """

    _code: ClassVar[str] = "L007"

    min: int | None = None
    max: int | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise fault(self._code, ("min",), f"min {self.min} is above max {self.max}", value=self.min)
        return self


class Range(Span):
    """A least and a greatest count, either of which may be left open."""

    min: Count | None = None
    max: Count | None = None


class Sides(Span):
    """The sizes, in cells, that one side of a level may have."""

    min: Side = MIN_SIDE
    max: Side = MAX_SIDE


class Limits(FrozenModel):
    """The sizes that levels of a game may have."""

    width: Sides = Sides()
    height: Sides = Sides()


def _as_range(value: object) -> object:
    return {"min": value, "max": value} if isinstance(value, int) and not isinstance(value, bool) else value


class Game(Rules):
    """A game file.

    Attributes:
        format: 1.
        title: the name for people.
        tiles: with what generation needs.
        counts: least and greatest count by the name of a tile or trait; params narrow them.
        limits: sizes that levels may have.
    """

    format: Literal[1]
    title: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,80}$")] = ""
    tiles: Annotated[tuple[GameTile, ...], Field(min_length=1, max_length=MAX_TILES)]
    counts: dict[str, Annotated[Range, BeforeValidator(_as_range, json_schema_input_type=Range | Count)]] = Field(
        default_factory=dict
    )
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _counts_possible(self) -> Self:
        for name, wanted in self.counts.items():
            keys: Keys = ("counts", name)
            if name not in self.countable:
                found = f"{name!r} is neither a tile nor a trait of this game"
                remedy = did_you_mean(name, self.countable)
                raise fault("L007", keys, found, allowed=listing(self.countable), remedy=remedy)
            counted = self.counted(name)
            if (wanted.min or 0) > 1 and not (counted & ~self.having("start")).any():
                raise fault("L007", keys, f"{name!r} is where the player begins, once a level", allowed="1")
            for trait in ("start", "exit"):
                if wanted.max == 0 and not (self.having(trait) & ~counted).any():
                    raise fault("L007", keys, f"no level could have the {trait} that it needs", allowed="1")
        return self

    @cached_property
    def rules(self) -> Rules:
        """Only what decides whether a level can be won; what a level carries."""
        tiles = tuple(
            Tile(name=tile.name, char=tile.char, traits=tile.traits, opens=tile.opens) for tile in self.tiles
        )
        return Rules(name=self.name, movement=self.movement, goal=self.goal, tiles=tiles)

    @cached_property
    def digest(self) -> str:
        """Hex sha256 of what the file says; comments, order of keys and white space do not count."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8")).hexdigest()

    @property
    def kinds(self) -> npt.NDArray[np.uint8]:
        """Place in `KINDS` by tile code, shape (tiles,)."""
        return np.array([KINDS.index(tile.kind) for tile in self.tiles], dtype=np.uint8)

    def choices(self, kind: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Codes and integer weights of the tiles that may be drawn for a kind of the model; both may be empty."""
        drawn = [(place, tile.drawn_weight) for place, tile in enumerate(self.tiles) if tile.kind == kind]
        drawn = [(place, weight) for place, weight in drawn if weight]
        return tuple(place for place, _ in drawn), tuple(weight for _, weight in drawn)


def parse_game(data: bytes, where: str) -> Game:
    """Read a game file.

    Args:
        data: YAML.
        where: how messages call the file, usually its path.

    Raises:
        InputError: L001 to L008, or the host's R002 to R014 for what is not YAML; with line and column.
    """
    root = parse_document(data, where)
    if not isinstance(root.value, dict):
        found = f"a game is a mapping of keys to values, not {root.kind}"
        raise InputError("L001", found, where=root.mark.within(where), remedy="begin with format: 1")
    try:
        return Game.model_validate(_plain(root))
    except ValidationError as error:
        raise _explained(first_error(error, root), root, where) from None


def _plain(root: Node) -> Any:
    """The file as plain data; a character is text as written, so that ``char: ~`` is a tilde and not null."""
    data = root.plain()
    tiles = root.value.get("tiles")
    for node, tile in zip(tiles.value, data["tiles"], strict=True) if tiles and isinstance(tiles.value, list) else ():
        if isinstance(tile, dict) and "char" in tile and not isinstance(tile["char"], dict | list):
            tile["char"] = node.value["char"].text
    return data


def _explained(error: Any, root: Node, name: str) -> InputError:
    """One of pydantic's errors in the words of the format."""
    kind, loc, value = error["type"], error["loc"], error["input"]
    where = root.mark_of(loc).within(name)
    if kind.startswith("L0"):
        context = error["ctx"]
        return InputError(kind, context["found"], where=where, allowed=context["allowed"], remedy=context["remedy"])
    if kind == "extra_forbidden":
        allowed = _keys_at(loc[:-1])
        remedy = did_you_mean(str(loc[-1]), allowed)
        return InputError("L002", f"unknown key {loc[-1]!r}", where=where, allowed=listing(allowed), remedy=remedy)
    if kind == "missing":
        return InputError("L002", f"the key {loc[-1]!r} is missing", where=where)
    path = ".".join(str(key) for key in loc)
    return InputError("L002", f"{path} is {value!r}", where=where, allowed=str(error["msg"]).lower())


def _keys_at(loc: Keys) -> list[str]:
    homes: dict[str, type[BaseModel]] = {"tiles": GameTile, "movement": Movement, "goal": Goal, "counts": Range}
    model: type[BaseModel] = homes.get(str(loc[0]), Limits) if loc else Game
    if len(loc) > 1 and loc[0] == "limits":
        model = Sides
    return list(model.model_fields)


@lru_cache(maxsize=64)
def shipped_game(name: str) -> Game:
    """A game that the plugin ships.

    Raises:
        ValueError: L009, there is none of that name.
    """
    if name not in shipped_names():
        raise _no_game(name)
    place = files("aigc_levels") / "games" / f"{name}.yaml"
    return parse_game(place.read_bytes(), f"games/{name}.yaml")


def _no_game(name: str) -> ValidationError:
    allowed = f"{listing(shipped_names())}, or a file such as ./my.yaml"
    remedy = did_you_mean(name, shipped_names())
    return fault("L009", (), f"there is no game {name!r}", allowed=allowed, remedy=remedy)


@lru_cache(maxsize=1)
def shipped_names() -> tuple[str, ...]:
    """The names of the games that the plugin ships, sorted."""
    names = (entry.name for entry in (files("aigc_levels") / "games").iterdir())
    return tuple(sorted(name.removesuffix(".yaml") for name in names if name.endswith(".yaml")))


@dataclass(frozen=True)
class GameRef(Written):
    """The ``game:`` of a recipe: the name of a shipped game, or a YAML file of the user's own.

    Attributes:
        name: as written: ``dungeon``, or a path such as ``./my.yaml`` (it has a slash or ends in ``.yaml``).
        source: the file, or None for a shipped game.
    """

    name: str
    source: InputFile | None = None

    @property
    def game(self) -> Game:
        """The rules; read once a process.

        Raises:
            InputError: as `parse_game`.
        """
        if self.source is None:
            return shipped_game(self.name)
        return _parsed(self.source.data, str(self.source.path))

    @classmethod
    def read(cls, value: Any, info: ValidationInfo) -> Self:
        """See `Written`; the game's file is read and checked too."""
        if not isinstance(value, str):
            raise ValueError("the name of a game, or a file, is expected")
        is_file = "/" in value or value.endswith((".yaml", ".yml"))
        if not is_file and value not in shipped_names():
            raise _no_game(value)
        ref = cls(value, open_input(value, info) if is_file else None)
        _ = ref.game
        return ref

    def written(self, *, digests: bool) -> Any:
        """See `Written`."""
        return {"game": self.game.digest} if digests else self.name

    @classmethod
    def described(cls) -> JsonSchemaValue:
        """See `Written`."""
        return {
            "type": "string",
            "description": f"a shipped game ({listing(shipped_names())}) or the path of a YAML file of your own",
        }


@lru_cache(maxsize=16)
def _parsed(data: bytes, where: str) -> Game:
    return parse_game(data, where)
