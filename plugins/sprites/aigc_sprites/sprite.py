"""`Sprite`: the asset, one or several figures of indexed pixels that share a palette, in layers and frames."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

from aigc_content import AssetModel
from aigc_sprites.palette import oklab

Indices = npt.NDArray[np.uint8]
"""Pixels (H, W): 0 is transparent, k the k-th color of the palette."""

Kind = Literal["hero", "monster", "walker", "item", "tile", "cast"]
Facing = Literal["down", "left", "right", "up"]
FACINGS: tuple[Facing, ...] = ("down", "left", "right", "up")
Color = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,47}$")]
Row = Annotated[str, Field(pattern=r"^([0-9a-f]{2})+$")]
Rows = Annotated[tuple[Row, ...], Field(min_length=1, max_length=64)]

MAX_COLORS = 64
SIDE = 32
"""Pixels a side of what the networks draw."""


class Frozen(BaseModel):
    """Part of a sprite."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Layer(Frozen):
    """What one sheet of a paper doll holds.

    Attributes:
        name: such as ``body`` or ``hand1``; no two layers of a figure share one.
        tags: what it shows, such as ``robe``.
    """

    name: Name
    tags: tuple[Name, ...] = ()


class Frame(Frozen):
    """One picture of an animation.

    Attributes:
        facing: where the figure looks.
        duration: milliseconds.
        cels: for each layer of the figure, from the lowest up, its rows of pixels from top to bottom, two hexadecimal
            digits a pixel (00 transparent, 01 the first color of the palette), or None where it shows nothing.
    """

    facing: Facing = "down"
    duration: Annotated[int, Field(ge=10, le=10_000)] = 100
    cels: tuple[Rows | None, ...]


class Figure(Frozen):
    """One character, creature or thing.

    Attributes:
        name: within the sprite.
        pivot: x and y of the pixel that stands on the ground.
        layers: from the lowest up.
        frames: grouped by facing, in the order of their animation.
    """

    name: Name
    pivot: tuple[int, int]
    layers: Annotated[tuple[Layer, ...], Field(min_length=1, max_length=16)]
    frames: Annotated[tuple[Frame, ...], Field(min_length=1, max_length=64)]


class Sprite(AssetModel):
    """Figures of pixel art: one, or the members of a cast.

    Attributes:
        kind: what was asked for.
        size: sides of every picture in pixels.
        palette: its colors, from index 1 on, no two alike.
        figures: one, or several of a cast.
    """

    SCHEMA: ClassVar[str] = "sprites/sprite-1"
    SUFFIX: ClassVar[str] = ".sprite.json"

    kind: Kind
    size: Annotated[int, Field(ge=8, le=64)]
    palette: Annotated[tuple[Color, ...], Field(min_length=1, max_length=MAX_COLORS)]
    figures: Annotated[tuple[Figure, ...], Field(min_length=1, max_length=64)]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(set(self.palette)) != len(self.palette):
            raise ValueError("the palette has a color twice")
        for figure in self.figures:
            names = [layer.name for layer in figure.layers]
            if len(set(names)) != len(names):
                raise ValueError(f"figure {figure.name!r} has a layer twice")
            for frame in figure.frames:
                if len(frame.cels) != len(names):
                    raise ValueError(f"a frame of {figure.name!r} has {len(frame.cels)} cels for {len(names)} layers")
                for rows in filter(None, frame.cels):
                    if len(rows) != self.size or any(len(row) != 2 * self.size for row in rows):
                        raise ValueError(f"a cel of {figure.name!r} is not {self.size} x {self.size} pixels")
                    if max(max(bytes.fromhex(row)) for row in rows) > len(self.palette):
                        raise ValueError(f"a pixel of {figure.name!r} lies beyond the palette")
        if len({figure.name for figure in self.figures}) != len(self.figures):
            raise ValueError("two figures have one name")
        return self

    @cached_property
    def colors(self) -> npt.NDArray[np.uint8]:
        """RGBA (1 + colors, 4): transparent, then the palette."""
        rgb = [tuple(bytes.fromhex(color[1:])) for color in self.palette]
        return np.array([(0, 0, 0, 0), *((*one, 255) for one in rgb)], dtype=np.uint8)

    @cached_property
    def light(self) -> npt.NDArray[np.int64]:
        """How light each color is in 1/1000 (OKLab), (1 + colors,); transparent 0."""
        return np.where(self.colors[:, 3] > 0, oklab(self.colors[:, :3])[:, 0], 0).astype(np.int64)

    def cel(self, figure: Figure, frame: Frame, layer: int) -> Indices:
        """Pixels of one layer in one frame, (size, size)."""
        rows = frame.cels[layer]
        if rows is None:
            return np.zeros((self.size, self.size), dtype=np.uint8)
        return np.frombuffer(bytes.fromhex("".join(rows)), np.uint8).reshape(self.size, self.size)

    def flat(self, figure: Figure, frame: Frame) -> Indices:
        """All layers of one frame on each other, (size, size)."""
        picture = np.zeros((self.size, self.size), dtype=np.uint8)
        for layer in range(len(figure.layers)):
            cel = self.cel(figure, frame, layer)
            picture = np.where(cel > 0, cel, picture)
        return picture


def rows_of(pixels: Indices) -> tuple[str, ...]:
    """`Frame.cels` of one picture (H, W)."""
    return tuple(row.tobytes().hex() for row in pixels)
