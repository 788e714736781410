"""The plain map format for dungeon levels, and what makes a map worth learning from.

A data set is a folder: `<area>/<map>.txt`, one character a cell, rows separated by a newline, all rows of
one width; beside them `dataset.json` (source, license, sha256 of what was read, counts, and each map's path,
area, split, width and height). A source area lies wholly in "train" or in "held-out", so a model is never
judged on a sister floor of a dungeon it has seen.

Grids are `numpy.uint8` arrays of shape (height, width) that hold ASCII codes.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Grid = NDArray[np.uint8]
Split = Literal["train", "held-out"]
Half = Literal["tune", "test"]

VOID, WALL, FLOOR, DOOR, WATER = (ord(c) for c in " #.+~")
TRAP, ENEMY, LOOT, KEY, EXIT = (ord(c) for c in "^e$k>")
TILES = " #.+~^e$k>"
"""Every character a plain dungeon map may hold, void first."""

SOLID = np.array([VOID, WALL], dtype=np.uint8)
IMPASSABLE = np.array([VOID, WALL, WATER], dtype=np.uint8)

MIN_SIDE, MAX_SIDE = 8, 64
"""Least and greatest width or height, in cells, of a map that is kept."""
MIN_PASSABLE = 40
"""Fewest cells one can stand on."""
MAX_EMPTY = 14
"""Side, in cells, of the largest square of bare floor a map may have."""
MOST = (
    (ENEMY, 0.10, "too many enemies"),
    (WATER, 0.25, "too much water"),
    (LOOT, 0.10, "too much loot"),
    (DOOR, 0.06, "too many doors"),
    (TRAP, 0.10, "too many traps"),
    (EXIT, 0.04, "too many exits"),
)
"""Greatest share of all cells a tile may have, and the reason to refuse a map where it has more."""
IMPORT_AGAIN = "Import the data set again, into an empty folder."
HELD_OUT_SHARE = 0.12
"""Share of areas (not exactly of cells) that `split_of` holds out."""


class DatasetError(ValueError):
    """What cannot be read: where (`path`), what was found (`reason`), what to do (`remedy`)."""

    def __init__(self, path: Path | str, reason: str, remedy: str) -> None:
        self.path = Path(path)
        self.reason = reason
        self.remedy = remedy
        super().__init__(f"{path}: {reason}. {remedy}")


@dataclass(frozen=True)
class MapEntry:
    """One kept map as `dataset.json` lists it; width and height in cells."""

    path: str
    area: str
    split: Split
    width: int
    height: int


@dataclass(frozen=True)
class Provenance:
    """Where maps come from: package, its version (None if unknown), SPDX license, sha256 of what was read."""

    source: str
    version: str | None
    license: str
    sha256: str


@dataclass(frozen=True)
class DatasetSummary:
    """What an import did: provenance, kept maps, cells by tile character, and dropped maps by reason."""

    provenance: Provenance
    maps: tuple[MapEntry, ...]
    tiles: dict[str, int]
    dropped: dict[str, int] = field(default_factory=dict)

    @property
    def cells(self) -> int:
        """Cells of all kept maps together."""
        return sum(entry.width * entry.height for entry in self.maps)

    def counts(self, split: Split) -> dict[str, int]:
        """Maps and cells on one side of the split."""
        chosen = [entry for entry in self.maps if entry.split == split]
        return {"maps": len(chosen), "cells": sum(entry.width * entry.height for entry in chosen)}

    def to_json(self) -> str:
        """The text of `dataset.json`: sorted keys, two spaces, a newline at the end."""
        total = max(1, sum(self.tiles.values()))
        document = {
            "format": "aigc-levels-plain-1",
            "source": self.provenance.source,
            "version": self.provenance.version,
            "license": self.provenance.license,
            "sha256": self.provenance.sha256,
            "tiles": TILES,
            "counts": {
                "maps": len(self.maps),
                "cells": self.cells,
                "train": self.counts("train"),
                "held-out": self.counts("held-out"),
                "share": {tile: round(self.tiles.get(tile, 0) / total, 6) for tile in TILES},
                "dropped": dict(sorted(self.dropped.items())),
            },
            "maps": [vars(entry) for entry in self.maps],
        }
        return json.dumps(document, indent=2, sort_keys=True) + "\n"


def grid_from_rows(rows: Sequence[str]) -> Grid:
    """A grid from text rows; shorter rows are filled with void on the right. Characters are not checked."""
    width = max((len(row) for row in rows), default=0)
    text = "".join(row.ljust(width) for row in rows).encode("latin-1", "replace")
    return np.frombuffer(text, dtype=np.uint8).reshape(len(rows), width).copy()


def rows_of(grid: Grid) -> list[str]:
    """The rows of a grid as text."""
    return [bytes(row).decode("latin-1") for row in grid]


def read_map(path: Path) -> Grid:
    """Reads one plain map. Raises DatasetError when it is empty, ragged or holds a character not in TILES."""
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(path, f"cannot be read as ASCII ({error})", IMPORT_AGAIN) from error
    rows = text.removesuffix("\n").split("\n")
    if len({len(row) for row in rows}) != 1 or not rows[0]:
        raise DatasetError(path, "its rows differ in width or are empty", "Pad every row to one width.")
    unknown = sorted(set("".join(rows)) - set(TILES))
    if unknown:
        raise DatasetError(path, f"holds {unknown[0]!r}, which is no tile", f"Tiles are {TILES!r}.")
    return grid_from_rows(rows)


def write_map(path: Path, grid: Grid) -> None:
    """Writes one plain map, making its folder; rows end in a newline."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(("\n".join(rows_of(grid)) + "\n").encode("ascii"))


