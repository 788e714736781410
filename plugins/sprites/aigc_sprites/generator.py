"""The generator: draw tokens picture by picture, tidy them, give them colors; the proof comes from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from aigc_content import Conformance, Generator, Infeasible, ModelRef, Params, Preview, Request, Stream, Verdict
from aigc_sprites import model as m
from aigc_sprites.assemble import Drawn, assembled
from aigc_sprites.check import check, crafted, training_distance
from aigc_sprites.draw import Canvas, SpriteModel, schedule_of
from aigc_sprites.params import SpriteParams
from aigc_sprites.plan import Part, Turns, turns
from aigc_sprites.proof import PAINTERS
from aigc_sprites.sprite import SIDE, Sprite
from aigc_sprites.tidy import smooth
from aigc_sprites.tokens import CLEAR, HIDDEN, Tokens

_AGAIN = 8  # times that a member of a cast is drawn again before the whole attempt is lost
_HIPS = 55  # percent of a walker's height from the top


@dataclass
class _Figure:
    """One figure while it is drawn."""

    turns: Turns
    rng: Stream
    params: SpriteParams
    drawn: dict[str, Tokens] = field(default_factory=dict)
    sound: bool = False

    @property
    def finished(self) -> Drawn:
        """What was drawn."""
        return Drawn(self.turns, self.drawn, self.rng)

    def begin_again(self, number: int) -> None:
        """Forget what was drawn, and draw by other random numbers."""
        self.rng = self.rng.child(f"again/{number}")
        self.turns = turns(self.params, self.params.figure, self.rng.child("plan"))
        self.drawn = {}

    def keep(self, part: Part, canvas: Canvas) -> None:
        """Take a drawn picture, unless one is there whose area is nearer to that of what lies beneath."""
        tokens = canvas.tokens if canvas.tile else smooth(canvas.tokens)
        tokens = np.where(canvas.known == HIDDEN, tokens, canvas.known)
        if part.name in self.drawn:
            wanted = int((canvas.beneath != CLEAR).sum())
            old, new = (abs(int((one != CLEAR).sum()) - wanted) for one in (self.drawn[part.name], tokens))
            if old <= new:
                return
        self.drawn[part.name] = tokens

    def beneath(self, part: Part) -> Tokens:
        """What lies beneath a picture, (32, 32)."""
        under = np.zeros((SIDE, SIDE), np.uint8)
        for name in part.beneath:
            under = np.where(self.drawn[name] != CLEAR, self.drawn[name], under)
        return under


class Sprites(Generator[SpriteParams, Sprite]):
    """Pixel-art characters, creatures, things and tiles."""

    revision: ClassVar[int] = 1
    models: ClassVar[Mapping[str, ModelRef]] = {
        name: ModelRef("aigc_sprites", f"weights/{name}") for name in ("painter", "walker", "reader")
    }
    asset_schema: ClassVar[str] = Sprite.SCHEMA
    asset_suffix: ClassVar[str] = Sprite.SUFFIX

    @classmethod
    def models_for(cls, params: Params) -> Mapping[str, ModelRef | Path]:
        """The network that draws the kind, or the folder that ``model:`` names; and the reader."""
        if not isinstance(params, SpriteParams):
            return cls.models
        own: ModelRef | Path = cls.models[PAINTERS.get(params.figure, "painter")]
        return {"painter": own if params.model is None else params.model.path, "reader": cls.models["reader"]}

    @classmethod
    def conformance(cls) -> Conformance:
        """Requests, false proofs and golden digests."""
        from aigc_sprites.conformance import material

        return material()

    def open(self) -> None:
        """Load the network; needs no torch."""
        self.model = SpriteModel(self.opened["painter"].path)

    def generate(self, request: Request[SpriteParams]) -> Sprite | Infeasible:
        """One attempt at one sprite."""
        return self.generate_batch([request])[0]

    def generate_batch(self, requests: Sequence[Request[SpriteParams]]) -> list[Sprite | Infeasible]:
        """One attempt at each sprite; pictures of the same turn of all figures are drawn together."""
        figures = [_figures(request) for request in requests]
        self._draw([figure for of_one in figures for figure in of_one])
        for number in range(_AGAIN):
            weak = [figure for of_one in figures if len(of_one) > 1 for figure in of_one if not self._passes(figure)]
            for figure in weak:
                figure.begin_again(number)
            self._draw(weak)
        return [
            assembled(self.model, request.params, [one.finished for one in of_one])
            for request, of_one in zip(requests, figures, strict=True)
        ]

    def _draw(self, figures: Sequence[_Figure]) -> None:
        """All pictures of some figures, turn by turn."""
        for turn in range(max((len(figure.turns) for figure in figures), default=0)):
            busy = [
                (figure, part, _canvas(figure, part, number))
                for figure in figures
                if turn < len(figure.turns)
                for part in figure.turns[turn]
                for number in range(part.tries)
            ]
            self.model.draw([canvas for _, _, canvas in busy])
            for figure, part, canvas in busy:
                figure.keep(part, canvas)

    def _passes(self, figure: _Figure) -> bool:
        """Whether a member of a cast would pass alone."""
        if not figure.sound:
            params = figure.params.model_copy(update={"kind": figure.params.of})
            alone = assembled(self.model, params, [figure.finished])
            figure.sound = isinstance(alone, Sprite) and check(alone, params).passed
        return figure.sound

    def verify(self, asset: Sprite, params: SpriteParams) -> Verdict:
        """Look at the pixels."""
        return check(asset, params)

    def measure(self, asset: Sprite) -> Mapping[str, int | float | str]:
        """Figures for the manifest and the gallery."""
        found = crafted(asset, asset.figures[0])
        distance = training_distance(asset, asset.figures[0], SpriteParams(kind=asset.kind))
        return {
            "kind": asset.kind,
            "colors": len(asset.palette),
            "pixels": found.opaque,
            "orphans": found.orphans,
            "training_distance": distance,
        }

    def fingerprints(self, asset: Sprite) -> Iterable[bytes]:
        """No picture twice within a job."""
        return [asset.flat(figure, figure.frames[0]).tobytes() for figure in asset.figures]

    def preview(self, asset: Sprite, params: SpriteParams) -> Preview | None:
        """The first frame, larger."""
        from aigc_sprites.export import preview

        return preview(asset)


def _figures(request: Request[SpriteParams]) -> list[_Figure]:
    """What is to be drawn for a request: one figure, or the members of a cast."""
    params = request.params
    streams = [request.rng]
    if params.kind == "cast":
        streams = [request.rng.child(f"member/{place}") for place in range(params.members)]
    return [_Figure(turns(params, params.figure, rng.child("plan")), rng, params) for rng in streams]


def _canvas(figure: _Figure, part: Part, number: int) -> Canvas:
    """A picture with what is known of it, and all that is told about it."""
    tokens = np.full((SIDE, SIDE), HIDDEN, np.uint8) if part.known is None else part.known.copy()
    stream = figure.rng.child(f"pixels/{part.name}").child(str(number))
    under, told = figure.beneath(part), part.told.copy()
    if part.label.startswith("walker/") and part.beneath:
        found = m.describe(under, part.label, len(m.WORDS))
        for name in ("size", "materials"):
            told[m.INDEX[name]] = found[m.INDEX[name]]
        if part.label.endswith(m.STEP):
            rows = np.flatnonzero((under != CLEAR).any(axis=1))
            hips = int(rows[0] + (rows[-1] - rows[0]) * _HIPS // 100) if len(rows) else 0
            tokens[:hips] = under[:hips]  # a step is made by the legs
    return Canvas(tokens, under, told, stream, figure.params.temperature, schedule_of(part.label))
