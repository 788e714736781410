"""Godot's ``SpriteFrames`` as text resources, of Godot 3 (format 2) and Godot 4 (format 3), over one sheet.

Specifications: https://docs.godotengine.org/en/4.4/contributing/development/file_formats/tscn.html and
https://docs.godotengine.org/en/3.6/development/file_formats/tscn.html. The sheet is named without ``res://``, so it
is looked for beside the resource, wherever a designer puts the two. Godot 3 knows one speed an animation and no
duration of a frame: there the whole takes as long as it should, and its frames take equal parts of it.
"""

from __future__ import annotations

from aigc_sprites.formats.frames import Animation, animations
from aigc_sprites.sprite import Sprite


def godot3(sprite: Sprite, image: str) -> bytes:
    """The ``.tres`` file for Godot 3.

    Args:
        sprite: the asset.
        image: file name of the sheet, as `aigc_sprites.formats.frames.sheet` draws it.
    """
    rows = animations(sprite)
    regions = _regions(sprite, rows)
    lines = [
        f'[gd_resource type="SpriteFrames" load_steps={len(regions) + 2} format=2]\n',
        f'[ext_resource path="{image}" type="Texture" id=1]\n',
    ]
    for number, region in enumerate(regions, 1):
        lines += [
            f'[sub_resource type="AtlasTexture" id={number}]',
            "atlas = ExtResource( 1 )",
            f"region = {region}\n",
        ]
    parts, first = [], 1
    for row in rows:
        count = len(row.frames)
        frames = ", ".join(f"SubResource( {number} )" for number in range(first, first + count))
        speed = 1000 * count / sum(frame.duration for frame in row.frames)
        parts.append(f'{{\n"frames": [ {frames} ],\n"loop": true,\n"name": "{row.name}",\n"speed": {speed}\n}}')
        first += count
    return _text(lines, parts, "[ ", " ]")


def godot4(sprite: Sprite, image: str) -> bytes:
    """The ``.tres`` file for Godot 4; arguments as of `godot3`."""
    rows = animations(sprite)
    regions = _regions(sprite, rows)
    lines = [
        f'[gd_resource type="SpriteFrames" load_steps={len(regions) + 2} format=3]\n',
        f'[ext_resource type="Texture2D" path="{image}" id="1"]\n',
    ]
    for number, region in enumerate(regions, 1):
        lines += [
            f'[sub_resource type="AtlasTexture" id="frame_{number}"]',
            'atlas = ExtResource("1")',
            f"region = {region}\n",
        ]
    parts, number = [], 0
    for row in rows:
        shortest = min(frame.duration for frame in row.frames)
        frames = []
        for frame in row.frames:
            number += 1
            length = frame.duration / shortest
            frames.append(f'{{\n"duration": {length},\n"texture": SubResource("frame_{number}")\n}}')
        listed, speed = ", ".join(frames), 1000 / shortest
        parts.append(f'{{\n"frames": [{listed}],\n"loop": true,\n"name": &"{row.name}",\n"speed": {speed}\n}}')
    return _text(lines, parts, "[", "]")


def _regions(sprite: Sprite, rows: tuple[Animation, ...]) -> list[str]:
    side = sprite.size
    return [
        f"Rect2( {column * side}, {y * side}, {side}, {side} )"
        for y, row in enumerate(rows)
        for column in range(len(row.frames))
    ]


def _text(lines: list[str], parts: list[str], begin: str, end: str) -> bytes:
    lines += ["[resource]", f"animations = {begin}{', '.join(parts)}{end}\n"]
    return "\n".join(lines).encode("utf-8")