def load_dataset(folder: Path, split: Split) -> list[tuple[str, Grid]]:
    """Names (map paths) and grids of one side of a data set, in the order of `dataset.json`.

    Raises DatasetError when `dataset.json` is missing or broken, or a map differs from what it lists.
    """
    result: list[tuple[str, Grid]] = []
    for entry in _listed(folder / "dataset.json"):
        if entry.split != split:
            continue
        grid = read_map(folder / entry.path)
        if grid.shape != (entry.height, entry.width):
            raise DatasetError(folder / entry.path, "its size differs from dataset.json", IMPORT_AGAIN)
        result.append((entry.path, grid))
    return result


def _listed(listing: Path) -> list[MapEntry]:
    try:
        document = json.loads(listing.read_text(encoding="utf-8"))
        entries = [MapEntry(**entry) for entry in document["maps"]]
        outside = [entry.path for entry in entries if entry.path != safe_name(entry.path)]
        if outside:
            raise ValueError(f"{outside[0]!r} is no path of a map")
        return entries
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(listing, f"is missing or no data set listing ({error})", IMPORT_AGAIN) from error


def split_of(area: str) -> Split:
    """The side of the split an area lies on, a pure function of its name."""
    draw = int.from_bytes(hashlib.sha256(area.encode()).digest()[:4], "big")
    return "held-out" if draw < HELD_OUT_SHARE * 2**32 else "train"


def half_of(area: str) -> Half:
    """The half of what is held out that a held-out area lies in, a pure function of its name.

    Whoever chooses settings by looking at held-out maps looks at "tune", so that nothing has seen "test". Of the
    words of the digest this one comes nearest to halving the cells of both imported sources (41 to 59 %).
    """
    draw = int.from_bytes(hashlib.sha256(area.encode()).digest()[8:12], "big")
    return "test" if draw < 2**31 else "tune"


def symmetries(grid: Grid) -> list[Grid]:
    """The eight images of a grid under rotation and reflection; the grid itself first."""
    return [np.rot90(image, turns) for image in (grid, np.fliplr(grid)) for turns in range(4)]


