"""Generate game content in bulk with trained models: proven, reproducible, plugin-based.

The names below are the public API for plugins; the host's other modules are private to it. They load on first
use, so that ``import aigc_content`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aigc_content.document import Mark, Node, parse_document
    from aigc_content.errors import AigcError, InputError, ModelError, ParamsError, did_you_mean, nearest
    from aigc_content.generator import (
        AssetModel,
        Conformance,
        File,
        Generator,
        Infeasible,
        Origin,
        Params,
        Preview,
        Request,
        Trainer,
        TrainRun,
        Verdict,
    )
    from aigc_content.hookspecs import CommandSpec, DatasetSpec, ExporterSpec, GeneratorSpec, hookimpl
    from aigc_content.inputs import InputFile, open_input
    from aigc_content.models import Model, ModelRef, write_card
    from aigc_content.png import encode_png
    from aigc_content.rng import Stream
    from aigc_content.written import ModelFolder, Written

__version__ = "0.1.0"

_HOMES = {
    "document": ("Mark", "Node", "parse_document"),
    "errors": ("AigcError", "InputError", "ModelError", "ParamsError", "did_you_mean", "nearest"),
    "generator": (
        "AssetModel",
        "Conformance",
        "File",
        "Generator",
        "Infeasible",
        "Origin",
        "Params",
        "Preview",
        "Request",
        "Trainer",
        "TrainRun",
        "Verdict",
    ),
    "hookspecs": ("CommandSpec", "DatasetSpec", "ExporterSpec", "GeneratorSpec", "hookimpl"),
    "inputs": ("InputFile", "open_input"),
    "models": ("Model", "ModelRef", "write_card"),
    "png": ("encode_png",),
    "rng": ("Stream",),
    "written": ("ModelFolder", "Written"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "AigcError",
    "AssetModel",
    "CommandSpec",
    "Conformance",
    "DatasetSpec",
    "ExporterSpec",
    "File",
    "Generator",
    "GeneratorSpec",
    "Infeasible",
    "InputError",
    "InputFile",
    "Mark",
    "Model",
    "ModelError",
    "ModelFolder",
    "ModelRef",
    "Node",
    "Origin",
    "Params",
    "ParamsError",
    "Preview",
    "Request",
    "Stream",
    "TrainRun",
    "Trainer",
    "Verdict",
    "Written",
    "did_you_mean",
    "encode_png",
    "hookimpl",
    "nearest",
    "open_input",
    "parse_document",
    "write_card",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
