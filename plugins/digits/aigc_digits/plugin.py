"""What this plugin brings, named without importing any of it."""

from __future__ import annotations

from aigc_content import DatasetSpec, ExporterSpec, GeneratorSpec, hookimpl


@hookimpl
def aigc_generators() -> list[GeneratorSpec]:
    """Digits of eight families of networks, and their trainer."""
    return [
        GeneratorSpec(
            "digits",
            "handwritten digits, read by an independent classifier",
            "aigc_digits.generator:Digits",
            "aigc_digits.train:DigitsTrainer",
        )
    ]


@hookimpl
def aigc_exporters() -> list[ExporterSpec]:
    """A picture of each digit, and a sheet of all."""
    return [
        ExporterSpec("png", "a picture of 28 x 28 pixels", "aigc_digits.export:png", "digits"),
        ExporterSpec("sheet", "all digits of a job on one picture", "aigc_digits.export:sheet", "digits", per="job"),
    ]


@hookimpl
def aigc_datasets() -> list[DatasetSpec]:
    """MNIST, or any other digits in its format."""
    return [DatasetSpec("digits", "MNIST (CC-BY-SA-3.0)", "aigc_digits.data:import_digits")]
