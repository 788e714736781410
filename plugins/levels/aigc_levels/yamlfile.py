"""A YAML file as plain data together with the line and column of every value in it.

What YAML allows and a rules file never needs is refused: anchors and aliases (a few lines can unfold to
gigabytes), tags, several documents, keys that stand twice, deep nesting. Scalars follow the JSON-like core only:
``yes``, ``on``, ``0x1F``, ``1:30`` and dates stay text.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import yaml

from aigc_content import InputError
from aigc_levels.faults import Keys

MAX_BYTES = 64 << 10
MAX_DEPTH = 8

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?[0-9]{1,18}\.[0-9]{0,18}")
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


@dataclass
class Document:
    """What a YAML file holds.

    Attributes:
        data: dicts, lists, text, integers, floats, booleans, None.
        name: how messages call the file.
    """

    data: Any
    name: str
    _places: dict[Keys, tuple[int, int]] = field(default_factory=dict)

    def where(self, keys: Keys) -> str:
        """``file:line:column`` of the value at ``keys``, or of the innermost value around it that exists."""
        line, column = self.position(keys)
        return f"{self.name}:{line}:{column}"

    def position(self, keys: Keys) -> tuple[int, int]:
        """Line and column, from 1, as `where` shows them."""
        while keys and keys not in self._places:
            keys = keys[:-1]
        return self._places.get(keys, (1, 1))


def read_yaml(text: str, name: str, *, raw: Collection[str] = ()) -> Document:
    """Read a YAML mapping.

    Args:
        text: the file's content, at most 64 KiB.
        name: how messages call the file, usually its path.
        raw: keys whose scalar values stay text as written, so that ``char: ~`` is a tilde and not null.

    Raises:
        InputError: L001, with the line.
    """
    if len(text) > MAX_BYTES:
        raise InputError("L001", f"has {len(text):,} characters", where=name, allowed=f"at most {MAX_BYTES:,}")
    try:
        _check_events(text, name)
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise InputError(
            "L001",
            f"is not YAML: {error.problem or error.context}",
            where=_where(name, mark),
            remedy="put characters such as # > ~ & * in quotes",
        ) from None
    except yaml.YAMLError as error:
        raise InputError("L001", f"is not YAML: {' '.join(str(error).split())}", where=name) from None
    document = Document(None, name)
    if not isinstance(root, yaml.MappingNode):
        raise InputError("L001", "is not a mapping of keys to values", where=f"{name}:1:1")
    document.data = _convert(root, (), document, raw)
    return document


def _where(name: str, mark: Any) -> str:
    return f"{name}:{mark.line + 1}:{mark.column + 1}" if mark else name


def _check_events(text: str, name: str) -> None:
    depth = documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        found = ""
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            found = "holds a second document" if documents > 1 else ""
        elif isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            found = "uses an anchor or alias (& or *)"
        elif getattr(event, "tag", None) and isinstance(event, yaml.NodeEvent):
            found = "uses a tag (!)"
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            found = f"is nested deeper than {MAX_DEPTH} levels" if depth > MAX_DEPTH else ""
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if found:
            raise InputError("L001", found, where=_where(name, event.start_mark), remedy="write the values out")


def _convert(node: yaml.Node, keys: Keys, document: Document, raw: Collection[str]) -> Any:
    document._places.setdefault(keys, (node.start_mark.line + 1, node.start_mark.column + 1))
    if isinstance(node, yaml.SequenceNode):
        return [_convert(item, (*keys, place), document, raw) for place, item in enumerate(node.value)]
    if not isinstance(node, yaml.MappingNode):
        return _scalar(node, bool(keys) and keys[-1] in raw)
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        mark = key_node.start_mark
        where = _where(document.name, mark)
        if not isinstance(key_node, yaml.ScalarNode):
            raise InputError("L001", "has a key that is not a word", where=where)
        key = str(key_node.value)
        if key in result:
            raise InputError("L001", f"has the key {key!r} twice", where=where, remedy="keep one of them")
        document._places[(*keys, key)] = (mark.line + 1, mark.column + 1)
        result[key] = _convert(value_node, (*keys, key), document, raw)
    return result


def _scalar(node: yaml.Node, raw: bool) -> Any:
    text = str(node.value)
    if raw or getattr(node, "style", None):
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text
