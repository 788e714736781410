"""What decides whether a level can be won: tiles with their traits, movement and goal.

Every level carries its `Rules`, so it can be proven and measured without the game file that they came from; a
`aigc_levels.game.Game` is rules with what generation needs beside them.

A level is a `Grid`: ``numpy.uint8``, shape (height, width), of places in ``rules.tiles``. In sketches `FREE`
stands for a cell that is not decided.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

from aigc_content import InputError, did_you_mean
from aigc_levels.faults import Keys, fault, listing

Grid = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]

FREE = 255
FREE_CHAR = "?"
MIN_SIDE, MAX_SIDE = 8, 64
MAX_TILES = 64
MAX_KEY_KINDS = 6

TRAITS: Mapping[str, str] = {
    "solid": "cannot be entered",
    "void": "outside the map; cannot be entered",
    "floor": "can be walked on",
    "doorway": "a door without a lock; can be walked through",
    "door": "a locked door; opens to whoever has picked up a key that opens it",
    "key": "is picked up by walking on it and kept; opens every door of the tiles named by `opens`",
    "hazard": "harms; a proof never steps on it",
    "liquid": "a proof never steps into it",
    "enemy": "can be passed; those near the winning path are counted",
    "loot": "is picked up by walking on it",
    "start": "where the player begins",
    "exit": "where the player wants to go",
}
"""The traits that a tile may have, and what each means when a player walks."""

LATER_TRAITS: Mapping[str, str] = {
    "crate": "push",
    "target": "push",
    "ladder": "climb",
    "rope": "climb",
    "brick": "climb",
    "platform": "jump",
    "spike": "jump",
    "spring": "jump",
}
"""Traits of games that come later, and their movement."""

MOVEMENTS: Mapping[str, str] = {
    "walk": "four neighbors, keys open doors",
    "push": "Sokoban",
    "jump": "platformers",
    "climb": "ladders and gold",
}
"""Kinds of movement; only the first is played yet."""

_BLOCKING = frozenset({"solid", "void"})
_UNSAFE = frozenset({"hazard", "liquid"})
_VISITED = frozenset({"door", "key", "loot", "start", "exit"})


def _listed(value: object) -> object:
    """A single name in place of a list."""
    return [value] if isinstance(value, str) else value


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Trait = Annotated[str, WithJsonSchema({"type": "string", "enum": list(TRAITS)})]
Names = Annotated[tuple[Name, ...], BeforeValidator(_listed, json_schema_input_type=str | list[str])]


class FrozenModel(BaseModel):
    """Base of everything a game file holds: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Movement(FrozenModel):
    """How the player moves.

    Attributes:
        kind: ``walk``.
        diagonal: whether diagonal steps exist; not played yet.
    """

    kind: Annotated[str, WithJsonSchema({"type": "string", "enum": ["walk"]})] = "walk"
    diagonal: Annotated[bool, Field(strict=True), WithJsonSchema({"type": "boolean", "enum": [False]})] = False

    @model_validator(mode="after")
    def _played(self) -> Self:
        if self.kind != "walk":
            later = self.kind in MOVEMENTS
            found = f"movement {self.kind!r} ({MOVEMENTS[self.kind]}) is not played yet" if later else ""
            remedy = "" if later else did_you_mean(self.kind, MOVEMENTS)
            found = found or f"there is no movement {self.kind!r}"
            raise fault("L005", ("kind",), found, allowed="walk", remedy=remedy, value=self.kind)
        if self.diagonal:
            raise fault("L005", ("diagonal",), "diagonal steps are not played yet", allowed="false", value=True)
        return self


class Goal(FrozenModel):
    """What wins: to stand on an exit, with everything collected that must be.

    Attributes:
        reach: ``exit``.
        collect: ``none``, or all ``keys`` or all ``loot`` of the level first.
    """

    reach: Literal["exit"] = "exit"
    collect: Literal["none", "keys", "loot"] = "none"


class Tile(FrozenModel):
    """One tile, as far as winning depends on it.

    Attributes:
        name: lower-case word, unique.
        char: one printable character, unique; not ``?``.
        traits: one or more of `TRAITS`.
        opens: for keys, the tiles with trait ``door`` that it opens.
    """

    name: Name
    char: str
    traits: Annotated[tuple[Trait, ...], BeforeValidator(_listed, json_schema_input_type=str | list[str])]
    opens: Names = ()


@dataclass(frozen=True, eq=False)
class Tables:
    """What the tiles mean, by tile code; each of shape (tiles,).

    Attributes:
        walkable: may be stepped on, given the key where there is a lock: neither solid, void, hazard nor liquid.
        opened_by: bit mask of the key kinds that open it; 0 is not locked.
        gives: bit mask of the one key kind that it gives; 0 is no key.
        start, exit: has that trait.
    """

    walkable: Flags
    opened_by: npt.NDArray[np.uint8]
    gives: npt.NDArray[np.uint8]
    start: Flags
    exit: Flags


