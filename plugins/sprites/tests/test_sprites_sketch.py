"""A figure while it is drawn: what cannot pass is drawn again before anything lies on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from aigc_sprites import model as m
from aigc_sprites import plan
from aigc_sprites import sketch as sketches
from aigc_sprites.draw import Canvas
from aigc_sprites.params import CREATURES, SpriteParams
from aigc_sprites.sketch import Sketch, Sketcher, sketches_of
from aigc_sprites.tidy import attached
from aigc_sprites.tokens import CLEAR, FIRST, LEVELS, MATERIALS

from aigc_content import Request, Stream

Box = tuple[int, int, int, int]
"""Rows and columns, from and to."""


class Scripted:
    """A model that draws boxes: of each label those of a list, one a try, the last one for ever."""

    def __init__(self, boxes: dict[str, list[Box]], word: int = len(m.WORDS)) -> None:
        self.boxes, self.word = boxes, word
        self.drawn: dict[str, int] = {}
        self.sizes: list[tuple[str, int]] = []
        self.calls: list[list[str]] = []
        self.waiting: list[Canvas] = []

    def plan(self, told: m.Told, rng: Stream, sizes: Sequence[int] = ()) -> tuple[m.Told, None]:
        result = told.copy()
        family = m.LABELS[int(told[m.INDEX["label"]])].partition("/")[2]
        fits = self.word < len(m.WORDS) and m.WORDS[self.word].startswith(f"{family}/")
        result[m.INDEX["word"]] = self.word if fits else len(m.WORDS)
        return result, None

    def ramps(self, *_: Any) -> np.ndarray:
        return np.full((MATERIALS, LEVELS, 3), 128, np.uint8)

    def easel(self) -> Scripted:
        return self

    def __bool__(self) -> bool:
        return bool(self.waiting)

    def add(self, canvas: Canvas) -> None:
        self.waiting.append(canvas)

    def step(self) -> None:
        canvases, self.waiting = self.waiting, []
        self.calls.append([m.LABELS[int(canvas.told[m.INDEX["label"]])] for canvas in canvases])
        for canvas in canvases:
            label = m.LABELS[int(canvas.told[m.INDEX["label"]])]
            own, place = self.boxes[label], self.drawn.get(label, 0)
            self.drawn[label] = place + 1
            self.sizes.append((label, int(canvas.told[m.INDEX["size"]])))
            top, bottom, left, right = own[min(place, len(own) - 1)]
            canvas.tokens[:] = CLEAR
            canvas.tokens[top:bottom, left:right] = FIRST
            canvas.done = True


def drawn(model: Scripted, params: dict[str, Any]) -> Sketch:
    (figure,) = sketches_of(Request(SpriteParams.model_validate(params), Stream("sketch")))
    Sketcher(model).draw([figure])  # type: ignore[arg-type]
    return figure


@pytest.fixture
def opinion(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[int]], None]:
    """Sets what the reader believes, one look after the other; of bodies it believes all."""

    def believe(shares: list[int]) -> None:
        class Opinion:
            def believed(self, pictures: np.ndarray, asked: list[tuple[str, str]]) -> list[int]:
                return [SURE if family == "base" else shares.pop(0) for family, _ in asked]

        monkeypatch.setattr(sketches, "reader", Opinion)

    return believe


BODY, HERO = (6, 28, 10, 20), (2, 32, 10, 20)
SURE = 100


def test_a_layer_that_tears_the_hero_is_drawn_again(opinion: Callable[[list[int]], None]) -> None:
    opinion([])
    far, near = (10, 20, 26, 31), (10, 20, 19, 24)
    model = Scripted({"layer/base": [HERO], "layer/hand1": [far, near]})
    figure = drawn(model, {"kind": "hero", "wear": {"hand1": None}})
    assert model.drawn == {"layer/base": 1, "layer/hand1": 2}
    assert np.flatnonzero(figure.drawn["hand1"].any(axis=0)).tolist() == list(range(19, 24))


def test_pieces_of_a_layer_that_hang_on_nothing_are_taken_out() -> None:
    under, layer = np.zeros((2, 32, 32), np.uint8)
    under[2:32, 10:20] = FIRST
    layer[10:20, 18:24] = layer[20:24, 24:26] = layer[2:4, 28:31] = FIRST
    expected = layer.copy()
    expected[2:4, 28:31] = CLEAR
    assert np.array_equal(attached(layer, under), expected), "what touches at a corner stays"


def test_no_figure_waits_for_another(opinion: Callable[[list[int]], None]) -> None:
    """While one hero's body is drawn again, the other's boots are drawn."""
    opinion([])
    model = Scripted({"layer/base": [HERO, (8, 32, 10, 20), HERO], "layer/boots": [(28, 32, 10, 20)]})
    params = SpriteParams.model_validate({"kind": "hero", "wear": {"boots": None}})
    figures = [sketches_of(Request(params, Stream(f"hero {number}")))[0] for number in range(2)]
    Sketcher(model).draw(figures)  # type: ignore[arg-type]
    boots, body = "layer/boots", "layer/base"
    assert model.calls == [[body, body], [boots, body], [boots]]
    assert all(set(figure.drawn) == {"base", "boots"} for figure in figures)


def test_a_body_without_a_head_is_drawn_again(opinion: Callable[[list[int]], None]) -> None:
    opinion([])
    model = Scripted({"layer/base": [(8, 32, 10, 20), HERO]})
    drawn(model, {"kind": "hero", "wear": {}})
    assert model.drawn == {"layer/base": 2}


def test_a_layer_that_is_a_copy_is_drawn_again(
    monkeypatch: pytest.MonkeyPatch, opinion: Callable[[list[int]], None]
) -> None:
    opinion([])
    distances = [40, 300]
    monkeypatch.setattr(sketches, "nearest", lambda views, figure, own: [distances.pop(0) for _ in views])
    model = Scripted({"layer/base": [HERO]})
    drawn(model, {"kind": "hero", "wear": {}})
    assert model.drawn == {"layer/base": 2}
    assert not distances


def test_a_layer_is_drawn_again_until_the_reader_sees_what_was_asked(opinion: Callable[[list[int]], None]) -> None:
    model = Scripted({"layer/base": [HERO], "layer/hand1": [(10, 20, 19, 24)]}, m.WORDS.index("hand1/axe"))
    shares = [10, 20, 300]
    opinion(shares)
    figure = drawn(model, {"kind": "hero", "wear": {"hand1": "axe"}})
    assert model.drawn["layer/hand1"] == 3
    assert not shares
    assert figure.tags == {}, "it was asked for"


def test_a_layer_that_shows_nothing_of_what_was_told_is_drawn_again(opinion: Callable[[list[int]], None]) -> None:
    """Nobody asked for an axe, but the network was told one."""
    model = Scripted({"layer/base": [HERO], "layer/hand1": [(10, 20, 19, 24)]}, m.WORDS.index("hand1/axe"))
    shares = [10, 60]
    opinion(shares)
    figure = drawn(model, {"kind": "hero", "wear": {"hand1": None}})
    assert model.drawn["layer/hand1"] == 2
    assert not shares
    assert figure.tags == {}, "it is not sure enough to become a tag"


def test_monsters_are_of_every_class() -> None:
    weights = plan._USUAL_CREATURES
    assert set(weights) == set(CREATURES)
    assert sum(weights.values()) == 100
    figures = sketches_of(Request(SpriteParams(kind="cast", of="monster", members=12), Stream("classes")))
    assert len({figure.turns[0][0].tags for figure in figures}) > 3


@pytest.mark.parametrize(("share", "tags"), [(90, {}), (250, {"monster": ("animal", "snake")})])
def test_what_the_reader_surely_sees_becomes_a_tag(
    opinion: Callable[[list[int]], None], share: int, tags: dict[str, tuple[str, ...]]
) -> None:
    opinion([20, share])  # that it is an animal it need not see now: the proof asks again
    model = Scripted({"monster/animal": [BODY]}, m.WORDS.index("animal/snake"))
    assert drawn(model, {"kind": "monster", "type": "animal"}).tags == tags
    assert model.drawn == {"monster/animal": 1}


def test_a_walker_keeps_its_mass() -> None:
    thin, right = (6, 28, 10, 16), (6, 28, 10, 20)
    labels = [f"walker/{one}{step}" for one in ("down", "left") for step in ("", m.STEP)]
    model = Scripted({**{label: [BODY] for label in labels}, "walker/left": [thin, thin, right]})
    figure = drawn(model, {"kind": "walker", "facing": "left"})
    assert np.array_equal(figure.drawn["left"], figure.drawn["down"])
    sizes = [size for label, size in model.sizes if label == "walker/left"]
    assert sizes[2] == sizes[0] + 1, "a picture that was too thin is asked for in a larger size"
