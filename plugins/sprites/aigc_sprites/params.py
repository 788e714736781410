"""`SpriteParams`: what a recipe may ask of a sprite. Whatever can be known to be impossible is refused here."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from aigc_content import ModelFolder, Params, did_you_mean
from aigc_sprites.data.words import CLASSES, ITEMS, SLOTS, TAGS
from aigc_sprites.palette import Palette

CREATURES = tuple(sorted(set(CLASSES.values())))
THINGS = tuple(sorted(set(ITEMS.values())))
LAYERS = tuple(slot for slot in SLOTS if slot != "base")
Kind = Literal["hero", "monster", "item"]


class SpriteParams(Params):
    """What is asked of a sprite.

    Attributes:
        kind: ``hero``, a character in layers; ``monster``, a creature; ``item``, a thing.
        type: of a monster its class, of an item what it is; None is any.
        build: how large in its picture; None leaves it to the model.
        wear: of a hero the layers above the body, each with the tags that it shall have, or none.
        palette: colors to use; None leaves them to the model.
        colors: at most so many.
        outline: whether the whole outline must be dark.
        temperature: 0.3 to 1.5: lower is tamer, higher is wilder.
        model: a model folder of the user's own; None is the shipped one.
    """

    kind: Kind = "monster"
    type: str | None = None
    build: Literal["tiny", "small", "medium", "large"] | None = None
    wear: dict[str, str | None] = Field(default_factory=lambda: dict.fromkeys(("legs", "boots", "body", "hair")))
    palette: Palette | None = None
    colors: Annotated[int, Field(strict=True, ge=3, le=64)] = 32
    outline: bool = False
    temperature: Annotated[float, Field(strict=True, ge=0.3, le=1.5)] = 1.0
    model: ModelFolder | None = None

    @model_validator(mode="after")
    def _known(self) -> Self:
        types = {"monster": CREATURES, "item": THINGS, "hero": ()}[self.kind]
        if self.type is not None and self.type not in types:
            raise ValueError(_unknown(f"a {self.kind} of type {self.type!r}", self.type, types))
        if self.kind != "hero" and "wear" in self.model_fields_set:
            raise ValueError(f"wear belongs to a hero, and this is a {self.kind}")
        for slot, tag in self.wear.items():
            if slot not in LAYERS:
                raise ValueError(_unknown(f"a layer {slot!r}", slot, LAYERS))
            if tag is not None and tag not in TAGS.get(slot, ()):
                raise ValueError(_unknown(f"{slot}: {tag!r}", tag, TAGS.get(slot, ())))
        return self


def _unknown(what: str, name: str, names: tuple[str, ...]) -> str:
    close = did_you_mean(name, names)
    return f"there is no {what}; allowed: {', '.join(names) or 'none'}" + (f"; {close}" if close else "")
