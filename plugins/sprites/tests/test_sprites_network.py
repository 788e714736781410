"""What the sprite networks see and how pictures are drawn with one that has learned nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from aigc_sprites import model as m
from aigc_sprites import reader
from aigc_sprites.copies import Copies, bits_of, pack
from aigc_sprites.draw import FORMAT, Canvas, SpriteModel, _fits, left
from aigc_sprites.examples import NOT_ASKED, Drawing, Wardrobe, few_alike, hide, moved, varied
from aigc_sprites.looks import Looks, halves
from aigc_sprites.schedule import Schedule, schedule_of
from aigc_sprites.tokens import CLEAR, DARK, FIRST, FORMS, HIDDEN, LEVELS, MATERIALS, TOKENS, UNLIT, form_of, unlit

from aigc_content import ModelError, Stream
from aigc_content.nn import modelfile
from aigc_content.nn.unet import UNetConfig

SIZES = UNetConfig(m.PLANES, tuple(m.CONDITIONS.values()), m.OUTPUTS, (8, 12), ((1,), (1,)), ((1,),))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A painter that has learned nothing."""
    import torch

    from aigc_content.nn.unet_train import UNet

    torch.manual_seed(0)
    found = tmp_path_factory.mktemp("painter")
    rng = np.random.default_rng(0)
    told = np.stack([m.told(m.LABELS[place % 3], materials=place % 4 + 1) for place in range(9)]).astype(np.uint8)
    learned = {
        "learned.colors": rng.integers(0, 256, (9, MATERIALS, LEVELS, 3)).astype(np.uint8),
        "learned.told": told,
        "learned.codes": np.zeros((9, 2, 64), np.uint8),
    }
    modelfile.save(found, {"format": FORMAT, "network": SIZES.to_json()}, UNet(SIZES).export() | learned)
    return found


def shape(seed: int = 0) -> np.ndarray:
    """A figure of two materials with an outline."""
    rng = np.random.default_rng(seed)
    tokens = np.zeros((32, 32), np.uint8)
    tokens[6:26, 8:20] = DARK
    tokens[7:25, 9:19] = FIRST + rng.integers(0, LEVELS)
    tokens[12:18, 9:19] = FIRST + LEVELS + rng.integers(0, LEVELS)
    return tokens


def test_what_a_request_leaves_open_is_that_of_a_learned_picture(folder: Path) -> None:
    painter = SpriteModel(folder)
    label, place = m.LABELS[1], m.INDEX["materials"]
    own = {int(painter.told[one, place]) for one in (1, 4, 7)}
    asked = m.told(label)
    found = [painter.ask(asked, Stream(f"ask {number}")) for number in range(30)]
    assert {int(told[place]) for told in found} == own
    assert int(asked[place]) == m.untold("materials"), "the request itself is as it was"
    given = painter.ask(m.told(label, materials=min(own)), Stream("ask"))
    assert int(given[place]) == min(own)
    impossible = m.told(label, materials=m.untold("materials") - 1)
    assert np.array_equal(painter.ask(impossible, Stream("ask")), impossible)


@pytest.fixture
def three(folder: Path) -> SpriteModel:
    """A painter that learned three creatures with looks of their own."""
    painter = SpriteModel(folder)
    own = np.flatnonzero(painter.labels == 0)
    painter.told[own, m.INDEX["label"]] = m.LABELS.index("monster/animal")
    painter.told[own, m.INDEX["upper"]] = painter.told[own, m.INDEX["lower"]] = [1, 2, 3]
    return painter


def test_one_look_is_told(three: SpriteModel) -> None:
    told = [three.ask(m.told("monster/animal"), Stream(f"looks {number}")) for number in range(40)]
    pairs = {(int(one[m.INDEX["upper"]]), int(one[m.INDEX["lower"]])) for one in told}
    nothing = m.untold("upper")
    assert pairs == {(1, nothing), (2, nothing), (3, nothing), (nothing, 1), (nothing, 2), (nothing, 3)}
    given = [three.ask(m.told("monster/animal", lower=1), Stream(f"given {number}")) for number in range(20)]
    assert {int(one[m.INDEX["lower"]]) for one in given} == {1}, "what is given stays"


def test_bodies_are_told_no_look(folder: Path) -> None:
    painter = SpriteModel(folder)
    for name in ("size", "mirror", *m.HALVES):
        painter.told[:, m.INDEX[name]] = 1
    told = painter.ask(m.told("layer/base"), Stream("body"))
    assert all(told[m.INDEX[name]] == 1 for name in ("size", "mirror"))
    assert all(told[m.INDEX[name]] == m.untold(name) for name in m.HALVES)


