"""Measures on levels whose numbers can be counted by eye, and what must hold for every level."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from aigc_levels.game import shipped_game
from aigc_levels.measure import (
    DIFFICULTY_KNOTS,
    difficulty,
    difficulty_of,
    eroded,
    loops,
    measure,
    path_cells,
    ratio,
    strain,
    strain_of,
)
from aigc_levels.rules import Grid
from aigc_levels.solve import Solution, solve
from hypothesis import given, settings
from hypothesis import strategies as st

GAME = shipped_game("dungeon")
MIRRORED = str.maketrans("EW", "WE")
TURNED = str.maketrans("NS", "SN")


def grid_of(text: str) -> Grid:
    return GAME.parse_rows(text.strip("\n"))


def moves_of(grid: Grid) -> str:
    found = solve(GAME, grid)
    assert isinstance(found, Solution)
    return found.moves


TWO_ROOMS = """
##############
#<..##########
#...+....e..>#
#...####.#####
####### .#####
#######^.#####
########.#####
##############
"""


def test_measures_can_be_counted_by_eye() -> None:
    grid = grid_of(TWO_ROOMS)
    found = measure(GAME, grid, moves_of(grid))
    assert found["path_length"] == 12
    assert found["rooms"] == 1
    assert found["branching"] == 1  # where the corridor turns south
    assert found["dead_ends"] == 1  # its southern end; the exit is none
    assert found["loops"] == 0  # the squares of the room are no loops
    assert found["enemies"] == found["enemies_on_path"] == 1
    assert (found["traps"], found["traps_on_path"]) == (1, 0)
    assert found["reachable"] == 1.0
    assert (found["loot"], found["keys"], found["locked_doors"], found["locks_on_path"]) == (0, 0, 0, 0)


def test_rooms_are_cut_at_doors_and_corridors() -> None:
    grid = grid_of("#########\n#<..#...#\n#...+...#\n#...#..>#\n#########")
    found = measure(GAME, grid, moves_of(grid))
    assert found["rooms"] == 2
    assert found["openness"] == ratio(2, 19)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("...\n.#.\n...", 1), ("...\n...\n...", 0), (".#.\n#.#\n.#.", 0), (".....\n.#.#.\n.....", 2), ("###", 0)],
)
def test_loops_are_the_ways_around(text: str, expected: int) -> None:
    assert loops(GAME.tables.walkable[grid_of(text)]) == expected


def test_a_locked_door_and_a_near_enemy_make_a_level_harder() -> None:
    plain = grid_of("##########\n#k<......#\n####.#####\n#.......>#\n##########")
    values = []
    for changes in ({}, {(2, 4): "D"}, {(2, 4): "D", (3, 6): "e"}, {(2, 4): "D", (3, 6): "e", (1, 7): "e"}):
        grid = plain.copy()
        for cell, char in changes.items():
            grid[cell] = next(place for place, tile in enumerate(GAME.tiles) if tile.char == char)
        values.append(difficulty(GAME, grid, moves_of(grid)))
    assert values[0] < values[1] < values[2] == values[3]  # the last enemy is far from the path


def test_difficulty_rises_with_strain_over_its_whole_range() -> None:
    assert len(DIFFICULTY_KNOTS) == 11
    assert sorted(set(DIFFICULTY_KNOTS)) == list(DIFFICULTY_KNOTS)
    assert difficulty_of(0) == 0.0
    assert difficulty_of(DIFFICULTY_KNOTS[-1]) == difficulty_of(10**9) == 1.0
    for place, knot in enumerate(DIFFICULTY_KNOTS):
        assert difficulty_of(knot) == place / 10
    values = [difficulty_of(value) for value in range(0, 70_000, 97)]
    assert values == sorted(values)


def test_the_documented_strains_are_those_of_the_code() -> None:
    text = (Path(__file__).parents[3] / "docs" / "games.md").read_text(encoding="utf-8")
    row = next(line for line in text.splitlines() if line.startswith("| strain |"))
    assert [round(float(cell) * 10_000) for cell in row.strip("| ").split("|")[1:]] == list(DIFFICULTY_KNOTS)


@given(st.integers(0, 10_000))
def test_strain_of_is_the_inverse_of_difficulty(asked: int) -> None:
    assert abs(difficulty_of(strain_of(asked / 10_000)) - asked / 10_000) <= 0.0002


@given(st.integers(0, 10**6), st.integers(1, 10**6))
def test_ratio_is_rounded_half_up_to_four_digits(part: int, whole: int) -> None:
    value = ratio(part, whole)
    assert abs(value - part / whole) <= 0.000051
    assert round(value, 4) == value
    assert ratio(part, 0) == 0.0


def test_ratio_at_the_half() -> None:
    assert ratio(1, 20_000) == 0.0001
    assert ratio(1, 20_001) == 0.0
    assert strain(5, 0, 0, 0, 100_000) == 1


def test_symmetry_leaves_the_void_out() -> None:
    grid = grid_of("    \n <> \n    ")
    assert measure(GAME, grid, "E")["symmetry"] == 1.0  # upside down it is the same
    assert measure(GAME, grid_of("<#..\n.#>#"), "E")["symmetry"] < 1.0


def test_eroded_cells_are_open_all_around() -> None:
    mask = np.ones((4, 5), np.bool_)
    assert np.argwhere(eroded(mask)).tolist() == [[1, 1], [1, 2], [1, 3], [2, 1], [2, 2], [2, 3]]


def test_path_cells_follow_the_moves() -> None:
    assert path_cells(GAME, grid_of("<..\n..>"), "EES") == [(0, 0), (0, 1), (0, 2), (1, 2)]
    with pytest.raises(ValueError, match="no start"):
        path_cells(GAME, grid_of("..>"), "EE")


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_measures_are_plain_and_the_same_in_a_mirror(seed: int) -> None:
    random = np.random.default_rng(seed)
    text = "".join(random.choice(list("........###~^e$k+ "), 108))
    grid = GAME.parse_rows([text[start : start + 12] for start in range(0, 108, 12)])
    start, goal = random.permutation(108)[:2]
    grid.flat[start], grid.flat[goal] = GAME.code("start"), GAME.code("exit")
    found = solve(GAME, grid)
    if not isinstance(found, Solution):
        return
    here = measure(GAME, grid, found.moves)
    assert json.loads(json.dumps(here)) == here
    assert all(type(value) in {int, float} for value in here.values())
    assert here == measure(GAME, grid[:, ::-1], found.moves.translate(MIRRORED))
    assert here == measure(GAME, grid[::-1], found.moves.translate(TURNED))
