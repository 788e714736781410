"""What this plugin brings, named without importing any of it."""

from __future__ import annotations

from typing import Literal

from aigc_content.hookspecs import CommandSpec, DatasetSpec, ExporterSpec, GeneratorSpec, hookimpl


@hookimpl
def aigc_generators() -> list[GeneratorSpec]:
    """Pixel art drawn layer by layer, and the trainer of its networks."""
    return [
        GeneratorSpec(
            "sprites",
            "pixel-art heroes in layers, monsters, items and tiles with an exact palette",
            "aigc_sprites.generator:Sprites",
            "aigc_sprites.train:SpriteTrainer",
        )
    ]


@hookimpl
def aigc_exporters() -> list[ExporterSpec]:
    """Files for editors and engines."""
    return [
        _exporter("png", "indexed pictures: each figure flat, and each of its layers"),
        _exporter("sheet", "all frames on one picture, with Aseprite's JSON"),
        _exporter("aseprite", "Aseprite's own file, with layers and tags"),
        _exporter("godot", "a sheet with SpriteFrames for Godot 3 and 4"),
        _exporter("atlas", "all frames of a job on one picture, for PixiJS and Phaser", per="job"),
        _exporter("rpgmaker", "RPG Maker's sheet of one character"),
        _exporter("lpc", "the Liberated Pixel Cup's walk sheet"),
        _exporter("gif", "animations as GIF"),
        _exporter("apng", "animations as PNG"),
        _exporter("character", "character.json: parts, palette, frames and credits", origin=True),
    ]


def _exporter(
    name: str, summary: str, per: Literal["asset", "job"] = "asset", *, origin: bool = False
) -> ExporterSpec:
    return ExporterSpec(name, summary, f"aigc_sprites.export:{name}", "sprites", per=per, origin=origin)


@hookimpl
def aigc_datasets() -> list[DatasetSpec]:
    """Importers of pixel art."""
    return [
        DatasetSpec(
            "rltiles", "Dungeon Crawl Stone Soup tiles (CC0 but for some)", "aigc_sprites.data.rltiles:import_rltiles"
        ),
        DatasetSpec(
            "crossfire-walkers",
            "characters of Crossfire that walk in four directions (GPL-2.0-or-later)",
            "aigc_sprites.data.crossfire:import_crossfire",
        ),
    ]


@hookimpl
def aigc_commands() -> list[CommandSpec]:
    """Tools for what was made."""
    return [CommandSpec("sprites", "Tools for sprites: a tileset for levels.", "aigc_sprites.tileset:app")]
