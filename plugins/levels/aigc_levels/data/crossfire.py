"""Imports the hand-made maps of Crossfire (http://crossfire.real-time.com/, GPL-2.0-or-later) as dungeons.

A Crossfire map lists archetypes with positions, bottom of a cell first; the file `archetypes` defines them.
What a cell is here is derived from those definitions (numeric `type` as in the server's define.h,
`move_block`, `is_floor`, `is_water`, `monster`, `editor_folder`), with a map's own overrides, never from a
list of names. Debian: `apt-get download crossfire-maps crossfire-common`, `dpkg -x` both into one folder,
import from that.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from aigc_levels.data import plain, prepare
from aigc_levels.data.plain import DOOR, ENEMY, EXIT, FLOOR, KEY, LOOT, TRAP, VOID, WALL, WATER, Grid

LICENSE = "GPL-2.0-or-later"

# Numbers of the server's define.h that decide what a cell is.
TELEPORTER = 41
EXIT_TYPES = frozenset({TELEPORTER, 66})  # EXIT
DOOR_TYPES = frozenset({20, 23, 26, 91})  # LOCKED_DOOR, DOOR, TIMED_GATE, GATE
GATE_TYPES = frozenset({26, 91})
KEY_TYPES = frozenset({21, 24})  # SPECIAL_KEY, KEY
TRAP_TYPES = frozenset({62, 94, 95, 154, 155})  # FIREWALL, HOLE, TRAPDOOR, RUNE, TRAP
TREASURE = 4
LOOT_TYPES = frozenset(
    {3, 4, 5, 6, 7, 8}  # ROD, TREASURE, POTION, FOOD, POISON, BOOK
    | {13, 14, 15, 16, 33, 34}  # ARROW, BOW, WEAPON, ARMOUR, SHIELD, HELMET
    | {36, 39, 54, 60, 70, 72, 73}  # MONEY, AMULET, DRINK, GEM, RING, FLESH, INORGANIC
    | {74, 82, 85, 87, 99, 100, 104}  # SKILL_TOOL, LAMP, SPELLBOOK, CLOAK, BOOTS, GLOVES, BRACERS
    | {109, 111, 113, 122, 123, 124}  # WAND, SCROLL, GIRDLE, CONTAINER, ARMOUR_IMPROVER, WEAPON_IMPROVER
    | {130, 156}  # SKILLSCROLL, POWER_CRYSTAL
)
SHOP_FLOOR = 68
EFFECT_TYPES = frozenset({67, 102})  # scenery and spell effects: fog, lava; never creatures
FURNITURE_FOLDERS = ("indoor", "construct", "light")
OUTDOOR_FOLDERS = ("ground/Wood", "ground/new", "ground/Mountain", "ground/sky", "misc/sky", "road")

SKIPPED_FOLDERS = frozenset({"styles", "editor", "test"})
"""Folders below `maps` without places: parts of random maps, palettes for the editor, tests of the server."""

KEPT = frozenset(
    {
        "type",
        "move_block",
        "no_pass",
        "monster",
        "generator",
        "is_floor",
        "is_water",
        "is_wooded",
        "invisible",
    }
    | {"no_pick", "editor_folder", "name", "unaggressive", "friendly", "x", "y", "width", "height", "outdoor"}
    | {"tile_path_1", "tile_path_2", "tile_path_3", "tile_path_4"}
)
"""Attributes that are read; all others are skipped."""
MAX_OUTDOOR = 0.25
MAX_SHOP = 0.05
MAX_CELLS = 512 * 512


@dataclass
class Archetype:
    """Attributes of an archetype, and of the other parts of a multi-cell one (their x and y are relative)."""

    attributes: dict[str, str]
    parts: list[dict[str, str]] = field(default_factory=list)


def parse_archetypes(text: str) -> dict[str, Archetype]:
    """Archetypes by name from the text of an `archetypes` file; only attributes in KEPT are kept."""
    found: dict[str, Archetype] = {}
    head: Archetype | None = None
    current: dict[str, str] | None = None
    more = False
    until: str | None = None
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if until is not None:
            until = None if line == until else until
        elif key == "Object":
            current = {}
            if more and head is not None:
                head.parts.append(current)
                found[value] = Archetype(current)
            else:
                head = found[value] = Archetype(current)
            more = False
        elif key == "More":
            more = True
        elif key in ("msg", "lore", "anim"):
            until = {"msg": "endmsg", "lore": "endlore", "anim": "mina"}[key]
        elif key == "end":
            current = None
        elif current is not None and key in KEPT:
            current[key] = value
    return found


def parse_map(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Names and own attributes of the objects lying on a map, the header "map" first, inventories left out.

    Raises ValueError when the text does not begin with the header or ends inside an object.
    """
    stack: list[tuple[str, dict[str, str]]] = []
    until: str | None = None
    if not text.startswith("arch map\n"):
        raise ValueError("does not begin with 'arch map'")
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if until is not None:
            until = None if line == until else until
        elif key == "arch":
            stack.append((value, {}))
        elif key in ("msg", "lore", "maplore") and stack:
            until = "end" + key
        elif key == "end" and stack:
            done = stack.pop()
            if not stack:
                yield done
        elif stack and key in KEPT:
            stack[-1][1][key] = value
    if stack or until is not None:
        raise ValueError("ends inside an object")


