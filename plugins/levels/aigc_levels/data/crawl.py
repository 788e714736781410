"""Imports the hand-made vaults of Dungeon Crawl Stone Soup (GPL-2.0-or-later) as dungeons.

Vaults are glyph maps in `dat/des/**/*.des`; directives around them redefine glyphs (`des` reads both). Here
is what glyphs, features (KFEAT), monsters (KMONS, MONS) and items (KITEM, ITEM) leave on the floor, and how a
vault that is made of smaller ones (SUBVAULT) is put together.
Debian: `apt-get download crawl-common`, `dpkg -x` it, import from that folder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from aigc_levels.data import des, plain, prepare
from aigc_levels.data.plain import DOOR, ENEMY, EXIT, FLOOR, LOOT, TRAP, VOID, WALL, WATER, Grid

LICENSE = "GPL-2.0-or-later"

SKIPPED_FOLDERS = frozenset({"test", "builder", "tutorial"})
"""Folders below `des` without vaults of their own: tests, level layouts made by Lua, the tutorial."""

GLYPHS: dict[str, int] = {
    **dict.fromkeys("xXcvbmnotGI", WALL),
    **dict.fromkeys("+=", DOOR),
    **dict.fromkeys("wl", WATER),
    **dict.fromkeys("^~", TRAP),
    **dict.fromkeys("{}()[]<>A@", EXIT),
    **dict.fromkeys("0123456789", ENEMY),
    **dict.fromkeys("$%*|OZ", LOOT),
    " ": VOID,
}
"""What a glyph means when no directive says otherwise; all others are floor."""

FEATURE_WORDS: tuple[tuple[str, int], ...] = (
    ("stone_arch", FLOOR),
    ("expired_portal", FLOOR),
    ("shallow", FLOOR),
    ("altar", FLOOR),
    ("fountain", FLOOR),
    ("shop", FLOOR),
    ("open_door", FLOOR),
    ("broken_door", FLOOR),
    ("wall", WALL),
    ("statue", WALL),
    ("idol", WALL),
    ("tree", WALL),
    ("mangrove", WALL),
    ("grate", WALL),
    ("rock", WALL),
    ("door", DOOR),
    ("water", WATER),
    ("lava", WATER),
    ("sea", WATER),
    ("trap", TRAP),
    ("web", TRAP),
    ("stair", EXIT),
    ("hatch", EXIT),
    ("portal", EXIT),
    ("enter_", EXIT),
    ("exit_", EXIT),
    ("transporter", EXIT),
    ("gate", EXIT),
)
"""The first word found in a feature's name decides; a name without any is floor."""

PLANTS = ("plant", "bush", "fungus", "toadstool", "tree", "dummy")
MAX_TREES = 0.15
MAX_DEPTH = 3
RESOLVED = "".join(chr(0xE000 + tile) for tile in range(128))
"""What cells filled by a subvault hold, by tile: private-use characters, which no directive means."""


def tile_of_feature(name: str) -> int:
    """The tile of a KFEAT alternative: a glyph, or a feature name judged by the words in it."""
    if len(name) == 1:
        return GLYPHS.get(name, FLOOR)
    for word, tile in FEATURE_WORDS:
        if word in name:
            return tile
    return FLOOR


def is_something(name: str) -> bool:
    """Whether a named alternative is a foe or an item: not "nothing", not a plant."""
    return bool(name) and not name.startswith("nothing") and not any(word in name for word in PLANTS)


Named = list[tuple[str, int]]


@dataclass
class Meanings:
    """What a vault's directives make of its glyphs: MONS and ITEM slots, and KFEAT, KMONS, KITEM by glyph."""

    slots: dict[str, list[Named]] = field(default_factory=lambda: {"MONS": [], "ITEM": []})
    redefined: dict[tuple[str, str], Named] = field(default_factory=dict)


def resolve(vault: des.Vault, siblings: Sequence[des.Vault] = (), depth: int = 0) -> tuple[Grid | None, str]:
    """The grid of a vault after all its directives, or None and the reason it is no dungeon.

    `siblings` are the vaults of the same file, from which SUBVAULT takes its parts, up to three deep.
    """
    draws = des.Draws(vault.name)
    width = max(len(row) for row in vault.rows)
    cells = [list(row.ljust(width)) for row in vault.rows]
    meanings = Meanings()
    for kind, argument in vault.steps:
        try:
            if kind == "SUBST":
                des.substitute(cells, argument, draws)
            elif kind == "NSUBST":
                des.substitute_counted(cells, argument, draws)
            elif kind == "CLEAR":
                cells = [[" " if glyph in argument else glyph for glyph in row] for row in cells]
            elif kind == "SUBVAULT" and not _fill(cells, argument, siblings, draws, depth):
                return None, "made of vaults of other files"
            elif kind in meanings.slots:
                meanings.slots[kind].extend(des.named_options(part) for part in argument.split(","))
            elif kind in ("KFEAT", "KMONS", "KITEM"):
                keys, sign, rest = des.split_key(argument)
                options = des.named_options(rest.split(",")[0] if kind == "KMONS" else rest)
                if sign == ":":
                    options = [(draws.choose(options), 1)]
                meanings.redefined.update({(kind, key): options for key in keys})
        except ValueError:
            return None, "unreadable directive"
    trees = sum(row.count("t") for row in cells)
    if trees > MAX_TREES * width * len(cells) and ("KFEAT", "t") not in meanings.redefined:
        return None, "forest"
    tiles = [[_tile(glyph, meanings, draws) for glyph in row] for row in cells]
    return np.array(tiles, dtype=np.uint8), ""


