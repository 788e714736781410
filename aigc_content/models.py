"""A trained model as a folder: safetensors weights, a configuration, a card with the license.

The layout is Hugging Face's: ``model.safetensors``, ``config.json``, ``README.md`` (YAML front matter with
``license``, ``name``, ``datasets``); ``digests.json`` with the sha256 of each may stand beside them, and is checked
whenever it does. This module knows no torch: it finds, checks and identifies a folder. The weights are opened by
``aigc_content.nn``. Nothing here ever reads a pickle, and no file is read further than it may be long.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aigc_content.canonical import digest, sha256_file
from aigc_content.document import parse_document
from aigc_content.errors import AigcError, ModelError
from aigc_content.weights import FETCH_AGAIN, MAX_WEIGHTS, PICKLES, check_safetensors, refuse

WEIGHTS = "model.safetensors"
CONFIG = "config.json"
CARD = "README.md"
DIGESTS = "digests.json"
FILES = (WEIGHTS, CONFIG, CARD)
"""What a model folder must hold; nothing else in it is read but `DIGESTS`."""

LIMITS = {WEIGHTS: MAX_WEIGHTS, CONFIG: 2 << 20, CARD: 1 << 20, DIGESTS: 64 << 10}
"""Bytes that each file may have."""

RUNTIME_REVISION = 1
"""Enters every candidate key beside the model digests; raised when integer inference may give other numbers."""


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
        ModelError: M001 a file is missing, M002 the weights are a pickle or not sound safetensors, M003
            config.json is broken, M004 the card names no license, M006 a file is not the one of digests.json.
    """
    require(folder, {path.name for path in folder.iterdir() if path.is_file()} if folder.is_dir() else ())
    check_safetensors(folder / WEIGHTS)
    read_config(folder)
    front = _front_matter(folder / CARD)
    if not isinstance(front.get("license"), str):
        raise ModelError(
            "M004",
            "the model card names no license",
            where=str(folder / CARD),
            allowed="YAML front matter with `license: <SPDX expression>`",
            remedy="add the license that the training data requires",
        )
    found = {name: sha256_file(folder / name) for name in (WEIGHTS, CONFIG)}
    check_digests(folder, found)
    datasets = front.get("datasets") or []
    return Model(
        name=str(front.get("name", folder.name)),
        path=folder,
        digest=digest([found[WEIGHTS], found[CONFIG]]),
        license=front["license"],
        trained_on=tuple(str(item) for item in datasets) if isinstance(datasets, list) else (),
    )


def require(place: Path | str, names: Iterable[str]) -> None:
    """Refuse a folder, or a place elsewhere, whose files (by name) are not a model's.

    Raises:
        ModelError: M001 a file is missing, M002 there are pickles instead of safetensors.
    """
    there = set(names)
    pickles = sorted(name for name in there if name.endswith(PICKLES))
    if WEIGHTS not in there and pickles:
        raise refuse(place, f"{pickles[0]} can hold a pickle, which runs code when it is opened")
    for name in FILES:
        if name not in there:
            raise ModelError("M001", f"{name} is missing", where=str(place), remedy="fetch or train the model again")


def read_config(folder: Path) -> dict[str, Any]:
    """The model's ``config.json``.

    Raises:
        ModelError: M003, it is not a JSON object, or is longer than 2 MiB.
    """
    path = folder / CONFIG
    try:
        config = json.loads(_read(path).decode())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError("M003", f"cannot be read: {error}", where=str(path), remedy="fetch it again") from None
    if not isinstance(config, dict):
        raise ModelError("M003", "is not a JSON object", where=str(path), remedy="fetch the model again")
    return config


def read_digests(folder: Path) -> dict[str, str] | None:
    """Hex sha256 by file name from ``digests.json``; None when there is no such file.

    Raises:
        ModelError: M006, it is not what `write_digests` writes.
    """
    path = folder / DIGESTS
    if not path.exists():
        return None
    try:
        listed = json.loads(_read(path).decode())["sha256"]
        digests = {str(name): str(value) for name, value in listed.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        digests = {}
    if not {WEIGHTS, CONFIG} <= set(digests):
        raise ModelError(
            "M006", "does not list the weights and the configuration", where=str(path), remedy=FETCH_AGAIN
        )
    return digests


def write_digests(folder: Path) -> None:
    """Write ``digests.json``: the sha256 of weights, configuration and card."""
    listed = {name: sha256_file(folder / name) for name in sorted(FILES)}
    (folder / DIGESTS).write_text(json.dumps({"sha256": listed}, indent=2) + "\n", "utf-8")


def write_card(
    folder: Path,
    *,
    name: str,
    license: str,
    datasets: Iterable[str],
    text: str,
    figures: Mapping[str, int | float | str],
    measured: str,
) -> None:
    """Write the model card of a folder, in the layout of Hugging Face.

    Args:
        folder: the model folder.
        name: of the model.
        license: SPDX expression of the weights.
        datasets: what it was trained on.
        text: what it is, what it learned from and how, in Markdown.
        figures: what was measured.
        measured: on what, for the head of the table of figures.
    """
    sources = "".join(f"  - {source}\n" for source in datasets)
    rows = "".join(f"| {figure} | {value} |\n" for figure, value in figures.items())
    head = f"---\nname: {name}\nlicense: {license}\nlibrary_name: aigc_content\ndatasets:\n{sources}---\n\n"
    table = f"| figure ({measured}) | value |\n| --- | --- |\n{rows}" if rows else ""
    (folder / CARD).write_text(f"{head}# {name}\n\n{text.strip()}\n\n{table}", "utf-8")


def check_digests(folder: Path, found: Mapping[str, str] | None = None) -> None:
    """Compare files with ``digests.json``, if there is one.

    Args:
        folder: model folder.
        found: hex sha256 by file name; those of weights and configuration by default.

    Raises:
        ModelError: M006.
    """
    listed = read_digests(folder)
    if listed is None:
        return
    if found is None:
        found = {name: sha256_file(folder / name) for name in (WEIGHTS, CONFIG)}
    for name, value in found.items():
        if listed.get(name, value) != value:
            raise ModelError(
                "M006",
                f"has sha256 {value}",
                where=str(folder / name),
                allowed=f"{listed[name]}, which {DIGESTS} lists",
                remedy=f"{FETCH_AGAIN}; if you changed it yourself, remove {DIGESTS}",
            )


def _read(path: Path) -> bytes:
    """The bytes of a small file, up to its limit."""
    limit = LIMITS[path.name]
    with path.open("rb") as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ValueError(f"longer than {limit:,} bytes")
    return data


def _front_matter(path: Path) -> dict[str, Any]:
    try:
        parts = _read(path).replace(b"\r\n", b"\n").split(b"---\n", 2)
        if len(parts) < 3 or parts[0].strip():
            return {}
        front = parse_document(parts[1], str(path)).plain()
    except (OSError, ValueError, AigcError) as error:
        found = error.found if isinstance(error, AigcError) else str(error)
        raise ModelError(
            "M004",
            f"the model card cannot be read: {found}",
            where=str(path),
            allowed="YAML front matter with `license: <SPDX expression>`",
            remedy="mend the lines between the two `---`",
        ) from None
    return front if isinstance(front, dict) else {}
