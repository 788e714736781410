"""``sweep:`` of a recipe's job: the product of lists of values, as jobs named by value."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any, Protocol

from aigc_content.document import Mark, Node
from aigc_content.errors import RecipeError

MAX_SLUG = 120
MAX_VALUE = 60

_PARAM = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\Z")


class _Fail(Protocol):
    def __call__(self, code: str, found: str, mark: Mark, *, allowed: str = "", remedy: str = "") -> RecipeError: ...


@dataclass(frozen=True)
class Variant:
    """One combination of swept values.

    Attributes:
        name, slug: of the job that it makes.
        params: the job's params with the values in place.
        values: the values by dotted name.
        marks: place of each key and value in the sweep, by dotted name.
    """

    name: str
    slug: str
    params: Mapping[str, Any]
    values: Mapping[str, Any] = field(default_factory=dict)
    marks: Mapping[str, tuple[Mark, Mark]] = field(default_factory=dict)


def variants(node: Node | None, name: str, params: Mapping[str, Any], fail: _Fail, most: int) -> list[Variant]:
    """The jobs that a sweep makes; the job itself when there is none.

    Args:
        node: the value of ``sweep:``.
        name: the job's name.
        params: the job's params.
        fail: makes an error for a place.
        most: cap on the number of jobs.

    Raises:
        RecipeError: R011 (too many) or R015.
    """
    if node is None or node.value is None:
        return [Variant(name, name, params)]
    if not isinstance(node.value, dict) or not node.value:
        raise fail("R015", f"sweep is {node.kind}", node.mark, allowed="parameter names with lists of values")
    axes: list[tuple[str, Mark, list[Node]]] = []
    total = 1
    for key, values in node.value.items():
        axes.append((key, node.keys[key], _axis(key, node.keys[key], values, params, fail)))
        total *= len(axes[-1][2])
        if total > most:
            raise fail("R011", f"sweep makes more than {most:,} jobs", node.keys[key], remedy="sweep fewer values")
    _refuse_overlap(axes, fail)
    made = []
    for chosen in itertools.product(*(values for _, _, values in axes)):
        pairs = [(key, value) for (key, _, _), value in zip(axes, chosen, strict=True)]
        label = ",".join(f"{key}={shown(value.value)}" for key, value in pairs)
        slug = slugify("-".join([name, *(f"{key}-{shown(value.value)}" for key, value in pairs)]))
        if len(slug) > MAX_SLUG:
            found = f"the folder name {slug[:40]}... would be too long"
            raise fail("R015", found, node.mark, remedy="sweep fewer or shorter values")
        full = deepcopy(dict(params))
        for key, value in pairs:
            _place(full, key, value.value)
        marks = {key: (mark, value.mark) for (key, mark, _), value in zip(axes, chosen, strict=True)}
        made.append(Variant(f"{name}[{label}]", slug, full, {key: value.value for key, value in pairs}, marks))
    return made


def shown(value: Any) -> str:
    """A swept value as it stands in a job's name: text bare, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def slugify(text: str) -> str:
    """Text as a safe file name: runs of other characters become one ``-``."""
    slug = re.sub(r"[^A-Za-z0-9_.]+", "-", re.sub(r"(^|[^A-Za-z0-9])\.+(?![0-9])", r"\1", text))
    return slug.strip("-.")


def _axis(key: str, mark: Mark, values: Node, params: Mapping[str, Any], fail: _Fail) -> list[Node]:
    if not _PARAM.match(key):
        allowed = "a name, or names with dots such as min.enemy"
        raise fail("R015", f"{key[:60]!r} names no parameter", mark, allowed=allowed)
    if not isinstance(values.value, list) or not values.value:
        raise fail("R015", f"the values of {key!r} are {values.kind}", values.mark, allowed="a list with values")
    seen: set[str] = set()
    for item in values.value:
        if isinstance(item.value, dict | list) or item.value is None:
            raise fail("R015", f"a swept value is {item.kind}", item.mark, allowed="text, numbers, booleans")
        label = shown(item.value)
        if len(label) > MAX_VALUE or not label.isprintable() or not label:
            raise fail(
                "R015",
                f"a swept value is {label[:20]!r}",
                item.mark,
                allowed=f"1 to {MAX_VALUE} printable characters",
                remedy="put long text into a file and sweep file names",
            )
        if label in seen:
            raise fail("R015", f"the value {label} stands twice", item.mark, remedy="remove one")
        seen.add(label)
    inner: Any = params
    for part in key.split("."):
        if not isinstance(inner, Mapping):
            break
        if part not in inner:
            return values.value
        inner = inner[part]
    raise fail("R015", f"{key!r} stands in params and in sweep", mark, remedy="remove it from params")


def _refuse_overlap(axes: list[tuple[str, Mark, list[Node]]], fail: _Fail) -> None:
    names = {key for key, _, _ in axes}
    for key, mark, _ in axes:
        parts = key.split(".")
        for length in range(1, len(parts)):
            outer = ".".join(parts[:length])
            if outer in names:
                raise fail("R015", f"{outer!r} and {key!r} are both swept", mark, remedy="sweep one of them")


def _place(params: dict[str, Any], key: str, value: Any) -> None:
    *outer, last = key.split(".")
    inner = params
    for part in outer:
        inner = inner.setdefault(part, {})
    inner[last] = value
