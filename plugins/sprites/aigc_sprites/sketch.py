"""One figure while it is drawn: picture over picture, each looked at before another lies on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from aigc_content import Request, Stream
from aigc_sprites import model as m
from aigc_sprites.assemble import Drawn
from aigc_sprites.copies import LEAST, LIMIT
from aigc_sprites.craft import LIMITS, craft, hips, upright
from aigc_sprites.draw import Canvas, Easel, SpriteModel
from aigc_sprites.palette import oklab
from aigc_sprites.params import SpriteParams
from aigc_sprites.plan import Part, Turns, sizes_of, turns
from aigc_sprites.proof import READABLE, nearest, reader
from aigc_sprites.reader import ASKED, BELIEVED
from aigc_sprites.schedule import schedule_of
from aigc_sprites.sprite import SIDE
from aigc_sprites.tidy import attached, smooth
from aigc_sprites.tokens import CLEAR, HIDDEN, Ramps, Tokens, colors_of

_SURE = 100  # percent of an even share: what the reader believes as much as this becomes a tag
_DOUBTED = 20  # the same: what the network was told, though nobody asked, is drawn again below this
_TRIES = 5  # times that a layer of a hero or a picture of a walker is drawn
_MASS = 170  # thousandths in which the area of a walker's picture may differ from that of the one that looks down


@dataclass(eq=False)
class Sketch:
    """One figure while it is drawn.

    Attributes:
        turns: what is to be drawn.
        rng: its own random numbers.
        params: what was asked for.
        drawn: tokens (32, 32) of each picture, by name.
        told: the conditions that each was drawn by.
        tags: of pictures that show more than was asked.
        sound: whether it is known to pass alone.
    """

    turns: Turns
    rng: Stream
    params: SpriteParams
    drawn: dict[str, Tokens] = field(default_factory=dict)
    told: dict[str, m.Told] = field(default_factory=dict)
    tags: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sound: bool = False

    def begin_again(self, number: int) -> None:
        """Forget what was drawn, and draw by other random numbers."""
        self.rng = self.rng.child(f"again/{number}")
        self.turns = turns(self.params, self.params.figure, self.rng.child("plan"))
        self.drawn, self.told, self.tags = {}, {}, {}

    def keep(self, part: Part, canvas: Canvas) -> None:
        """Take a drawn picture, unless a walker has one already whose area is nearer to that of its first."""
        tokens = canvas.tokens if canvas.tile else smooth(canvas.tokens)
        tokens = np.where(canvas.known == HIDDEN, tokens, canvas.known)
        if self.draws(part) and part.beneath:
            tokens = attached(tokens, canvas.beneath)
        if part.name in self.drawn and part.tries > 1:
            old, new, wanted = (_area(one) for one in (self.drawn[part.name], tokens, self.drawn["down"]))
            if abs(old - wanted) <= abs(new - wanted):
                return
        self.drawn[part.name] = tokens
        self.told[part.name] = canvas.told
        self.tags.pop(part.name, None)

    def lacks(self, part: Part) -> int:
        """1 where a walker's picture that is drawn again had too few pixels, -1 where it had too many."""
        if part.name not in self.drawn:
            return 0
        own, wanted = (_area(self.drawn[name]) for name in (part.name, "down"))
        return (own < wanted) - (own > wanted)

    def claims(self, part: Part) -> list[tuple[str, str]]:
        """What a picture is to show: of each claim the family of answers of the reader, and the answer."""
        kind, _, name = part.label.partition("/")
        found = [(name if kind == "layer" else kind, tag) for tag in part.tags[:1]]
        word = int(self.told[part.name][m.INDEX["word"]])
        if word < len(m.WORDS) and kind != "walker":
            family, _, tag = m.WORDS[word].partition("/")
            found.append((family, tag))
        return list(dict.fromkeys(found))

    def misfit(self, part: Part) -> bool:
        """Whether a picture cannot pass: a layer tears its hero into pieces, a walker loses or gains mass."""
        kind, limits = self.params.figure, LIMITS[self.params.figure]
        if kind not in ("hero", "walker") or part.known is not None:
            return False
        if kind == "walker" and part.beneath:
            own, wanted = (_area(self.drawn[name]) for name in (part.name, "down"))
            return abs(own - wanted) * 1000 > _MASS * wanted
        if part.label == "layer/base" and not upright(self.drawn[part.name] != CLEAR):
            return True
        if not self.drawn[part.name].any():
            return True
        shown = (self.drawn[part.name] != CLEAR) | (self.beneath(part) != CLEAR)
        found = craft(shown.astype(np.uint8), np.zeros(2, np.bool_))
        bulk = kind == "hero" or (limits.least <= found.opaque <= limits.most and found.border <= limits.border)
        return not bulk or found.main < limits.main

    def draws(self, part: Part) -> bool:
        """Whether a picture is a layer of a hero that is not given."""
        return self.params.figure == "hero" and part.known is None

    def beneath(self, part: Part) -> Tokens:
        """What lies beneath a picture, (32, 32)."""
        under = np.zeros((SIDE, SIDE), np.uint8)
        for name in part.beneath:
            under = np.where(self.drawn[name] != CLEAR, self.drawn[name], under)
        return under


