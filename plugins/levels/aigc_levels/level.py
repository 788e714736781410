"""`Level`: the asset of the generator, a map with the rules it is played by and the moves that win it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from aigc_content import AssetModel, InputError
from aigc_levels.rules import MAX_SIDE, FrozenModel, Grid, Rules

Side = Annotated[int, Field(strict=True, ge=1, le=MAX_SIDE)]


class Provenance(FrozenModel):
    """How the level came about.

    Attributes:
        stage: it passed as ``first`` drawn, after parts were ``remasked``, or after it was ``repaired`` by rule.
        remasks: how often parts of it were drawn again.
    """

    stage: Literal["first", "remasked", "repaired"]
    remasks: Annotated[int, Field(strict=True, ge=0, le=1000)] = 0


class Level(AssetModel):
    """A proven level. It carries its rules, so it can be played and measured without the game file.

    Attributes:
        rules: tiles, movement and goal of the game; a character of ``rows`` is one of its tiles.
        width, height: in cells.
        rows: the map, one character a cell, from north to south.
        moves: the proof: a step north, east, south or west a letter, from the start to the exit.
        provenance: how it came about.
        salt: chooses among the pictures of a tile, so that levels do not look alike.
    """

    SCHEMA: ClassVar[str] = "levels/level-1"
    SUFFIX: ClassVar[str] = ".level.json"

    rules: Rules
    width: Side
    height: Side
    rows: tuple[str, ...]
    moves: Annotated[str, Field(pattern=r"^[NESW]*$", max_length=1 << 20)]
    provenance: Provenance
    salt: Annotated[int, Field(strict=True, ge=0, lt=1 << 32)] = 0

    @model_validator(mode="after")
    def _rows_fit(self) -> Self:
        if len(self.rows) != self.height or any(len(row) != self.width for row in self.rows):
            raise ValueError(f"rows are not {self.height} rows of {self.width} characters")
        try:
            _ = self.grid
        except InputError as error:
            raise ValueError(f"rows: {error.found}") from None
        return self

    @property
    def grid(self) -> Grid:
        """Places in ``rules.tiles``, uint8 of shape (height, width); read anew each time."""
        return self.rules.parse_rows(self.rows)

    @classmethod
    def from_grid(
        cls,
        rules: Rules,
        grid: Grid,
        moves: str,
        stage: Literal["first", "remasked", "repaired"] = "first",
        remasks: int = 0,
        salt: int = 0,
    ) -> Level:
        """A level from a grid; ``rules`` is ``game.rules``."""
        height, width = grid.shape
        return cls(
            rules=rules,
            width=width,
            height=height,
            rows=rules.rows(grid),
            moves=moves,
            provenance=Provenance(stage=stage, remasks=remasks),
            salt=salt,
        )
