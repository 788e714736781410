"""The file of a search: which options of a trainer to try, as YAML in which every error has its place.

::

    learning_rate: {low: 1e-4, high: 1e-2, log: true}   # any number between, evenly in the logarithm
    layers: {low: 2, high: 8}                           # whole numbers, where the option takes no others
    cells: {low: 1024, high: 8192, step: 1024}
    schedule: [decay, cosine]                           # one of these
    steps: 2000                                         # the same in every trial,
    channels: [[48, 96]]                                # as is a list of one value
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aigc_content.cli.trainer import Marks, check_config, read_options
from aigc_content.document import Mark, Node
from aigc_content.errors import InputError, did_you_mean
from aigc_content.inputs import Inputs

if TYPE_CHECKING:
    from pydantic import BaseModel

    from aigc_content.nn.search import Choice, Range

_RANGE_KEYS = ("low", "high", "log", "step")


@dataclass(frozen=True)
class SpaceFile:
    """A search as it was written.

    Attributes:
        space: what is searched, by option.
        fixed: plain values of the other options.
        defaults: plain values of the searched options that have a default.
        inputs: ledger of the files that options name.
    """

    space: Mapping[str, Range | Choice]
    fixed: Mapping[str, Any]
    defaults: Mapping[str, Any]
    inputs: Inputs


def read_space(path: Path, kind: type[BaseModel], generator: str) -> SpaceFile:
    """Read a search and check every value against the trainer's configuration.

    Raises:
        InputError: I004, R002 to R014 the file is not well formed, R020 a range or list cannot be searched.
        ParamsError: G001 to G004, an option is unknown, missing or takes no such value.
    """
    root = read_options(path)
    reader = _Reader(str(path), root)
    values = {key: reader.values(key, node) for key, node in root.value.items()}
    inputs = Inputs(path.resolve().parent)

    def check(chosen: Mapping[str, Node]) -> BaseModel:
        marks: Marks = {}
        for key, node in chosen.items():
            marks |= {place: (at, value) for place, at, value in node.places((key,))}
            marks[key,] = (root.keys[key], node.mark)
        options = {key: node.plain() for key, node in chosen.items()}
        return check_config(kind, generator, options, marks, str(path), inputs)

    first = {key: nodes[0] for key, nodes in values.items()}
    config = check(first)
    for key, nodes in values.items():
        for node in nodes[1:]:
            check(first | {key: node})
    space = {key: reader.searched(key, node, getattr(config, key, None)) for key, node in root.value.items()}
    searched = {key: found for key, found in space.items() if found is not None}
    if not searched:
        where = root.mark.within(str(path))
        raise InputError("R020", "there is nothing to search", where=where, allowed="a range or a list of values")
    fixed = {key: nodes[0].plain() for key, nodes in values.items() if key not in searched}
    needed = {name for name, field in kind.model_fields.items() if field.is_required()}
    usual = check({key: node for key, node in first.items() if key in needed or key not in searched})
    written = usual.model_dump(mode="json", warnings=False)  # a default may follow from other options
    defaults = {key: written[key] for key in searched if key not in needed and key in written}
    return SpaceFile(searched, fixed, defaults, inputs)


class _Reader:
    """Reads the ranges and lists of one file."""

    def __init__(self, file: str, root: Node) -> None:
        self._file, self._root = file, root

    def wrong(self, key: str, found: str, mark: Mark, allowed: str = "", remedy: str = "") -> InputError:
        return InputError("R020", f"{key}: {found}", where=mark.within(self._file), allowed=allowed, remedy=remedy)

    def values(self, key: str, node: Node) -> list[Node]:
        """Values that the option must take: both ends of a range, all of a list, the value itself."""
        if isinstance(node.value, dict):
            self._check_range(key, node)
            return [node.value["low"], node.value["high"]]
        if not isinstance(node.value, list):
            return [node]
        if not node.value:
            raise self.wrong(key, "the list is empty", node.mark, "values to try")
        written = [json.dumps(item.plain(), sort_keys=True) for item in node.value]
        for place, text in enumerate(written):
            if text in written[:place]:
                raise self.wrong(key, f"{text} stands twice", node.value[place].mark, remedy="remove one")
        return node.value

    def searched(self, key: str, node: Node, sample: Any) -> Range | Choice | None:
        """The range or choice at ``key``, or None; ``sample`` is what the configuration makes of its first value."""
        from aigc_content.nn.search import Choice, Range

        if isinstance(node.value, list) and len(node.value) > 1:
            return Choice(tuple(item.plain() for item in node.value))
        if not isinstance(node.value, dict):
            return None
        entries = {name: part.value for name, part in node.value.items()}
        number = int if isinstance(sample, int) else float
        step = entries.get("step")
        if step is not None and number(step) != step:
            raise self.wrong(key, f"step is {step}", node.value["step"].mark, "a whole number")
        return Range(
            number(entries["low"]),
            number(entries["high"]),
            log=entries.get("log", False),
            step=None if step is None else number(step),
        )

    def _check_range(self, key: str, node: Node) -> None:
        entries: dict[str, Node] = node.value
        for name in entries:
            if name not in _RANGE_KEYS:
                remedy = did_you_mean(name, _RANGE_KEYS, "write `[{...}]` when the option itself is a mapping")
                raise self.wrong(
                    key, f"unknown key {name!r} in a range", node.keys[name], ", ".join(_RANGE_KEYS), remedy
                )
        for name in ("low", "high"):
            if name not in entries:
                raise self.wrong(key, f"the range has no {name!r}", node.mark, "{low: ..., high: ...}")
        for name, part in entries.items():
            if name == "log" and not isinstance(part.value, bool):
                raise self.wrong(key, f"log is {part.kind}", part.mark, "true or false")
            if name != "log" and (isinstance(part.value, bool) or not isinstance(part.value, int | float)):
                raise self.wrong(key, f"{name} is {part.kind}", part.mark, "a number")
        low, high = entries["low"], entries["high"]
        log = "log" in entries and entries["log"].value
        if low.value >= high.value:
            raise self.wrong(key, f"low is {low.value}, high is {high.value}", high.mark, "low below high")
        if log and low.value <= 0:
            raise self.wrong(key, f"low is {low.value}, and the range is logarithmic", low.mark, "above 0")
        step = entries.get("step")
        if step is not None and (log or not 0 < step.value <= high.value - low.value):
            allowed = "above 0, within the range, and not together with log"
            raise self.wrong(key, f"step is {step.value}", step.mark, allowed)