def neighbors_any(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which cells have a true cell among their eight neighbors or are true themselves."""
    padded = np.pad(mask, 1)
    height, width = mask.shape
    result = np.zeros_like(mask)
    for dy in range(3):
        for dx in range(3):
            result |= padded[dy : dy + height, dx : dx + width]
    return result


def normalise(grid: Grid) -> Grid:
    """Closes a map and derives its void.

    A solid cell becomes wall if one of its eight neighbors is not solid (water is not), else void. The result
    is cropped to what is not void, so its border is solid all around; a map without an open cell gives shape
    (0, 0).
    """
    padded = np.pad(grid, 1, constant_values=VOID)
    open_cells = ~np.isin(padded, SOLID)
    if not open_cells.any():
        return np.zeros((0, 0), dtype=np.uint8)
    near = neighbors_any(open_cells)
    result = np.where(open_cells, padded, np.where(near, WALL, VOID)).astype(np.uint8)
    rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
    return result[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def regions(mask: NDArray[np.bool_], diagonal: bool = False) -> list[list[tuple[int, int]]]:
    """Connected groups of true cells as (row, column) lists, largest first, ties in reading order."""
    steps = [(-1, 0), (0, -1), (0, 1), (1, 0)]
    if diagonal:
        steps += [(-1, -1), (-1, 1), (1, -1), (1, 1)]
    height, width = mask.shape
    left = mask.tolist()
    found: list[list[tuple[int, int]]] = []
    for row in range(height):
        for column in range(width):
            if not left[row][column]:
                continue
            left[row][column] = False
            group = [(row, column)]
            for y, x in group:
                for dy, dx in steps:
                    v, u = y + dy, x + dx
                    if 0 <= v < height and 0 <= u < width and left[v][u]:
                        left[v][u] = False
                        group.append((v, u))
            found.append(group)
    return sorted(found, key=lambda group: (-len(group), min(group)))


def is_degenerate(grid: Grid) -> str | None:
    """Why a normalised map is not worth learning from, or None.

    The gates, in shares of cells, were tuned by looking at what they refuse.
    """
    return next(_faults(grid), None)


def _faults(grid: Grid) -> Iterator[str]:
    if min(grid.shape) < MIN_SIDE:
        yield "too small"
    if max(grid.shape) > MAX_SIDE:
        yield "too large"
    cells = max(1, grid.size)
    count = Counter(grid.ravel().tolist())
    passable = ~np.isin(grid, IMPASSABLE)
    room = int(passable.sum())
    if room < MIN_PASSABLE:
        yield "too few passable cells"
    solid = count[VOID] + count[WALL]
    if solid < 0.20 * cells:
        yield "too open"
    if solid > 0.78 * cells:
        yield "too solid"
    for tile, limit, reason in MOST:
        if count[tile] > limit * cells:
            yield reason
    if len(regions(passable)[0]) < 0.75 * room:
        yield "falls apart"
    if largest_square(grid == FLOOR) > MAX_EMPTY:
        yield "empty hall"
    solids = regions(np.isin(np.pad(grid, 1, constant_values=VOID), SOLID))
    holes = [group for group in solids if (0, 0) not in group]
    if holes and len(holes[0]) > 0.3 * cells:
        yield "a ring around nothing"
    if len(holes) < 3 and is_one_chamber(passable):
        yield "one chamber"


def is_one_chamber(passable: NDArray[np.bool_]) -> bool:
    """Whether what one can stand on is a single room, small or box-shaped, without a passage to another."""
    wide = passable[1:, 1:] & passable[:-1, 1:] & passable[1:, :-1] & passable[:-1, :-1]
    total = int(passable.sum())
    chambers = [group for group in regions(wide) if len(group) >= 4]
    if len(chambers) != 1:
        return False
    spread = np.zeros_like(passable)
    for y, x in chambers[0]:
        spread[y : y + 2, x : x + 2] = True
    inner = (passable.shape[0] - 2) * (passable.shape[1] - 2)
    return int(spread.sum()) >= 0.85 * total and (total < 120 or total >= 0.88 * inner)


def largest_square(mask: NDArray[np.bool_]) -> int:
    """The side of the largest square of true cells."""
    side = 0
    while mask.any():
        side += 1
        mask = mask[1:, 1:] & mask[:-1, 1:] & mask[1:, :-1] & mask[:-1, :-1]
    return side


def debian_version(source: Path, package: str) -> str | None:
    """The version an unpacked Debian package below `source` names in its changelog, or None."""
    for file in sorted(source.rglob(f"doc/{package}/changelog.Debian.gz")):
        with gzip.open(file, "rt", encoding="utf-8", errors="replace") as stream:
            _, _, rest = stream.readline().partition("(")
        if rest:
            return rest.partition(")")[0]
    return None


def remove_dataset(folder: Path) -> None:
    """Removes the maps that `dataset.json` in `folder` lists, and that file, if there is one."""
    listing = folder / "dataset.json"
    if not listing.exists():
        return
    for path in _listed(listing):
        (folder / path.path).unlink(missing_ok=True)
    listing.unlink()


def digest_of(parts: Iterable[tuple[str, bytes]]) -> str:
    """Sha256 over named contents in the order given."""
    total = hashlib.sha256()
    for name, content in parts:
        total.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return total.hexdigest()


def safe_name(name: str) -> str:
    """A relative path of ASCII letters, digits, dot, dash, underscore and slash that never leads upward."""
    parts = (re.sub(r"[^A-Za-z0-9._-]", "_", part).lstrip(".") or "_" for part in name.split("/") if part)
    return "/".join(parts)
