"""`LevelParams`: what a recipe may ask of a level. Whatever can be known to be impossible is refused here."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Annotated, Literal, Self

import numpy as np
from pydantic import (
    Field,
    ValidationError,
    model_validator,
)

from aigc_content import InputError, InputFile, ModelFolder, Params, did_you_mean
from aigc_levels.counts import CountLimit, Impossible, bounds
from aigc_levels.faults import fault, listing
from aigc_levels.game import Count, Game, GameRef, Range, Side, Span
from aigc_levels.rules import FREE, Grid
from aigc_levels.sketch import Sketch, contradiction
from aigc_levels.solve import Cell

if TYPE_CHECKING:
    from aigc_levels.tileset import Tileset

Steps = Annotated[int, Field(strict=True, ge=1, le=1 << 16)]
Style = Literal["rooms", "caves", "any"]
Share = Annotated[float, Field(strict=True, ge=0, le=1, allow_inf_nan=False)]


class PathLength(Span):
    """Least and most steps of the winning path; either may be left open."""

    _code = "L022"

    min: Steps | None = None
    max: Steps | None = None


class LevelParams(Params):
    """What is asked of a level.

    Attributes:
        game: a shipped game, or a YAML file of the user's own.
        width, height: in cells, 8 to 64 and within the game's limits; a sketch gives them when they are not
            written, and the defaults move into the game's limits.
        style: ``rooms`` (rooms, corridors, doors), ``caves`` (winding and open), or ``any``, as the learned maps are.
        difficulty: 0 to 1, the share of hand-made maps that are easier (`aigc_levels.measure.difficulty`); None
            leaves it to the model.
        min, max: cells by the name of a tile or trait, such as ``{enemy: 4}``.
        path_length: least and most steps of the winning path.
        min_reachable: share of the passable cells that must be reachable. Keys, loot and locked doors always must.
        fixed: a sketch that is kept, see `aigc_levels.sketch`.
        tileset: a tileset's YAML file; None is the drawn one.
        temperature: 0.2 to 2: lower is tamer, higher is wilder.
        model: a model folder of the user's own; None is the shipped one.
    """

    game: GameRef = GameRef("dungeon")
    width: Side = 32
    height: Side = 24
    style: Style = "rooms"
    difficulty: Share | None = None
    min: dict[str, Count] = Field(default_factory=dict)
    max: dict[str, Count] = Field(default_factory=dict)
    path_length: PathLength = PathLength()
    min_reachable: Share = 1.0
    fixed: Sketch | None = None
    tileset: InputFile | None = None
    temperature: Annotated[float, Field(strict=True, ge=0.2, le=2, allow_inf_nan=False)] = 1.0
    model: ModelFolder | None = None

    @property
    def rules(self) -> Game:
        """The game that ``game`` names."""
        return self.game.game

    @property
    def fixed_grid(self) -> Grid | None:
        """The sketch as a grid with `aigc_levels.rules.FREE` cells, shape (height, width), or None; read only."""
        return _sketch_grid(self.fixed, self.game) if self.fixed else None

    @cached_property
    def count_limits(self) -> tuple[CountLimit, ...]:
        """Every count that a level must keep: one start, an exit, the game's ``counts``, ``min`` and ``max``."""
        rules, cells = self.rules, self.width * self.height
        limits = [
            CountLimit("start", rules.tables.start, 1, 1),
            CountLimit("exit", rules.tables.exit, 1, cells),
        ]
        for name in dict.fromkeys([*rules.counts, *self.min, *self.max]):
            least, most = self._allowed(name)
            least, most = max(least, self.min.get(name, 0)), min(most, self.max.get(name, cells))
            limits.append(CountLimit(name, rules.counted(name), least, most))
        return tuple(limits)

    def open_tileset(self) -> Tileset | None:
        """The tileset that ``tileset`` names, with a look for each of the game's tiles; None for the drawn one.

        Raises:
            InputError: L026 it cannot be used, R002 to R014 it is not YAML, I001 to I004 its picture cannot be read.
        """
        if self.tileset is None:
            return None
        from aigc_levels.tileset import load_tileset

        file = self.tileset
        tileset = load_tileset(file.data, lambda name: file.sibling(name).data, str(file.path))
        tileset.require(tile.name for tile in self.rules.tiles)
        return tileset

    @model_validator(mode="after")
    def _possible(self) -> Self:
        self._set_size()
        self._check_names()
        self._check_drawn()
        most = self._check_counts()
        self._check_path(most)
        self._check_sketch(most)
        self.open_tileset()
        return self

    def _set_size(self) -> None:
        try:
            height, width = (None, None) if self.fixed_grid is None else self.fixed_grid.shape
        except InputError as error:
            if error.where:
                raise
            raise fault(error.code, ("fixed",), error.found, allowed=error.allowed) from None
        for side, drawn in (("width", width), ("height", height)):
            limits = getattr(self.rules.limits, side)
            size = getattr(self, side)
            if side not in self.model_fields_set:
                size = drawn if drawn is not None else min(max(size, limits.min), limits.max)
                object.__setattr__(self, side, size)
            if drawn is not None and drawn != size:
                found = f"the sketch has a {side} of {drawn} cells, and {side} is {size}"
                raise fault("L023", ("fixed",), found, remedy=f"write {side}: {drawn}, or leave {side} out")
            if not limits.min <= size <= limits.max:
                allowed = f"{limits.min} to {limits.max} in game {self.rules.name!r}"
                keys = (side,) if side in self.model_fields_set else ("fixed",)
                raise fault("L024", keys, f"{side} is {size}", allowed=allowed, value=size)

    def _check_names(self) -> None:
        known = self.rules.countable
        for side in ("min", "max"):
            for name, count in getattr(self, side).items():
                if name not in known:
                    found = f"{name!r} is neither a tile nor a trait of game {self.rules.name!r}"
                    remedy = did_you_mean(name, known)
                    raise fault("L020", (side, name), found, allowed=listing(known), remedy=remedy)
                least, most = self._allowed(name)
                if side == "min" and count > self.max.get(name, count):
                    found = f"min of {name!r} is {count}, above its max {self.max[name]}"
                    raise fault("L021", (side, name), found, value=count)
                if (side == "min" and count > most) or (side == "max" and count < least):
                    found = f"{side} of {name!r} is {count}, and the game allows {least} to {most}"
                    remedy = f"change counts in game {self.rules.name!r}" if self.game.source else ""
                    raise fault("L021", (side, name), found, remedy=remedy, value=count)

    def _allowed(self, name: str) -> tuple[int, int]:
        """The counts that the game's file leaves to a tile or trait."""
        wanted = self.rules.counts.get(name, Range())
        return wanted.min or 0, self.width * self.height if wanted.max is None else wanted.max

    def _check_drawn(self) -> None:
        """Refuses a sketch that has more of something than a level may have."""
        grid = self.fixed_grid
        if grid is None:
            return
        for limit in self.count_limits:
            drawn = np.argwhere(np.append(limit.tiles, [False] * (FREE + 1 - len(limit.tiles)))[grid])
            if len(drawn) > limit.most:
                found = f"{len(drawn)} cells of {limit.name!r} are drawn, and a level has at most {limit.most}"
                row, column = drawn[limit.most].tolist()
                raise self._sketch_fault(found, (row, column), f"leave only {limit.most}")

    def _check_counts(self) -> list[int]:
        """Refuses counts that no level has; gives the most cells that each tile can have."""
        tiles = len(self.rules.tiles)
        fixed, free = [0] * tiles, self.width * self.height
        if self.fixed_grid is not None:
            decided = self.fixed_grid[self.fixed_grid != FREE]
            fixed, free = np.bincount(decided, minlength=tiles).tolist(), free - len(decided)
        found = bounds(self.count_limits, fixed, free)
        if isinstance(found, Impossible):
            name = found.limit.name
            keys = next(((side, name) for side in ("min", "max") if name in getattr(self, side)), ("fixed",))
            keys = keys if self.fixed or keys != ("fixed",) else ("game",)
            raise fault("L021", keys, found.why)
        return found[1]

    def _check_path(self, most: list[int]) -> None:
        """Refuses a path that has no room.

        With the same keys a shortest path enters no cell twice and at most three of any square of four (through
        the fourth it would be shorter or touch itself); each new kind of key begins one more such path.
        """
        least = self.path_length.min
        if least is None or self.rules.goal.collect != "none":
            return
        walkable, gives = self.rules.tables.walkable, self.rules.tables.gives
        cells = min(self.width * self.height, sum(np.array(most)[walkable].tolist()))
        keys = sum(count > 0 for count in np.array(most)[gives != 0].tolist())
        cells = min(cells, 3 * ((self.width + 1) // 2) * ((self.height + 1) // 2))
        longest = cells * (keys + 1) - 1
        if least > longest:
            found = f"a shortest path of {least} steps has no room in a level of {self.width} x {self.height}"
            raise fault("L022", ("path_length", "min"), found, allowed=f"at most {longest}", value=least)

    def _check_sketch(self, most: list[int]) -> None:
        grid = self.fixed_grid
        if grid is None:
            return
        exits = [place for place, is_exit in enumerate(self.rules.tables.exit) if is_exit]
        found = contradiction(
            self.rules,
            grid,
            all_reachable=self.min_reachable == 1,
            longest=self.path_length.max,
            more_exits=sum(most[place] for place in exits) > int(np.isin(grid, exits).sum()),
        )
        if found is not None:
            raise self._sketch_fault(*found, "leave room with ?")

    def _sketch_fault(self, why: str, cell: Cell | None, remedy: str) -> InputError | ValidationError:
        """L023, naming the place in the sketch's file, or in the sketch when it stands in the recipe."""
        if self.fixed is not None and self.fixed.source is not None:
            place = f":{cell[0] + 1}:{cell[1] + 1}" if cell else ""
            return InputError("L023", why, where=self.fixed.where + place, remedy=remedy)
        place = f"line {cell[0] + 1}, column {cell[1] + 1} of the sketch: " if cell else "the sketch: "
        return fault("L023", ("fixed",), place + why, remedy=remedy)


@lru_cache(maxsize=64)
def _sketch_grid(sketch: Sketch, ref: GameRef) -> Grid:
    grid = sketch.grid(ref.game)
    grid.setflags(write=False)
    return grid
