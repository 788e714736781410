"""What this plugin brings, named without importing any of it."""

from __future__ import annotations

from aigc_content.hookspecs import DatasetSpec, ExporterSpec, GeneratorSpec, hookimpl


@hookimpl
def aigc_generators() -> list[GeneratorSpec]:
    """Level maps of any tile game that a YAML file describes."""
    return [
        GeneratorSpec(
            "levels",
            "tile maps, proven winnable",
            "aigc_levels.generator:Levels",
            "aigc_levels.train:LevelTrainer",
        )
    ]


@hookimpl
def aigc_exporters() -> list[ExporterSpec]:
    """Tiled, pictures and plain text."""
    return [
        ExporterSpec(
            "tiled", "Tiled map (.tmj) with a tileset shared by the job", "aigc_levels.export:tiled", "levels"
        ),
        ExporterSpec("png", "a picture of the level", "aigc_levels.export:png", "levels"),
        ExporterSpec("text", "one character a cell", "aigc_levels.export:text", "levels"),
    ]


@hookimpl
def aigc_datasets() -> list[DatasetSpec]:
    """Importers of hand-made dungeon maps."""
    return [
        DatasetSpec("crossfire", "Crossfire maps (GPL-2+)", "aigc_levels.data.crossfire:import_crossfire"),
        DatasetSpec("crawl", "Dungeon Crawl Stone Soup vaults (GPL-2+)", "aigc_levels.data.crawl:import_crawl"),
    ]
