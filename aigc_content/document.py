"""YAML text as plain data in which every key and value still knows its line and column.

Recipes are read by it, and the files of a plugin's own format too, so that all messages name a place in the same
way. Read from PyYAML's event stream by one loop without recursion, so that no input is slow or deep enough to hurt:
size, nesting, nodes and the growth by aliases are all capped. Scalars follow the core schema of YAML 1.2
(``true``, ``null``, decimal and hexadecimal numbers; ``no``, ``on``, ``12:30`` and ``1e999`` are text). Tags,
keys that are not text, repeated keys, NaN and infinity are refused. Aliases and merge keys (``<<: *base``) work
within the caps.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from aigc_content.errors import AigcError, InputError

MAX_BYTES = 1 << 20
MAX_DEPTH = 32
MAX_NODES = 100_000

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+\Z")
_HEX = re.compile(r"0x[0-9a-fA-F]+\Z|0o[0-7]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)\Z|\.(nan|NaN|NAN)\Z")
_MAX_DIGITS = 40


class Mark(NamedTuple):
    """A place in the text, both numbers from 1."""

    line: int
    column: int

    def within(self, name: str) -> str:
        """``file:line:column``, for a message."""
        return f"{name}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Node:
    """A value of a YAML document, and its place.

    Attributes:
        mark: where it begins.
        value: None, bool, int, float, str, a list of nodes, or a dict of nodes by key.
        keys: place of each key of a dict.
        text: a scalar as it was written.
        size, depth: nodes and levels below and including this one, aliases expanded.
    """

    mark: Mark
    value: Any
    keys: dict[str, Mark] = field(default_factory=dict)
    text: str = ""
    size: int = 1
    depth: int = 1

    @property
    def kind(self) -> str:
        """What it is, in words for a message."""
        return kind_of(self.value)

    def plain(self) -> Any:
        """The value as plain data; each call makes new lists and dicts."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value

    def mark_of(self, path: Iterable[str | int]) -> Mark:
        """Where the value at ``path`` is named: its key's place in a mapping, its own in a list.

        Parts of the path that do not stand in the text are passed over, so a value that a short form implies, or
        that is missing, has the place of the innermost one around it.
        """
        node, mark = self, self.mark
        for part in path:
            if isinstance(node.value, dict) and part in node.value:
                mark, node = node.keys[str(part)], node.value[part]
            elif isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
                node = node.value[part]
                mark = node.mark
        return mark

    def places(self, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Mark, Mark]]:
        """Path, key's mark and value's mark of everything below this node."""
        if isinstance(self.value, dict):
            for key, node in self.value.items():
                yield (*path, key), self.keys[key], node.mark
                yield from node.places((*path, key))
        elif isinstance(self.value, list):
            for index, node in enumerate(self.value):
                yield (*path, index), node.mark, node.mark
                yield from node.places((*path, index))


def kind_of(value: Any) -> str:
    """The kind of a plain value, in words for a message."""
    kinds = {type(None): "nothing", bool: "a boolean", int: "an integer", float: "a number", str: "text"}
    return kinds.get(type(value), "a list" if isinstance(value, list | tuple) else "a mapping")


def parse_document(data: bytes, name: str, kind: type[AigcError] = InputError) -> Node:
    """Read one YAML document.

    Args:
        data: UTF-8 text, at most 1 MiB; an empty one is a node whose value is None.
        name: the file, for messages.
        kind: class of the errors.

    Raises:
        InputError: R002 to R005 or R011 to R014, each with its place.
    """
    if len(data) > MAX_BYTES:
        raise kind("R011", f"has more than {MAX_BYTES:,} bytes", where=name, remedy="split it into several files")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        head = data[: error.start]
        place = f"{name}:{head.count(10) + 1}:{error.start - head.rfind(10)}"
        raise kind(
            "R012", f"byte 0x{data[error.start]:02x} is not UTF-8 text", where=place, remedy="save it as UTF-8"
        ) from None
    return _Composer(text, name, kind).compose()


class _Frame:
    """A list or dict that is being read."""

    def __init__(self, mark: Mark, anchor: str | None, is_map: bool) -> None:
        self.mark = mark
        self.anchor = anchor
        self.is_map = is_map
        self.items: list[Node] = []
        self.entries: dict[str, Node] = {}
        self.keys: dict[str, Mark] = {}
        self.merged: list[tuple[Mark, Node]] = []
        self.key: tuple[str, Mark] | None = None


