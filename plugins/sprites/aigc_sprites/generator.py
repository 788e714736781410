"""The generator: draw tokens layer by layer, tidy them, give them colors; the proof comes from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from aigc_content import Generator, Infeasible, ModelRef, Params, Preview, Request, Verdict
from aigc_sprites import model as m
from aigc_sprites.check import check
from aigc_sprites.coloring import darkest, paint, recolored
from aigc_sprites.craft import craft
from aigc_sprites.data.words import SLOTS
from aigc_sprites.draw import Canvas, Schedule, SpriteModel
from aigc_sprites.params import CREATURES, THINGS, SpriteParams
from aigc_sprites.sprite import Figure, Frame, Layer, Sprite, rows_of
from aigc_sprites.tidy import tidy
from aigc_sprites.tokens import DARK, FIRST, HIDDEN, LEVELS, OUTLINE, Ramps, Tokens

SIDE = 32
SCHEDULE = Schedule()
_SIZE_OF = {"tiny": (1, 2, 3), "small": (4, 5), "medium": (6, 7), "large": (8, 9)}
"""Values of the condition ``size`` for each build."""


class Sprites(Generator[SpriteParams, Sprite]):
    """Pixel-art characters, creatures and things."""

    revision: ClassVar[int] = 1
    models: ClassVar[Mapping[str, ModelRef]] = {"painter": ModelRef("aigc_sprites", "weights/painter")}
    asset_schema: ClassVar[str] = Sprite.SCHEMA
    asset_suffix: ClassVar[str] = Sprite.SUFFIX

    @classmethod
    def models_for(cls, params: Params) -> Mapping[str, ModelRef | Path]:
        """The shipped model, or the folder that ``model:`` names."""
        if isinstance(params, SpriteParams) and params.model is not None:
            return {"painter": params.model.path}
        return cls.models

    def open(self) -> None:
        """Load the network; needs no torch."""
        self.model = SpriteModel(self.opened["painter"].path)

    def generate(self, request: Request[SpriteParams]) -> Sprite | Infeasible:
        """One attempt at one sprite."""
        return self.generate_batch([request])[0]

    def generate_batch(self, requests: Sequence[Request[SpriteParams]]) -> list[Sprite | Infeasible]:
        """One attempt at each sprite; the same layers of all are drawn together."""
        plans = [_plan(request) for request in requests]
        drawn: list[list[tuple[Layer, Tokens, Ramps]]] = [[] for _ in requests]
        beneath = [np.zeros((SIDE, SIDE), np.uint8) for _ in requests]
        for turn in range(max(map(len, plans), default=0)):
            busy = [place for place, plan in enumerate(plans) if turn < len(plan)]
            canvases = []
            for place in busy:
                label, told, _ = plans[place][turn]
                request = requests[place]
                tokens = np.full((SIDE, SIDE), HIDDEN, np.uint8)
                stream = request.rng.child(f"pixels/{label}")
                canvases.append(Canvas(tokens, beneath[place], told, stream, request.params.temperature))
            self.model.draw(canvases, SCHEDULE)
            for place, canvas in zip(busy, canvases, strict=True):
                label, _, layer = plans[place][turn]
                tokens = tidy(canvas.tokens)
                materials = len({(int(token) - FIRST) // LEVELS for token in np.unique(tokens) if token > DARK})
                ramps = self.model.ramps(label, materials, requests[place].rng.child(f"colors/{label}"))
                drawn[place].append((layer, tokens, ramps))
                beneath[place] = np.where(tokens > 0, tokens, beneath[place])
        return [_sprite(request.params, parts) for request, parts in zip(requests, drawn, strict=True)]

    def verify(self, asset: Sprite, params: SpriteParams) -> Verdict:
        """Look at the pixels."""
        return check(asset, params)

    def measure(self, asset: Sprite) -> Mapping[str, int | float | str]:
        """Figures for the manifest and the gallery."""
        figure = asset.figures[0]
        flat = asset.flat(figure, figure.frames[0])
        found = craft(flat, np.zeros(len(asset.palette) + 1, np.bool_))
        return {"kind": asset.kind, "colors": found.colors, "pixels": found.opaque, "orphans": found.orphans}

    def fingerprints(self, asset: Sprite) -> Iterable[bytes]:
        """No picture twice within a job."""
        return [asset.flat(figure, figure.frames[0]).tobytes() for figure in asset.figures]

    def preview(self, asset: Sprite, params: SpriteParams) -> Preview | None:
        """The first frame, larger."""
        from aigc_sprites.export import preview

        return preview(asset)


def _plan(request: Request[SpriteParams]) -> list[tuple[str, m.Told, Layer]]:
    """Label, conditions and layer of each picture of a sprite, from the lowest up."""
    params, choose = request.params, request.rng.child("plan")
    if params.kind != "hero":
        types = CREATURES if params.kind == "monster" else THINGS
        name = params.type or types[choose.integer(len(types))]
        told = _told(f"{params.kind}/{name}", len(m.WORDS))
        if params.build is not None:
            sizes = _SIZE_OF[params.build]
            told[m.INDEX["size"]] = sizes[choose.integer(len(sizes))]
        return [(f"{params.kind}/{name}", told, Layer(name=params.kind, tags=(name,)))]
    found = [("layer/base", _told("layer/base", m.word_of("base", ("human",))), Layer(name="base", tags=("human",)))]
    for slot in SLOTS[1:]:
        if slot in params.wear:
            tag = params.wear[slot]
            told = _told(f"layer/{slot}", m.word_of(slot, (tag,)) if tag else m.untold("word"))
            found.append((f"layer/{slot}", told, Layer(name=slot, tags=(tag,) if tag else ())))
    return found


def _told(label: str, word: int) -> m.Told:
    told = np.array([m.untold(name) if name in m.FREE else 0 for name in m.NAMES], dtype=np.int64)
    told[m.INDEX["label"]] = m.LABELS.index(label)
    told[m.INDEX["word"]] = word
    return told


def _sprite(params: SpriteParams, parts: Sequence[tuple[Layer, Tokens, Ramps]]) -> Sprite | Infeasible:
    """Colors and layers put together."""
    ramps = [own if params.palette is None else recolored(own, params.palette.colors) for _, _, own in parts]
    outline = OUTLINE if params.palette is None else darkest(params.palette.colors)
    colors, pictures = paint(
        [(tokens, own) for (_, tokens, _), own in zip(parts, ramps, strict=True)], params.colors, outline
    )
    if not len(colors):
        return Infeasible("empty", "nothing was drawn")
    flat = np.zeros((SIDE, SIDE), np.uint8)
    for picture in pictures:
        flat = np.where(picture > 0, picture, flat)
    rows, columns = np.flatnonzero(flat.any(axis=1)), np.flatnonzero(flat.any(axis=0))
    figure = Figure(
        name=params.kind,
        pivot=((int(columns[0]) + int(columns[-1])) // 2, int(rows[-1])),
        layers=tuple(layer for layer, _, _ in parts),
        frames=(Frame(cels=tuple(rows_of(picture) if picture.any() else None for picture in pictures)),),
    )
    palette = tuple(f"#{r:02x}{g:02x}{b:02x}" for r, g, b in colors.tolist())
    return Sprite(kind=params.kind, size=SIDE, palette=palette, figures=(figure,))
