"""What a recipe may begin from: a picture (``like``, ``vary``, ``fixed``), or an earlier sprite (``redraw``)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo
from pydantic.json_schema import JsonSchemaValue

from aigc_content import InputError, Written, open_input
from aigc_sprites.palette_files import opaque_or_clear, picture_pixels
from aigc_sprites.sprite import SIDE, Figure, Sprite

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Picture(Written):
    """A PNG picture of 32 x 32 pixels of the user's own.

    Attributes:
        name: as written.
        rgba: four bytes a pixel, each pixel opaque or transparent.
        sha256: of the file.
    """

    name: str
    rgba: bytes = field(repr=False)
    sha256: str = field(repr=False)

    @property
    def pixels(self) -> Pixels:
        """RGBA (32, 32, 4); read-only."""
        return np.frombuffer(self.rgba, np.uint8).reshape(SIDE, SIDE, 4)

    @property
    def colors(self) -> Pixels:
        """The different colors of the opaque pixels, (N, 3)."""
        return np.unique(self.pixels[self.pixels[..., 3] > 0][:, :3], axis=0)

    @classmethod
    def read(cls, value: Any, info: ValidationInfo) -> Self:
        """See `Written`; the file is read and checked too.

        Raises:
            ValueError: not text.
            InputError: SPR007 or SPR008, SPR009 another size than 32 x 32, SPR010 nothing shows; or the host's
                I001 to I004.
        """
        if not isinstance(value, str) or not value.strip():
            raise ValueError("the path of a PNG picture is expected")
        file = open_input(value, info)
        where = str(file.path)
        pixels = picture_pixels(file.data, where)
        if pixels.shape[:2] != (SIDE, SIDE):
            found = f"the picture has {pixels.shape[1]} x {pixels.shape[0]} pixels"
            remedy = "scale it in whole steps without smoothing, or put it on an empty picture of that size"
            raise InputError("SPR009", found, where=where, allowed=f"{SIDE} x {SIDE}", remedy=remedy)
        plain = opaque_or_clear(pixels)
        if not plain.any():
            remedy = "draw what is to be seen with an alpha of 255"
            raise InputError("SPR010", "the picture has no opaque pixel", where=where, remedy=remedy)
        return cls(value, plain.tobytes(), file.sha256)

    def written(self, *, digests: bool) -> Any:
        """See `Written`."""
        return {"sha256": self.sha256} if digests else self.name

    @classmethod
    def described(cls) -> JsonSchemaValue:
        """See `Written`."""
        return {"type": "string", "description": f"the path of a PNG picture of {SIDE} x {SIDE} pixels"}


@dataclass(frozen=True)
class Earlier(Written):
    """A hero that was made before: its ``.sprite.json``.

    Attributes:
        name: as written.
        sprite: the asset.
        sha256: of the file.
    """

    name: str
    sprite: Sprite = field(repr=False)
    sha256: str = field(repr=False)

    @property
    def figure(self) -> Figure:
        """The hero."""
        return self.sprite.figures[0]

    def layer(self, name: str) -> Pixels:
        """RGBA (32, 32, 4) of a layer."""
        place = [layer.name for layer in self.figure.layers].index(name)
        return self.sprite.colors[self.sprite.cel(self.figure, self.figure.frames[0], place)]

    @classmethod
    def read(cls, value: Any, info: ValidationInfo) -> Self:
        """See `Written`; the file is read and checked too.

        Raises:
            ValueError: not text.
            InputError: SPR011, it is no hero of 32 x 32 pixels; or the host's I001 to I004.
        """
        if not isinstance(value, str) or not value.strip():
            raise ValueError("the path of a .sprite.json is expected")
        file = open_input(value, info)
        where = str(file.path)
        remedy = "name the .sprite.json of a hero that this plugin made"
        try:
            sprite = Sprite.model_validate_json(file.data)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            found = f"is no sprite: {place + ': ' if place else ''}{first['msg']}"
            raise InputError("SPR011", found, where=where, remedy=remedy) from None
        if sprite.kind != "hero" or sprite.size != SIDE:
            found = f"is a {sprite.kind} of {sprite.size} x {sprite.size} pixels"
            raise InputError("SPR011", found, where=where, allowed=f"a hero of {SIDE} x {SIDE}", remedy=remedy)
        return cls(value, sprite, file.sha256)

    def written(self, *, digests: bool) -> Any:
        """See `Written`."""
        return {"sha256": self.sha256} if digests else self.name

    @classmethod
    def described(cls) -> JsonSchemaValue:
        """See `Written`."""
        return {"type": "string", "description": "the path of the .sprite.json of a hero"}


class Like(BaseModel):
    """In the manner of a picture: its colors, about as large, as many materials.

    Attributes:
        image: the picture.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: Picture


class Vary(BaseModel):
    """Another version of a picture.

    Attributes:
        image: the picture.
        strength: share of its pixels that are drawn anew.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    image: Picture
    strength: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.5


class Redraw(BaseModel):
    """Some layers of an earlier hero drawn anew; all others stay to the pixel.

    Attributes:
        asset: the hero.
        layers: names of the layers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    asset: Earlier
    layers: Annotated[tuple[str, ...], Field(min_length=1)]
