"""What is drawn for a request, in which order, and what lies beneath each picture while it is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from aigc_content import Stream
from aigc_content.nn import sampling
from aigc_sprites import model as m
from aigc_sprites.craft import LIMITS
from aigc_sprites.data.words import SLOTS
from aigc_sprites.params import GROUNDS, THINGS, SpriteParams
from aigc_sprites.sources import Pixels, Redraw
from aigc_sprites.sprite import SIDE
from aigc_sprites.tokens import CLEAR, HIDDEN, Ramps, Tokens, encode

SIZE_OF = {"tiny": (2, 3), "small": (4, 5), "medium": (6, 7), "large": (8, 9)}
"""Values of the condition ``size`` for each build."""
_TOLERANCE = 25  # percent that a build may be missed by

_USUAL = {
    "legs": 100,
    "boots": 100,
    "body": 100,
    "cloak": 35,
    "hair": 70,
    "beard": 20,
    "head": 45,
    "gloves": 40,
    "hand1": 80,
    "hand2": 45,
}
"""Percent of the heroes of whom no more is said that wear something in a slot."""


_USUAL_CREATURES = {
    "humanoid": 20,
    "animal": 14,
    "undead": 14,
    "aberration": 12,
    "construct": 12,
    "demon": 9,
    "dragon": 6,
    "plant": 6,
    "jelly": 4,
    "holy": 3,
}
"""Percent of the monsters of which no more is said that are of a class, about as the root of how many were learned.
Of those that the network saw five of, it draws few that the reader believes."""


@dataclass(frozen=True, eq=False)
class Part:
    """One picture that is drawn.

    Attributes:
        name: of the layer, or of the facing and pose.
        told: conditions of the network.
        beneath: names of the pictures beneath it, from the lowest up.
        tags: what it must show.
        tries: so many are drawn at a time, and the one whose area is nearest to the walker's first is taken.
        known: tokens (32, 32) that are given, `HIDDEN` where they are to be drawn; None where all are.
        exact: RGBA (32, 32, 4): its opaque pixels stay to the color.
        ramps: colors; None leaves them to the model.
    """

    name: str
    told: m.Told
    beneath: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    tries: int = 1
    known: Tokens | None = None
    exact: Pixels | None = None
    ramps: Ramps | None = None

    @property
    def label(self) -> str:
        """One of `aigc_sprites.model.LABELS`."""
        return m.LABELS[int(self.told[m.INDEX["label"]])]


def pixels_of(params: SpriteParams) -> tuple[int, int]:
    """How many pixels of a figure may show at least and at most: by its kind, or by the build that it shall have."""
    if params.build is None:
        limits = LIMITS[params.figure]
        return limits.least, limits.most
    edges = (*m.SIZE_EDGES, SIDE * SIDE)
    first, last = SIZE_OF[params.build]
    return edges[first - 1] * (100 - _TOLERANCE) // 100, min(SIDE * SIDE, edges[last] * (100 + _TOLERANCE) // 100)


def sizes_of(params: SpriteParams) -> tuple[int, ...]:
    """Values of the condition ``size`` of whose pixels most are allowed; none for a hero, whose layers have any."""
    if params.figure == "hero":
        return ()
    least, most = pixels_of(params)
    edges = (0, *m.SIZE_EDGES, SIDE * SIDE)
    return tuple(size for size in range(len(edges) - 1) if least <= (edges[size] + edges[size + 1]) // 2 <= most)


Turns = tuple[tuple[Part, ...], ...]
"""Pictures of one turn can be drawn together; those of a later one lie over some of an earlier."""


def turns(params: SpriteParams, kind: str, choose: Stream) -> Turns:
    """All pictures of one figure."""
    if kind == "hero":
        return tuple((part,) for part in _hero(params, choose))
    if kind == "walker":
        looks = params.facings
        standing = [Part(one, m.told(f"walker/{one}"), ("down",), tries=2) for one in looks if one != "down"]
        steps = [Part(f"{one}{m.STEP}", m.told(f"walker/{one}{m.STEP}"), (one,), tries=2) for one in looks]
        return ((Part("down", m.told("walker/down")),), tuple(standing), tuple(steps))
    types = {"monster": _USUAL_CREATURES, "item": dict.fromkeys(THINGS, 1), "tile": dict.fromkeys(GROUNDS, 1)}[kind]
    name = params.type or tuple(types)[choose.choice(np.array(list(types.values())))]
    told = m.told(f"{kind}/{name}")
    tags: tuple[str, ...] = (name,)
    if params.tag is not None:
        told[m.INDEX["word"]] = m.word_of(name, (params.tag,))
        tags = (name, params.tag)
    if params.like is not None:
        found = m.describe(encode(params.like.image.pixels)[0], f"{kind}/{name}", len(m.WORDS))
        for condition in ("size", "materials", "mirror"):
            told[m.INDEX[condition]] = found[m.INDEX[condition]]
    if params.build is not None:
        sizes = SIZE_OF[params.build]
        told[m.INDEX["size"]] = sizes[choose.integer(len(sizes))]
    part = Part(kind, told, (), tags)
    if params.vary is not None:
        tokens, ramps = encode(params.vary.image.pixels)
        order = sampling.spread_order(SIDE, SIDE, choose.child("vary"))
        tokens.flat[order[: round(params.vary.strength * tokens.size)]] = HIDDEN
        part = replace(part, known=tokens, ramps=ramps)
    elif params.fixed is not None:
        exact = params.fixed.pixels
        tokens, _ = encode(exact)
        part = replace(part, known=np.where(tokens == CLEAR, HIDDEN, tokens), exact=exact)
    return ((part,),)


def _hero(params: SpriteParams, choose: Stream) -> Iterator[Part]:
    """The body, then what it wears, in the order in which they are drawn."""
    if params.redraw is not None:
        yield from _redrawn(params.redraw)
        return
    wear = params.wear
    if wear is None:
        wear = {slot: None for slot in SLOTS[1:] if choose.child(f"wears/{slot}").integer(100) < _USUAL[slot]}
    drawn: list[str] = []
    for slot in SLOTS:
        if slot != "base" and slot not in wear:
            continue
        tag = params.race if slot == "base" else wear[slot]
        told = m.told(f"layer/{slot}", **({"word": m.word_of(slot, (tag,))} if tag else {}))
        yield Part(slot, told, tuple(drawn), (tag,) if tag else ())
        drawn.append(slot)


def _redrawn(redraw: Redraw) -> Iterator[Part]:
    """All layers of an earlier hero; those that stay are given."""
    tags = {layer.name: layer.tags for layer in redraw.asset.figure.layers}
    drawn: list[str] = []
    for slot in SLOTS:
        if slot in tags:
            part = Part(
                slot, m.told(f"layer/{slot}", word=m.word_of(slot, tags[slot])), tuple(drawn), tuple(tags[slot])
            )
            if slot not in redraw.layers:
                exact = redraw.asset.layer(slot)
                tokens, ramps = encode(exact)
                part = replace(part, known=tokens, exact=exact, ramps=ramps)
            yield part
            drawn.append(slot)
