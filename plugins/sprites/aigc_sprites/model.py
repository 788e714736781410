"""What the sprite network sees: the tokens drawn so far, those of the layers beneath, and what is asked.

One network draws creatures, items and the layers of characters. Conditions are small integers; the last value of each
from ``size`` on means "not told", which training uses often, so that a request may leave any of them open.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from aigc_sprites.data.words import CLASSES, ITEMS, SLOTS, TAGS
from aigc_sprites.tokens import CLEAR, DARK, FIRST, LEVELS, TOKENS, Tokens

LABELS = (
    *(f"layer/{slot}" for slot in SLOTS),
    *(f"monster/{name}" for name in sorted(set(CLASSES.values()))),
    *(f"item/{name}" for name in sorted(set(ITEMS.values()))),
)
"""What the network draws."""

WORDS = tuple(f"{slot}/{tag}" for slot in SLOTS for tag in TAGS.get(slot, ()))
"""What a layer may show; a creature or an item has no word."""

RATES = 16
SIZE_EDGES = (20, 40, 70, 110, 160, 220, 300, 400, 520)
"""Opaque pixels."""

CONDITIONS: dict[str, int] = {
    "rate": RATES + 1,
    "label": len(LABELS),
    "size": len(SIZE_EDGES) + 2,
    "word": len(WORDS) + 2,
    "materials": 6,
    "mirror": 3,
}
NAMES = tuple(CONDITIONS)
FREE = NAMES[NAMES.index("size") :]
INDEX = {name: place for place, name in enumerate(NAMES)}
PLANES = (TOKENS + 1, TOKENS)
OUTPUTS = TOKENS

Told = npt.NDArray[np.int64]


def untold(name: str) -> int:
    """The value of a condition that says nothing."""
    return CONDITIONS[name] - 1


def word_of(slot: str, tags: tuple[str, ...]) -> int:
    """The value of ``word`` for a layer's first tag that the network knows; the last but one for none."""
    known = [WORDS.index(f"{slot}/{tag}") for tag in tags if f"{slot}/{tag}" in WORDS]
    return known[0] if known else len(WORDS)


def describe(tokens: Tokens, label: str, word: int) -> Told:
    """The conditions that a finished picture fulfills, (conditions,); ``rate`` is 0.

    Args:
        tokens: (H, W).
        label: one of `LABELS`.
        word: as `word_of` gives it.
    """
    opaque = tokens != CLEAR
    told = {
        "rate": 0,
        "label": LABELS.index(label),
        "size": sum(int(opaque.sum()) >= edge for edge in SIZE_EDGES),
        "word": word,
        "materials": len({(int(token) - FIRST) // LEVELS for token in np.unique(tokens) if token > DARK}),
        "mirror": int(mirrored(opaque)),
    }
    return np.array([told[name] for name in NAMES], dtype=np.int64)


def mirrored(opaque: npt.NDArray[np.bool_]) -> bool:
    """Whether a shape is nearly its own mirror image about its middle column."""
    columns = np.flatnonzero(opaque.any(axis=0))
    if not len(columns):
        return False
    shape = opaque[:, columns[0] : columns[-1] + 1]
    return int((shape == shape[:, ::-1]).sum()) * 100 >= shape.size * 92


def rate_condition(hidden: int, cells: int) -> int:
    """The ``rate`` condition for ``hidden`` cells of ``cells``."""
    return -(-hidden * RATES // max(cells, 1))
