"""What the sprite network sees: the tokens drawn so far, those of the layers beneath, and what is asked.

One network draws creatures, items and the layers of characters. Conditions are small integers; the last value of each
in `FREE` means "not told", which training uses often, so that a request may leave any of them open.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from aigc_sprites.data.words import CLASSES, ITEMS, SLOTS, TAGS, TILES
from aigc_sprites.sprite import FACINGS, SIDE
from aigc_sprites.tokens import CLEAR, DARK, FIRST, FORMS, LEVELS, MATERIALS, TOKENS, Tokens

STEP = "-step"
SHOWN = (
    *(f"layer/{slot}" for slot in SLOTS),
    *(f"monster/{name}" for name in sorted(set(CLASSES.values()))),
    *(f"item/{name}" for name in sorted(set(ITEMS.values()))),
    *(f"tile/{name}" for name in sorted(set(TILES.values()))),
)
"""What a picture can show."""

LABELS = (*SHOWN, *(f"walker/{facing}{step}" for facing in FACINGS for step in ("", STEP)))
"""What the network draws. Beneath a walker that looks down lies nothing, beneath one that looks elsewhere the one
that looks down, beneath a step the one that stands."""

WORDS = tuple(f"{family}/{tag}" for family, tags in TAGS.items() for tag in tags)
"""What a picture may show more exactly, each after its slot or class; a walker has no word."""

RATES = 16
SIZE_EDGES = (20, 40, 70, 110, 160, 220, 300, 400, 520)
"""Opaque pixels."""

LOOKED_AT = ("layer", "monster", "item", "tile")
LOOKS = 60
"""So many looks has each half of a kind (`aigc_sprites.looks`)."""

CONDITIONS: dict[str, int] = {
    "rate": RATES + 1,
    "label": len(LABELS),
    "size": len(SIZE_EDGES) + 2,
    "word": len(WORDS) + 2,
    "materials": 6,
    "mirror": 3,
    "upper": len(LOOKED_AT) * LOOKS + 1,
    "lower": len(LOOKED_AT) * LOOKS + 1,
    "altered": 4,
    "stage": 2,
}
"""``altered`` tells what training changed that real pictures do not have (1 the light, 2 the shape, 3 both), so that
what is drawn has none of it (Karras et al. 2020, arXiv:2006.06676, and 2022, arXiv:2206.00364)."""

NAMES = tuple(CONDITIONS)
HALVES = ("upper", "lower")
FREE = ("size", "word", "materials", "mirror", *HALVES)
INDEX = {name: place for place, name in enumerate(NAMES)}
NOWHERE = SIDE
FORM, LIGHT = 0, 1
"""Stages: which form each pixel has, then how light each is whose form is a material."""
PLANES = (TOKENS + 1 + MATERIALS, TOKENS, SIDE + 1, SIDE + 1)
"""Tokens so far, tokens beneath, row, column; a tile's pixels have no place (`NOWHERE`), it goes on at every side."""
LOOSE = (0.0, 0.5, 1.0)
"""Noise, in standard deviations, on the codes whose drafts a network saw at each degree of looseness."""
DRAFTED = len(LOOSE) * TOKENS + 1
"""Values of the last plane of a network that sees drafts: their tokens, for each degree; the last where is none."""

OUTPUTS = FORMS + LEVELS
"""Logits of a pixel's form, and of its light."""

OF_DRAFTS = ("label", "word", "altered")
"""Conditions that a draft is told; ``label`` as a place in `SHOWN`."""

Told = npt.NDArray[np.int64]


def untold(name: str) -> int:
    """The value of a condition that says nothing."""
    return CONDITIONS[name] - 1


def told(label: str, **conditions: int) -> Told:
    """Conditions that tell a label and what is given, and leave the rest open, (conditions,)."""
    values = {name: untold(name) if name in FREE else 0 for name in NAMES} | {"label": LABELS.index(label)}
    return np.array([(values | conditions)[name] for name in NAMES], dtype=np.int64)


def word_of(family: str, tags: tuple[str, ...]) -> int:
    """The value of ``word`` for the first tag that a slot or class has; the last but one for none."""
    known = [WORDS.index(f"{family}/{tag}") for tag in tags if f"{family}/{tag}" in WORDS]
    return known[0] if known else len(WORDS)


def describe(tokens: Tokens, label: str, word: int, looks: tuple[int, int] | None = None) -> Told:
    """The conditions that a finished picture fulfills, (conditions,); ``rate`` is 0.

    Args:
        tokens: (H, W).
        label: one of `LABELS`.
        word: as `word_of` gives it.
        looks: of its upper and its lower half; None does not tell them.
    """
    opaque = tokens != CLEAR
    upper, lower = looks or (untold("upper"), untold("lower"))
    found = {
        "rate": 0,
        "label": LABELS.index(label),
        "size": sum(int(opaque.sum()) >= edge for edge in SIZE_EDGES),
        "word": word,
        "materials": materials_of(tokens),
        "mirror": int(mirrored(opaque)),
        "upper": upper,
        "lower": lower,
        "altered": 0,
        "stage": FORM,
    }
    return np.array([found[name] for name in NAMES], dtype=np.int64)


def materials_of(tokens: Tokens) -> int:
    """How many materials a picture has."""
    return len({(int(token) - FIRST) // LEVELS for token in np.unique(tokens) if token > DARK})


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


def planes_of(
    tokens: Tokens, beneath: Tokens, told: Told, draft: Tokens | None = None, loose: int = 0
) -> npt.NDArray[np.int64]:
    """What the network sees of one picture: (5, H, W); what has no drafts does without the last plane."""
    drafted = np.full(tokens.shape, DRAFTED - 1) if draft is None else loose * TOKENS + draft.astype(np.int64)
    planes = np.stack([tokens.astype(np.int64), beneath.astype(np.int64), *np.indices(tokens.shape), drafted])
    if LABELS[told[INDEX["label"]]].startswith("tile/"):
        planes[2:4] = NOWHERE
    return planes
