"""Draw pictures with the trained network by unmasking: masked (absorbing) diffusion over tokens.

Every free pixel starts hidden, and at each step some are drawn from the network's distribution, first few, then more
(MaskGIT, Chang et al. 2022, arXiv:2202.04200; absorbing diffusion, Austin et al. 2021, arXiv:2107.03006). First all
forms are drawn: where the picture is clear, dark, or of which material. Then light falls on them. Pixels that are
known are seen and never changed: inpainting is the same thing.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from math import isqrt
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aigc_content import ModelError, Stream
from aigc_content.nn import modelfile, sampling
from aigc_content.nn.postprocess import components
from aigc_content.nn.unet import UNet, UNetConfig
from aigc_sprites import draft as drafts
from aigc_sprites import model as m
from aigc_sprites import prior
from aigc_sprites.coloring import levels_of
from aigc_sprites.copies import CODE_BYTES
from aigc_sprites.craft import seam, upright
from aigc_sprites.draft import Drafter, Logits
from aigc_sprites.prior import Prior
from aigc_sprites.schedule import Schedule
from aigc_sprites.sprite import SIDE
from aigc_sprites.tidy import whole
from aigc_sprites.tokens import CLEAR, FIRST, FORMS, HIDDEN, LEVELS, MATERIALS, UNLIT, Ramps, Tokens, form_of, unlit

FORMAT = "sprites-2"
LEARNED = "learned."
"""Prefix of the tensors that tell what a network learned from."""
_FREE = [m.INDEX[name] for name in m.FREE]
_UNTOLD = [m.untold(name) for name in m.FREE]
_LABEL, _WORD, _MATERIALS, _MIRROR, _SIZE, _UPPER, _LOWER = (
    m.INDEX[name] for name in ("label", "word", "materials", "mirror", "size", *m.HALVES)
)
_OF_BODIES = (_UPPER, _LOWER)
"""Conditions that stay open of bodies: those that were learned are so alike that told a look, they come back."""
_OF_DRAFTS = (_SIZE, _MATERIALS, _MIRROR)
"""Conditions that a picture takes from its draft."""
_DRAFTS = 8
_FAR = 2  # steps of size: a draft this far from a learned picture of what is asked may be drawn
_WHOLE = 800  # thousandths of a creature's or thing's draft that hang together at least
_SEAM = 2000  # thousandths of the steps of light inside a tile's draft that those over its border may have
_UNITS = 256
_THIRDS = 3


_DRESS = ("base", "legs", "boots", "body", "cloak", "hair", "beard", "head", "gloves")
_AXES = {f"layer/{slot}": SIDE - 1 for slot in _DRESS} | {
    "item/ring": SIDE - 1,
    "layer/hand1": 12,
    "hand2/shield": 49,
}
"""Sum of two columns that mirror each other, of labels and words. Where the shape of a learned picture of them is its
own mirror image, so are nearly always its forms and, within one level, its light."""


def left(part: int, parts: int, cells: int) -> int:
    """How many of ``cells`` are hidden after a part: drawn are ``((part + 1) / parts) ** 1.5`` of them."""
    return cells - cells * isqrt((part + 1) ** 3 << 40) // isqrt(parts**3 << 40)


def _is_told(name: str, told: m.Told) -> bool:
    return name in m.FREE and int(told[m.INDEX[name]]) != m.untold(name)


@dataclass
class Canvas:
    """One picture while it is drawn.

    Attributes:
        tokens: (H, W); `HIDDEN` where it is still to be drawn.
        beneath: (H, W), the layers below.
        told: conditions, (conditions,).
        rng: its own random numbers.
        temperature: factor on that of the schedule.
        schedule: how it is drawn.
        draft: what a draft says of its pixels.
        known: ``tokens`` as they were before anything was drawn.
        drafted: the likeliest picture of the draft.
        done: whether all of it is drawn.
    """

    tokens: Tokens
    beneath: Tokens
    told: m.Told
    rng: Stream
    temperature: float = 1.0
    schedule: Schedule = field(default_factory=Schedule)
    draft: Logits | None = None
    known: Tokens = field(init=False)
    drafted: Tokens | None = field(init=False)
    done: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.known = self.tokens.copy()
        self.drafted = None if self.draft is None else drafts.likeliest(self.draft)

    @property
    def tile(self) -> bool:
        """Whether it goes on at every side."""
        return m.LABELS[int(self.told[m.INDEX["label"]])].startswith("tile/")

    @property
    def axis(self) -> int | None:
        """Sum of two columns that are drawn alike; None where it is told that the shape has no such columns."""
        if self.told[_MIRROR] == 0 or (self.known != HIDDEN).any():
            return None
        word = int(self.told[_WORD])
        names = (m.LABELS[int(self.told[_LABEL])], m.WORDS[word] if word < len(m.WORDS) else "")
        return next((_AXES[name] for name in names if name in _AXES), None)

    def mirrored(self, cells: npt.NDArray[np.int64], stage: int) -> npt.NDArray[np.int64]:
        """The places (N,) of the mirror images of pixels; of a pixel that has none its own.

        No pixel has one for the light that is of another form than its mirror image.
        """
        axis, width = self.axis, self.tokens.shape[1]
        if axis is None:
            return cells
        columns = axis - cells % width
        other = np.where((columns >= 0) & (columns < width), cells - cells % width + columns, cells)
        if stage == m.FORM:
            return other
        alike = form_of(self.tokens.flat[other]) == form_of(self.tokens.flat[cells])
        return np.where(alike, other, cells)

    def hidden(self, stage: int) -> npt.NDArray[np.bool_]:
        """Pixels that are to be drawn in a stage, (H, W)."""
        return self.tokens == HIDDEN if stage == m.FORM else self.tokens >= UNLIT


@dataclass(frozen=True, eq=False)
class _Step:
    """What is drawn of a canvas at a time.

    Attributes:
        canvas: which.
        cells: places of the pixels.
        move: how far a tile is rolled meanwhile, so that its border is nowhere; (0, 0) for anything else.
    """

    canvas: Canvas
    cells: npt.NDArray[np.int64]
    move: tuple[int, int]

    @property
    def guided(self) -> bool:
        """Whether conditions push what is drawn."""
        return bool(self.canvas.schedule.guidance) and int(self.canvas.told[m.INDEX["stage"]]) == m.FORM

    def planes(self) -> npt.NDArray[np.int64]:
        """What the network sees, (5, H, W)."""
        canvas = self.canvas
        tokens, drafted = canvas.tokens, canvas.drafted
        if any(self.move):
            tokens = np.roll(tokens, self.move, (0, 1))
            drafted = None if drafted is None else np.roll(drafted, self.move, (0, 1))
        return m.planes_of(tokens, canvas.beneath, canvas.told, drafted, canvas.schedule.loose)

    def placed(self, scores: np.ndarray) -> np.ndarray:
        """What the network gives, (H, W, outputs), where the canvas has it."""
        dy, dx = self.move
        return np.roll(scores, (-dy, -dx), (0, 1)) if dy or dx else scores


def _fits(tokens: Tokens, label: str) -> bool:
    """Whether a draft is worth painting: a body stands, a tile goes on at its sides, creatures and things hang
    together."""
    shown = tokens != CLEAR
    if label == "layer/base":
        return upright(shown)
    if label.startswith("tile/"):
        return seam(levels_of(tokens)) <= _SEAM
    if label.startswith("layer/"):
        return True
    sizes = np.bincount(components(shown[None], diagonal=True)[0][shown]) if shown.any() else np.zeros(1, np.int64)
    return int(sizes.max()) * 1000 >= _WHOLE * int(shown.sum())


def _step(canvas: Canvas, order: npt.NDArray[np.int64], stage: int, part: int) -> _Step | None:
    """The next part of a canvas; None where nothing of it is to be drawn."""
    parts, cells = canvas.schedule.parts(stage), len(order)
    if part >= parts:
        return None
    start, end = (cells - left(step, parts, cells) for step in (part - 1, part))
    if end == start:
        return None
    return _shifted(canvas, order[start:end], stage)


def _again(canvas: Canvas, cells: npt.NDArray[np.int64], stage: int) -> _Step:
    """Some pixels that were drawn are hidden and drawn once more, now that all others are known."""
    for places in (cells, canvas.mirrored(cells, stage)):
        canvas.tokens.flat[places] = HIDDEN if stage == m.FORM else unlit(form_of(canvas.tokens.flat[places]))
    return _shifted(canvas, cells, stage)


def _shifted(canvas: Canvas, cells: npt.NDArray[np.int64], stage: int) -> _Step:
    """A step; a tile is rolled anywhere meanwhile."""
    canvas.told[m.INDEX["rate"]] = m.rate_condition(int(canvas.hidden(stage).sum()), canvas.tokens.size)
    height, width = canvas.tokens.shape
    return _Step(canvas, cells, (canvas.rng.integer(height), canvas.rng.integer(width)) if canvas.tile else (0, 0))


def _fill(step: _Step, scores: np.ndarray, stage: int, part: int) -> None:
    """Draw the pixels of a step from logits (H, W, outputs)."""
    canvas, cells = step.canvas, step.cells
    if canvas.draft is not None:
        scores = scores + (canvas.schedule.share(stage, part) * (canvas.draft - scores) >> 8)
    other, flat = canvas.mirrored(cells, stage), scores.reshape(-1, m.OUTPUTS)
    rows = (flat[cells] + flat[other]) >> 1
    warmth, reach = canvas.schedule.warmth(stage, part) * canvas.temperature, canvas.schedule.alike(stage, part)
    rows = np.ascontiguousarray(rows[:, :FORMS] if stage == m.FORM else rows[:, FORMS:])
    if reach:
        height, width = canvas.tokens.shape
        quantiles = sampling.coupled(height, width, reach, canvas.rng).flat[cells]
        chosen = sampling.draw_at(rows, quantiles, warmth)
    else:
        chosen = sampling.draw(rows, canvas.rng, warmth)[0]
    if stage == m.FORM:
        drawn = unlit(chosen)
    else:
        drawn = (FIRST + (canvas.tokens.ravel()[cells] - UNLIT) * LEVELS + chosen).astype(np.uint8)
    canvas.tokens.flat[cells] = canvas.tokens.flat[other] = drawn


def _drawing(canvas: Canvas) -> Generator[_Step, np.ndarray, None]:
    """All steps of a canvas, first of all forms, then of all light; each is sent its logits (H, W, outputs).

    The forms are cleaned before the light falls on them, so that what is left stands in no false light.
    """
    for stage in (m.FORM, m.LIGHT):
        canvas.told[m.INDEX["stage"]] = stage
        order = sampling.spread_order(canvas.tokens.shape[0], canvas.tokens.shape[1], canvas.rng)
        order = order[canvas.hidden(stage).ravel()[order]]
        order = order[order <= canvas.mirrored(order, stage)]
        parts = canvas.schedule.parts(stage)
        for part in range(parts):
            step = _step(canvas, order, stage, part)
            if step is not None:
                _fill(step, (yield step), stage, part)
        for part in range(canvas.schedule.again(stage) if len(order) > _THIRDS else 0):
            step = _again(canvas, order[part % _THIRDS :: _THIRDS], stage)
            _fill(step, (yield step), stage, parts - 1)
        if stage == m.FORM and not canvas.tile:
            tidied = whole(canvas.tokens, canvas.schedule.crumb)
            canvas.tokens[:] = np.where(canvas.known == HIDDEN, tidied, canvas.known)


class Easel:
    """Canvases of one size that are drawn at the same time: a run of the network takes each of them a step further.

    None waits for another, for few pictures cost nearly as much as many.

    Args:
        net: the network.
    """

    def __init__(self, net: UNet) -> None:
        self._net = net
        self._fresh: list[Canvas] = []
        self._going: list[tuple[Canvas, Generator[_Step, np.ndarray, None], _Step]] = []

    def __bool__(self) -> bool:
        """Whether anything is still to be drawn."""
        return bool(self._fresh or self._going)

    def add(self, canvas: Canvas) -> None:
        """Draw the hidden pixels of a canvas, in place, from the next step on; `Canvas.done` tells when they are."""
        self._fresh.append(canvas)

    def step(self) -> None:
        """Run the network once."""
        fresh, self._fresh = self._fresh, []
        for canvas in fresh:
            self._go_on(canvas, _drawing(canvas), None)
        going, self._going = self._going, []
        if going:
            scores = self._logits([step for _, _, step in going])
            for (canvas, drawing, _), found in zip(going, scores, strict=True):
                self._go_on(canvas, drawing, found)

    def _go_on(self, canvas: Canvas, drawing: Generator[_Step, np.ndarray, None], scores: np.ndarray | None) -> None:
        try:
            step = next(drawing) if scores is None else drawing.send(scores)
        except StopIteration:
            canvas.done = True
        else:
            self._going.append((canvas, drawing, step))

    def _logits(self, steps: Sequence[_Step]) -> Iterator[np.ndarray]:
        """Logits (H, W, outputs) of each step, pushed towards what is told where that is asked for."""
        planes = np.stack([step.planes() for step in steps])[:, : len(self._net.config.planes)]
        told = np.stack([step.canvas.told for step in steps])
        pushed = [place for place, step in enumerate(steps) if step.guided]
        free = told[pushed]
        free[:, _FREE] = _UNTOLD
        both = self._net(np.concatenate([planes, planes[pushed]]), np.concatenate([told, free])).astype(np.int64)
        found, unsure = both[: len(steps)], both[len(steps) :]
        for place, other in zip(pushed, unsure, strict=True):
            push = steps[place].canvas.schedule.guidance
            found[place] += push * (found[place] - other) // _UNITS
        for step, scores in zip(steps, found.astype(np.int32), strict=True):
            yield step.placed(scores)


def own_tensors(tensors: modelfile.Tensors) -> modelfile.Tensors:
    """Those of a model folder that are the painter's own."""
    return {name: value for name, value in tensors.items() if not name.startswith((LEARNED, f"{drafts.NAME}."))}