def test_a_shield_is_its_own_mirror_image_and_a_book_is_not() -> None:
    hidden, nothing = np.full((32, 32), HIDDEN, np.uint8), np.zeros((32, 32), np.uint8)
    axes = [
        Canvas(hidden, nothing, m.told("layer/hand2", word=m.WORDS.index(word)), Stream("hand")).axis
        for word in ("hand2/shield", "hand2/book")
    ]
    assert axes == [49, None]


def test_a_walker_has_the_legs_of_another_of_its_size(three: SpriteModel) -> None:
    own = np.flatnonzero(three.labels == m.LABELS.index("monster/animal"))
    three.told[own, m.INDEX["label"]] = m.LABELS.index("walker/down")
    three.told[own, m.INDEX["size"]] = [3, 4, 8]
    told = [three.ask(m.told("walker/down"), Stream(f"looks {number}")) for number in range(40)]
    pairs = {(int(one[m.INDEX["upper"]]), int(one[m.INDEX["lower"]])) for one in told}
    assert pairs == {(1, 2), (2, 1), (3, 3)}, "where there is one"


def test_walkers_are_joined_at_the_hips_each_half_with_its_look() -> None:
    """The upper half of one above the legs of another, middle on middle, in all pictures alike."""
    wide, narrow = np.zeros((2, 32, 32), np.uint8)
    wide[4:24, 4:16] = FIRST
    narrow[10:30, 20:24] = FIRST + LEVELS
    ramps = np.zeros((MATERIALS, LEVELS, 3), np.uint8)
    one, other = (
        Drawing(tokens, ramps, "walker/left", len(m.WORDS), "", tokens, (look, look + 1))
        for tokens, look in ((wide, 1), (narrow, 5))
    )
    lone = replace(one, label="walker/down", beneath=None)
    wardrobe, rng = Wardrobe([one, other, lone]), np.random.default_rng(0)
    found = [wardrobe.joined(one, rng) for _ in range(40)]
    mixed = [joined for joined in found if joined.looks == (1, 6)]
    assert 2 < len(mixed) < 20, "a quarter"
    wanted = np.zeros((32, 32), np.uint8)
    wanted[4:14, 4:16] = FIRST
    wanted[14:24, 8:12] = FIRST + LEVELS
    for joined in mixed:
        assert np.array_equal(joined.tokens, wanted)
        assert np.array_equal(joined.beneath, wanted)
    assert all(np.array_equal(joined.tokens, wide) for joined in found if joined.looks == (1, 2))
    assert all(np.array_equal(wardrobe.joined(lone, rng).tokens, wide) for _ in range(9)), "there is no other"
    assert wardrobe.joined(drawing("layer/body"), rng).label == "layer/body"


def drawing(label: str = "monster/animal", seed: int = 0) -> Drawing:
    return Drawing(shape(seed), np.zeros((MATERIALS, LEVELS, 3), np.uint8), label, len(m.WORDS))


def test_looks_tell_halves_apart() -> None:
    wide, tall = shape(), np.zeros((32, 32), np.uint8)
    tall[2:30, 14:18] = FIRST
    wide_over_tall = wide.copy()
    wide_over_tall[16:] = tall[16:]
    drawn = [replace(drawing(), tokens=tokens) for tokens in (wide, tall, wide_over_tall)]
    looks = Looks(drawn)
    first, second, third = (looks.of(one) for one in drawn)
    assert first[0] != second[0]
    assert first[1] != second[1]
    assert third[1] == second[1] != first[1]
    assert [one.looks for one in looks.told(drawn)] == [first, second, third]
    assert all(m.LOOKS <= look < 2 * m.LOOKS for look in (*first, *second)), "of creatures"
    kept = Looks([replace(drawing(), tokens=tokens) for tokens in (tall, wide)], stored=looks.tensors())
    assert [kept.of(one) for one in drawn] == [first, second, third], "they go on to mean the same"
    walker = [replace(drawing(f"walker/{name}"), group="g", tokens=t) for name, t in (("down", tall), ("up", wide))]
    assert {one.looks for one in Looks(walker).told(walker)} == {Looks(walker).of(walker[0])}, "those of the first"
    assert looks.of(replace(drawing("item/weapon"))) == (m.untold("upper"), m.untold("lower")), "none was learned"


