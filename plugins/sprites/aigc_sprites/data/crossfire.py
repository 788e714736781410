"""Characters that walk in four directions, from Crossfire's faces and animations (GPL-2.0-or-later).

Debian: ``apt-get download crossfire-common``, ``dpkg -x`` into a folder, import from that. ``crossfire.0`` holds the
pictures (``IMAGE LENGTH NAME``, then a PNG file), ``animations`` which of them make a character: with ``facings 4``
those for up, right, down and left, in this order, equally many of each.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from aigc_content import InputError
from aigc_sprites.data.dataset import Entry, Pictures, grouped, write_set
from aigc_sprites.palette_files import opaque_or_clear
from aigc_sprites.sprite import SIDE

LICENSE, SOURCE = "GPL-2.0-or-later", "Crossfire 1.75, faces and animations"
_ORDER = ("up", "right", "down", "left")
_REMEDY = "unpack the Debian package crossfire-common (`dpkg -x`) and name its folder"


def import_crossfire(source: Path, out: Path) -> None:
    """Write the data set: ``aigc data import crossfire-walkers --from SOURCE --out OUT``.

    A character has a picture for each facing, and where there is more than one a second, its step.

    Args:
        source: a folder that has ``crossfire.0`` and ``animations``, at any depth.
        out: an existing folder.

    Raises:
        InputError: SPR021, there is no such folder or a file of it is broken; SPR022, a picture cannot be read.
    """
    root = next((path.parent for path in sorted(source.rglob("crossfire.0"))), None)
    if root is None:
        raise InputError("SPR021", "holds no crossfire.0", where=str(source), remedy=_REMEDY)
    try:
        faces = dict(_faces((root / "crossfire.0").read_bytes()))
        told = list(_animations((root / "animations").read_text("latin-1")))
    except (OSError, ValueError) as error:
        raise InputError("SPR021", f"cannot be read: {error}", where=str(root), remedy=_REMEDY) from None
    left_out: Counter[str] = Counter()
    figures: list[tuple[Entry, Pictures]] = []
    for name, facings, names in told:
        reason, pictures = _figure(facings, [faces.get(face) for face in names], root)
        if not reason and any(np.array_equal(pictures, other) for _, other in figures):
            reason = "the same figure again"
        if reason:
            left_out[reason] += 1
        else:
            figures.append((Entry(name, "walker", "figure", (), name), pictures))
    whole = grouped([entry for entry, _ in figures], np.stack([one.reshape(-1, SIDE, 4) for _, one in figures]))
    entries, images = [], []
    for entry, (_, pictures) in zip(whole.values(), figures, strict=True):
        for place, picture in enumerate(pictures):
            label = _ORDER[place // 2] + ("-step" if place % 2 else "")
            entries.append(replace(entry, name=f"{entry.name}/{label}", label=label))
            images.append(picture)
    write_set(out, SOURCE, LICENSE, entries, np.stack(images), dict(sorted(left_out.items())))


def _figure(facings: int, files: list[bytes | None], root: Path) -> tuple[str, Pictures]:
    """Why an animation is left out, or nothing; and standing and stepping for each facing: (8, 32, 32, 4)."""
    nothing = np.zeros((0, SIDE, SIDE, 4), np.uint8)
    each = len(files) // max(1, facings)
    if facings != len(_ORDER) or each * facings != len(files):
        return "not four facings", nothing
    chosen = [files[place * each + min(step, each - 1)] for place in range(facings) for step in (0, 1)]
    pictures = []
    for file in chosen:
        if file is None:
            return "a picture is missing", nothing
        try:
            with Image.open(io.BytesIO(file), formats=("PNG",)) as picture:
                if picture.size != (SIDE, SIDE):
                    return "not 32 x 32 pixels", nothing
                pictures.append(opaque_or_clear(np.asarray(picture.convert("RGBA"), dtype=np.uint8)))
        except (OSError, ValueError, SyntaxError) as error:
            raise InputError("SPR022", f"holds no PNG picture: {error}", where=str(root), remedy=_REMEDY) from None
    if np.array_equal(pictures[0], pictures[4]):
        return "its back is its front", nothing
    return "", np.stack(pictures)


def _faces(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Pictures by name."""
    start = 0
    while start < len(data):
        end = data.index(b"\n", start)
        word, length, path = data[start:end].split(b" ", 2)
        if word != b"IMAGE":
            raise ValueError(f"crossfire.0 has no picture at byte {start}")
        yield path.decode("latin-1").rpartition("/")[2], data[end + 1 : end + 1 + int(length)]
        start = end + 1 + int(length)


def _animations(text: str) -> Iterator[tuple[str, int, list[str]]]:
    """Name, number of facings and pictures of each animation."""
    name, facings, pictures = "", 1, list[str]()
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "anim":
            name, facings, pictures = rest, 1, []
        elif word == "facings":
            facings = int(rest)
        elif word == "mina":
            yield name, facings, pictures
        elif word:
            pictures.append(word)
