"""Exporters: pictures, sheets and animations for the editors and engines that read them.

The formats themselves, each with its specification, are in `aigc_sprites.formats`. Files of a figure of a cast stand
in a folder of the asset's name, under the figure's name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aigc_content import File, Origin, Params, Preview
from aigc_sprites.formats import apng as apng_format
from aigc_sprites.formats import aseprite as aseprite_format
from aigc_sprites.formats import character as character_format
from aigc_sprites.formats import frames
from aigc_sprites.formats import gif as gif_format
from aigc_sprites.formats import godot as godot_format
from aigc_sprites.formats import lpc as lpc_format
from aigc_sprites.formats import preview as preview_format
from aigc_sprites.formats import rpgmaker as rpgmaker_format
from aigc_sprites.formats.aseprite_json import aseprite_json
from aigc_sprites.formats.pages import pack
from aigc_sprites.formats.phaser import phaser
from aigc_sprites.formats.pixi import pixi
from aigc_sprites.sprite import Figure, Indices, Sprite


def png(sprite: Sprite, params: Params, name: str) -> Iterator[File]:
    """Each figure's first frame, and each of several layers alone, aligned (``NAME/LAYER.png``)."""
    for figure, path in _paths(sprite):
        yield File(f"{path}.png", frames.picture(sprite, sprite.flat(figure, figure.frames[0])))
        if len(figure.layers) > 1:
            for number, layer in enumerate(figure.layers):
                yield File(f"{path}/{layer.name}.png", frames.layer_picture(sprite, figure, number))


def sheet(sprite: Sprite, params: Params, name: str) -> Iterator[File]:
    """All frames on one picture, a row a facing, and Aseprite's JSON."""
    yield File(".sheet.png", frames.picture(sprite, frames.sheet(sprite)))
    yield File(".sheet.json", aseprite_json(sprite, f"{name}.sheet.png"))


def aseprite(sprite: Sprite, params: Params, name: str) -> Iterator[File]:
    """Aseprite's own file of each figure, with layers and tags."""
    for figure, path in _paths(sprite):
        yield File(f"{path}.aseprite", aseprite_format.aseprite(sprite, figure))


def godot(sprite: Sprite, params: Params, name: str) -> Iterator[File]:
    """A sheet, and Godot's SpriteFrames of version 3 and of version 4 over it."""
    yield File(".godot.png", frames.picture(sprite, frames.sheet(sprite)))
    yield File(".godot3.tres", godot_format.godot3(sprite, f"{name}.godot.png"))
    yield File(".godot4.tres", godot_format.godot4(sprite, f"{name}.godot.png"))


def atlas(sprites: Sequence[tuple[Sprite, str]], params: Params, job: str) -> Iterator[File]:
    """All frames of a job on one picture (more if it would be too large), for PixiJS and Phaser."""
    pages = pack(sprites)
    stems = ["atlas", *(f"atlas-{number}" for number in range(2, len(pages) + 1))]
    for page, stem in zip(pages, stems, strict=True):
        related = [f"{other}.pixi.json" for other in stems if other != stem]
        yield File(f"{stem}.png", page.png, shared=True)
        yield File(f"{stem}.pixi.json", pixi(page, f"{stem}.png", related), shared=True)
    pictures = [(page, f"{stem}.png") for page, stem in zip(pages, stems, strict=True)]
    yield File("atlas.phaser.json", phaser(pictures), shared=True)


def rpgmaker(sprite: Sprite, params: Params, name: str) -> Iterator[File]:
    """RPG Maker's sheet of each figure; ``$`` says that it holds one character."""
    for figure, path in _paths(sprite):
        yield File(f"/${path[1:] or name}.png", rpgmaker_format.rpgmaker(sprite, figure))


def lpc(sprite: Sprite, params: Params, name: str) -> Iterator[File]:
    """The walk of the Liberated Pixel Cup of each figure."""
    for figure, path in _paths(sprite):
        yield File(f"{path}.lpc.png", lpc_format.lpc(sprite, figure))


def gif(sprite: Sprite, params: Params, name: str) -> Iterator[File]:
    """All animations one after the other, and each of several alone (``NAME/walk_down.gif``)."""
    for path, shown in _films(sprite):
        yield File(f"{path}.gif", gif_format.gif(sprite, shown))


def apng(sprite: Sprite, params: Params, name: str) -> Iterator[File]:
    """As `gif`, in animated PNG."""
    for path, shown in _films(sprite):
        yield File(f"{path}.apng", apng_format.apng(sprite, shown))


def character(sprite: Sprite, params: Params, origin: Origin) -> Iterator[File]:
    """``character.json``: parts with tags, palette, pivots, frames, credits, and the recipe that makes it again."""
    yield File("/character.json", character_format.character(sprite, origin))


def preview(sprite: Sprite) -> Preview:
    """All figures, in motion, with layers and palette, for the gallery."""
    return preview_format.preview(sprite)


def _paths(sprite: Sprite) -> list[tuple[Figure, str]]:
    """Each figure, with what comes between the asset's id and a suffix."""
    several = len(sprite.figures) > 1
    return [(figure, f"/{figure.name}" if several else "") for figure in sprite.figures]


def _films(sprite: Sprite) -> Iterator[tuple[str, list[tuple[Indices, int]]]]:
    films = [
        (f"/{row.name}", [(sprite.flat(row.figure, frame), frame.duration) for frame in row.frames])
        for row in frames.animations(sprite)
    ]
    yield "", [frame for _, film in films for frame in film]
    if len(films) > 1:
        yield from films