def test_of_one_drawing_in_many_versions_a_few_are_learned_from_and_each_word_of_it() -> None:
    many = [replace(drawing(seed=seed), word=0, group="g") for seed in range(20)]
    rare = [replace(drawing(seed=seed), word=1, group="g") for seed in range(20, 22)]
    kept = few_alike([*many, *rare, replace(drawing(), group="h")])
    assert [one.word for one in kept] == [0] * 10 + [1] * 2 + [len(m.WORDS)]


def test_the_pattern_of_a_tile_is_the_same_wherever_it_is_cut() -> None:
    tokens = np.random.default_rng(0).integers(FIRST, FIRST + LEVELS, (32, 32)).astype(np.uint8)
    one, other = halves(tokens, "tile"), halves(np.roll(tokens, (5, 9), (0, 1)), "tile")
    assert np.allclose(one[0], other[0])
    assert np.array_equal(one[1], other[1])


FEW, TWICE = Schedule(forms=5, lights=2), Schedule(forms=3, lights=2, forms_again=4, lights_again=3)
ALIKE = Schedule(forms=4, lights=3, forms_again=2, hot=1.0, cold=1.0, light=1.0, reach=(3, 2), least=1, crumb=0)


def canvases(count: int, schedule: Schedule = FEW) -> list[Canvas]:
    told = m.describe(shape(), "monster/animal", len(m.WORDS))
    empty = np.zeros((32, 32), np.uint8)
    hidden = np.full((32, 32), HIDDEN, np.uint8)
    return [
        Canvas(hidden.copy(), empty, told.copy(), Stream(f"canvas {place}"), schedule=schedule)
        for place in range(count)
    ]


@pytest.mark.parametrize("schedule", [FEW, TWICE, ALIKE])
def test_every_pixel_is_drawn_and_company_changes_none(folder: Path, schedule: Schedule) -> None:
    painter = SpriteModel(folder)
    together = canvases(3, schedule)
    painter.draw(together)
    assert max(int(canvas.tokens.max()) for canvas in together) < TOKENS
    others = canvases(3, schedule)
    others[0].schedule = Schedule(forms=2, lights=1, guidance=0)
    painter.draw(others)
    assert (others[1].tokens == together[1].tokens).all()
    alone = canvases(3, schedule)[1:2]
    painter.draw(alone)
    assert (alone[0].tokens == together[1].tokens).all()
    assert (together[0].tokens != together[1].tokens).any()


@pytest.mark.parametrize(("label", "axis"), [("layer/body", 31), ("layer/hand1", 12)])
def test_what_is_told_to_be_its_own_mirror_image_has_the_same_forms_and_light_on_both_sides(
    folder: Path, label: str, axis: int
) -> None:
    empty = np.zeros((32, 32), np.uint8)
    schedule = Schedule(forms=4, lights=2, forms_again=3, crumb=0)
    told = m.told(label, mirror=1)
    told[m.INDEX["stage"]] = 0
    canvas = Canvas(np.full((32, 32), HIDDEN, np.uint8), empty, told, Stream("mirror"), schedule=schedule)
    free = Canvas(canvas.tokens.copy(), empty, m.told(label, mirror=0), Stream("mirror"), schedule=schedule)
    SpriteModel(folder).draw([canvas, free])
    columns = np.arange(max(0, axis - 31), min(31, axis) + 1)
    forms = form_of(free.tokens)
    assert (canvas.tokens[:, columns] == canvas.tokens[:, axis - columns]).all()
    assert (forms[:, columns] != forms[:, axis - columns]).any()
    assert int(canvas.tokens.max()) < TOKENS


def test_neighbors_choose_alike(folder: Path) -> None:
    def steps(schedule: Schedule) -> float:
        """How often a pixel's form is not that of the one beside it."""
        drawn = canvases(4, schedule)
        SpriteModel(folder).draw(drawn)
        forms = np.stack([form_of(canvas.tokens) for canvas in drawn])
        return float((forms[:, :, 1:] != forms[:, :, :-1]).mean())

    at_once = replace(ALIKE, forms=1, forms_again=0)
    assert steps(at_once) < 0.7 * steps(replace(at_once, reach=(0, 0), least=0))


