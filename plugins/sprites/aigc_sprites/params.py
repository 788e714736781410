"""`SpriteParams`: what a recipe may ask of a sprite. Whatever can be known to be impossible is refused here."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from aigc_content import ModelFolder, Params, did_you_mean
from aigc_sprites.craft import LIMITS, craft
from aigc_sprites.data.words import CLASSES, ITEMS, OFFERED, SLOTS, TILES
from aigc_sprites.palette import Palette
from aigc_sprites.palette_files import MAX_COLORS, Colors
from aigc_sprites.sources import Like, Picture, Redraw, Vary
from aigc_sprites.sprite import FACINGS, SIDE, Facing

CREATURES = tuple(sorted(set(CLASSES.values())))
THINGS = tuple(sorted(set(ITEMS.values())))
GROUNDS = tuple(sorted(set(TILES.values())))
LAYERS = tuple(slot for slot in SLOTS if slot != "base")
RACES = OFFERED["base"]
Kind = Literal["hero", "monster", "walker", "item", "tile", "cast"]
Size = Literal[16, 24, 32, 48]


class SpriteParams(Params):
    """What is asked of a sprite.

    Attributes:
        kind: ``hero``, a character in layers; ``monster``, a creature; ``walker``, a character in four directions
            with a step for each; ``item``, a thing; ``tile``, ground or wall that goes on at every side; ``cast``,
            several figures of one palette.
        type: of a monster its class, of an item what it is, of a tile floor or wall; None is any.
        tag: of a type what it shows more exactly: of a weapon a sword, of a wall bricks; None is any.
        build: how large in its picture; None leaves it to the model.
        race: of a hero.
        wear: of a hero the layers above the body, each with the tag that it shall have, or none; None is any dress.
        facing: of a walker: where it looks; ``all`` is down, left, right and up.
        of: what a cast's members are.
        members: how many a cast has.
        palette: colors to use; None leaves them to the model.
        colors: at most so many.
        outline: whether the whole outline must be dark.
        size: sides in pixels. The networks draw 32; other sizes are made from it by rule (`aigc_sprites.resize`).
        like: colors, size and number of materials are a picture's.
        vary: another version of a picture.
        fixed: a picture whose opaque pixels stay; the rest is drawn to them.
        redraw: layers of an earlier hero that are drawn anew.
        temperature: 0.3 to 1.5: lower is tamer, higher is wilder.
        model: a model folder of the user's own; None is the shipped one.
    """

    kind: Kind = "monster"
    type: str | None = None
    tag: str | None = None
    build: Literal["tiny", "small", "medium", "large"] | None = None
    race: str = "human"
    wear: dict[str, str | None] | None = None
    facing: Literal["all", "down", "left", "right", "up"] = "all"
    of: Literal["hero", "monster", "walker", "item"] = "monster"
    members: Annotated[int, Field(strict=True, ge=2, le=16)] = 4
    palette: Palette | None = None
    colors: Annotated[int, Field(strict=True, ge=3, le=64)] = 32
    outline: bool = False
    size: Size = 32
    temperature: Annotated[float, Field(strict=True, ge=0.3, le=1.5)] = 1.0
    like: Like | None = None
    vary: Vary | None = None
    fixed: Picture | None = None
    redraw: Redraw | None = None
    model: ModelFolder | None = None

    @property
    def asked(self) -> frozenset[str]:
        """Classes and tags that are asked for by name."""
        return frozenset(name for name in (self.type, self.tag, *(self.wear or {}).values()) if name is not None)

    @property
    def palette_colors(self) -> Colors | None:
        """The colors to use, (N, 3): of the palette, or of the picture that it shall be like."""
        if self.palette is not None:
            return self.palette.colors
        return None if self.like is None else self.like.image.colors

    @property
    def facings(self) -> tuple[Facing, ...]:
        """Where a walker looks, in the order of its frames."""
        return FACINGS if self.facing == "all" else (self.facing,)

    @property
    def figure(self) -> str:
        """The kind of each figure."""
        return self.of if self.kind == "cast" else self.kind

    @model_validator(mode="after")
    def _known(self) -> Self:
        types = {"monster": CREATURES, "item": THINGS, "tile": GROUNDS}.get(self.figure, ())
        if self.type is not None and self.type not in types:
            raise ValueError(_unknown(f"{self.figure} of type {self.type!r}", self.type, types))
        if self.tag is not None and not types:
            raise ValueError(f"tag belongs to a monster, an item or a tile, and this is a {self.kind}")
        if self.tag is not None and self.tag not in OFFERED.get(self.type or "", ()):
            raise ValueError(_unknown_tag(self.tag, self.type, types))
        for name, kind in _BELONGS.items():
            default = type(self).model_fields[name].default
            if getattr(self, name) != default and kind not in (self.kind, self.figure):
                raise ValueError(f"{name} belongs to a {kind}, and this is a {self.kind}")
        if self.build is not None and self.figure not in ("monster", "item"):
            raise ValueError(f"build belongs to a monster or an item, and this is a {self.kind}")
        if self.race not in RACES:
            raise ValueError(_unknown(f"race {self.race!r}", self.race, RACES))
        for slot, tag in (self.wear or {}).items():
            if slot not in LAYERS:
                raise ValueError(_unknown(f"layer {slot!r}", slot, LAYERS))
            if tag is not None and tag not in OFFERED.get(slot, ()):
                raise ValueError(_unknown(f"tag {tag!r} of the layer {slot}", tag, OFFERED.get(slot, ())))
        if self.outline and self.figure == "tile":
            raise ValueError("a tile has no outline")
        self._check_sources()
        return self

    def _check_sources(self) -> None:
        """Refuse pictures and earlier sprites that no sprite can keep to."""
        given = [name for name in ("like", "vary", "fixed", "redraw") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"give one of {' and '.join(given)}")
        if given and given[0] != "redraw" and self.kind not in ("monster", "item", "tile"):
            raise ValueError(f"{given[0]} belongs to a monster, an item or a tile, and this is a {self.kind}")
        if self.like is not None and not 2 <= len(self.like.image.colors) <= MAX_COLORS:
            raise ValueError(f"the picture of like has {len(self.like.image.colors)} colors, not 2 to {MAX_COLORS}")
        if given and given[0] in ("vary", "fixed", "redraw") and self.size != SIDE:
            raise ValueError(f"{given[0]} works on {SIDE} x {SIDE} pixels: leave out size")
        if self.fixed is not None:
            self._check_exact("fixed", self.fixed.colors)
            limits, found = LIMITS[self.kind], craft(self.fixed.pixels[..., 3], np.zeros(256, np.bool_))
            if self.kind != "tile" and (found.opaque > limits.most or found.border > limits.border):
                raise ValueError(
                    f"no {self.kind} can have these fixed pixels: {found.opaque} show, {found.border} of them on the "
                    f"border; at most {limits.most} and {limits.border} may"
                )
        if self.redraw is not None:
            if self.kind != "hero" or self.wear is not None or self.race != "human":
                raise ValueError("redraw belongs to a hero, and what it wears and is the asset says")
            known = tuple(layer.name for layer in self.redraw.asset.figure.layers)
            for name in self.redraw.layers:
                if name not in known:
                    raise ValueError(_unknown(f"layer {name!r} in {self.redraw.asset.name}", name, known))
            kept = [self.redraw.asset.layer(name) for name in known if name not in self.redraw.layers]
            if kept:
                shown = np.concatenate([layer[layer[..., 3] > 0][:, :3] for layer in kept])
                self._check_exact("redraw", np.unique(shown, axis=0))

    def _check_exact(self, name: str, colors: Colors) -> None:
        """Colors that must stay have to be few enough and of the palette."""
        if len(colors) > self.colors:
            raise ValueError(f"the pixels that {name} keeps have {len(colors)} colors, and colors is {self.colors}")
        if self.palette is not None:
            allowed = {tuple(color) for color in self.palette.colors.tolist()}
            strange = [tuple(color) for color in colors.tolist() if tuple(color) not in allowed]
            if strange:
                raise ValueError(f"{name} keeps pixels of the color {strange[0]}, which the palette lacks")


_BELONGS = {"wear": "hero", "race": "hero", "facing": "walker", "members": "cast", "of": "cast"}


def _unknown_tag(tag: str, type: str | None, types: tuple[str, ...]) -> str:
    """Why a tag cannot be asked for: it needs a type that has it."""
    having = [one for one in types if tag in OFFERED.get(one, ())]
    if type is None and having:
        return f"tag {tag!r} needs a type that has it: {' or '.join(having)}"
    if having:
        return f"a {type} has no tag {tag!r}, but this has: {' or '.join(having)}"
    within = types if type is None else (type,)
    names = tuple(dict.fromkeys(name for one in within for name in OFFERED.get(one, ())))
    return _unknown(f"tag {tag!r}" + ("" if type is None else f" of a {type}"), tag, names)


def _unknown(what: str, name: str, names: tuple[str, ...]) -> str:
    close = did_you_mean(name, names)
    return f"there is no {what}; allowed: {', '.join(names) or 'none'}" + (f"; {close}" if close else "")
