"""Phaser 3 and 4 multi-atlases, as ``this.load.multiatlas`` reads them.

Format: https://docs.phaser.io/api-documentation/class/loader-loaderplugin#multiatlas (as TexturePacker writes
"Phaser 3"). Frames are named so that ``generateFrameNames(key, {prefix: 'hero-000001/walk_down/', end: 2})`` finds
them; Phaser keeps a frame's duration as ``customData``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aigc_sprites.formats.frames import SOURCE_TYPE, box, json_bytes
from aigc_sprites.formats.pages import Page


def phaser(pages: Sequence[tuple[Page, str]]) -> bytes:
    """The JSON file of all pages, each with the file name of its picture."""
    textures: list[dict[str, Any]] = [
        {
            "image": image,
            "format": "I8" if page.indexed else "RGBA8888",
            "size": {"w": page.size[0], "h": page.size[1]},
            "scale": 1,
            "frames": [
                {
                    "filename": placed.name,
                    "rotated": False,
                    "trimmed": False,
                    "sourceSize": {"w": placed.side, "h": placed.side},
                    "spriteSourceSize": box(0, 0, placed.side, placed.side),
                    "frame": box(placed.x, placed.y, placed.side, placed.side),
                    "anchor": placed.anchor,
                    "duration": placed.duration,
                }
                for row in page.animations.values()
                for placed in row
            ],
        }
        for page, image in pages
    ]
    meta = {"app": "aigc_sprites", "version": "1", "digitalSourceType": SOURCE_TYPE}
    return json_bytes({"textures": textures, "meta": meta})
