"""Metrics of many assets as columns: what sorting, filtering and plotting need, as small as it goes.

A column of numbers is a list with ``None`` for "not measured"; floats keep six significant digits. A column of
words is a list of distinct words and one number an asset that points into it (-1: none).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

_DIGITS = 6
_MAX_SAFE = 2**53  # beyond it, JavaScript's numbers are not exact


class Words:
    """Distinct texts in order of first occurrence; `index` gives a text's place."""

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def index(self, word: str) -> int:
        """The place of ``word``, which is added when new."""
        return self._places.setdefault(word, len(self._places))

    @property
    def words(self) -> list[str]:
        """The texts in order."""
        return list(self._places)


class Columns:
    """Collects one mapping of values an asset and gives them back by name."""

    def __init__(self) -> None:
        self._rows = 0
        self._values: dict[str, list[Any]] = {}

    def add(self, values: Mapping[str, Any]) -> None:
        """Take the next asset's values."""
        for name, value in values.items():
            column = self._values.setdefault(name, [])
            column.extend([None] * (self._rows - len(column)))
            column.append(_plain(value))
        self._rows += 1

    def columns(self, *, varying: bool = False) -> list[dict[str, Any]]:
        """All columns in order of name; with ``varying``, only those that hold more than one value."""
        found = []
        for name in sorted(self._values):
            values = self._values[name]
            values.extend([None] * (self._rows - len(values)))
            if not varying or any(value != values[0] for value in values):
                found.append({"name": name, **_column(values)})
        return found


def _plain(value: Any) -> int | float | str | None:
    """A number or a text; anything else as the text a person would write for it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return value if abs(value) <= _MAX_SAFE else _rounded(_to_float(value))
    if isinstance(value, float):
        return _rounded(value)
    return str(value)


def _to_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _rounded(value: float) -> int | float | None:
    if not math.isfinite(value):
        return None
    short = float(f"{value:.{_DIGITS}g}")
    return int(short) if short.is_integer() and abs(short) <= _MAX_SAFE else short


def _column(values: list[Any]) -> dict[str, Any]:
    if not any(isinstance(value, str) for value in values):
        return {"numbers": values}
    words = Words()
    of = [-1 if value is None else words.index(value if isinstance(value, str) else f"{value:g}") for value in values]
    return {"words": words.words, "of": of}
