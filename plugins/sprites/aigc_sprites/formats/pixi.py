"""PixiJS 8 spritesheets: https://pixijs.com/8.x/guides/components/assets/spritesheets, with animations and anchors.

The frames of several pages are linked by ``meta.related_multi_packs``, which Pixi loads together.
"""

from __future__ import annotations

from collections.abc import Sequence

from aigc_sprites.formats.frames import SOURCE_TYPE, box, json_bytes
from aigc_sprites.formats.pages import Page


def pixi(page: Page, image: str, related: Sequence[str] = ()) -> bytes:
    """The JSON file of one page.

    Args:
        page: what is on it.
        image: file name of its picture.
        related: file names of the other pages' JSON files.
    """
    frames = {
        placed.name: {
            "frame": box(placed.x, placed.y, placed.side, placed.side),
            "rotated": False,
            "trimmed": False,
            "spriteSourceSize": box(0, 0, placed.side, placed.side),
            "sourceSize": {"w": placed.side, "h": placed.side},
            "anchor": placed.anchor,
            "duration": placed.duration,
        }
        for row in page.animations.values()
        for placed in row
    }
    meta = {
        "app": "aigc_sprites",
        "version": "1",
        "image": image,
        "format": "I8" if page.indexed else "RGBA8888",
        "size": {"w": page.size[0], "h": page.size[1]},
        "scale": "1",
        "digitalSourceType": SOURCE_TYPE,
        **({"related_multi_packs": list(related)} if related else {}),
    }
    names = {title: [placed.name for placed in row] for title, row in page.animations.items()}
    return json_bytes({"frames": frames, "animations": names, "meta": meta})