def number(attributes: dict[str, str], key: str) -> int:
    """An integer attribute, 0 when absent or not a number."""
    try:
        return int(attributes.get(key, "0"))
    except ValueError:
        return 0


def blocks_walking(attributes: dict[str, str]) -> bool:
    """Whether one cannot walk onto the object; `no_pass` is the older spelling of `move_block all`."""
    if "no_pass" in attributes:
        return number(attributes, "no_pass") != 0
    words = attributes.get("move_block", "").split()
    return ("all" in words and "-walk" not in words) or "walk" in words


def is_liquid(attributes: dict[str, str]) -> bool:
    """Water or lava, from flags and from the palette it lies in."""
    folder, name = attributes.get("editor_folder", ""), attributes.get("name", "")
    return (
        number(attributes, "is_water") != 0
        or folder.startswith(("ground/Lake", "river", "planes/fire/lava", "wall/moat"))
        or (folder.startswith(("ground", "planes")) and ("lava" in name or "sea" in name.split()))
    )


def tile_of(attributes: dict[str, str]) -> int | None:
    """The tile an object makes of its cell, or None for one that leaves no trace."""
    kind = number(attributes, "type")
    folder = attributes.get("editor_folder", "")
    if folder.endswith("sky") and number(attributes, "is_floor"):
        return VOID
    if kind in DOOR_TYPES:
        return TRAP if kind in GATE_TYPES and attributes.get("name") == "spikes" else DOOR
    if kind in EXIT_TYPES:
        return None if kind == TELEPORTER and number(attributes, "invisible") else EXIT
    if blocks_walking(attributes):
        return WATER if is_liquid(attributes) else WALL
    return _tile_of_passable(attributes, kind, folder)


def _tile_of_passable(attributes: dict[str, str], kind: int, folder: str) -> int | None:
    tile: int | None = None
    if kind not in EFFECT_TYPES and (number(attributes, "monster") or number(attributes, "generator")):
        peaceful = number(attributes, "unaggressive") or number(attributes, "friendly")
        tile = None if peaceful else ENEMY
    elif kind in KEY_TYPES:
        tile = KEY
    elif kind in LOOT_TYPES and not folder.startswith(FURNITURE_FOLDERS):
        fixed = number(attributes, "no_pick") or number(attributes, "invisible")
        tile = None if fixed and kind != TREASURE else LOOT
    elif kind in TRAP_TYPES:
        tile = TRAP
    elif number(attributes, "is_floor"):
        tile = WATER if is_liquid(attributes) else FLOOR
    return tile


# What wins where several objects share a cell; a wall hides all, a floor shows only where nothing else is.
RANK = {tile: rank for rank, tile in enumerate((VOID, FLOOR, WATER, TRAP, LOOT, KEY, ENEMY, EXIT, DOOR, WALL))}


def is_outdoor_floor(attributes: dict[str, str]) -> bool:
    """Grass, woods, mountains, roads, sky: ground of the open country."""
    folder = attributes.get("editor_folder", "")
    if not number(attributes, "is_floor"):
        return False
    scenery = number(attributes, "type") == 67 or number(attributes, "is_wooded") != 0
    return folder.startswith(OUTDOOR_FOLDERS) or (folder == "ground" and scenery and not is_liquid(attributes))


def convert(text: str, archetypes: dict[str, Archetype]) -> tuple[Grid | None, str]:
    """The grid of one map, or None and the reason it is no dungeon. Raises ValueError for a broken map."""
    objects = parse_map(text)
    _, header = next(objects)
    if number(header, "outdoor") and any(key.startswith("tile_path") for key in header):
        return None, "outdoor"  # a tile of the open country; other maps are judged by their floors
    width, height = number(header, "width") or 16, number(header, "height") or 16
    if min(width, height) < plain.MIN_SIDE:
        return None, "too small"
    if width * height > MAX_CELLS:
        return None, "too large"
    canvas = Canvas(width, height)
    for name, own in objects:
        if name in archetypes:
            canvas.put(archetypes[name], own)
    return (None, canvas.fault) if canvas.fault else (canvas.grid, "")


