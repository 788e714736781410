"""What the sprite network learns from: drawings, varied, with some of their pixels hidden."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from aigc_sprites import model as m
from aigc_sprites.coloring import levels_of
from aigc_sprites.craft import hips, seam
from aigc_sprites.data.dataset import SpriteSet
from aigc_sprites.data.words import SLOTS
from aigc_sprites.sprite import SIDE
from aigc_sprites.tokens import CLEAR, FIRST, HIDDEN, LEVELS, MATERIALS, Ramps, Tokens, encode, form_of, unlit

_MOVED = 2  # pixels that creatures and items are moved by at most
_ALIKE = 12  # so many pictures of one drawing at most are learned from
_WHOLE = 1000  # pixels that a tile shows at least
_SEAM = 1300  # thousandths of the steps of light inside a tile that those over its border may have
_SHARE_UNTOLD, _SHARE_NOTHING, _SHARE_ALTERED, _SHARE_RESHAPED = 0.15, 0.1, 0.35, 0.6
_SHARE_LIGHT, _SHARE_LIT, _SHARE_JOINED, _SHARE_DRAFTED = 0.35, 0.3, 0.5, 0.8


@dataclass(frozen=True, eq=False)
class Drawing:
    """One picture to learn from.

    Attributes:
        tokens: (32, 32).
        ramps: its colors.
        label: one of `aigc_sprites.model.LABELS`.
        word: condition.
        group: the drawing that it is one version of.
        beneath: what lies beneath it, (32, 32); None where that is free.
        looks: conditions, as `aigc_sprites.looks` finds them; None where they are not told.
    """

    tokens: Tokens
    ramps: Ramps
    label: str
    word: int
    group: str = ""
    beneath: Tokens | None = None
    looks: tuple[int, int] | None = None

    @property
    def slot(self) -> str:
        """Of a layer; of anything else empty."""
        kind, _, name = self.label.partition("/")
        return name if kind == "layer" else ""


NOT_ASKED = -100
"""A target that is none."""

Redraft = Callable[[Tokens, npt.NDArray[np.int64], np.random.Generator], npt.NDArray[np.int64]]
"""From pictures (N, 32, 32) and what a draft is told of each (N, 3), drafts of them as the network sees them."""


@dataclass(frozen=True, eq=False)
class Batch:
    """``planes`` (B, 5, 32, 32), ``told`` (B, K), ``targets`` of forms and of light (2, B, 32, 32) or `NOT_ASKED`."""

    planes: npt.NDArray[np.int64]
    told: m.Told
    targets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.told)


def drawings(sprites: SpriteSet, places: Sequence[int]) -> list[Drawing]:
    """Those of the pictures that the network draws."""
    found = []
    walkers: dict[str, dict[str, int]] = {}
    for place in places:
        entry = sprites.entries[place]
        label = f"{entry.kind}/{entry.label}"
        whole = entry.kind != "tile" or int((sprites.images[place][..., 3] > 0).sum()) >= _WHOLE
        if entry.kind == "walker":
            walkers.setdefault(entry.name.rpartition("/")[0], {})[entry.label] = place
        elif label in m.LABELS and whole:
            tokens, ramps = encode(sprites.images[place])
            found.append(Drawing(tokens, ramps, label, m.word_of(entry.label, entry.tags), entry.group))
    for known in walkers.values():
        found += _walker(sprites, known)
    return found


def _walker(sprites: SpriteSet, known: Mapping[str, int]) -> Iterator[Drawing]:
    """One character: each facing over the one that looks down, each step over the one that stands."""
    tall, ramps = encode(np.concatenate([sprites.images[place] for place in known.values()]))
    shown = dict(zip(known, tall.reshape(-1, SIDE, SIDE), strict=True))
    group = sprites.entries[known["down"]].group
    for name, tokens in shown.items():
        facing = name.removesuffix(m.STEP)
        under = shown[facing] if facing != name else shown["down"]
        if name == "down" or not np.array_equal(tokens, under):
            yield Drawing(tokens, ramps, f"walker/{name}", len(m.WORDS), group, None if name == "down" else under)


def few_alike(found: Sequence[Drawing]) -> list[Drawing]:
    """At most `_ALIKE` pictures of each drawing, so that one in thirty colors does not count thirty times; of each
    word that they show as many, so that none is missing."""
    of_word: Counter[tuple[str, str, int]] = Counter()
    ranks = []
    for place, one in enumerate(found):
        key = one.label, one.group, one.word
        ranks.append((of_word[key], place))
        of_word[key] += 1
    kept: Counter[tuple[str, str]] = Counter()
    chosen = []
    for _, place in sorted(ranks):
        kept[found[place].label, found[place].group] += 1
        if kept[found[place].label, found[place].group] <= _ALIKE:
            chosen.append(place)
    return [found[place] for place in sorted(chosen)]


class Wardrobe:
    """Layers by slot, to dress what lies beneath another layer; walkers by label, to be joined with others."""

    def __init__(self, all_drawings: Sequence[Drawing]) -> None:
        self.by_slot = {slot: [one for one in all_drawings if one.slot == slot] for slot in SLOTS}
        self._walkers: dict[str, list[Drawing]] = {}
        for one in all_drawings:
            if one.label.startswith("walker/"):
                self._walkers.setdefault(one.label, []).append(one)

    def joined(self, drawing: Drawing, rng: np.random.Generator) -> Drawing:
        """A walker with the legs of another one, now and then; anything else as it is.

        There are few of them: so the network sees upper halves above more lower ones than there are characters (as
        CutMix joins pictures, Yun et al. 2019, arXiv:1905.04899), each told by its own look.
        """
        known = self._walkers.get(drawing.label)
        if not known or rng.random() >= _SHARE_JOINED:
            return drawing
        other = known[rng.integers(len(known))]
        beneath = drawing.beneath
        if beneath is not None and other.beneath is not None:
            beneath = _joined(beneath, other.beneath)
        looks = drawing.looks and other.looks and (drawing.looks[0], other.looks[1])
        return replace(drawing, tokens=_joined(drawing.tokens, other.tokens), beneath=beneath, looks=looks)

    def beneath(self, slot: str, rng: np.random.Generator) -> Tokens:
        """A random figure as far as it is dressed before a slot, (32, 32); nothing beneath what is no layer."""
        under = np.zeros((SIDE, SIDE), dtype=np.uint8)
        if not slot:
            return under
        for other in SLOTS[: SLOTS.index(slot)]:
            known = self.by_slot[other]
            if known and (other == "base" or rng.random() < _WORN):
                worn = known[rng.integers(len(known))].tokens
                under = np.where(worn != CLEAR, worn, under)
        return under


_WORN = 0.5


def _joined(upper: Tokens, lower: Tokens) -> Tokens:
    """The upper half of a walker (32, 32) on the legs of another, middle on middle."""
    above, below = (hips(one != CLEAR) for one in (upper, lower))
    belts = upper[above - 1 : above + 2], lower[below - 1 : below + 2]
    middles = [np.flatnonzero((belt != CLEAR).any(axis=0)) for belt in belts]
    if not all(len(columns) for columns in middles):
        return upper
    result = upper.copy()
    dx = int(middles[0].sum()) // len(middles[0]) - int(middles[1].sum()) // len(middles[1])
    legs = moved(np.where(np.arange(SIDE)[:, None] >= below, lower, CLEAR)[None], above - below, dx)[0]
    result[above:] = legs[above:]
    return result


def varied(drawing: Drawing, beneath: Tokens, rng: np.random.Generator) -> tuple[Tokens, str, int]:
    """A drawing, and for a walker what lies beneath it, moved and mirrored, in another light or shape.

    Returns:
        Both (2, 32, 32), the label, and the condition ``altered``.
    """
    kind, altered, label = drawing.label.partition("/")[0], 0, drawing.label
    both = np.stack([drawing.tokens, beneath if kind == "walker" else np.zeros_like(beneath)])
    if kind == "tile" and seam(levels_of(drawing.tokens)) <= _SEAM:
        both = np.roll(both, rng.integers(0, SIDE, 2).tolist(), (1, 2))
    if rng.random() < _SHARE_ALTERED:
        altered += 2
        if kind in ("monster", "item", "walker"):
            both = moved(both, *rng.integers(-_MOVED, _MOVED + 1, 2).tolist())
        if kind != "layer" and rng.random() < 0.5:
            both, label = both[..., ::-1], _MIRRORED.get(label, label)
        if rng.random() < _SHARE_RESHAPED:
            both = _reshaped(both, kind, rng)
    if rng.random() < _SHARE_ALTERED:
        altered += 1
        material, level = np.divmod(both.astype(np.int64) - FIRST, LEVELS)
        lit = both >= FIRST
        change = rng.integers(-2, 3, MATERIALS)
        level = np.clip(level + change[np.where(lit, material, 0)], 0, LEVELS - 1)
        both = np.where(lit, FIRST + material * LEVELS + level, both).astype(np.uint8)
    return (both if kind == "walker" else np.stack([both[0], beneath])), label, altered


_MIRRORED = {
    f"walker/{one}{step}": f"walker/{other}{step}"
    for one, other in (("left", "right"), ("right", "left"))
    for step in ("", m.STEP)
}


def _reshaped(both: Tokens, kind: str, rng: np.random.Generator) -> Tokens:
    """Pictures (N, 32, 32) mirrored, turned, or one to three rows or columns taken out and others doubled."""
    if kind == "layer":
        if rng.random() < 0.3:
            both = both[..., ::-1]
        both = moved(both, *rng.integers(-2, 3, 2).tolist())
    elif kind != "walker" and rng.random() < 0.3:
        both = both[:, ::-1] if rng.random() < 0.5 else both.transpose(0, 2, 1)
    for axis in (1, 2):
        order = np.arange(SIDE)
        for _ in range(rng.integers(0, 4)):
            order = np.delete(order, rng.integers(0, SIDE))
            place = int(rng.integers(0, SIDE - 1))
            order = np.insert(order, place, order[place])
        both = np.take(both, order, axis=axis)
    return both


def moved(both: Tokens, dy: int, dx: int) -> Tokens:
    """Pictures (N, H, W) shifted together, as far as nothing that shows leaves them."""
    shown = (both != CLEAR).any(axis=0)
    rows, columns = (np.flatnonzero(shown.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return both
    dy = int(np.clip(dy, -rows[0], len(shown) - 1 - rows[-1]))
    dx = int(np.clip(dx, -columns[0], shown.shape[1] - 1 - columns[-1]))
    return np.roll(both, (dy, dx), (1, 2))


def hide(
    chosen: Sequence[Drawing],
    wardrobe: Wardrobe,
    rng: np.random.Generator,
    fixed: tuple[int, float] | None = None,
    redraft: Redraft | None = None,
) -> Batch:
    """A batch with cells hidden; with a stage and a share given, nothing is varied and every condition is told."""
    planes, told, whole = [], [], []
    targets = np.full((2, len(chosen), SIDE, SIDE), NOT_ASKED, dtype=np.int64)
    for place, one in enumerate(chosen):
        drawing = one if fixed is not None else wardrobe.joined(one, rng)
        under = wardrobe.beneath(drawing.slot, rng) if drawing.beneath is None else drawing.beneath
        tokens, label, altered = drawing.tokens, drawing.label, 0
        if fixed is None:
            (tokens, under), label, altered = varied(drawing, under, rng)
        stage, share = fixed or (int(rng.random() < _SHARE_LIGHT), float(np.cos(rng.random() * np.pi / 2)))
        shown, hidden = _hidden(tokens, stage, share, rng, mixed=fixed is None)
        targets[stage, place][hidden] = _asked(tokens, stage)[hidden]
        conditions = m.describe(tokens, label, drawing.word, drawing.looks)
        conditions[m.INDEX["altered"]], conditions[m.INDEX["stage"]] = altered, stage
        conditions[m.INDEX["rate"]] = m.rate_condition(int(hidden.sum()), hidden.size)
        if fixed is None:
            nothing = rng.random() < _SHARE_NOTHING
            for name in m.FREE:
                if nothing or rng.random() < _SHARE_UNTOLD:
                    conditions[m.INDEX[name]] = m.untold(name)
        told.append(conditions)
        whole.append(tokens)
        planes.append(m.planes_of(shown, under, conditions))
    batch = Batch(np.stack(planes), np.stack(told), targets)
    if redraft is not None:
        _draft(batch, np.stack(whole), redraft, rng, 1.0 if fixed else _SHARE_DRAFTED)
    return batch


def _draft(batch: Batch, tokens: Tokens, redraft: Redraft, rng: np.random.Generator, share: float) -> None:
    """Show drafts of most pictures of a batch."""
    shown = batch.told[:, m.INDEX["label"]] < len(m.SHOWN)
    some = np.flatnonzero(shown & (rng.random(len(shown)) < share))
    if len(some):
        known = batch.told[some][:, np.array([m.INDEX[name] for name in m.OF_DRAFTS])]
        batch.planes[some, -1] = redraft(tokens[some], known, rng)


def _hidden(
    tokens: Tokens, stage: int, share: float, rng: np.random.Generator, *, mixed: bool
) -> tuple[Tokens, npt.NDArray[np.bool_]]:
    """A picture as it is seen in a stage, and which cells are hidden in it; mixed, some forms are lit already."""
    chosen = rng.random(tokens.shape) < share
    chosen.flat[rng.integers(chosen.size)] = True
    dull = unlit(form_of(tokens))
    if stage == m.LIGHT:
        chosen &= tokens >= FIRST
        return np.where(chosen, dull, tokens), chosen
    lit = rng.random() if mixed and rng.random() < _SHARE_LIT else 0.0
    seen = np.where(rng.random(tokens.shape) < lit, tokens, dull)
    return np.where(chosen, HIDDEN, seen).astype(np.uint8), chosen


def _asked(tokens: Tokens, stage: int) -> npt.NDArray[np.int64]:
    """The right answers of a stage, (H, W)."""
    return form_of(tokens) if stage == m.FORM else (tokens.astype(np.int64) - FIRST) % LEVELS