def _fill(cells: list[list[str]], argument: str, siblings: Sequence[des.Vault], draws: des.Draws, depth: int) -> bool:
    """Applies SUBVAULT: lays a vault with one of the tags over the box of the keys; false if none fits."""
    keys, _, rest = des.split_key(argument)
    places = [(y, x) for y, row in enumerate(cells) for x, glyph in enumerate(row) if glyph in keys]
    if not places:
        return True
    top, left = min(y for y, _ in places), min(x for _, x in places)
    height, width = max(y for y, _ in places) - top + 1, max(x for _, x in places) - left + 1
    tags = {tag.split(":")[0].strip() for tag in rest.split("/")}
    fitting = [
        other
        for other in siblings
        if tags & set(des.tags_of(other)) and len(other.rows) <= height and max(map(len, other.rows)) <= width
    ]
    most = max((_area(other) for other in fitting), default=0)
    fitting = [other for other in fitting if 2 * _area(other) > most]
    if not fitting or depth > MAX_DEPTH:
        return False
    grid, _ = resolve(fitting[draws.below(len(fitting))], siblings, depth + 1)
    if grid is None:
        return False
    top += (height - grid.shape[0]) // 2
    left += (width - grid.shape[1]) // 2
    for y, x in places:
        if 0 <= y - top < grid.shape[0] and 0 <= x - left < grid.shape[1] and grid[y - top, x - left] != VOID:
            cells[y][x] = RESOLVED[int(grid[y - top, x - left])]
    return True


def _area(vault: des.Vault) -> int:
    return len(vault.rows) * max(map(len, vault.rows))


def _tile(glyph: str, meanings: Meanings, draws: des.Draws) -> int:
    if glyph in RESOLVED:
        return RESOLVED.index(glyph)
    drawn = {
        kind: draws.choose(meanings.redefined[kind, glyph])
        for kind in ("KFEAT", "KMONS", "KITEM")
        if (kind, glyph) in meanings.redefined
    }
    if drawn:
        tile = tile_of_feature(drawn["KFEAT"]) if "KFEAT" in drawn else FLOOR
        if tile in (FLOOR, TRAP):
            if is_something(drawn.get("KMONS", "")):
                return ENEMY
            if is_something(drawn.get("KITEM", "")):
                return LOOT
        return tile
    for kind, letters in (("MONS", "1234567"), ("ITEM", "defghijk")):
        index = letters.find(glyph)
        if 0 <= index < len(meanings.slots[kind]):
            something = is_something(draws.choose(meanings.slots[kind][index]))
            return FLOOR if not something else ENEMY if kind == "MONS" else LOOT
    return GLYPHS.get(glyph, FLOOR)


def des_files(source: Path) -> list[tuple[str, Path]]:
    """The .des files below `source`, sorted by their path below `des`. Raises DatasetError for none."""
    found: list[tuple[str, Path]] = []
    for file in sorted(source.rglob("*.des")):
        parts = file.relative_to(source).parts
        if "des" in parts[:-1]:
            parts = parts[parts.index("des") + 1 :]
        if parts[0] not in SKIPPED_FOLDERS:
            found.append(("/".join(parts), file))
    if not found:
        raise plain.DatasetError(source, "no .des file below it", "Unpack crawl-common there.")
    return sorted(found)


def import_crawl(source: Path, out: Path) -> plain.DatasetSummary:
    """Converts the vaults of the .des files below `source` to a plain data set in `out`.

    Raises DatasetError when there is no such file. A broken file is counted under dropped, "unreadable".
    """
    dropped: Counter[str] = Counter()
    maps: list[prepare.SourceMap] = []
    contents: list[tuple[str, bytes]] = []
    for name, file in des_files(source):
        content = file.read_bytes()
        contents.append((name, content))
        area = name.removesuffix(".des")
        try:
            vaults = des.parse_des(content.decode("utf-8", "replace"))
        except ValueError:
            dropped["unreadable"] += 1
            continue
        taken: Counter[str] = Counter()
        for vault in vaults:
            grid, reason = resolve(vault, vaults)
            if grid is None:
                dropped[reason] += 1
                continue
            taken[vault.name] += 1
            number = f"-{taken[vault.name]}" if taken[vault.name] > 1 else ""
            maps.append(prepare.SourceMap(area, vault.name + number, grid))
    version = plain.debian_version(source, "crawl-common")
    provenance = plain.Provenance("crawl-common", version, LICENSE, plain.digest_of(contents))
    return prepare.write_dataset(out, provenance, maps, dropped)
