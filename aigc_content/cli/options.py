"""``key=value`` and ``--key value`` from the command line as params."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from aigc_content.document import parse_document
from aigc_content.errors import UsageError


def from_pairs(pairs: Iterable[str]) -> dict[str, Any]:
    """Params from ``key=value`` pairs; a key may have dots (``min.enemy=3``), a value is YAML.

    Raises:
        UsageError: U005, a pair has no ``=``; U006, a key is given twice or inside another's value.
        InputError: R002 to R014, a value is not YAML.
    """
    params: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UsageError("U005", f"{pair!r} is no parameter", where="--param", allowed="key=value")
        _put(params, key, parse_document(value.encode(), f"--param {key}").plain(), "--param ")
    return params


def from_words(words: Sequence[str]) -> dict[str, Any]:
    """Params from ``--key value``, ``--key=value``, or ``--key`` alone for true; dashes in a key become ``_``.

    Raises:
        UsageError: U005, a word is no option; U006, a key is given twice.
        InputError: R002 to R014, a value is not YAML.
    """
    params: dict[str, Any] = {}
    place = 0
    while place < len(words):
        word = words[place]
        place += 1
        if not word.startswith("--") or word == "--":
            raise UsageError("U005", f"{word!r} is no option", allowed="--key value")
        key, equals, value = word[2:].partition("=")
        if not equals:
            if place < len(words) and not words[place].startswith("--"):
                value = words[place]
                place += 1
            else:
                value = "true"
        _put(params, key.replace("-", "_"), parse_document(value.encode(), f"--{key}").plain(), "--")
    return params


def _put(params: dict[str, Any], dotted: str, value: Any, flag: str) -> None:
    *outer, last = dotted.split(".")
    inner = params
    for part in outer:
        step = inner.setdefault(part, {})
        if not isinstance(step, dict):
            raise UsageError("U006", f"{part!r} has a value already", where=f"{flag}{dotted}", remedy="give one")
        inner = step
    if last in inner:
        raise UsageError("U006", f"{dotted!r} is given twice", where=f"{flag}{dotted}", remedy="give it once")
    inner[last] = value
