"""The generator: draw tokens picture by picture, tidy them, give them colors; the proof comes from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from aigc_content import Conformance, Generator, Infeasible, ModelRef, Params, Preview, Request, Verdict
from aigc_sprites.assemble import assembled
from aigc_sprites.check import check, crafted, training_distance
from aigc_sprites.draw import SpriteModel
from aigc_sprites.params import SpriteParams
from aigc_sprites.proof import PAINTERS
from aigc_sprites.sketch import Sketch, Sketcher, sketches_of
from aigc_sprites.sprite import Sprite

_AGAIN = 8  # times that a member of a cast is drawn again before the whole attempt is lost


class Sprites(Generator[SpriteParams, Sprite]):
    """Pixel-art characters, creatures, things and tiles."""

    revision: ClassVar[int] = 1
    batch: ClassVar[int] = 48
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
        self.sketcher = Sketcher(SpriteModel(self.opened["painter"].path))

    def generate(self, request: Request[SpriteParams]) -> Sprite | Infeasible:
        """One attempt at one sprite."""
        return self.generate_batch([request])[0]

    def generate_batch(self, requests: Sequence[Request[SpriteParams]]) -> list[Sprite | Infeasible]:
        """One attempt at each sprite; pictures of the same turn of all figures are drawn together."""
        figures = [sketches_of(request) for request in requests]
        self.sketcher.draw([figure for of_one in figures for figure in of_one])
        for number in range(_AGAIN):
            weak = [figure for of_one in figures if len(of_one) > 1 for figure in of_one if not self._passes(figure)]
            for figure in weak:
                figure.begin_again(number)
            self.sketcher.draw(weak)
        return [
            assembled(request.params, [self.sketcher.finished(one) for one in of_one])
            for request, of_one in zip(requests, figures, strict=True)
        ]

    def _passes(self, figure: Sketch) -> bool:
        """Whether a member of a cast would pass alone."""
        if not figure.sound:
            params = figure.params.model_copy(update={"kind": figure.params.of})
            alone = assembled(params, [self.sketcher.finished(figure)])
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
