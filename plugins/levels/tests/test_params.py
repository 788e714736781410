"""What may be asked of a level, and that only the impossible is refused."""

from __future__ import annotations

import pickle
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aigc_levels.check import check_level
from aigc_levels.counts import CountLimit, Impossible, bounds
from aigc_levels.game import shipped_game
from aigc_levels.params import LevelParams
from aigc_levels.rules import FREE
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from aigc_content import InputError

DUNGEON = (files("aigc_levels") / "games" / "dungeon.yaml").read_text(encoding="utf-8")
BLANK = ["?" * 10] * 8


def sketch(*pieces: tuple[int, int, str]) -> str:
    """A free sketch of 10 x 8 with some cells (row, column, character) drawn."""
    rows = [list(row) for row in BLANK]
    for row, column, char in pieces:
        rows[row][column] = char
    return "\n".join(map("".join, rows))


def column(char: str) -> list[tuple[int, int, str]]:
    return [(row, 5, char) for row in range(8)]


def test_defaults_are_the_shipped_dungeon() -> None:
    params = LevelParams()
    assert (params.rules.name, params.width, params.height) == ("dungeon", 32, 24)
    assert params.model_dump(exclude_defaults=True) == {}
    assert LevelParams.model_validate(params.model_dump(mode="json")) == params
    assert LevelParams.model_json_schema()["properties"]["game"]["type"] == "string"


