"""A trainer's options: read from a file and the command line, checked against its configuration."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aigc_content.errors import InputError, ModelError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from aigc_content.document import Mark, Node
    from aigc_content.inputs import Inputs

Marks = dict[tuple[str | int, ...], tuple["Mark", "Mark"]]


def read_options(path: Path) -> Node:
    """A YAML file of options: a mapping.

    Raises:
        InputError: I004 it cannot be read, or it is no mapping (R003) or not well formed (R002 to R014).
    """
    from aigc_content.document import MAX_BYTES, parse_document

    try:
        with path.open("rb") as file:
            node = parse_document(file.read(MAX_BYTES + 1), str(path))
    except OSError as error:
        raise InputError("I004", f"cannot be read: {error.strerror}", where=str(path)) from None
    if not isinstance(node.value, dict):
        where = node.mark.within(str(path))
        raise InputError("R003", f"the options are {node.kind}", where=where, allowed="a mapping")
    return node


def read_config(kind: type[BaseModel], generator: str, path: Path | None, words: Sequence[str]) -> BaseModel:
    """A trainer's configuration from its file and from the command line.

    Raises:
        InputError, UsageError: one of them is not well formed.
        ParamsError: G001 to G004, an option is unknown, missing or wrong.
    """
    from aigc_content.cli.options import from_words
    from aigc_content.inputs import Inputs

    options: dict[str, Any] = {}
    marks: Marks = {}
    if path is not None:
        node = read_options(path)
        options = node.plain()
        marks = {place: (key, value) for place, key, value in node.places()}
    for key, value in from_words(words).items():
        options[key] = value
        marks = {place: mark for place, mark in marks.items() if place[0] != key}
    inputs = Inputs(path.resolve().parent if path else Path.cwd())
    return check_config(kind, generator, options, marks, str(path) if path else "", inputs)


def check_config(
    kind: type[BaseModel], generator: str, options: Mapping[str, Any], marks: Marks, source: str, inputs: Inputs
) -> BaseModel:
    """A trainer's configuration from plain options.

    Args:
        marks: key's and value's place by path below the options; an option without one is of the command line.
        source: the file of the marks.
        inputs: ledger of the files that options name.

    Raises:
        ParamsError: G001 to G004, an option is unknown, missing or wrong.
    """
    from pydantic import ValidationError

    from aigc_content.params import explain
    from aigc_content.recipe import JobRecipe, Places

    places = Places(source, {("params", *place): mark for place, mark in marks.items()}, flag="--")
    item = JobRecipe("train", "train", f"the trainer of {generator}", params=options, places=places)
    try:
        return kind.model_validate(options, context={"inputs": inputs})
    except ValidationError as error:
        found = explain(error, kind, item)
        if found.remedy.startswith("`aigc schema"):  # which knows the params of generators only
            found.remedy = ""
        raise found from None


def require(package: str) -> None:
    """Refuse to begin without a package that is not always installed.

    Raises:
        ModelError: M010.
    """
    if importlib.util.find_spec(package) is None:
        raise _missing(package)


@contextmanager
def torch_is_explained() -> Iterator[None]:
    """A missing torch becomes a message with its remedy.

    Raises:
        ModelError: M010.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise _missing("torch") from error


def _missing(package: str) -> ModelError:
    extra = "tensorboard" if package == "tensorboard" else "train"
    remedy = f"pip install 'aigc-content[{extra}]'"
    return ModelError("M010", f"needs the package {package!r}, which is not installed", remedy=remedy)
