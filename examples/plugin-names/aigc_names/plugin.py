"""What this plugin brings, named without importing any of it."""

from __future__ import annotations

from aigc_content import ExporterSpec, GeneratorSpec, hookimpl


@hookimpl
def aigc_generators() -> list[GeneratorSpec]:
    """One generator, with its trainer."""
    return [
        GeneratorSpec("names", "fantasy names", "aigc_names.generator:Names", "aigc_names.train:NameTrainer"),
    ]


@hookimpl
def aigc_exporters() -> list[ExporterSpec]:
    """One exporter, called once a job."""
    return [ExporterSpec("csv", "all names of a job as a table", "aigc_names.export:csv", "names", per="job")]
