"""The proof of a sprite: looked at pixel by pixel, with limits that nine of ten real pictures keep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aigc_content import Verdict
from aigc_sprites.craft import Craft, craft
from aigc_sprites.palette import oklab
from aigc_sprites.params import SpriteParams
from aigc_sprites.sprite import Sprite

_DARK = 300  # lightness in 1/1000 of a color that may stand for an outline
_OUTLINED = 900  # thousandths


@dataclass(frozen=True)
class Limits:
    """Of `aigc_sprites.craft.Craft`: 10th and 90th percentiles of the pictures that the network learned from."""

    least: int
    most: int
    main: int
    orphans: int
    jaggies: int
    border: int


LIMITS = {
    "monster": Limits(150, 780, 940, 430, 115, 31),
    "item": Limits(120, 640, 600, 450, 75, 26),
    "hero": Limits(240, 620, 970, 430, 90, 26),
}


def check(asset: Sprite, params: SpriteParams) -> Verdict:
    """Whether a sprite is what was asked for, clean, and in the asked colors."""
    figure = asset.figures[0]
    flat = asset.flat(figure, figure.frames[0])
    colors = asset.colors[1:, :3]
    light = oklab(colors)[:, 0]
    found = craft(flat, np.concatenate([[False], light < _DARK]))
    tags = {layer.name: set(layer.tags) for layer in figure.layers}
    asked = {slot: {tag} if tag else set() for slot, tag in params.wear.items()} if params.kind == "hero" else {}
    allowed = None if params.palette is None else {tuple(color) for color in params.palette.colors.tolist()}
    strange = [tuple(color) for color in colors.tolist() if allowed is not None and tuple(color) not in allowed]
    for holds, constraint, message in (
        (asset.kind == params.kind, "kind", f"is a {asset.kind}, not a {params.kind}"),
        (len(asset.figures) == 1, "kind", f"has {len(asset.figures)} figures"),
        (params.kind == "hero" or params.type in (None, *tags.get(params.kind, ())), "type", f"is no {params.type}"),
        (
            all(slot in tags and want <= tags[slot] for slot, want in asked.items()),
            "wear",
            "lacks what was asked for",
        ),
        (len(asset.palette) <= params.colors, "colors", f"{len(asset.palette)} colors, not {params.colors}"),
        (not strange, "palette", f"{strange[:1]} is no color of the palette"),
        (not params.outline or found.outlined >= _OUTLINED, "outline", f"{found.outlined} thousandths are dark"),
        *_clean(found, LIMITS[params.kind]),
    ):
        if not holds:
            return Verdict(False, constraint, message)
    return Verdict(True, evidence={"pixels": found.opaque, "orphans": found.orphans, "jaggies": found.jaggies})


def _clean(found: Craft, limits: Limits) -> list[tuple[bool, str, str]]:
    """Whether each figure keeps its limits."""
    return [
        (limits.least <= found.opaque <= limits.most, "pixels", f"{found.opaque} pixels show"),
        (found.main >= limits.main, "pieces", f"the largest piece has {found.main} thousandths"),
        (found.orphans <= limits.orphans, "orphans", f"{found.orphans} thousandths are lone pixels"),
        (found.jaggies <= limits.jaggies, "jaggies", f"{found.jaggies} thousandths of the outline are bumps"),
        (found.border <= limits.border, "border", f"{found.border} pixels lie on the border"),
    ]
