"""Dungeon Crawl Stone Soup's tiles (``source/rltiles``) as a plain data set of sprites.

Most of the tiles are CC0. Left out are those that their own project lists as of unclear ownership (github.com/crawl/
tiles, ``TILES_UNDER_UNKNOWN_LICENSE.md``) by the name or the beginning of the name of the file, and whatever is no
whole picture of 32 x 32 pixels.

The game has had its creatures drawn anew over the years: several releases side by side are one larger data set.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from aigc_content import InputError
from aigc_sprites.data.dataset import Entry, Pictures, grouped, write_set
from aigc_sprites.data.words import CLASSES, ITEMS, SLOTS, TILES, class_of, group_of, tags_of
from aigc_sprites.palette_files import opaque_or_clear
from aigc_sprites.sprite import SIDE

LICENSE, SOURCE = "CC0-1.0", "Dungeon Crawl Stone Soup, rltiles"

UNCLEAR = re.compile(
    r"(?:active_)?ballistomycete|antaeus|(?:silver_|steel_)?(?:arrow|crossbow_bolt|dart|javelin|needle|sling_bullet)|berserk"
    r"|bush|demonblade|(?:dngn_)?altar_fedhas|fedhas|dowan|duvessa|flaming_corpse|fungus|gravestone|i-|stealth|ice_cave|ice_fiend"
    r"|indicator|kenku|khufu|mold|nikola|pikel|reaping|rune_snake|sewer_portal|slave|slime_creature|toadstool"
    r"|transparent_flesh|tree|vine|volcano|wizlab|zombie_"
)
"""Beginnings of names whose owners are not known."""

_PART = re.compile(r"test|draco-job")
"""Beginnings of names of what is no whole creature: what draconians wear."""

_FEWEST = 6  # opaque pixels


_TOPS = {"player": "layer", "mon": "monster", "dc-mon": "monster", "item": "item", "dngn": "tile", "dc-dngn": "tile"}
_PUT_ASIDE = {"monsters": "mon", "armour": "item/armour", "weapons": "item/weapon", "books": "item/book"} | {
    name: f"item/{name.removesuffix('s')}" for name in ("food", "potions", "rings")
}
"""Folders within ``UNUSED``, and where their pictures would lie if they were used."""
_OF_SEVERAL = ("", "vault", "sprint", "player")
"""Folders of creatures of several classes, the empty name for none."""
_KNOWN = {
    "layer": {slot: slot for slot in SLOTS},
    "monster": CLASSES | dict.fromkeys(_OF_SEVERAL, ""),
    "item": ITEMS,
    "tile": TILES,
}
"""Folders of a kind, and the labels of what lies in them."""


def import_rltiles(source: Path, out: Path) -> None:
    """Write the data set: ``aigc data import rltiles --from SOURCE --out OUT``.

    Args:
        source: a folder that has, at any depth, one or more folders with ``player`` and ``mon`` (or ``dc-mon``, of
            2010) in it; what an earlier one (in the order of names) has already is not taken again from a later one.
        out: an existing folder.

    Raises:
        InputError: SPR021, there is no such folder; SPR022, a picture cannot be read.
    """
    roots = sorted({path.parent for path in source.rglob("player") if _is_root(path.parent)})
    if not roots:
        remedy = "unpack the source package of crawl (`apt-get source crawl`) and name its folder"
        raise InputError("SPR021", "holds no rltiles/player", where=str(source), remedy=remedy)
    left_out: Counter[str] = Counter()
    entries, images, seen, releases = [], [], set(), []
    for root in roots:
        releases.append(_release(root, source))
        for told, path in _files(root, releases[-1]):
            reason, pixels = _picture(path)
            shown = pixels.tobytes()
            if _PART.match(path.stem):
                reason = "a part, or for tests"
            if UNCLEAR.match(path.stem):
                reason = "owner unclear"
            elif not reason and (told.kind, told.label, shown) in seen:
                reason = "the same picture again"
            if reason:
                left_out[reason] += 1
                continue
            seen |= {(told.kind, told.label, shown), (told.kind, "", shown)}
            entries.append(told)
            images.append(pixels)
    known = _classed(entries)
    if not known:
        found = "holds no picture of 32 x 32 pixels whose folder or name tells what it shows"
        raise InputError("SPR021", found, where=str(source), remedy="name the source package")
    left_out["of no known class"] = len(entries) - len(known)
    pictures = np.stack([images[place] for place in known])
    taken = grouped(list(known.values()), pictures)
    left_out["like drawings of earlier releases that are not one"] = len(known) - len(taken)
    source_name = f"{SOURCE} ({', '.join(releases)})"
    write_set(out, source_name, LICENSE, list(taken.values()), pictures[list(taken)], dict(+left_out))


def _is_root(folder: Path) -> bool:
    return any((folder / name).is_dir() for name in ("mon", "dc-mon", "item"))


def _release(root: Path, source: Path) -> str:
    """The folder within the source that holds a release, or the source's own name."""
    parts = root.relative_to(source).parts
    return "/".join(parts[:-2] if parts[-2:] == ("source", "rltiles") else parts) or source.resolve().name


