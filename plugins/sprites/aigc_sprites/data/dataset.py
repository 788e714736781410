"""The plain data set of sprites: pictures of 32 x 32 pixels, what each shows, and which are held out.

A folder with two files. ``sprites.safetensors`` holds ``images``, uint8 (N, 32, 32, 4), RGBA. ``sprites.json`` tells
source, license, what was left out and why, how many of a kind are learned from and held out, and for each picture its
name, kind, class, tags and group.

Pictures of one group are one drawing in several colors or poses; a group is learned from as a whole or held out as a
whole, so that what is held out is truly unseen.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

from aigc_content import InputError, Stream
from aigc_sprites.sprite import SIDE

Pictures = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

TENSORS, INFO, FORMAT = "sprites.safetensors", "sprites.json", "sprites-1"
HELD_OUT = 15
"""Percent of the pictures of a kind and label that is held out."""
_LARGE = 30  # percent: a group with more of the pictures is not held out

_ALIKE = 92  # percent of two drawings' joint area that both cover, and
_LIT = 0.8  # correlation of their lightness there: then they are one drawing


@dataclass(frozen=True)
class Entry:
    """What one picture shows.

    Attributes:
        name: path within the source, without suffix.
        kind: ``layer`` of a paper doll, ``monster``, ``item``, ``tile`` or ``walker``.
        label: the layer's slot, the class, or where a walker looks (``left``, or ``left-step`` in the other pose).
        tags: words for what it shows.
        group: name of the drawing.
        release: which of the source's releases it is from; empty where there is one.
    """

    name: str
    kind: str
    label: str
    tags: tuple[str, ...]
    group: str
    release: str = ""


@dataclass(frozen=True, eq=False)
class SpriteSet:
    """An imported data set.

    Attributes:
        source, license: name and SPDX license.
        sha256: of the pictures and what they show.
        entries: one a picture.
        images: (N, 32, 32, 4).
    """

    source: str
    license: str
    sha256: str
    entries: tuple[Entry, ...]
    images: Pictures

    def split(self) -> tuple[list[int], list[int]]:
        """Indices to learn from, and those held out.

        Of each kind and label whole groups in a shuffled order, until they have their share; a group that is too
        large for it is learned from. Groups that a later release brings are split by themselves: so what was held out
        stays so when a release is added, and a network may be trained further.
        """
        held: set[tuple[str, str]] = set()
        families: dict[tuple[str, str], Counter[str]] = {}
        first: dict[tuple[str, str], str] = {}
        for entry in self.entries:
            if first.setdefault((_family(entry), entry.group), entry.release) == entry.release:
                families.setdefault((entry.release, _family(entry)), Counter())[entry.group] += 1
        for (_, family), groups in families.items():
            out = 0
            for group in sorted(groups, key=lambda name: Stream(f"split/{family}/{name}").integer(1 << 32)):
                if out * 100 < groups.total() * HELD_OUT and groups[group] * 100 <= groups.total() * _LARGE:
                    out += groups[group]
                    held.add((family, group))
        unseen = [(_family(entry), entry.group) in held for entry in self.entries]
        return [i for i, out in enumerate(unseen) if not out], [i for i, out in enumerate(unseen) if out]


def write_set(
    out: Path, source: str, license: str, entries: Sequence[Entry], images: Pictures, left_out: dict[str, Any]
) -> None:
    """Write a data set into an existing folder.

    Args:
        out: the folder.
        source, license: as in `SpriteSet`.
        entries: one a picture, grouped.
        images: (N, 32, 32, 4).
        left_out: what was not taken, by reason, for people to read.
    """
    told = [asdict(entry) | {"tags": list(entry.tags)} for entry in entries]
    digest = sha256(images.tobytes() + json.dumps(told, sort_keys=True).encode()).hexdigest()
    sides = SpriteSet(source, license, digest, tuple(entries), images).split()
    learned, held_out = (dict(Counter(entries[place].kind for place in side)) for side in sides)
    info = {"format": FORMAT, "source": source, "license": license, "sha256": digest, "left_out": left_out}
    info |= {"learned": learned, "held_out": held_out}
    (out / TENSORS).write_bytes(to_bytes({"images": np.ascontiguousarray(images)}))
    (out / INFO).write_text(json.dumps(info | {"entries": told}, indent=1) + "\n", "utf-8")


def load_set(folder: Path) -> SpriteSet:
    """Read what `write_set` wrote.

    Raises:
        InputError: SPR020, it is no such folder.
    """
    try:
        info = json.loads((folder / INFO).read_text("utf-8"))
        if info["format"] != FORMAT:
            raise ValueError(f"format {info['format']!r}")
        images = load_file(folder / TENSORS)["images"]
        entries = tuple(Entry(**{**told, "tags": tuple(told["tags"])}) for told in info["entries"])
        if images.dtype != np.uint8 or images.shape != (len(entries), SIDE, SIDE, 4):
            raise ValueError(f"images are {images.dtype} {images.shape}")
        return SpriteSet(info["source"], info["license"], info["sha256"], entries, images)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        found = f"is no imported data set: {type(error).__name__}: {error}"
        remedy = "`aigc data import NAME --from SOURCE --out DIR` writes one (`aigc data list`)"
        raise InputError("SPR020", found, where=str(folder), remedy=remedy) from None


def _correlation(shown: npt.NDArray[np.float32], light: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Of the lightness of pictures (N, pixels), two by two, over the pixels that both show: (N, N)."""
    lit = light * shown
    count = np.maximum(shown @ shown.T, 1)
    own, other = lit @ shown.T / count, shown @ lit.T / count  # means of the one and of the other
    squares = (
        np.maximum((lit * light) @ shown.T / count - own**2, 1),
        np.maximum(shown @ (lit * light).T / count - other**2, 1),
    )
    found: npt.NDArray[np.float32] = (lit @ lit.T / count - own * other) / np.sqrt(squares[0] * squares[1])
    return found