class Rules(FrozenModel):
    """What decides whether a level can be won.

    Attributes:
        name: the game's.
        movement, goal: how the player moves and wins.
        tiles: a grid holds places in this list.
    """

    name: Name
    movement: Movement = Movement()
    goal: Goal = Goal()
    tiles: Annotated[tuple[Tile, ...], Field(min_length=1, max_length=MAX_TILES)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for code, keys, found, remedy in _faults(self):
            raise fault(code, keys, found, remedy=remedy)
        return self

    @cached_property
    def tables(self) -> Tables:
        """The tiles' meaning as arrays."""
        keys = [place for place, tile in enumerate(self.tiles) if "key" in tile.traits]
        gives = np.zeros(len(self.tiles), np.uint8)
        opened_by = np.zeros(len(self.tiles), np.uint8)
        for bit, place in enumerate(keys):
            gives[place] = 1 << bit
            for door, tile in enumerate(self.tiles):
                opened_by[door] |= (1 << bit) if tile.name in self.tiles[place].opens else 0
        walkable = ~self.having(*_BLOCKING, *_UNSAFE)
        return Tables(walkable, opened_by, gives, self.having("start"), self.having("exit"))

    def having(self, *traits: str) -> Flags:
        """Which tiles have one of the traits, shape (tiles,); index it with a grid."""
        return np.array([bool(set(traits) & set(tile.traits)) for tile in self.tiles], dtype=np.bool_)

    @property
    def countable(self) -> tuple[str, ...]:
        """The names that can be counted: those of tiles, then those of traits."""
        traits = {trait for tile in self.tiles for trait in tile.traits}
        return tuple(dict.fromkeys([*(tile.name for tile in self.tiles), *sorted(traits)]))

    def counted(self, name: str) -> Flags:
        """Which tiles a name counts, shape (tiles,): the tile of that name, else all with the trait of that name.

        Raises:
            KeyError: there is neither.
        """
        for place, tile in enumerate(self.tiles):
            if tile.name == name:
                return np.array([other == place for other in range(len(self.tiles))], dtype=np.bool_)
        if name not in self.countable:
            raise KeyError(name)
        return self.having(name)

    def code(self, trait: str) -> int | None:
        """The first tile with a trait, or None."""
        found = np.flatnonzero(self.having(trait))
        return int(found[0]) if len(found) else None

    def rows(self, grid: Grid) -> tuple[str, ...]:
        """The rows of a grid as text; `FREE` is ``?``."""
        chars = {place: tile.char for place, tile in enumerate(self.tiles)} | {FREE: FREE_CHAR}
        return tuple("".join(map(chars.__getitem__, row)) for row in grid.tolist())

    def parse_rows(
        self, source: str | Sequence[str], *, where: str = "", free: bool = False, pad: bool = False
    ) -> Grid:
        """A grid from text, one character a cell.

        Args:
            source: rows, or text with rows by newline; empty lines at the end are left out.
            where: the file for messages.
            free: ``?`` is allowed and becomes `FREE`.
            pad: rows that end early are filled with the tile of character space, if the game has one.

        Raises:
            InputError: L010, with line and column.
        """
        lines = source.replace("\r\n", "\n").rstrip("\n").split("\n") if isinstance(source, str) else source
        codes = {tile.char: place for place, tile in enumerate(self.tiles)} | ({FREE_CHAR: FREE} if free else {})
        width = max(map(len, lines), default=0)
        if not width or width > MAX_SIDE or len(lines) > MAX_SIDE:
            found = f"{width} x {len(lines)} cells" if width else "no cell"
            raise InputError("L010", f"the map has {found}", where=where, allowed=f"1 to {MAX_SIDE} a side")
        result = np.zeros((len(lines), width), np.uint8)
        for row, line in enumerate(lines):
            for column, char in enumerate(line):
                if char not in codes:
                    allowed = listing(repr(known) for known in codes)
                    raise _map_fault(where, row, column, f"{char!r} is no tile of {self.name!r}", allowed)
            cells = [codes[char] for char in line]
            if len(line) < width:
                if not pad or " " not in codes:
                    found = f"the row has {len(line)} cells where the longest has {width}"
                    raise _map_fault(where, row, len(line), found, "rows of one width")
                cells += [codes[" "]] * (width - len(line))
            result[row] = cells
        return result


def _map_fault(where: str, row: int, column: int, found: str, allowed: str) -> InputError:
    place = f"{where}:{row + 1}:{column + 1}" if where else ""
    return InputError("L010", f"line {row + 1}, column {column + 1}: {found}", where=place, allowed=allowed)


def _faults(rules: Rules) -> Iterator[tuple[str, Keys, str, str]]:
    """Code, keys, what was found and the remedy of everything that contradicts itself."""
    names: dict[str, int] = {}
    chars: dict[str, int] = {}
    for place, tile in enumerate(rules.tiles):
        at: Keys = ("tiles", place)
        if tile.name in names:
            yield "L003", (*at, "name"), f"a second tile is named {tile.name!r}", "names are unique"
        if len(tile.char) != 1 or not tile.char.isprintable() or unicodedata.category(tile.char)[0] == "M":
            remedy = "put it in quotes, such as char: '#'" if not tile.char else ""
            yield "L003", (*at, "char"), f"{tile.char!r} is not one printable character", remedy
        if tile.char == FREE_CHAR:
            yield "L003", (*at, "char"), "'?' stands for a free cell in sketches", "take another character"
        if tile.char in chars:
            other = rules.tiles[chars[tile.char]].name
            yield "L003", (*at, "char"), f"{tile.char!r} is already the character of {other!r}", "one each"
        names[tile.name], chars[tile.char] = place, place
        yield from _trait_faults(tile, at)
    yield from _key_faults(rules)
    for trait in ("solid", "floor", "start", "exit"):
        if not rules.having(trait).any():
            yield "L008", ("tiles",), f"no tile has the trait {trait!r}", f"give it to one: {TRAITS[trait]}"
    if rules.goal.collect == "keys" and not rules.having("key").any():
        yield "L008", ("goal", "collect"), "all keys are to be collected, but no tile is a key", "add one"
    if rules.goal.collect == "loot" and not rules.having("loot").any():
        yield "L008", ("goal", "collect"), "all loot is to be collected, but no tile is loot", "add one"


def _trait_faults(tile: Tile, at: Keys) -> Iterator[tuple[str, Keys, str, str]]:
    for place, trait in enumerate(tile.traits):
        if trait in LATER_TRAITS:
            movement = LATER_TRAITS[trait]
            found = f"trait {trait!r} belongs to movement {movement!r}, which is not played yet"
            yield "L004", (*at, "traits", place), found, f"use {listing(TRAITS)}"
        elif trait not in TRAITS:
            remedy = did_you_mean(trait, TRAITS, f"use {listing(TRAITS)}")
            yield "L004", (*at, "traits", place), f"there is no trait {trait!r}", remedy
    traits = set(tile.traits)
    if not traits:
        yield "L004", (*at, "traits"), "a tile needs a trait", f"use {listing(TRAITS)}"
    blocking, unsafe, visited = traits & _BLOCKING, traits & _UNSAFE, traits & _VISITED
    entered = traits - _BLOCKING - _UNSAFE
    if blocking and entered:
        found = f"what is {min(blocking)!r} cannot be entered, and {min(entered)!r} must be"
        yield "L004", (*at, "traits"), found, "keep one"
    if unsafe and visited:
        found = f"a proof never steps on {min(unsafe)!r}, and {min(visited)!r} must be stepped on"
        yield "L004", (*at, "traits"), found, "keep one"
    if "start" in traits and traits & {"exit", "door"}:
        yield "L004", (*at, "traits"), f"a start cannot be {min(traits & {'exit', 'door'})!r} too", "keep one"


def _key_faults(rules: Rules) -> Iterator[tuple[str, Keys, str, str]]:
    doors = {tile.name for tile in rules.tiles if "door" in tile.traits}
    opened: set[str] = set()
    kinds = 0
    for place, tile in enumerate(rules.tiles):
        at: Keys = ("tiles", place, "opens")
        is_key = "key" in tile.traits
        kinds += is_key
        if is_key and not tile.opens:
            remedy = f"add opens: {min(doors)}" if doors else "add a tile with the trait door"
            yield "L006", ("tiles", place), f"key {tile.name!r} opens nothing", remedy
        if tile.opens and not is_key:
            yield "L006", at, f"{tile.name!r} opens something but is no key", "give it the trait key"
        for name in tile.opens:
            if name not in doors:
                remedy = did_you_mean(name, doors, f"doors of this game: {listing(sorted(doors)) or 'none'}")
                yield "L006", at, f"{name!r} is no tile with the trait door", remedy
        opened |= set(tile.opens)
        if is_key and kinds > MAX_KEY_KINDS:
            yield "L006", at, f"there are more than {MAX_KEY_KINDS} kinds of keys", "use fewer"
    for place, tile in enumerate(rules.tiles):
        if "door" in tile.traits and tile.name not in opened:
            yield "L006", ("tiles", place), f"no key opens {tile.name!r}", "add a key, or use doorway for no lock"
