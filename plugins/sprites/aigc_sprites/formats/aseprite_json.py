"""Aseprite's JSON beside a sheet, in its array form, as ``aseprite --data --format json-array`` writes it.

What it holds is told in https://www.aseprite.org/docs/cli/ (``--list-layers --list-tags --list-slices``). A frame is
named by its number, because Phaser's ``createFromAseprite`` looks frames up by that. All figures of a cast stand in
one file; the slice ``pivot`` has a key where a figure begins.
"""

from __future__ import annotations

from typing import Any

from aigc_sprites.formats.frames import SOURCE_TYPE, animations, box, json_bytes
from aigc_sprites.sprite import Sprite


def aseprite_json(sprite: Sprite, image: str) -> bytes:
    """The JSON file for the picture that `aigc_sprites.formats.frames.sheet` draws.

    Args:
        sprite: the asset.
        image: file name of the sheet.
    """
    side, rows = sprite.size, animations(sprite)
    frames: list[dict[str, Any]] = []
    tags: list[dict[str, Any]] = []
    pivots: dict[str, dict[str, Any]] = {}
    for row, animation in enumerate(rows):
        first = len(frames)
        x, y = animation.figure.pivot
        key = {"frame": first, "bounds": box(0, 0, side, side), "pivot": {"x": x, "y": y}}
        pivots.setdefault(animation.figure.name, key)
        frames += [
            {
                "filename": str(first + column),
                "frame": box(column * side, row * side, side, side),
                "rotated": False,
                "trimmed": False,
                "spriteSourceSize": box(0, 0, side, side),
                "sourceSize": {"w": side, "h": side},
                "duration": frame.duration,
            }
            for column, frame in enumerate(animation.frames)
        ]
        tags.append(
            {
                "name": animation.name,
                "from": first,
                "to": len(frames) - 1,
                "direction": "forward",
                "color": "#000000ff",
            }
        )
    layers = {layer.name: layer.tags for figure in reversed(sprite.figures) for layer in reversed(figure.layers)}
    meta = {
        "app": "aigc_sprites",
        "version": "1",
        "image": image,
        "format": "I8",
        "size": {"w": side * max(len(row.frames) for row in rows), "h": side * len(rows)},
        "scale": "1",
        "frameTags": tags,
        "layers": [
            {"name": name, "opacity": 255, "blendMode": "normal", **({"data": ",".join(tags)} if tags else {})}
            for name, tags in reversed(layers.items())
        ],
        "slices": [{"name": "pivot", "color": "#0000ffff", "keys": list(pivots.values())}],
        "digitalSourceType": SOURCE_TYPE,
    }
    return json_bytes({"frames": frames, "meta": meta})