@pytest.mark.parametrize(
    ("asked", "code", "keys", "says"),
    [
        ({"width": 7}, "greater_than_equal", ("width",), "8"),
        ({"height": 65}, "less_than_equal", ("height",), "64"),
        ({"width": "32"}, "int_type", ("width",), "integer"),
        ({"width": True}, "int_type", ("width",), "integer"),
        ({"difficulty": 1.01}, "less_than_equal", ("difficulty",), "1"),
        ({"difficulty": float("nan")}, "finite_number", ("difficulty",), "finite"),
        ({"temperature": 0.1}, "greater_than_equal", ("temperature",), "0.2"),
        ({"dificulty": 0.5}, "extra_forbidden", ("dificulty",), "not permitted"),
        ({"game": "dungoen"}, "L009", ("game",), "did you mean 'dungeon'?"),
        ({"min": {"enemey": 1}}, "L020", ("min", "enemey"), "did you mean 'enemy'?"),
        ({"max": {"dragon": 1}}, "L020", ("max", "dragon"), "allowed: void, wall"),
        ({"min": {"enemy": -1}}, "greater_than_equal", ("min", "enemy"), "0"),
        ({"min": {"enemy": 3}, "max": {"enemy": 2}}, "L021", ("min", "enemy"), "above its max 2"),
        ({"min": {"exit": 2}}, "L021", ("min", "exit"), "the game allows 1 to 1"),
        ({"max": {"exit": 0}}, "L021", ("max", "exit"), "the game allows 1 to 1"),
        ({"min": {"enemy": 700, "loot": 67}}, "L021", ("min", "enemy"), "769 cells"),
        (
            {"max": {"solid": 100, "floor": 100, "void": 0}, "min": {"floor": 101}},
            "L021",
            ("min", "floor"),
            "above",
        ),
        ({"path_length": {"min": 9, "max": 8}}, "L022", ("path_length", "min"), "above max"),
        ({"path_length": {"min": 1200}}, "L022", ("path_length", "min"), "no room"),
        ({"path_length": {"min": 600}, "max": {"key": 0}}, "L022", ("path_length", "min"), "at most 575"),
        ({"fixed": "????\n????"}, "L024", ("fixed",), "width is 4"),
        ({"fixed": sketch(), "width": 12}, "L023", ("fixed",), "width: 10"),
        ({"fixed": sketch((2, 3, "Q"))}, "L010", ("fixed",), "line 3, column 4"),
        ({"fixed": "?" * 10 + "\n?" + "\n??????????" * 6}, "L010", ("fixed",), "line 2, column 2"),
        ({"fixed": sketch((0, 0, "<"), (3, 4, "<"))}, "L023", ("fixed",), "line 4, column 5"),
        ({"fixed": sketch((0, 0, "e"), (3, 4, "e")), "max": {"enemy": 1}}, "L023", ("fixed",), "line 4, column 5"),
        ({"fixed": sketch((0, 0, "<"), *column("#"), (0, 9, ">"))}, "L023", ("fixed",), "line 1, column 10"),
        ({"fixed": sketch((0, 0, "<"), *column("#"), (0, 9, "k"))}, "L023", ("fixed",), "to key"),
        ({"fixed": sketch((0, 0, "<"), *column("~"), (0, 9, "."))}, "L023", ("fixed",), "to floor"),
        ({"fixed": sketch((0, 0, "<"), (0, 1, "#"), (1, 0, "#"))}, "L023", ("fixed",), "to an exit"),
        ({"fixed": sketch((0, 0, "$"), (0, 1, "#"), (1, 0, "#"))}, "L023", ("fixed",), "no room for a start"),
        (
            {"fixed": sketch((0, 0, "<"), (0, 7, ">")), "path_length": {"max": 6}},
            "L023",
            ("fixed",),
            "at least 7 steps",
        ),
        ({"fixed": "\n".join(["#" * 10, "#<......>#"] + ["#D" * 5] * 6)}, "L023", ("fixed",), "line 3, column 2"),
    ],
)
def test_what_cannot_hold_is_refused_with_the_place(
    asked: dict[str, Any], code: str, keys: tuple[str, ...], says: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        LevelParams.model_validate(asked)
    error = caught.value.errors()[0]
    assert (error["type"], error["loc"]) == (code, keys)
    assert says in error["msg"]


@pytest.mark.parametrize(
    "asked",
    [
        {"min": {"enemy": 4, "loot": 2}, "max": {"trap": 0}, "difficulty": 1},
        {"path_length": {"min": 575}, "max": {"key": 0}},
        {"fixed": sketch((0, 0, "<"), *column("D"), (0, 9, ">"))},  # a free cell may hold the key
        {"fixed": sketch((0, 0, "<"), *column("#"), (0, 9, ".")), "min_reachable": 0.5},
        {"fixed": sketch(*column("#"))},  # one side may become wall
        {"fixed": sketch((0, 0, "<"), (0, 7, ">")), "path_length": {"max": 7}},
    ],
)
def test_what_can_hold_is_accepted(asked: dict[str, Any]) -> None:
    LevelParams.model_validate(asked)


def test_a_sketch_gives_the_size() -> None:
    params = LevelParams.model_validate({"fixed": sketch((1, 1, "<"))})
    assert (params.width, params.height) == (10, 8)
    assert params.fixed_grid is not None
    assert params.fixed_grid.shape == (8, 10)
    assert int((params.fixed_grid != FREE).sum()) == 1
    assert params.model_dump(exclude_defaults=True)["width"] == 10


def test_a_sketch_in_a_file_is_named_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("sketch.txt").write_text(sketch((1, 1, "<")) + "\n", encoding="utf-8")
    params = LevelParams.model_validate({"fixed": "./sketch.txt"})
    assert params.model_dump()["fixed"] == "./sketch.txt"
    assert params.model_dump(context={"digests": True})["fixed"] == sketch((1, 1, "<")) + "\n"
    assert pickle.loads(pickle.dumps(params)) == params
    Path("sketch.txt").write_text(sketch((1, 1, "<"), (2, 2, "<")), encoding="utf-8")
    with pytest.raises(InputError, match=r"sketch\.txt:3:3: L023"):
        LevelParams.model_validate({"fixed": "./sketch.txt"})
    Path("sketch.txt").write_text(sketch((4, 2, "!")), encoding="utf-8")
    with pytest.raises(InputError, match=r"sketch\.txt:5:3: L010"):
        LevelParams.model_validate({"fixed": "./sketch.txt"})


def test_a_game_of_the_users_own_sets_the_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = DUNGEON + "  enemy: {max: 3}\nlimits: {width: {max: 20}}\n"
    Path("mine.yaml").write_text(text, encoding="utf-8")
    assert LevelParams.model_validate({"game": "./mine.yaml"}).width == 20  # the default moves into the limits
    for asked, code in (({"width": 21}, "L024"), ({"min": {"enemy": 4}}, "L021")):
        with pytest.raises(ValidationError) as caught:
            LevelParams.model_validate({"game": "./mine.yaml", **asked})
        assert caught.value.errors()[0]["type"] == code
    limits = {limit.name: limit for limit in LevelParams.model_validate({"game": "./mine.yaml"}).count_limits}
    assert (limits["enemy"].least, limits["enemy"].most) == (0, 3)


def test_a_model_folder_and_a_tileset_are_opened_at_validation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="I001"):
        LevelParams.model_validate({"model": "./net"})
    Path("net").mkdir()
    Path("net/config.json").write_text("{}", encoding="utf-8")
    params = LevelParams.model_validate({"model": "./net"})
    assert params.model is not None
    assert params.model.path == tmp_path / "net"
    Path("tiles.yaml").write_text("image: none.png\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"tiles\.yaml:1:1: L026: tile_size: the key 'tile_size' is missing"):
        LevelParams.model_validate({"tileset": "./tiles.yaml"})


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 0.7, 1.0]))
def test_a_sketch_cut_from_a_level_is_never_refused(seed: int, freed: float) -> None:
    """Whatever `check_level` passes must be askable: refusals are only for what cannot be."""
    random = np.random.default_rng(seed)
    game = shipped_game("dungeon")
    text = "".join(random.choice(list("......##~^e$kD+"), 80))
    grid = game.parse_rows([text[start : start + 10] for start in range(0, 80, 10)])
    start, goal = random.permutation(80)[:2]
    grid.flat[start], grid.flat[goal] = game.code("start"), game.code("exit")
    found = check_level(game, grid, LevelParams(width=10, height=8, min_reachable=0.0))
    if not found.passed:
        return
    present = np.bincount(grid.ravel(), minlength=len(game.tiles)).tolist()
    counts = {tile.name: count for tile, count in zip(game.tiles, present, strict=True)}
    cut = np.where(random.random(grid.shape) < freed, FREE, grid).astype(np.uint8)
    steps = found.evidence["path_length"]
    params = LevelParams.model_validate(
        {
            "fixed": "\n".join(game.rows(cut)),
            "min": counts,
            "max": counts,
            "path_length": {"min": steps, "max": steps},
            "min_reachable": 0.0,
        }
    )
    assert check_level(game, grid, params).passed


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=4, max_size=4), st.data())
def test_counts_that_some_level_has_are_never_refused(counts: list[int], data: st.DataObject) -> None:
    limits = []
    for _ in range(data.draw(st.integers(0, 4))):
        tiles = np.array(data.draw(st.lists(st.booleans(), min_size=4, max_size=4)), dtype=np.bool_)
        total = sum(count for count, hit in zip(counts, tiles, strict=True) if hit)
        least = data.draw(st.integers(0, total))
        limits.append(CountLimit("some", tiles, least, total + data.draw(st.integers(0, 5))))
    fixed = [data.draw(st.integers(0, count)) for count in counts]
    found = bounds(limits, fixed, sum(counts) - sum(fixed))
    assert not isinstance(found, Impossible)
    least_each, most_each = found
    assert all(low <= count <= high for low, count, high in zip(least_each, counts, most_each, strict=True))
