"""The four hooks of a plugin.

Each is called once a process, at discovery, in no promised order, and returns light specifications: it must
import nothing heavy. An exception (or `SystemExit`) disables that plugin alone; ``aigc doctor`` tells. A name
that is taken twice is an error that names both plugins. A plugin registers under the entry point group
``aigc_content``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pluggy

GROUP = "aigc_content"
hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@dataclass(frozen=True)
class GeneratorSpec:
    """A generator by name; ``target`` and ``trainer`` are ``"package.module:Class"``, imported when used."""

    name: str
    summary: str
    target: str
    trainer: str | None = None


@dataclass(frozen=True)
class ExporterSpec:
    """An exporter of one generator's assets.

    ``target`` is ``"package.module:function"``. With ``per="asset"`` it is called as ``function(asset, params,
    id)``, or where it asks for the ``origin`` as ``function(asset, params, aigc_content.Origin)``; with ``per="job"``
    as ``function([(asset, id), ...], params, job)``. Each returns an iterable of `aigc_content.File`. ``revision`` is
    raised when equal assets may give other bytes.
    """

    name: str
    summary: str
    target: str
    generator: str
    revision: int = 1
    per: Literal["asset", "job"] = "asset"
    origin: bool = False


@dataclass(frozen=True)
class DatasetSpec:
    """An importer of third-party data: ``function(source: Path, out: Path)`` writes our plain formats."""

    name: str
    summary: str
    target: str


@dataclass(frozen=True)
class CommandSpec:
    """A Typer app (``"package.module:app"``), mounted lazily as ``aigc NAME``."""

    name: str
    summary: str
    target: str


@hookspec
def aigc_generators() -> list[GeneratorSpec]:  # type: ignore[empty-body]
    """Name the generators that this plugin brings."""


@hookspec
def aigc_exporters() -> list[ExporterSpec]:  # type: ignore[empty-body]
    """Name the exporters that this plugin brings, for its own or another plugin's generator."""


@hookspec
def aigc_datasets() -> list[DatasetSpec]:  # type: ignore[empty-body]
    """Name the importers of third-party data that this plugin brings."""


@hookspec
def aigc_commands() -> list[CommandSpec]:  # type: ignore[empty-body]
    """Name the commands that this plugin brings."""