@pytest.mark.parametrize("share", [0, 256])
def test_a_draft_decides_as_far_as_its_share(folder: Path, share: int) -> None:
    schedule = Schedule(forms=3, lights=2, forms_again=1, hot=0.01, cold=0.01, light=0.01, plan=(share,) * 3, crumb=0)
    sure = np.zeros((32, 32, m.OUTPUTS), np.int32)
    tokens = shape()
    forms = form_of(tokens).astype(np.int64)
    levels = np.where(tokens >= FIRST, (tokens.astype(np.int64) - FIRST) % LEVELS, 0)
    np.put_along_axis(sure, forms[..., None], 5000, axis=2)
    np.put_along_axis(sure, FORMS + levels[..., None], 5000, axis=2)
    without, drafted = canvases(1, schedule), canvases(1, schedule)
    drafted[0].draft = sure
    for some in (without, drafted):
        SpriteModel(folder).draw(some)
    assert np.array_equal(drafted[0].tokens, tokens) == (share > 0)
    assert np.array_equal(drafted[0].tokens, without[0].tokens) == (share == 0)


def test_reach_falls_to_the_least() -> None:
    assert [ALIKE.alike(m.FORM, part) for part in range(4)] == [3, 2, 1, 1]
    assert [ALIKE.alike(m.LIGHT, part) for part in range(3)] == [2, 1, 1]
    assert [replace(ALIKE, least=0).alike(m.LIGHT, part) for part in range(3)] == [2, 1, 0]
    assert [replace(ALIKE, forms=1).alike(m.FORM, part) for part in range(1)] == [3]
    assert FEW.alike(m.FORM, 0) == 0


@pytest.mark.parametrize("again", [0, 4])
def test_known_pixels_stay(folder: Path, again: int) -> None:
    (canvas,) = canvases(1)
    canvas.tokens[:16] = shape()[:16]
    canvas.known = canvas.tokens.copy()
    canvas.schedule = Schedule(forms=3, forms_again=again, lights_again=again)
    SpriteModel(folder).draw([canvas])
    assert (canvas.tokens[:16] == shape()[:16]).all()
    assert (canvas.tokens < TOKENS).all()


def test_parts_begin_small_and_end_with_all() -> None:
    hidden = [left(part, 8, 1000) for part in range(8)]
    drawn = -np.diff([1000, *hidden])
    assert hidden[-1] == 0
    assert (np.diff(drawn) >= 0).all()
    assert left(0, 1, 77) == 0
    assert left(-1, 8, 77) == 77


def test_forms_and_light_make_a_token() -> None:
    tokens = np.arange(TOKENS, dtype=np.uint8)
    forms = form_of(tokens)
    assert forms.tolist() == [CLEAR, DARK] + [FIRST + m for m in range(MATERIALS) for _ in range(LEVELS)]
    assert (form_of(unlit(forms)) == forms).all()
    assert set(unlit(forms).tolist()) == {CLEAR, DARK, *range(UNLIT, UNLIT + MATERIALS)}


def striped(materials: int) -> np.ndarray:
    """A picture of so many materials."""
    return np.repeat(FIRST + LEVELS * np.arange(materials, dtype=np.uint8), 4)[None].repeat(4, axis=0)


def test_ramps_are_those_of_the_label_with_materials_enough(folder: Path) -> None:
    painter = SpriteModel(folder)
    own = {painter.colors[place].tobytes() for place in (1, 4, 7) if painter.told[place, m.INDEX["materials"]] >= 3}
    found = {
        painter.ramps(m.told(m.LABELS[1]), striped(3), Stream(f"ramps {place}")).tobytes() for place in range(20)
    }
    assert found == own
    painter.told[7, m.INDEX["upper"]] = 3
    alike = {painter.ramps(m.told(m.LABELS[1], upper=3), striped(2), Stream(f"{n}")).tobytes() for n in range(9)}
    assert alike == {painter.colors[7].tobytes()}, "of the same look"
    other = {painter.ramps(m.told(m.LABELS[1], upper=9), striped(2), Stream(f"{n}")).tobytes() for n in range(20)}
    assert len(other) > 1, "no picture has this look"


@pytest.mark.parametrize("spoil", ["format", "learned", "network"])
def test_broken_painter_is_refused(folder: Path, tmp_path: Path, spoil: str) -> None:
    config, tensors = modelfile.load(folder)
    if spoil == "format":
        config["format"] = "other"
    elif spoil == "learned":
        tensors["learned.told"] = tensors["learned.told"][1:]
    else:
        tensors.pop("plane0.t")
    modelfile.save(tmp_path, config, tensors)
    with pytest.raises(ModelError) as caught:
        SpriteModel(tmp_path)
    assert caught.value.where == str(tmp_path)