def _family(entry: Entry) -> str:
    """What is split as a whole: a walker with all its facings, anything else by kind and label."""
    return "walker/" if entry.kind == "walker" else f"{entry.kind}/{entry.label}/"


def grouped(entries: Sequence[Entry], pictures: Pictures) -> dict[int, Entry]:
    """Entries by place, with groups joined where two drawings of one kind and label cover the same pixels in the same
    light, or share a name.

    A later release's drawings join a group of the releases before; those that would join two of them, or one of
    another label, are left out.

    Args:
        entries: one a drawing, release by release.
        pictures: (N, H, W, 4).
    """
    shapes = (pictures[..., 3] > 0).reshape(len(pictures), -1)
    light = (pictures[..., :3].astype(np.float32) @ np.array([0.3, 0.59, 0.11], np.float32)).reshape(shapes.shape)
    kinds: dict[str, list[int]] = {}
    for place, entry in enumerate(entries):
        kinds.setdefault(entry.kind, []).append(place)
    groups: dict[int, tuple[str, str]] = {}
    for places in kinds.values():
        alike = _alike(shapes[places].astype(np.float32), light[places])
        own = [(entries[place].label, entries[place].group) for place in places]
        releases = [entries[place].release for place in places]
        done: list[int] = []
        for release in dict.fromkeys(releases):
            found = [k for k, name in enumerate(releases) if name == release]
            for leader, part in _joined(found, alike, own).items():
                same = {own[k] for k in part}
                earlier = {groups[places[k]] for k in done if alike[k, part].any() or own[k] in same}
                group = earlier.pop() if earlier else own[leader]
                if not earlier and group[0] == own[leader][0]:
                    groups |= {places[k]: group for k in part}
            done += [k for k in found if places[k] in groups]
    return {place: replace(entries[place], group=groups[place][1]) for place in sorted(groups)}


def _alike(shapes: npt.NDArray[np.float32], light: npt.NDArray[np.float32]) -> Mask:
    """Which of the drawings (N, pixels) are one, two by two: (N, N)."""
    both, areas = shapes @ shapes.T, shapes.sum(axis=1)
    near: Mask = both * 100 >= (areas[:, None] + areas - both) * _ALIKE
    return near & (_correlation(shapes, light) >= _LIT)


def _joined(places: Sequence[int], alike: Mask, own: Sequence[tuple[str, str]]) -> dict[int, list[int]]:
    """Those of the places that are alike and of one label, or share a name, directly or by way of others, by the one
    that leads them."""
    leader = {place: place for place in places}

    def find(place: int) -> int:
        while leader[place] != place:
            leader[place] = leader[leader[place]]
            place = leader[place]
        return place

    for k, i in enumerate(places):
        for j in places[k + 1 :]:
            if alike[i, j] and own[i][0] == own[j][0]:
                leader[find(j)] = find(i)
    first: dict[tuple[str, str], int] = {}
    for place in places:
        leader[find(place)] = find(first.setdefault(own[place], place))
    found: dict[int, list[int]] = {}
    for place in places:
        found.setdefault(find(place), []).append(place)
    return found
