"""The search against an exhaustive one, and the replay against every kind of false proof."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pytest
from aigc_levels.check import check_level, verify_level
from aigc_levels.game import Game, parse_game, shipped_game
from aigc_levels.level import Level
from aigc_levels.params import LevelParams
from aigc_levels.replay import replay
from aigc_levels.rules import Grid
from aigc_levels.solve import MOVES, Solution, Unsolvable, components, distances, reachable, solve
from hypothesis import given, settings
from hypothesis import strategies as st

DUNGEON = (files("aigc_levels") / "games" / "dungeon.yaml").read_text(encoding="utf-8")
TWO_LOCKS = DUNGEON.replace(
    "  - {name: start",
    '  - {name: gate, char: "G", traits: [door]}\n'
    '  - {name: coin, char: "c", traits: [key], opens: [gate]}\n  - {name: start',
)
GAMES = {
    (locks, collect): parse_game(text.replace("reach: exit", f"collect: {collect}").encode(), "test.yaml")
    for locks, text in (("one", DUNGEON), ("two", TWO_LOCKS))
    for collect in ("none", "keys", "loot")
}
STEP = {"N": (-1, 0), "E": (0, 1), "S": (1, 0), "W": (0, -1)}


def plays(game: Game, grid: Grid, moves: str) -> bool:
    """Whether moves win, by recursion over the rows of text."""
    rows = game.rows(grid)
    item = {"none": "", "keys": "kc", "loot": "$"}[game.goal.collect]
    left = frozenset((y, x) for y, row in enumerate(rows) for x, char in enumerate(row) if char in item and item)
    begins = [(y, x) for y, row in enumerate(rows) for x, char in enumerate(row) if char == "<"]

    def go(y: int, x: int, held: str, left: frozenset[tuple[int, int]], rest: str) -> bool:
        if not (0 <= y < len(rows) and 0 <= x < len(rows[0])):
            return False
        char = rows[y][x]
        if char in "# ~^" or (char == "D" and "k" not in held) or (char == "G" and "c" not in held):
            return False
        left -= {(y, x)}
        held += char
        if char == ">" and not left:
            return not rest
        return bool(rest) and go(y + STEP[rest[0]][0], x + STEP[rest[0]][1], held, left, rest[1:])

    return len(begins) == 1 and go(*begins[0], "", left, moves)


def best(game: Game, grid: Grid) -> int | None:
    """Fewest steps that win, by relaxing the costs of all (cell, kinds held, items left) until none falls."""
    rows = game.rows(grid)
    item = {"none": "", "keys": "kc", "loot": "$"}[game.goal.collect]
    items = [(y, x) for y, row in enumerate(rows) for x, char in enumerate(row) if char in item and item]
    begins = [(y, x) for y, row in enumerate(rows) for x, char in enumerate(row) if char == "<"]
    costs = {(begins[0], frozenset[str](), frozenset(items)): 0}
    falls = True
    while falls:
        falls = False
        for ((y, x), held, left), cost in list(costs.items()):
            for down, right in STEP.values():
                there = (y + down, x + right)
                if not (0 <= there[0] < len(rows) and 0 <= there[1] < len(rows[0])):
                    continue
                char = rows[there[0]][there[1]]
                if char in "# ~^" or {"D": "k", "G": "c"}.get(char, "") not in {"", *held}:
                    continue
                state = (there, held | ({char} & {"k", "c"}), left - {there})
                if costs.get(state, cost + 2) > cost + 1:
                    costs[state] = cost + 1
                    falls = True
    won = [cost for ((y, x), _, left), cost in costs.items() if rows[y][x] == ">" and not left]
    return min(won, default=None)


@st.composite
def levels(draw: st.DrawFn) -> tuple[Game, Grid]:
    locks, collect = draw(st.sampled_from(sorted(GAMES)))
    game = GAMES[locks, collect]
    height, width = draw(st.integers(1, 5)), draw(st.integers(2, 5))
    chars = "...##~^e+D" + ("kG" if locks == "two" else "k") + "$c"[: 1 + (locks == "two")]
    count = height * width
    cells = draw(st.lists(st.sampled_from(chars), min_size=count, max_size=count))
    places = draw(st.permutations(range(count)))
    items = [place for place, char in enumerate(cells) if char in "$kc"]
    for place in items[3:]:  # few items keep the exhaustive search small
        cells[place] = "."
    cells[places[0]], cells[places[1]] = "<", ">"
    rows = ["".join(cells[row * width : (row + 1) * width]) for row in range(height)]
    return game, game.parse_rows(rows)


@settings(max_examples=250, deadline=None)
@given(levels())
def test_the_search_agrees_with_an_exhaustive_one(level: tuple[Game, Grid]) -> None:
    game, grid = level
    fewest, found = best(game, grid), solve(game, grid)
    assert (fewest is None) == isinstance(found, Unsolvable)
    if isinstance(found, Solution) and fewest is not None:
        assert plays(game, grid, found.moves)
        assert replay(game, grid, found.moves).passed
        assert len(found.cells) == found.length + 1
        if game.goal.collect == "none":
            assert found.length == fewest
        else:
            assert found.length >= fewest
        assert all(reachable(game, grid)[cell] for cell in found.cells)


@settings(max_examples=250, deadline=None)
@given(levels(), st.data())
def test_the_replay_agrees_with_another_player_on_changed_proofs(
    level: tuple[Game, Grid], data: st.DataObject
) -> None:
    game, grid = level
    found = solve(game, grid)
    moves = found.moves if isinstance(found, Solution) else data.draw(st.text(MOVES, max_size=8))
    if moves and data.draw(st.booleans()):
        place = data.draw(st.integers(0, len(moves) - 1))
        moves = moves[:place] + data.draw(st.text(MOVES, max_size=2)) + moves[place + 1 :]
    assert replay(game, grid, moves).passed == plays(game, grid, moves)
    if isinstance(found, Solution):
        for wrong in (found.moves[:-1], found.moves + "N", found.moves + "NS"):
            assert not replay(game, grid, wrong).passed


@settings(max_examples=100, deadline=None)
@given(levels())
def test_reachable_is_where_some_sequence_of_moves_leads(level: tuple[Game, Grid]) -> None:
    game, grid = level
    mask = reachable(game, grid)
    start, goal = game.code("start"), game.code("exit")
    assert start is not None
    assert goal is not None
    plain = GAMES["two" if "gate" in game.countable else "one", "none"]
    for cell in np.argwhere(grid != start):
        moved = np.where(grid == goal, game.code("floor"), grid).astype(np.uint8)
        if not plain.tables.walkable[moved[tuple(cell)]] or plain.tables.opened_by[moved[tuple(cell)]]:
            continue
        moved[tuple(cell)] = goal
        assert mask[tuple(cell)] == isinstance(solve(plain, moved), Solution)


def grid_of(text: str, game: Game | None = None) -> Grid:
    return (game or shipped_game("dungeon")).parse_rows(text.strip("\n"))


@pytest.mark.parametrize(
    ("text", "moves", "says"),
    [
        ("#####\n#<.>#\n#####", "EEE", "after the level is won"),
        ("#####\n#<.>#\n#####", "E", "not on an exit"),
        ("#####\n#<.>#\n#####", "", "not on an exit"),
        ("#####\n#<.>#\n#####", "NEE", "wall cannot be entered"),
        ("#####\n#<.>#\n#####", "EQ", "no move"),
        ("<.>", "NESS", "out of the map"),
        ("#####\n#< >#\n#####", "EE", "void cannot be entered"),
        ("#####\n#<^>#\n#####", "EE", "trap harms"),
        ("#####\n#<~>#\n#####", "EE", "water harms"),
        ("#####\n#<D>#\n#k..#\n#####", "EE", "locked"),
        ("#####\n#..>#\n#####", "E", "0 starts"),
        ("#####\n#<<>#\n#####", "EE", "2 starts"),
    ],
)
def test_a_false_proof_is_refused_with_its_step(text: str, moves: str, says: str) -> None:
    verdict = replay(shipped_game("dungeon"), grid_of(text), moves)
    assert not verdict.passed
    assert verdict.constraint == "proof"
    assert says in verdict.message


def test_what_must_be_collected_must_be_in_the_proof() -> None:
    game = GAMES["one", "loot"]
    grid = grid_of("#####\n#<.>#\n#$.$#\n#####", game)
    assert "loot was not collected" in replay(game, grid, "EE").message
    found = solve(game, grid)
    assert isinstance(found, Solution)
    verdict = replay(game, grid, found.moves)
    assert verdict.passed
    assert verdict.evidence["loot"] == 2


def test_a_key_opens_every_door_of_its_kind_and_is_kept() -> None:
    game = shipped_game("dungeon")
    grid = grid_of("########\n#k<D.D>#\n########")
    found = solve(game, grid)
    assert isinstance(found, Solution)
    assert found.moves == "WEEEEE"
    assert replay(game, grid, found.moves).evidence["keys"] == ["key"]


def test_equal_levels_give_equal_moves_and_ties_go_north_first() -> None:
    game = shipped_game("dungeon")
    found = solve(game, grid_of("...\n<#>\n..."))
    assert isinstance(found, Solution)
    assert found.moves == "NEES"


def test_the_unsolvable_is_explained() -> None:
    game = shipped_game("dungeon")
    sealed = solve(game, grid_of("#####\n#<#>#\n#####"))
    assert sealed == Unsolvable("exit at line 2, column 4 cannot be reached from the start", "winnable", (1, 3))
    assert isinstance(solve(game, grid_of("<D>")), Unsolvable)
    none = solve(game, grid_of("<.."))
    assert isinstance(none, Unsolvable)
    assert none.constraint == "count:exit"
    two = solve(game, grid_of("<<>"))
    assert isinstance(two, Unsolvable)
    assert (two.constraint, two.place) == ("count:start", (0, 1))


def test_distances_and_components() -> None:
    game = shipped_game("dungeon")
    grid = grid_of("<.D.#.\n##.#..")
    assert distances(game, grid, [(0, 0)]).tolist() == [[0, 1, 2, 3, -1, -1], [-1, -1, 3, -1, -1, -1]]
    labels, count = components(game.tables.walkable[grid])
    assert count == 2
    assert labels.tolist() == [[1, 1, 1, 1, 0, 2], [0, 0, 1, 0, 2, 2]]
    assert not reachable(game, grid_of("..>")).any()
    assert reachable(game, grid_of("..>"), (0, 0)).all()


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.booleans(), min_size=6, max_size=6), min_size=1, max_size=6))
def test_components_are_connected_and_apart(rows: list[list[bool]]) -> None:
    mask = np.array(rows, dtype=np.bool_)
    labels, count = components(mask)
    assert ((labels > 0) == mask).all()
    assert set(labels[mask].tolist()) == set(range(1, count + 1))
    for a, b in ((labels[1:], labels[:-1]), (labels[:, 1:], labels[:, :-1])):
        assert (a == b)[(a > 0) & (b > 0)].all()
    firsts = [int(np.flatnonzero(labels.ravel() == label)[0]) for label in range(1, count + 1)]
    assert firsts == sorted(firsts)


ROOM = """
##########
#<.......#
#....e...#
#.######.#
#.#....#.#
#.#.$..D.#
#.######.#
#..k....>#
##########
"""


def room(**asked: object) -> tuple[Game, Grid, LevelParams]:
    game = shipped_game("dungeon")
    return game, grid_of(ROOM), LevelParams.model_validate({"width": 10, "height": 9, **asked})


def test_a_level_that_is_what_was_asked_passes_with_its_moves() -> None:
    game, grid, params = room(min={"enemy": 1}, max={"trap": 0}, path_length={"min": 13, "max": 13})
    verdict = check_level(game, grid, params)
    assert verdict.passed
    assert verdict.evidence["path_length"] == 13
    level = Level.from_grid(game.rules, grid, verdict.evidence["moves"])
    assert verify_level(level, params).passed


@pytest.mark.parametrize(
    ("asked", "change", "constraint"),
    [
        ({"width": 11}, {}, "size"),
        ({"min": {"enemy": 2}}, {}, "count:enemy"),
        ({"max": {"loot": 0}}, {}, "count:loot"),
        ({}, {(1, 2): "<"}, "count:start"),
        ({}, {(7, 8): "."}, "count:exit"),
        ({}, {(6, 8): "#", (7, 7): "#"}, "winnable"),
        ({}, {(7, 3): "."}, "keys"),
        ({}, {(5, 7): "#"}, "reachable"),
        ({"min_reachable": 0.5}, {(5, 7): "#"}, "reachable"),
        ({"min_reachable": 0.9}, {(5, 7): "#", (5, 4): "#"}, "reachable"),
        ({"path_length": {"max": 12}}, {}, "path_length"),
        ({"path_length": {"min": 14}}, {}, "path_length"),
        ({"fixed": "\n".join(["?" * 10] * 8 + ["?" * 9 + "."])}, {}, "fixed"),
    ],
)
def test_the_constraint_that_fails_is_named(
    asked: dict[str, object], change: dict[tuple[int, int], str], constraint: str
) -> None:
    game, grid, params = room(**asked)
    for cell, char in change.items():
        grid[cell] = next(place for place, tile in enumerate(game.tiles) if tile.char == char)
    verdict = check_level(game, grid, params)
    assert not verdict.passed
    assert verdict.constraint == constraint
    assert verdict.message


def test_a_share_of_sealed_floor_may_be_allowed() -> None:
    game, grid, params = room(min_reachable=0.5)
    grid[5, 7], grid[5, 4] = 1, 2
    assert check_level(game, grid, params).passed


def test_a_false_level_is_not_verified() -> None:
    game, grid, params = room()
    moves = check_level(game, grid, params).evidence["moves"]
    for wrong in (moves[:-1], moves[1:], "EWE" + moves[1:], ""):
        verdict = verify_level(Level.from_grid(game.rules, grid, wrong), params)
        assert (verdict.passed, verdict.constraint) == (False, "proof")
    softer = parse_game(DUNGEON.replace("[hazard]", "[floor]").encode(), "test.yaml")
    assert verify_level(Level.from_grid(softer.rules, grid, moves), params).constraint == "game"
    grid[0, 0] = 200
    assert check_level(game, grid, params).constraint == "tiles"
