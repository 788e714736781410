"""The independent witnesses of a proof: a reader that knows what pictures show, and bits of the training pictures."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from aigc_content.nn import modelfile
from aigc_sprites.copies import CODE_BYTES, Copies, View
from aigc_sprites.draw import LEARNED
from aigc_sprites.reader import Reader

WEIGHTS = Path(__file__).parent / "weights"
PAINTERS = {"walker": "walker"}
"""Kinds of figures that another network than ``painter`` draws."""


READABLE = frozenset(
    [
        *("monster", "item", "aberration", "animal", "armor", "construct", "food", "humanoid", "misc", "undead"),
        *("wall", "weapon", "base", "body", "boots", "hair", "hand1", "hand2"),
    ]
)
"""Kinds, classes and slots of which the reader's opinion is asked: two of three held-out real pictures at least get
the share that is wanted (``believed`` in its card). What it has not learned (heads, legs ...) it is not asked."""


@lru_cache(maxsize=1)
def reader() -> Reader:
    """The shipped reader."""
    return Reader(WEIGHTS / "reader")


@lru_cache(maxsize=8)
def copies(folder: Path) -> Copies:
    """What the model in a folder learned from.

    Raises:
        ModelError: it cannot be used.
    """
    codes = modelfile.load(folder)[1].get(f"{LEARNED}codes", np.zeros((0, CODE_BYTES), np.uint8))
    return Copies(codes.reshape(-1, CODE_BYTES))


def nearest(views: Sequence[View], figure: str, own: Path | None) -> list[int]:
    """How far the nearest training picture of the shipped model of a kind, or of the user's own, is from each view.

    Args:
        views: as `aigc_sprites.copies.Copies.distances` takes them.
        figure: ``hero``, ``monster``, ``walker``, ``item`` or ``tile``.
        own: folder of the user's own model.
    """
    folders = [WEIGHTS / PAINTERS.get(figure, "painter"), *([own] if own is not None else [])]
    return [min(found) for found in zip(*(copies(folder).distances(views) for folder in folders), strict=True)]
