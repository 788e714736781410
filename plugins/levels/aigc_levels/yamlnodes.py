"""A designer's YAML as nodes that know their positions, so that messages can name line and column."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from aigc_levels.sheet import TilesetError

MAX_BYTES = 1 << 20
MAX_DEPTH = 12

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def compose(yaml_bytes: bytes, origin: str) -> yaml.Node:
    """The mapping that a YAML file holds, at most 1 MiB of UTF-8.

    Raises:
        TilesetError: not YAML, no mapping, or what a tileset never needs: anchors, which let a few lines unfold to
            gigabytes, deep nesting, a key that stands twice.
    """
    if len(yaml_bytes) > MAX_BYTES:
        raise TilesetError(origin, "1:1", f"{len(yaml_bytes)} bytes; a tileset has at most {MAX_BYTES}")
    try:
        text = yaml_bytes.decode("utf-8-sig")
        _check_events(text, origin)
        node = yaml.compose(text, _Loader)
    except UnicodeDecodeError as error:
        raise TilesetError(origin, "1:1", f"not UTF-8 at byte {error.start}", "save it as UTF-8") from None
    except yaml.MarkedYAMLError as error:
        found = at(error.problem_mark or error.context_mark)
        raise TilesetError(origin, found, f"not YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise TilesetError(origin, "1:1", f"not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(node, yaml.MappingNode):
        raise TilesetError(origin, "1:1", "a tileset is a mapping with the keys image, tile_size and tiles")
    _check_keys(node, origin)
    return node


def _check_events(text: str, origin: str) -> None:
    depth = 0
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise TilesetError(origin, at(event.start_mark), "an anchor or alias (& or *)", "write the value out")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise TilesetError(origin, at(event.start_mark), f"nested deeper than {MAX_DEPTH} levels")


def _check_keys(node: yaml.Node, origin: str) -> None:
    seen: set[str] = set()
    for item in node.value if isinstance(node, yaml.CollectionNode) else ():
        if isinstance(item, yaml.Node):
            _check_keys(item, origin)
            continue
        key, value = item
        if not isinstance(key, yaml.ScalarNode):
            raise TilesetError(origin, at(key.start_mark), "a key that is not a word")
        if key.value in seen:
            reason = f"the key {key.value!r} stands twice"
            raise TilesetError(origin, at(key.start_mark), reason, "keep one of them")
        seen.add(key.value)
        _check_keys(value, origin)


def at(mark: Any) -> str:
    """``line:column`` of one of PyYAML's marks, from 1."""
    return f"{mark.line + 1}:{mark.column + 1}" if mark else "1:1"


def position_of(node: yaml.Node, keys: Iterable[str | int]) -> tuple[int, int]:
    """Line and column, from 0, of the innermost of ``keys`` that exists."""
    mark = node.start_mark
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            found = [pair for pair in node.value if pair[0].value == str(key)]
            if not found:
                continue
            mark, node = found[0][0].start_mark, found[0][1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
            mark = node.start_mark
    return mark.line, mark.column


def place_of(node: yaml.Node, keys: Iterable[str | int]) -> str:
    """``line:column: tiles.wall.mask4[3]`` of the value at ``keys``, for a message."""
    keys = [key for key in keys if key != "[key]"]
    line, column = position_of(node, keys)
    path = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys).lstrip(".")
    return f"{line + 1}:{column + 1}: {path}" if path else f"{line + 1}:{column + 1}"