class SpriteModel:
    """The trained network, and of the pictures that it learned from their colors and 512 bits.

    Args:
        folder: model folder.

    Raises:
        ModelError: M002, M003, M005.
    """

    def __init__(self, folder: Path) -> None:
        config, tensors = modelfile.load(folder)
        if config.get("format") != FORMAT:
            remedy = "train it again with `aigc train sprites`"
            raise ModelError("M003", "is no sprite model of this version", where=str(folder), remedy=remedy)
        own = own_tensors(tensors)
        nothing = np.zeros(0)
        known = [tensors.get(f"{LEARNED}{name}", nothing) for name in ("colors", "told", "codes")]
        self.colors, self.told, self.codes = known
        count = len(self.told)
        shapes = [(count, MATERIALS, LEVELS, 3), (count, len(m.NAMES)), (count, 2, CODE_BYTES)]
        if [array.shape for array in known] != shapes or any(array.dtype != np.uint8 for array in known):
            found = "the tensors of what it learned from are missing or do not fit"
            raise ModelError("M005", found, where=str(folder), remedy="train the model again")
        with modelfile.loading(folder):
            self.net = UNet(UNetConfig.from_json(config.get("network", {})), own)
            if self.net.config.planes not in (m.PLANES, (*m.PLANES, m.DRAFTED)):
                raise ModelError("M005", "the network sees other planes", remedy="train the model again")
            choose = Prior(config[prior.NAME], tensors).choose if prior.NAME in config else None
            self.drafter = Drafter(config[drafts.NAME], tensors, choose) if drafts.NAME in config else None

    @property
    def labels(self) -> npt.NDArray[np.uint8]:
        """The label of each learned picture, (N,)."""
        return np.asarray(self.told[:, m.INDEX["label"]])

    def ask(self, told: m.Told, rng: Stream, sizes: Sequence[int] = ()) -> m.Told:
        """Conditions (conditions,) with what they leave open taken from a random learned picture that has the rest.

        So sizes, tags and symmetry come together, and as often, as in the pictures that were learned from. Of the
        looks only one is taken, so that no learned picture is told as a whole; a walker has the legs of another one
        of its size.

        Args:
            told: what is asked for.
            rng: chooses the picture.
            sizes: values of ``size`` that it may have; any, when empty.
        """
        given = [place for place, name in enumerate(m.NAMES) if name == "label" or _is_told(name, told)]
        alike = (self.told[:, given] == told[given]).all(axis=1)
        right = np.isin(self.told[:, m.INDEX["size"]], sizes) if sizes else alike
        fit = np.flatnonzero(alike & right if (alike & right).any() else alike)
        if not len(fit):
            return told
        chosen = int(fit[rng.integer(len(fit))])
        label = m.LABELS[int(told[_LABEL])]
        free = [place for place in _FREE if place not in (*given, *(_OF_BODIES if label == "layer/base" else ()))]
        result = told.copy()
        result[free] = self.told[chosen, free]
        if label.startswith("walker/"):
            sizes_apart = np.abs(self.told[fit, _SIZE].astype(np.int64) - int(self.told[chosen, _SIZE]))
            others = fit[(sizes_apart <= 1) & (self.told[fit, _LOWER] != self.told[chosen, _LOWER])]
            if len(others):
                result[_LOWER] = self.told[int(others[rng.integer(len(others))]), _LOWER]
        else:
            left_open = (_UPPER, _LOWER)[rng.integer(2)]
            result[left_open] = told[left_open]
        return result

    def plan(self, told: m.Told, rng: Stream, sizes: Sequence[int] = ()) -> tuple[m.Told, Logits | None]:
        """All that a new picture is told, and a draft of it where the model drafts what is asked for.

        Its size, materials and symmetry are then those of the draft, unless they are told. What has another size than
        is told, or lies in pieces that its kind does not have, is drafted again, and given up after some tries.

        Args as those of `ask`.
        """
        asked = self.ask(told, rng, sizes)
        label = m.LABELS[int(told[_LABEL])]
        if self.drafter is None or label not in m.SHOWN:
            return asked, None
        far = 1 if _is_told("size", told) else _FAR
        for number in range(_DRAFTS):
            draft = self.drafter.draw(asked, rng.child(f"draft/{number}"))
            shown = drafts.likeliest(draft)
            found = m.describe(shown, label, int(asked[_WORD]))
            size = int(found[_SIZE])
            near = abs(size - int(asked[_SIZE])) <= far and (not sizes or size in sizes)
            if near and _fits(shown, label):
                own = [place for place in _OF_DRAFTS if not _is_told(m.NAMES[place], told)]
                asked[own] = found[own]
                asked[[_UPPER, _LOWER]] = m.untold("upper"), m.untold("lower")
                return asked, draft
        return asked, None

    def easel(self) -> Easel:
        """An empty one."""
        return Easel(self.net)

    def draw(self, canvases: Sequence[Canvas]) -> None:
        """Draw the hidden pixels of canvases of one size, in place."""
        easel = self.easel()
        for canvas in canvases:
            easel.add(canvas)
        while easel:
            easel.step()

    def ramps(self, told: m.Told, tokens: Tokens, rng: Stream) -> Ramps:
        """Colors for a picture: those of a random learned one of its label with as many materials.

        Where there are some, it is one with the same word and with the same look: skin and cloth lie alike in both.

        Args:
            told: conditions that the picture was drawn by, (conditions,).
            tokens: the picture.
            rng: chooses.
        """
        same = np.flatnonzero(self.labels == told[_LABEL])
        found = [some for some in (self.told[same, _MATERIALS] >= m.materials_of(tokens),) if some.any()]
        for place in (_WORD, _UPPER, _LOWER):
            alike = self.told[same, place] == told[place]
            found += [alike & found[-1]] if found and (alike & found[-1]).any() else []
        chosen = same[found[-1]] if found else same
        return np.asarray(self.colors[chosen[rng.integer(len(chosen))]])