def _files(root: Path, release: str) -> list[tuple[Entry, Path]]:
    """The pictures that are wanted and what they show, in the order of their names; those that lie in no folder of
    one class or were put aside come last, as if a release of their own had brought them."""
    found = []
    for path in root.rglob("*.png"):
        told = _told(path.relative_to(root).with_suffix("").as_posix(), release)
        if told is not None and not path.name.startswith("."):
            aside = not told.label or told.name.startswith("UNUSED/")
            found.append((replace(told, release=f"{release}, aside") if aside else told, path))
    return sorted(found, key=lambda one: (one[0].release, one[1]))


def _classed(entries: Sequence[Entry]) -> dict[int, Entry]:
    """By place, with a class for creatures that lie in no folder of one: that of a creature of their name before
    them, or the one that a word of their name tells; without those of which nothing is known."""
    classes: dict[str, str] = {}
    found = {}
    for place, entry in enumerate(entries):
        if entry.kind == "monster" and entry.label:
            classes.setdefault(entry.group, entry.label)
        label = entry.label or classes.get(entry.group) or class_of(entry.group)
        if label:
            tags = entry.tags if entry.label else tags_of(label, entry.name.rpartition("/")[2])
            found[place] = replace(entry, label=label, tags=tags)
    return found


def _told(name: str, release: str) -> Entry | None:
    """What a file shows by its path; None where it is not wanted. A creature in no folder of a class has no label."""
    top, *folders, stem = name.split("/")
    if top == "UNUSED" and folders and folders[0] in _PUT_ASIDE:
        top, *folders = (*_PUT_ASIDE[folders[0]].split("/"), *folders[1:])
    kind = _TOPS.get(top, "")
    label = _KNOWN.get(kind, {}).get(folders[0] if folders else "")
    if label is None:
        return None
    return Entry(name, kind, label, tags_of(label, "/".join((*folders[1:], stem))), group_of(stem), release)


def _picture(path: Path) -> tuple[str, Pictures]:
    """Why a picture is left out, or nothing; and its RGBA pixels (32, 32, 4), each opaque or transparent."""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            if picture.size != (SIDE, SIDE):
                return "not 32 x 32 pixels", np.zeros((0, 0, 4), np.uint8)
            pixels = opaque_or_clear(np.asarray(picture.convert("RGBA"), dtype=np.uint8))
    except (OSError, ValueError, SyntaxError) as error:
        raise InputError("SPR022", f"is no PNG picture: {error}", where=str(path), remedy="unpack it again") from None
    return ("almost empty" if int((pixels[..., 3] > 0).sum()) < _FEWEST else ""), pixels
