"""What this plugin brings, named without importing any of it."""

from __future__ import annotations

from aigc_content.hookspecs import DatasetSpec, hookimpl


@hookimpl
def aigc_datasets() -> list[DatasetSpec]:
    """Importers of pixel art."""
    return [
        DatasetSpec(
            "rltiles", "Dungeon Crawl Stone Soup tiles (CC0 but for some)", "aigc_sprites.data.rltiles:import_rltiles"
        )
    ]
