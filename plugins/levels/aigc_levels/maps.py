"""Training maps: read from plain text, split by source area, turned into batches of partly hidden layers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aigc_content import InputError
from aigc_levels import model as m
from aigc_levels import terrain
from aigc_levels.data import plain
from aigc_levels.game import Game
from aigc_levels.measure import difficulty_of as difficulty_from
from aigc_levels.measure import strain
from aigc_levels.model import Grid
from aigc_levels.rules import MAX_SIDE, MIN_SIDE

SOURCES = {"crossfire-maps": 0, "crawl-common": 1}
OWN_SOURCE = 2
_POOL = 512


@dataclass(frozen=True, eq=False)
class Map:
    """A map to learn from.

    Attributes:
        name: path or file name.
        structure, objects: tokens, (H, W) each.
        source: value of that condition.
        difficulty: tenth, 0..9, of the way between its two farthest exits (or cells, where it has no two).
    """

    name: str
    structure: Grid
    objects: Grid
    source: int
    difficulty: int


@dataclass(frozen=True, eq=False)
class Batch:
    """Partly hidden maps, padded to one size that is a multiple of 4.

    Attributes:
        planes: (B, 2, H, W) tokens with mask tokens.
        told: (B, conditions).
        inside: (B, H, W), 1 where a cell belongs to the map.
        targets: (B, 2, H, W), the hidden tokens; -100 elsewhere.
    """

    planes: npt.NDArray[np.int64]
    told: npt.NDArray[np.int64]
    inside: npt.NDArray[np.float32]
    targets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.planes)


def load_maps(folder: Path, game: Game, split: plain.Split) -> list[Map]:
    """All maps of one split below a folder.

    Imported data sets (folders with ``dataset.json``) bring their own split; loose ``.txt`` files are split by their
    folder's name, or by their own where all lie in one folder; of fewer than ten files none is held out.

    Raises:
        InputError: L030 there is no map, or as `aigc_levels.rules.Rules.parse_rows` for the first broken one.
    """
    maps: list[Map] = []
    listings = sorted(folder.rglob("dataset.json"))
    for listing in listings:
        entries = plain.load_dataset(listing.parent, split)
        source = SOURCES.get(str(json.loads(listing.read_text("utf-8")).get("source")), OWN_SOURCE)
        for name, chars in entries:
            structure, objects = m.split_layers(chars)
            maps.append(Map(name, structure, objects, source, difficulty_of(structure, objects)))
    imported = {listing.parent for listing in listings}
    loose = [path for path in sorted(folder.rglob("*.txt")) if not imported & set(path.parents)]
    areas = {path.parent for path in loose}
    for path in loose:
        area = path.parent if len(areas) > 4 else path
        held = len(loose) >= 10 and plain.split_of(str(area.relative_to(folder))) == "held-out"
        if held == (split == "held-out"):
            maps.append(_own_map(path, game))
    if not maps and split == "train":
        raise InputError(
            "L030",
            "there is no map to learn from",
            where=str(folder),
            allowed="text files with one character a cell, or a folder that `aigc data import` wrote",
        )
    return maps


def _own_map(path: Path, game: Game) -> Map:
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("L010", "is not UTF-8 text", where=str(path)) from None
    grid = game.parse_rows(text, where=str(path), pad=True)
    if min(grid.shape) < MIN_SIDE:
        height, width = grid.shape
        found = f"the map has {width} x {height} cells"
        raise InputError("L010", found, where=str(path), allowed=f"{MIN_SIDE} to {MAX_SIDE} a side")
    structure, objects = layers_of(grid, game)
    return Map(path.name, structure, objects, OWN_SOURCE, difficulty_of(structure, objects))


def difficulty_of(structure: Grid, objects: Grid) -> int:
    """The difficulty of a map without start or goal, in tenths, as `aigc_levels.measure.difficulty` counts it."""
    free = terrain.passable(structure) & (objects != m.TRAP)
    labels, main = terrain.main_area(free)
    area = labels == main
    if not main:
        return 0
    exits = [(int(y), int(x)) for y, x in np.argwhere(area & (objects == m.EXIT))]
    cells = exits if len(exits) > 1 else [(int(y), int(x)) for y, x in np.argwhere(area)]
    start = cells[0]
    for _ in range(2):  # twice to the farthest: an exact diameter in trees, near it elsewhere
        far = terrain.distance(area, [start])
        goal = max(cells, key=lambda cell: far[cell])
        start, goal = goal, start
    near = terrain.grown(terrain.way(area, start, goal))
    enemies, traps = (int((near & (objects == token)).sum()) for token in (m.ENEMY, m.TRAP))
    steps = int(terrain.distance(area, [start])[goal])
    return min(int(difficulty_from(strain(steps, enemies, traps, 0, sum(structure.shape))) * 10), 9)


def layers_of(grid: npt.NDArray[np.uint8], game: Game) -> tuple[Grid, Grid]:
    """Tile codes to structure and object tokens."""
    structure = np.zeros(len(game.tiles), dtype=np.uint8)
    objects = np.zeros(len(game.tiles), dtype=np.uint8)
    for code, tile in enumerate(game.tiles):
        kind = "wall" if tile.kind == "void" else tile.kind
        structure[code] = m.STRUCTURES.index(kind) if kind in m.STRUCTURES else m.FLOOR
        objects[code] = m.OBJECTS.index(kind) if kind in m.OBJECTS else m.NONE
    return structure[grid], objects[grid]


def digest(maps: Sequence[Map]) -> str:
    """Hex sha256 over names and layers, for the model card."""
    hasher = hashlib.sha256()
    for item in maps:
        hasher.update(f"{item.name} {item.structure.shape}\n".encode())
        hasher.update(item.structure.tobytes() + item.objects.tobytes())
    return hasher.hexdigest()


def batches(maps: Sequence[Map], cells: int, seed: int, start: int = 0) -> Iterator[Batch]:
    """Endless batches of about ``cells`` cells, maps of like size together, turned and mirrored at random.

    Small maps come less often (by the root of their cells), those of the second source half as often, and those
    with several rooms, none of which is most of the map, three times as often: they are what dungeons are asked for.
    What is hidden in a batch follows from its number, so that those before ``start`` need only be counted.
    """
    rng = np.random.default_rng(seed)
    weights = np.array([min(1.0, item.structure.size / 250) ** 0.5 for item in maps])
    weights *= np.array([0.5 if item.source == 1 else 1.0 for item in maps])
    weights *= np.array([3.0 if _has_rooms(item.structure) else 1.0 for item in maps])
    weights /= weights.sum()
    number = 0
    while True:
        drawn = [_turned(maps[i], rng) for i in rng.choice(len(maps), size=_POOL, p=weights)]
        groups = _groups(drawn, cells)
        for index in rng.permutation(len(groups)):
            if number >= start:
                yield hide(groups[index], np.random.default_rng([seed, number]))
            number += 1


def _has_rooms(structure: Grid) -> bool:
    rooms, hall = m.rooms(structure)
    return rooms >= 3 and hall < 600


def _turned(item: Map, rng: np.random.Generator) -> Map:
    structure, objects = m.symmetries(item.structure, item.objects)[int(rng.integers(8))]
    return Map(item.name, structure, objects, item.source, item.difficulty)


def _groups(maps: list[Map], cells: int) -> list[list[Map]]:
    def order(item: Map) -> tuple[int, bool, int]:
        height, width = item.structure.shape
        return (-(-max(height, width) // 8), height > width, item.structure.size)

    groups: list[list[Map]] = []
    current: list[Map] = []
    height = width = 0
    for item in sorted(maps, key=order):
        rows, columns = _padded(item.structure.shape)
        if current and max(height, rows) * max(width, columns) * (len(current) + 1) > cells:
            groups.append(current)
            current, height, width = [], 0, 0
        current.append(item)
        height, width = max(height, rows), max(width, columns)
    groups.append(current)
    return groups


def _padded(shape: tuple[int, ...]) -> tuple[int, int]:
    return -(-shape[0] // 4) * 4, -(-shape[1] // 4) * 4


def hide(
    maps: Sequence[Map],
    rng: np.random.Generator,
    rate: float | None = None,
    stage: int | None = None,
    told: bool | None = None,
) -> Batch:
    """Hide part of each map.

    Args:
        maps: of like size.
        rng: decides what is hidden.
        rate: share of the cells, 0..1; None draws it.
        stage: structure or objects; None draws it.
        told: whether all conditions are told; None leaves some out at random.
    """
    height, width = (max(sides) for sides in zip(*(_padded(item.structure.shape) for item in maps), strict=True))
    count = len(maps)
    planes = np.zeros((count, 2, height, width), dtype=np.int64)
    targets = np.full((count, 2, height, width), -100, dtype=np.int64)
    inside = np.zeros((count, height, width), dtype=np.float32)
    conditions = np.zeros((count, len(m.NAMES)), dtype=np.int64)
    for index, item in enumerate(maps):
        rows, columns = item.structure.shape
        at = (index, slice(None), slice(rows), slice(columns))
        kind = stage if stage is not None else int(rng.random() < 0.35)
        eligible = np.ones((rows, columns), np.bool_) if kind == m.STRUCTURE_STAGE else item.structure == m.FLOOR
        hidden = _hidden(eligible, rng, rate)
        inside[index, :rows, :columns] = 1
        line = m.describe(item.structure, item.objects, item.source, item.difficulty)
        line[m.INDEX["rate"]] = m.rate_condition(int(hidden.sum()), int(eligible.sum()))
        line[m.INDEX["stage"]] = kind
        if told is None:
            share = 1.0 if rng.random() < 0.1 else 0.15
            for name in m.FREE:
                if rng.random() < share:
                    line[m.INDEX[name]] = m.untold(name)
        conditions[index] = line
        layers = np.stack([item.structure, item.objects]).astype(np.int64)
        seen = layers.copy()
        if kind == m.STRUCTURE_STAGE:
            seen[0][hidden] = m.STRUCTURE_MASK
            seen[1] = m.OBJECT_MASK
        else:
            seen[1][hidden] = m.OBJECT_MASK
        planes[at] = seen
        wanted = np.full_like(layers, -100)
        wanted[kind] = np.where(hidden, layers[kind], -100)
        targets[at] = wanted
    return Batch(planes, conditions, inside, targets)


def _hidden(eligible: npt.NDArray[np.bool_], rng: np.random.Generator, rate: float | None) -> npt.NDArray[np.bool_]:
    """Scattered cells, or one time in five rectangles, as sketches and re-masking leave them."""
    rows, columns = eligible.shape
    share = rate if rate is not None else float(rng.random() ** 0.7)
    noise = rng.random((rows, columns))
    hidden: npt.NDArray[Any] = noise < share
    if rate is None and share < 0.8 and rng.random() < 0.2:
        hidden = np.zeros((rows, columns), np.bool_)
        for _ in range(20):
            tall, wide = (
                int(rng.integers(2, max(3, rows // 2) + 1)),
                int(rng.integers(2, max(3, columns // 2) + 1)),
            )
            top, left = int(rng.integers(rows - tall + 1)), int(rng.integers(columns - wide + 1))
            hidden[top : top + tall, left : left + wide] = True
            if hidden.mean() >= share:
                break
        if rng.random() < 0.5:
            hidden &= noise < 0.3 + 0.7 * rng.random()
    hidden = hidden & eligible
    cells = np.argwhere(eligible)
    if not hidden.any() and len(cells):
        hidden[tuple(cells[int(rng.integers(len(cells)))])] = True
    return hidden