class _Composer:
    def __init__(self, text: str, name: str, kind: type[AigcError]) -> None:
        self.text = text
        self.name = name
        self.kind = kind
        self.nodes = 0
        self.anchors: dict[str, Node] = {}
        self.stack: list[_Frame] = []
        self.root: Node | None = None

    def compose(self) -> Node:
        documents = 0
        try:
            for event in yaml.parse(self.text, Loader=_LOADER):
                if isinstance(event, yaml.DocumentStartEvent):
                    documents += 1
                    if documents > 1:
                        raise self.error("R004", "a second document begins", _mark(event), "remove the `---` line")
                else:
                    self.take(event)
        except yaml.MarkedYAMLError as error:
            raise self.syntax_error(error) from None
        except yaml.reader.ReaderError as error:
            line = self.text.count("\n", 0, error.position) + 1
            column = error.position - self.text.rfind("\n", 0, error.position)
            code = error.character if isinstance(error.character, int) else ord(error.character[:1] or "\0")
            raise self.error(
                "R012", f"character U+{code:04X} may not stand in YAML", Mark(line, column), "remove it"
            ) from None
        if self.root is None:
            return Node(Mark(1, 1), None)
        return self.root

    def error(self, code: str, found: str, mark: Mark, remedy: str = "", allowed: str = "") -> AigcError:
        return self.kind(code, found, where=mark.within(self.name), remedy=remedy, allowed=allowed)

    def syntax_error(self, error: yaml.MarkedYAMLError) -> AigcError:
        place = error.problem_mark or error.context_mark
        mark = Mark(place.line + 1, place.column + 1) if place else Mark(1, 1)
        lines = self.text.splitlines()
        line = lines[mark.line - 1] if mark.line <= len(lines) else ""
        if "\t" in line[: mark.column] and not line[: mark.column - 1].strip():
            return self.error("R005", "a tab stands where spaces indent", mark, "indent with spaces")
        problem = (error.problem or "cannot be read as YAML").replace("\t", "\\t")
        context = f" {error.context}" if error.context else ""
        remedy = "check colons, indentation and quotes: # & * ! { [ > % need them"
        return self.error("R004", f"not YAML: {problem}{context}", mark, remedy)

    def take(self, event: Any) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self.refuse_tag(event)
            self.add(self.scalar(event), event.anchor, count=1)
        elif isinstance(event, yaml.AliasEvent):
            node = self.anchors.get(event.anchor or "")
            if node is None:
                raise self.error(
                    "R004", f"alias *{event.anchor} names nothing that stands before it", _mark(event), "define it"
                )
            if node.depth + len(self.stack) > MAX_DEPTH:
                raise self.too_deep(_mark(event))
            self.add(node, None, count=node.size)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self.refuse_tag(event)
            if len(self.stack) >= MAX_DEPTH:
                raise self.too_deep(_mark(event))
            if self.stack and self.stack[-1].is_map and self.stack[-1].key is None:
                raise self.key_error(_mark(event), "a list or mapping")
            self.stack.append(_Frame(_mark(event), event.anchor, isinstance(event, yaml.MappingStartEvent)))
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            frame = self.stack.pop()
            self.add(self.close(frame), frame.anchor, count=1)

    def too_deep(self, mark: Mark) -> AigcError:
        return self.error("R011", f"nested deeper than {MAX_DEPTH} levels", mark, "flatten it")

    def key_error(self, mark: Mark, found: str) -> AigcError:
        return self.error("R003", f"a key is {found}", mark, "put quotes around it", "keys that are text")

    def refuse_tag(self, event: Any) -> None:
        if event.tag is not None:
            raise self.error("R013", f"the tag {event.tag!r} is not read", _mark(event), "remove the tag")

    def close(self, frame: _Frame) -> Node:
        if not frame.is_map:
            size, depth = _extent(frame.items)
            return Node(frame.mark, frame.items, size=size, depth=depth)
        entries, keys = frame.entries, frame.keys
        for _, base in frame.merged:
            for key, node in base.value.items():
                if key not in entries:
                    entries[key] = node
                    keys[key] = base.keys[key]
        size, depth = _extent(list(entries.values()))
        return Node(frame.mark, entries, keys=keys, size=size, depth=depth)

    def add(self, node: Node, anchor: str | None, count: int) -> None:
        """Put a finished node in its place; ``count`` is what it adds to the expanded document."""
        self.nodes += count
        if self.nodes > MAX_NODES:
            raise self.error(
                "R011", f"has more than {MAX_NODES:,} values, aliases expanded", node.mark, "make it smaller"
            )
        if anchor is not None:
            self.anchors[anchor] = node
        if not self.stack:
            self.root = node
            return
        frame = self.stack[-1]
        if not frame.is_map:
            frame.items.append(node)
        elif frame.key is None:
            self.open_key(frame, node)
        else:
            key, mark = frame.key
            frame.key = None
            if key == "<<":
                self.merge(frame, mark, node)
            else:
                frame.entries[key] = node
                frame.keys[key] = mark

    def open_key(self, frame: _Frame, node: Node) -> None:
        if not isinstance(node.value, str):
            raise self.key_error(node.mark, f"{node.kind}, {node.text[:60]}" if node.text else node.kind)
        if node.value in frame.entries:
            first = frame.keys[node.value]
            raise self.error(
                "R002", f"key {node.value!r} stands twice, first in line {first.line}", node.mark, "remove one"
            )
        frame.key = (node.value, node.mark)

    def merge(self, frame: _Frame, mark: Mark, node: Node) -> None:
        bases = node.value if isinstance(node.value, list) else [node]
        for base in bases:
            if not isinstance(base.value, dict):
                raise self.error("R003", f"<< merges {base.kind}", mark, "merge a mapping: `<<: *name`")
            frame.merged.append((mark, base))

    def scalar(self, event: Any) -> Node:
        mark = _mark(event)
        text: str = event.value
        if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
            raise self.error("R012", "a lone surrogate may not stand in text", mark, "remove it")
        value = text if event.style else self.resolve(text, mark)
        return Node(mark, value, text=text)

    def resolve(self, text: str, mark: Mark) -> Any:
        if text in _NULL:
            return None
        if text in _BOOL:
            return _BOOL[text]
        if _NOT_FINITE.match(text):
            raise self.error("R014", f"{text} is not a finite number", mark, "write a finite number, or quote it")
        number = _INT.match(text) or _HEX.match(text)
        if number is None and _FLOAT.match(text) is None:
            return text
        if len(text) > _MAX_DIGITS:
            found = f"a number of {len(text):,} characters"
            raise self.error("R014", found, mark, "write a shorter number, or quote it")
        if number is not None:
            return int(text, 0 if text[:2] in {"0x", "0o"} else 10)
        value = float(text)
        return value if math.isfinite(value) else text  # 1e234567 may be a digest


def _mark(event: Any) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


def _extent(nodes: list[Node]) -> tuple[int, int]:
    return 1 + sum(node.size for node in nodes), 1 + max((node.depth for node in nodes), default=0)
