"""A trained model as a folder: safetensors weights, a configuration, a card with the license.

The layout is Hugging Face's: ``model.safetensors``, ``config.json``, ``README.md`` (YAML front matter with
``license``, ``name``, ``datasets``). This module knows no torch: it finds, checks and identifies a folder.
The weights are opened by ``aigc_content.nn``. Nothing here ever reads a pickle.
"""

from __future__ import annotations

import importlib.util
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aigc_content.canonical import digest, sha256_file
from aigc_content.errors import ModelError

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
CARD = "README.md"

RUNTIME_REVISION = 1
"""Enters every candidate key beside the model digests; raised when integer inference may give other numbers."""

_MAX_HEADER = 4 << 20
_MAX_WEIGHTS = 4 << 30


@dataclass(frozen=True)
class ModelRef:
    """Where a generator's model lies: a folder inside an installed package.

    Args:
        package: import name of the package, such as ``aigc_levels``.
        folder: path of the model folder inside it, such as ``weights/dungeon``.
    """

    package: str
    folder: str


@dataclass(frozen=True)
class Model:
    """A model folder that was found and checked.

    Attributes:
        name: the card's name, or the folder's.
        path: the folder.
        digest: hex sha256 over the digests of weights and configuration (the card may be corrected freely).
        license: SPDX expression from the card.
        trained_on: data sets named by the card.
    """

    name: str
    path: Path
    digest: str
    license: str
    trained_on: tuple[str, ...]


def resolve(ref: ModelRef) -> Model:
    """Find the model that ``ref`` names without importing its package's modules.

    Raises:
        ModelError: M001 (missing), or as `inspect` does.
    """
    spec = importlib.util.find_spec(ref.package)
    places = list(spec.submodule_search_locations or []) if spec else []
    if not places:
        raise ModelError(
            "M001",
            f"package {ref.package!r} of model {ref.folder!r} is not installed",
            remedy=f"install the plugin that ships {ref.package!r}",
        )
    return inspect(Path(places[0]) / ref.folder)


def inspect(folder: Path) -> Model:
    """Check a model folder and tell its identity.

    Raises:
        ModelError: M001 a file is missing, M002 the weights file is not safetensors (a pickle, say), has an
            oversized or broken header, overlaps or holes, M003 config.json is broken, M004 the card names
            no license.
    """
    for name in (WEIGHTS, CONFIG, CARD):
        if not (folder / name).is_file():
            raise ModelError("M001", f"{name} is missing", where=str(folder), remedy="fetch or train the model again")
    check_safetensors(folder / WEIGHTS)
    read_config(folder)
    card = _front_matter(folder / CARD)
    if not isinstance(card.get("license"), str):
        raise ModelError(
            "M004",
            "the model card names no license",
            where=str(folder / CARD),
            allowed="YAML front matter with `license: <SPDX expression>`",
            remedy="add the license that the training data requires",
        )
    datasets = card.get("datasets") or []
    return Model(
        name=str(card.get("name", folder.name)),
        path=folder,
        digest=digest([sha256_file(folder / WEIGHTS), sha256_file(folder / CONFIG)]),
        license=card["license"],
        trained_on=tuple(str(item) for item in datasets) if isinstance(datasets, list) else (),
    )


def read_config(folder: Path) -> dict[str, Any]:
    """The model's ``config.json``.

    Raises:
        ModelError: M003, it is not a JSON object.
    """
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError("M003", f"cannot be read: {error}", where=str(path), remedy="fetch it again") from None
    if not isinstance(config, dict):
        raise ModelError("M003", "is not a JSON object", where=str(path), remedy="fetch the model again")
    return config


def check_safetensors(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Check a safetensors file's frame; return each tensor's dtype and shape.

    Refuses what the format's specification forbids: a header above 4 MiB or past the end of the file, tensors
    that overlap, leave holes or end before or after the data.

    Raises:
        ModelError: M002.
    """

    def refuse(reason: str) -> ModelError:
        return ModelError(
            "M002",
            f"is not a safetensors file that may be loaded: {reason}",
            where=str(path),
            allowed="safetensors only; pickles (.pt, .bin) are never read",
            remedy="fetch the model again from a source you trust",
        )

    size = path.stat().st_size
    if not 8 <= size <= _MAX_WEIGHTS:
        raise refuse(f"{size} bytes long")
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        if length > min(_MAX_HEADER, size - 8):
            raise refuse(f"its header claims {length} bytes")
        head = file.read(length)
    try:
        header = json.loads(head)
        entries = [(name, item) for name, item in header.items() if name != "__metadata__"]
        found = {name: (str(item["dtype"]), tuple(int(side) for side in item["shape"])) for name, item in entries}
        spans = sorted((int(item["data_offsets"][0]), int(item["data_offsets"][1])) for _, item in entries)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        raise refuse("its header is broken") from None
    end = 0
    for start, stop in spans:
        if start != end or stop < start:
            raise refuse("its tensors overlap or leave holes")
        end = stop
    if end != size - 8 - length:
        raise refuse("its tensors do not end where the file does")
    return found


def _front_matter(path: Path) -> dict[str, Any]:
    import yaml

    text = path.read_text("utf-8", errors="replace")
    parts = text.split("---\n", 2)
    if len(parts) < 3 or parts[0].strip():
        return {}
    try:
        card = yaml.safe_load(parts[1])
    except yaml.YAMLError:
        return {}
    return card if isinstance(card, dict) else {}