def test_conditions_describe_a_picture() -> None:
    told = dict(zip(m.NAMES, m.describe(shape(), "layer/body", 3).tolist(), strict=True))
    assert told["label"] == m.LABELS.index("layer/body")
    assert told["materials"] == 2
    assert told["mirror"] == 1
    assert told["word"] == 3
    lone = shape()
    lone[8:20, 24] = DARK
    assert dict(zip(m.NAMES, m.describe(lone, "layer/body", 3).tolist(), strict=True))["mirror"] == 0
    assert all(value < m.CONDITIONS[name] for name, value in told.items())


def test_word_of_a_layer_is_its_first_known_tag() -> None:
    assert m.WORDS[m.word_of("body", ("robe",))] == "body/robe"
    assert m.word_of("body", ()) == m.word_of("cloak", ("robe",)) == len(m.WORDS) < m.untold("word")


def test_pictures_move_only_within_their_frame() -> None:
    for dy, dx in ((-40, 0), (40, 3), (0, -40), (2, 40)):
        result = moved(shape()[None], dy, dx)[0]
        assert (
            np.bincount(result.ravel(), minlength=TOKENS).tolist()
            == np.bincount(shape().ravel(), minlength=TOKENS).tolist()
        )
        assert not (result[0, :, None] != CLEAR).all()
    rows = np.flatnonzero(moved(shape()[None], -40, 0)[0].any(axis=1))
    assert rows[0] == 0
    assert rows[-1] == 19


def test_what_is_not_told_as_altered_keeps_place_form_and_outline() -> None:
    told = []
    for seed in range(40):
        (result, _), label, altered = varied(drawing(), np.zeros((32, 32), np.uint8), np.random.default_rng(seed))
        told.append(altered)
        assert label == "monster/animal"
        if altered < 2:
            assert ((result != CLEAR) == (shape() != CLEAR)).all()
            assert ((result == DARK) == (shape() == DARK)).all()
        if altered == 0:
            assert (result == shape()).all()
    assert set(told) == {0, 1, 2, 3}


def test_layers_stay_where_they_are_unless_that_is_told() -> None:
    for seed in range(20):
        under = shape(1)
        (result, beneath), _, altered = varied(drawing("layer/body"), under, np.random.default_rng(seed))
        assert (beneath == under).all()
        assert altered >= 2 or ((result != CLEAR) == (shape() != CLEAR)).all()


def test_a_walker_and_what_lies_beneath_change_together() -> None:
    labels = set()
    for seed in range(30):
        one = drawing("walker/left")
        (result, beneath), label, _ = varied(one, one.tokens, np.random.default_rng(seed))
        assert (result == beneath).all()
        labels.add(label)
    assert labels == {"walker/left", "walker/right"}


def test_hidden_cells_are_what_is_asked_for() -> None:
    wardrobe = Wardrobe([drawing("layer/base"), drawing("layer/legs", 1)])
    both = [drawing("layer/body"), drawing()]
    batch = hide(both, wardrobe, np.random.default_rng(0), (m.FORM, 0.5))
    hidden = batch.planes[:, 0] == HIDDEN
    assert ((batch.targets[m.FORM] != NOT_ASKED) == hidden).all()
    assert (batch.targets[m.LIGHT] == NOT_ASKED).all()
    assert (batch.targets[m.FORM, 0][hidden[0]] == form_of(shape())[hidden[0]]).all()
    assert 0.4 < hidden.mean() < 0.6
    assert batch.planes[0, 1].any()
    assert not batch.planes[1, 1].any()
    assert not ((batch.planes[:, 0] >= FIRST) & (batch.planes[:, 0] < TOKENS)).any()
    batch = hide(both, wardrobe, np.random.default_rng(0), (m.LIGHT, 0.5))
    dull = batch.planes[:, 0] >= UNLIT
    assert not (batch.planes[:, 0] == HIDDEN).any()
    assert ((batch.targets[m.LIGHT] != NOT_ASKED) == dull).all()
    lit = (shape()[dull[1]].astype(np.int64) - FIRST) % LEVELS
    assert (batch.targets[m.LIGHT, 1][dull[1]] == lit).all()
    assert dull[1].any()
    assert (dull[1] <= (shape() >= FIRST)).all()
    loose = hide([drawing()] * 30, wardrobe, np.random.default_rng(0))
    words = loose.told[:, m.INDEX["word"]]
    assert (words == m.untold("word")).any()
    assert (words == len(m.WORDS)).any()
    assert set(loose.told[:, m.INDEX["stage"]].tolist()) == {m.FORM, m.LIGHT}