class Canvas:
    """A map being drawn: its tiles, and of which sort the uppermost floor of each cell is."""

    NONE, INDOOR, OUTDOOR, SHOP = range(4)

    def __init__(self, width: int, height: int) -> None:
        self.grid: Grid = np.full((height, width), VOID, dtype=np.uint8)
        self._floor = np.full((height, width), self.NONE, dtype=np.uint8)

    def put(self, archetype: Archetype, own: dict[str, str]) -> None:
        """Lays an object, with the map's own attributes, and the other parts of a multi-cell one."""
        x, y = number(own, "x"), number(own, "y")
        self._put_part(x, y, {**archetype.attributes, **own}, own)
        for part in archetype.parts:
            merged = {**part, **own}
            if tile_of(merged) != ENEMY:  # a beast of four cells is one foe
                self._put_part(x + number(part, "x"), y + number(part, "y"), merged, own)

    def _put_part(self, x: int, y: int, merged: dict[str, str], own: dict[str, str]) -> None:
        height, width = self.grid.shape
        if not (0 <= x < width and 0 <= y < height):
            return
        if "move_block" in own and "no_pass" not in own:
            merged.pop("no_pass", None)
        if number(merged, "is_floor"):
            shop = number(merged, "type") == SHOP_FLOOR
            self._floor[y, x] = self.SHOP if shop else self.OUTDOOR if is_outdoor_floor(merged) else self.INDOOR
            if self.grid[y, x] == WATER:
                self.grid[y, x] = VOID  # a bridge, or a floor laid over the ground
        tile = tile_of(merged)
        if tile is not None and RANK[tile] > RANK[int(self.grid[y, x])]:
            self.grid[y, x] = tile

    @property
    def fault(self) -> str:
        """Why the map is no dungeon, from its floors, or an empty text."""
        floors = int((self._floor != self.NONE).sum())
        if (self._floor == self.SHOP).sum() > MAX_SHOP * floors:
            return "shop"
        open_floor = self._floor[(self._floor != self.NONE) & (self.grid != WALL)]
        return "outdoor" if (open_floor == self.OUTDOOR).sum() > MAX_OUTDOOR * max(1, open_floor.size) else ""


def read_archetypes(source: Path) -> tuple[dict[str, Archetype], list[tuple[str, bytes]]]:
    """Archetypes below `source`, from `archetypes` or else a source tree's `*.arc` files, and what was read.

    Raises DatasetError when there is none or it defines nothing.
    """
    files = sorted(source.rglob("archetypes")) or sorted(source.rglob("*.arc"))
    files = [file for file in files if file.is_file()]
    if not files:
        raise plain.DatasetError(source, "no file 'archetypes' below it", "Unpack crossfire-common there as well.")
    contents = [(file.relative_to(source).as_posix(), file.read_bytes()) for file in files]
    archetypes: dict[str, Archetype] = {}
    for _, content in contents:
        archetypes.update(parse_archetypes(content.decode("latin-1")))
    if not archetypes:
        raise plain.DatasetError(files[0], "defines no archetype", "Take the file of crossfire-common 1.75 or newer.")
    return archetypes, contents


def map_files(source: Path) -> list[tuple[str, Path]]:
    """Files below `source` that begin like a map, with their path below the folder `maps`, sorted by it."""
    found: list[tuple[str, Path]] = []
    for file in sorted(source.rglob("*")):
        if not file.is_file():
            continue
        with file.open("rb") as stream:
            if stream.read(9) != b"arch map\n":
                continue
        parts = file.relative_to(source).parts
        if "maps" in parts[:-1]:
            parts = parts[parts.index("maps") + 1 :]
        if parts[0] not in SKIPPED_FOLDERS:
            found.append(("/".join(parts), file))
    if not found:
        raise plain.DatasetError(source, "no Crossfire map below it", "Unpack crossfire-maps there as well.")
    return sorted(found)


def area_of(name: str) -> str:
    """The source area of a map: the first two folders of its path, one town quarter or one dungeon."""
    folders = name.split("/")[:-1]
    return "/".join(folders[:2]) or "top"


def import_crossfire(source: Path, out: Path) -> plain.DatasetSummary:
    """Converts the Crossfire maps below `source` to a plain data set in `out`.

    `source` is any folder below which `archetypes` and maps lie, such as the root of the unpacked packages.
    Raises DatasetError when one of them is missing. A broken map is counted under dropped, "unreadable".
    """
    archetypes, contents = read_archetypes(source)
    dropped: Counter[str] = Counter()
    maps: list[prepare.SourceMap] = []
    for name, file in map_files(source):
        content = file.read_bytes()
        contents.append((f"maps/{name}", content))
        try:
            grid, reason = convert(content.decode("latin-1"), archetypes)
        except ValueError:
            grid, reason = None, "unreadable"
        if grid is None:
            dropped[reason] += 1
        else:
            area = area_of(name)
            rest = name.removeprefix(area + "/").replace("/", "__")
            maps.append(prepare.SourceMap(area, rest, grid))
    version = plain.debian_version(source, "crossfire-maps")
    provenance = plain.Provenance("crossfire-maps", version, LICENSE, plain.digest_of(contents))
    return prepare.write_dataset(out, provenance, maps, dropped)
