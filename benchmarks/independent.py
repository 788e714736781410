"""A second opinion on dungeon levels, from the emitted files alone; shares no code with the plugin.

It reads characters by a table of its own and knows one game, the shipped dungeon: walk from ``<`` to ``>`` in four
directions; walls, rock, water and traps are not entered; a locked door opens to whoever has picked up a key, and
keys are kept. Standard library only.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROCK, WALL, FLOOR, DOOR, LOCK, WATER = " #.+D~"
TRAP, ENEMY, LOOT, KEY, START, EXIT = "^e$k<>"
SHUT = frozenset((ROCK, WALL, WATER, TRAP))
KNOWN = frozenset(" #.+D~^e$k<>")

MEANING: Mapping[str, str] = {
    "void": " ",
    "wall": "#",
    "solid": "#",
    "floor": ".",
    "door": "+",  # the tile of that name; the trait of that name is what locked_door has
    "doorway": "+",
    "locked_door": "D",
    "water": "~",
    "liquid": "~",
    "trap": "^",
    "hazard": "^",
    "enemy": "e",
    "loot": "$",
    "key": "k",
    "start": "<",
    "exit": ">",
}
"""What a name in ``min`` or ``max`` counts."""

STEPS: Mapping[str, tuple[int, int]] = {"N": (-1, 0), "E": (0, 1), "S": (1, 0), "W": (0, -1)}

Cell = tuple[int, int]


@dataclass(frozen=True)
class Finding:
    """What the check saw.

    Attributes:
        faults: one sentence each; empty for a level that is as asked.
        path: fewest steps from start to exit; -1 when there is no way.
        winnable: whether there is a way, with keys where locks are.
    """

    faults: tuple[str, ...]
    path: int
    winnable: bool


def check(text: str, params: Mapping[str, Any]) -> Finding:
    """Whether a level, as text, can be won and is within what was asked.

    Args:
        text: one character a cell, rows by newline.
        params: as a recipe's job writes them; what is left out has its default.
    """
    rows = text.removesuffix("\n").split("\n")
    faults = list(_shape_faults(rows, params))
    if faults:
        return Finding(tuple(faults), -1, False)
    faults += _count_faults(rows, params)
    starts, exits = _places(rows, START), _places(rows, EXIT)
    if len(starts) != 1 or not exits:
        return Finding((*faults, f"{len(starts)} starts and {len(exits)} exits"), -1, False)
    path = _fewest_steps(rows, starts[0], set(exits))
    if path < 0:
        return Finding((*faults, "no way leads from the start to an exit"), path, False)
    asked = params.get("path_length") or {}
    low, high = asked.get("min") or 1, asked.get("max") or len(rows) * len(rows[0]) * 2
    if not low <= path <= high:
        faults.append(f"the way takes {path} steps, asked are {low} to {high}")
    faults += _reach_faults(rows, starts[0], params)
    return Finding(tuple(faults), path, True)


def check_files(stem: Path, params: Mapping[str, Any]) -> Finding:
    """Check ``STEM.txt``, and that ``STEM.tmj`` shows the same level and moves that win it."""
    text = stem.with_suffix(".txt").read_text("utf-8")
    found = check(text, params)
    rows = text.removesuffix("\n").split("\n")
    faults = [*found.faults, *_tiled_faults(rows, json.loads(stem.with_suffix(".tmj").read_text("utf-8")))]
    return Finding(tuple(faults), found.path, found.winnable)


def _shape_faults(rows: list[str], params: Mapping[str, Any]) -> Iterator[str]:
    width, height = params.get("width", 32), params.get("height", 24)
    if len(rows) != height or any(len(row) != width for row in rows):
        yield f"it is not {width} x {height} cells"
    strange = set("".join(rows)) - KNOWN
    if strange:
        yield f"it holds {sorted(strange)}"


def _count_faults(rows: list[str], params: Mapping[str, Any]) -> Iterator[str]:
    cells = "".join(rows)
    for name, least in (params.get("min") or {}).items():
        if (count := cells.count(MEANING[name])) < least:
            yield f"{count} of {name}, at least {least} are asked"
    for name, most in (params.get("max") or {}).items():
        if (count := cells.count(MEANING[name])) > most:
            yield f"{count} of {name}, at most {most} are asked"


def _places(rows: list[str], char: str) -> list[Cell]:
    return [(y, x) for y, row in enumerate(rows) for x, cell in enumerate(row) if cell == char]


def _beside(rows: list[str], cell: Cell) -> Iterator[Cell]:
    for dy, dx in STEPS.values():
        y, x = cell[0] + dy, cell[1] + dx
        if 0 <= y < len(rows) and 0 <= x < len(rows[0]) and rows[y][x] not in SHUT:
            yield y, x


def _fewest_steps(rows: list[str], start: Cell, exits: set[Cell]) -> int:
    """Breadth-first over (cell, has a key); -1 when no exit is met."""
    first = (start, False)
    steps = {first: 0}
    queue = deque([first])
    while queue:
        state = queue.popleft()
        cell, has_key = state
        if cell in exits:
            return steps[state]
        for y, x in _beside(rows, cell):
            if rows[y][x] == LOCK and not has_key:
                continue
            after = ((y, x), has_key or rows[y][x] == KEY)
            if after not in steps:
                steps[after] = steps[state] + 1
                queue.append(after)
    return -1


def _reach_faults(rows: list[str], start: Cell, params: Mapping[str, Any]) -> Iterator[str]:
    """Flood with locks shut; if a key was met, flood again with locks open."""
    inside = _flood(rows, start, open_locks=False)
    if any(rows[y][x] == KEY for y, x in inside):
        inside = _flood(rows, start, open_locks=True)
    passable = {(y, x) for y, row in enumerate(rows) for x, cell in enumerate(row) if cell not in SHUT}
    for y, x in sorted(passable - inside):
        if rows[y][x] in (KEY, LOOT, LOCK):
            yield f"{rows[y][x]!r} at line {y + 1}, column {x + 1} cannot be reached"
    least = params.get("min_reachable", 1.0)
    if len(inside) < least * len(passable):
        yield f"{len(inside)} of {len(passable)} cells can be reached, asked are {least:.0%}"


def _flood(rows: list[str], start: Cell, *, open_locks: bool) -> set[Cell]:
    inside, edge = {start}, [start]
    while edge:
        for y, x in _beside(rows, edge.pop()):
            if (y, x) not in inside and (open_locks or rows[y][x] != LOCK):
                inside.add((y, x))
                edge.append((y, x))
    return inside


def _tiled_faults(rows: list[str], tiled: Mapping[str, Any]) -> Iterator[str]:
    """The Tiled map has this size, these things in these cells, and its moves lead from start to exit."""
    if (tiled["height"], tiled["width"]) != (len(rows), len(rows[0])):
        yield "the Tiled map has another size"
    for layer in tiled["layers"]:
        if layer["type"] == "tilelayer" and len(layer["data"]) != len(rows) * len(rows[0]):
            yield f"layer {layer['name']!r} has {len(layer['data'])} cells"
    side_x, side_y = tiled["tilewidth"], tiled["tileheight"]
    shown = {
        (int(thing["y"] // side_y), int(thing["x"] // side_x)): MEANING.get(str(thing["name"]), "?")
        for layer in tiled["layers"]
        if layer["type"] == "objectgroup"
        for thing in layer["objects"]
    }
    things = {(y, x): cell for y, row in enumerate(rows) for x, cell in enumerate(row) if cell in "D^e$k<>"}
    if shown != things:
        yield f"the Tiled map shows {len(set(shown.items()) ^ set(things.items()))} things otherwise"
    moves = next((str(item["value"]) for item in tiled["properties"] if item["name"] == "winningMoves"), "")
    fault = _replay(rows, moves)
    if fault:
        yield f"its moves do not win: {fault}"


def _replay(rows: list[str], moves: str) -> str:
    """Why moves do not win; empty when they do."""
    starts = _places(rows, START)
    if len(starts) != 1:
        return f"{len(starts)} starts"
    y, x = starts[0]
    has_key = False
    for number, letter in enumerate(moves, 1):
        if letter not in STEPS:
            return f"step {number} is {letter!r}"
        y, x = y + STEPS[letter][0], x + STEPS[letter][1]
        if not (0 <= y < len(rows) and 0 <= x < len(rows[0])) or rows[y][x] in SHUT:
            return f"step {number} is blocked"
        if rows[y][x] == LOCK and not has_key:
            return f"step {number} meets a lock without a key"
        has_key = has_key or rows[y][x] == KEY
    return "" if rows[y][x] == EXIT else "the way does not end on an exit"