def _area(tokens: Tokens) -> int:
    """How many pixels show."""
    return int((tokens != CLEAR).sum())


def sketches_of(request: Request[SpriteParams]) -> list[Sketch]:
    """What is to be drawn for a request: one figure, or the members of a cast."""
    params = request.params
    streams = [request.rng]
    if params.kind == "cast":
        streams = [request.rng.child(f"member/{place}") for place in range(params.members)]
    return [Sketch(turns(params, params.figure, rng.child("plan")), rng, params) for rng in streams]


@dataclass(eq=False)
class _Work:
    """How far a figure is drawn.

    Attributes:
        figure: which.
        turn, again: the turn that is drawn, and how often it was begun again.
        canvases: the pictures that are drawn now, each as often as it has tries.
    """

    figure: Sketch
    turn: int = 0
    again: int = 0
    canvases: list[tuple[Part, Canvas]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.parts = self._of_turn()

    def _of_turn(self) -> tuple[Part, ...]:
        return self.figure.turns[self.turn] if self.turn < len(self.figure.turns) else ()

    @property
    def ready(self) -> bool:
        """Whether all that was begun is drawn."""
        return bool(self.canvases) and all(canvas.done for _, canvas in self.canvases)

    def numbered(self) -> Iterator[tuple[Part, int]]:
        """The pictures that are to be drawn now, each as often as it has tries, with their numbers."""
        for part in self.parts:
            yield from ((part, self.again * part.tries + number) for number in range(part.tries))

    def go_on(self, weak: Sequence[Part]) -> None:
        """Draw weak pictures once more, or begin the next turn when there are none or all tries are used."""
        self.parts, self.again = tuple(weak), self.again + 1
        if not weak or self.again == _TRIES:
            self.turn, self.again = self.turn + 1, 0
            self.parts = self._of_turn()


class Sketcher:
    """Draws figures.

    Args:
        model: the network.
    """

    def __init__(self, model: SpriteModel) -> None:
        self._model = model

    def draw(self, figures: Sequence[Sketch]) -> None:
        """All pictures of some figures, each figure turn by turn, and none waits for another."""
        easel, works = self._model.easel(), [_Work(figure) for figure in figures]
        for work in works:
            self._begin(work, easel)
        while easel:
            easel.step()
            ready = [work for work in works if work.ready]
            for work in ready:
                for part, canvas in work.canvases:
                    work.figure.keep(part, canvas)
            weak = self._looked_at([(work.figure, part) for work in ready for part, _ in work.canvases])
            for work in ready:
                work.go_on([part for figure, part in weak if figure is work.figure])
                self._begin(work, easel)

    def _begin(self, work: _Work, easel: Easel) -> None:
        """Begin what a figure is to be drawn of now."""
        work.canvases = [(part, self._canvas(work.figure, part, number)) for part, number in work.numbered()]
        for _, canvas in work.canvases:
            easel.add(canvas)

    def finished(self, figure: Sketch) -> Drawn:
        """What was drawn, with its colors."""
        parts = [part for turn in figure.turns for part in turn]
        ramps = {part.name: self._ramps(figure, part) for part in parts}
        return Drawn(figure.turns, figure.drawn, figure.tags, ramps)

    def _looked_at(self, drawn: Sequence[tuple[Sketch, Part]]) -> list[tuple[Sketch, Part]]:
        """The pictures of heroes and walkers that would not pass or do not show what the network was told to draw.

        They are drawn again before others lie on them, so that one bad glove does not cost a whole hero. What the
        reader surely sees of what was not asked becomes a tag.
        """
        asked = [(figure, part, *one) for figure, part in drawn for one in figure.claims(part) if one[0] in READABLE]
        pictures = {part: colors_of(self._ramps(figure, part))[figure.drawn[part.name]] for figure, part, *_ in asked}
        believed = reader().believed([pictures[one[1]] for one in asked], [(one[2], one[3]) for one in asked])
        unlike: set[Part] = set()
        for (figure, part, _, tag), share in zip(asked, believed, strict=True):
            if share < (ASKED if tag in figure.params.asked else BELIEVED if tag in part.tags else _DOUBTED):
                unlike.add(part)
            elif tag not in part.tags and share >= _SURE:
                figure.tags[part.name] = (*part.tags, tag)
        once = dict.fromkeys(drawn)  # a part of several tries stands there several times
        return [
            (figure, part)
            for figure, part in once
            if figure.misfit(part) or (figure.draws(part) and (part in unlike or self._copied(figure, part)))
        ]

    def _copied(self, figure: Sketch, part: Part) -> bool:
        """Whether a layer is a training picture's copy."""
        tokens = figure.drawn[part.name]
        if _area(tokens) < LEAST:
            return False
        light = oklab(colors_of(self._ramps(figure, part))[:, :3])[tokens, 0]
        own = None if figure.params.model is None else figure.params.model.path
        return nearest([(tokens != CLEAR, light)], "hero", own)[0] < LIMIT

    def _ramps(self, figure: Sketch, part: Part) -> Ramps:
        """The colors of a picture: its own, and those of walkers fit all of their pictures."""
        if part.ramps is not None:
            return part.ramps
        if figure.params.figure == "walker":
            tokens = np.stack([figure.drawn[name] for name in sorted(figure.drawn)])
            return self._model.ramps(figure.told["down"], tokens, figure.rng.child("colors"))
        rng = figure.rng.child(f"colors/{part.name}")
        return self._model.ramps(figure.told[part.name], figure.drawn[part.name], rng)

    def _canvas(self, figure: Sketch, part: Part, number: int) -> Canvas:
        """A picture with what is known of it, and all that is told about it."""
        tokens = np.full((SIDE, SIDE), HIDDEN, np.uint8) if part.known is None else part.known.copy()
        stream = figure.rng.child(f"pixels/{part.name}").child(str(number))
        under, told, draft = figure.beneath(part), part.told.copy(), None
        if part.label.startswith("walker/") and part.beneath:
            found = m.describe(under, part.label, len(m.WORDS))
            for name in ("size", "materials"):
                told[m.INDEX[name]] = found[m.INDEX[name]]
            told[m.INDEX["size"]] += figure.lacks(part)
            for name in m.HALVES:
                told[m.INDEX[name]] = figure.told["down"][m.INDEX[name]]
            if part.label.endswith(m.STEP):
                above = hips(under != CLEAR)
                tokens[:above] = under[:above]  # a step is made by the legs
        elif part.known is None:
            told, draft = self._model.plan(told, stream.child("asked"), sizes_of(figure.params))
        tagged = int(part.told[m.INDEX["word"]]) < len(m.WORDS)
        schedule = schedule_of(part.label, draft is not None, tagged)
        return Canvas(tokens, under, told, stream, figure.params.temperature, schedule, draft)
