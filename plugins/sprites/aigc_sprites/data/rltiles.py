"""Dungeon Crawl Stone Soup's tiles (``source/rltiles``) as a plain data set of sprites.

Most of the tiles are CC0. Left out are those that their own project lists as of unclear ownership (github.com/crawl/
tiles, ``TILES_UNDER_UNKNOWN_LICENSE.md``, names of 2010) by the name or the beginning of the name of the file, and
whatever is no whole picture of 32 x 32 pixels.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from aigc_content import InputError
from aigc_sprites.data.dataset import Entry, Pictures, grouped, write_set
from aigc_sprites.data.words import CLASSES, ITEMS, SLOTS, TILES, group_of, tags_of
from aigc_sprites.palette_files import opaque_or_clear
from aigc_sprites.sprite import SIDE

LICENSE, SOURCE = "CC0-1.0", "Dungeon Crawl Stone Soup 0.28, rltiles"

UNCLEAR = re.compile(
    r"(?:active_)?ballistomycete|(?:silver_|steel_)?(?:arrow|crossbow_bolt|dart|javelin|needle|sling_bullet)|berserk"
    r"|bush|demonblade|(?:dngn_)?altar_fedhas|fedhas|dowan|duvessa|flaming_corpse|fungus|gravestone|i-|stealth|ice_cave"
    r"|indicator|kenku|khufu|mold|nikola|pikel|reaping|rune_snake|sewer_portal|slave|slime_creature|toadstool"
    r"|transparent_flesh|tree|vine|volcano|wizlab|zombie_"
)
"""Beginnings of names whose owners are not known."""

_FEWEST = 6  # opaque pixels


def import_rltiles(source: Path, out: Path) -> None:
    """Write the data set: ``aigc data import rltiles --from SOURCE --out OUT``.

    Args:
        source: a folder that has ``rltiles`` with ``player``, ``mon``, ``item`` and ``dngn`` in it, at any depth.
        out: an existing folder.

    Raises:
        InputError: SPR021, there is no such folder; SPR022, a picture cannot be read.
    """
    root = next((path for path in (source, *sorted(source.rglob("rltiles"))) if (path / "player").is_dir()), None)
    if root is None:
        remedy = "unpack the source package of crawl (`apt-get source crawl`) and name its folder"
        raise InputError("SPR021", "holds no rltiles/player", where=str(source), remedy=remedy)
    left_out: Counter[str] = Counter()
    entries, images, seen = [], [], set()
    for path in sorted(root.rglob("*.png")):
        told = _told(path.relative_to(root).with_suffix("").as_posix())
        if told is None or path.name.startswith("."):
            continue
        reason, pixels = _picture(path)
        if path.stem.startswith("test"):
            reason = "for tests"
        if UNCLEAR.match(path.stem):
            reason = "owner unclear"
        elif not reason and (told.kind, told.label, pixels.tobytes()) in seen:
            reason = "the same picture again"
        if reason:
            left_out[reason] += 1
            continue
        seen.add((told.kind, told.label, pixels.tobytes()))
        entries.append(told)
        images.append(pixels)
    if not entries:
        raise InputError(
            "SPR021", "holds no picture of 32 x 32 pixels", where=str(root), remedy="name the source package"
        )
    pictures = np.stack(images)
    write_set(out, SOURCE, LICENSE, grouped(entries, pictures), pictures, dict(left_out))


def _told(name: str) -> Entry | None:
    """What a file shows by its path; None where it is not wanted."""
    top, *folders, stem = name.split("/")
    parents = list(_known(top, folders))
    if not parents:
        return None
    label = parents[0]
    kind = {"player": "layer", "mon": "monster", "item": "item", "dngn": "tile"}[top]
    return Entry(name, kind, label, tags_of(label, "/".join((*folders[1:], stem))), group_of(stem))


def _known(top: str, folders: list[str]) -> Iterator[str]:
    """The label of a folder, if it is one of those that are wanted."""
    if not folders:
        return
    first = folders[0]
    if top == "player" and first in SLOTS:
        yield first
    elif top == "mon" and first in CLASSES:
        yield CLASSES[first]
    elif top == "item" and first in ITEMS:
        yield ITEMS[first]
    elif top == "dngn" and first in TILES:
        yield TILES[first]


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
