"""How commands print: data to standard output, messages to standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any


def print_json(value: Any) -> None:
    """Print data as JSON, keys in the order given."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def note(message: str) -> None:
    """Print a message for a person, to standard error."""
    print(message, file=sys.stderr, flush=True)


def print_table(rows: Sequence[Sequence[str]], head: Sequence[str] = ()) -> None:
    """Print rows in columns, with two blanks between them; plain text on a terminal and in a pipe."""
    lines = [list(head), *map(list, rows)] if head and rows else list(map(list, rows))
    if not lines:
        return
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        print("  ".join(cells).rstrip())


def figures(values: Mapping[str, int | float | str]) -> list[tuple[str, str]]:
    """Name and value of each figure, as text."""
    return [(name, f"{value:g}" if isinstance(value, float) else str(value)) for name, value in values.items()]
