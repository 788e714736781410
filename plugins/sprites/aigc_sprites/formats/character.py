"""``character.json``: what a sprite is made of, for an engine's character screen and for whoever gives credit.

A format of this package: palette, and for each figure its pivot, its parts with tags, and its animations: of each
frame the layers that it shows, and where it stands on the picture of the exporter ``sheet``.
"""

from __future__ import annotations

from aigc_content import Origin
from aigc_sprites.formats.frames import SOURCE_TYPE, animations, box, json_bytes
from aigc_sprites.sprite import Sprite

FORMAT = "aigc-sprites/character-1"


def character(sprite: Sprite, origin: Origin) -> bytes:
    """The JSON file.

    Args:
        sprite: the asset.
        origin: where it comes from: its id, the models' licenses and sources, the recipe that makes it again.
    """
    side, rows = sprite.size, animations(sprite)
    figures = [
        {
            "name": figure.name,
            "pivot": {"x": figure.pivot[0], "y": figure.pivot[1]},
            "parts": [{"layer": layer.name, "tags": list(layer.tags)} for layer in figure.layers],
            "animations": [
                {
                    "name": row.name,
                    "facing": row.facing,
                    "frames": [
                        {
                            "duration": frame.duration,
                            "sheet": box(column * side, place * side, side, side),
                            "layers": [
                                layer.name
                                for layer, cel in zip(figure.layers, frame.cels, strict=True)
                                if cel is not None and not _empty(cel)
                            ],
                        }
                        for column, frame in enumerate(row.frames)
                    ],
                }
                for place, row in enumerate(rows)
                if row.figure is figure
            ],
        }
        for figure in sprite.figures
    ]
    return json_bytes(
        {
            "format": FORMAT,
            "id": origin.id,
            "kind": sprite.kind,
            "size": sprite.size,
            "palette": list(sprite.palette),
            "figures": figures,
            "license": origin.license,
            "credits": [
                {"model": name, "license": license, "learned_from": list(sources)}
                for name, license, sources in origin.models
            ],
            "digitalSourceType": SOURCE_TYPE,
            "recipe": origin.recipe,
        }
    )


def _empty(cel: tuple[str, ...]) -> bool:
    return not any(row.strip("0") for row in cel)