def test_copies_are_known_wherever_they_stand_and_in_any_light() -> None:
    def seen(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return tokens != CLEAR, (tokens.astype(np.int64) - FIRST) % LEVELS * (tokens >= FIRST)

    known = Copies(pack(np.stack([bits_of(*seen(shape(3)))])))
    assert known.distances([seen(shape(3))]) == [0]
    assert known.distances([seen(moved(shape(3)[None], 4, -2)[0])]) == [0]
    assert known.distances([seen(shape(3)[:, ::-1])]) == [0]
    other = np.zeros((32, 32), np.uint8)
    other[4:12, 2:30] = FIRST + 5
    far, empty = known.distances([seen(other), seen(np.zeros((32, 32), np.uint8))])
    assert far > 400
    assert empty == 1000
    assert Copies(np.zeros((0, 64), np.uint8)).distances([seen(other)]) == [1000]


def test_reader_gives_shares_of_answers(tmp_path: Path) -> None:
    import torch

    from aigc_content.nn.twin import Twin

    torch.manual_seed(0)
    twin = Twin(reader.program())
    modelfile.save(tmp_path, {"format": reader.FORMAT, "network": twin.program.to_json()}, twin.export())
    pictures = np.zeros((2, 32, 32, 4), np.uint8)
    pictures[0, 4:20, 4:20] = (200, 100, 50, 255)
    found = reader.Reader(tmp_path)
    assert found.labels(pictures).shape == (2, len(m.SHOWN))
    body, creature = found.shares(pictures, ["body", "monster"])
    assert set(body) == {word.partition("/")[2] for word in m.WORDS if word.startswith("body/")}
    assert set(creature) == {label.partition("/")[2] for label in m.SHOWN if label.startswith("monster/")}
    assert abs(sum(body.values()) - reader.UNITS) < len(body)
    assert (np.abs(found.labels(pictures).sum(axis=1) - reader.UNITS) < len(m.SHOWN)).all()
    grays = reader.seen(pictures)
    assert grays[0, 10, 10].tolist()[0] == 127
    assert not grays[1, ..., :2].any()


def test_only_drafts_worth_painting_fit() -> None:
    whole, pieces = shape(), shape()
    pieces[14:17] = CLEAR
    assert _fits(whole, "monster/animal")
    assert not _fits(pieces, "monster/animal")
    assert _fits(pieces, "layer/gloves"), "gloves are two"
    assert not _fits(np.zeros((32, 32), np.uint8), "layer/base")
    assert not _fits(whole, "layer/base"), "it does not reach from head to feet"
    tall = np.zeros((32, 32), np.uint8)
    tall[1:31, 10:20] = FIRST
    assert _fits(tall, "layer/base")
    even, split = np.full((32, 32), FIRST + 3, np.uint8), np.full((32, 32), FIRST, np.uint8)
    split[:, 16:] = FIRST + LEVELS - 1
    assert _fits(even, "tile/floor")
    assert not _fits(np.where(np.arange(32) < 31, even, split), "tile/floor")


def test_schedules_are_those_of_a_label_and_longer_without_a_draft() -> None:
    for label in m.SHOWN:
        drafted, alone = schedule_of(label, True), schedule_of(label, False)
        assert drafted.parts(m.FORM) < alone.parts(m.FORM)
        assert drafted.guidance == 0
        asked = schedule_of(label, True, tagged=True).guidance
        assert (asked > 0) == (label != "layer/base")
    assert schedule_of("layer/body", True) != schedule_of("layer/boots", True)
    assert schedule_of("walker/down", False).forms > 10


def test_a_network_that_sees_something_else_is_refused(folder: Path, tmp_path: Path) -> None:
    config, tensors = modelfile.load(folder)
    network = {**config["network"], "planes": [*m.PLANES, 3]}
    table = np.zeros((3, SIZES.channels[0]), np.int32)
    modelfile.save(tmp_path, {**config, "network": network}, {**tensors, f"plane{len(m.PLANES)}.t": table})
    with pytest.raises(ModelError) as caught:
        SpriteModel(tmp_path)
    assert (caught.value.code, caught.value.where) == ("M005", str(tmp_path))
