"""The game file: what a designer may write, and what every mistake is answered with."""

from __future__ import annotations

import pickle
import re
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from aigc_levels.game import KINDS, Game, GameRef, parse_game, shipped_game, shipped_names
from aigc_levels.level import Level
from aigc_levels.rules import FREE, TRAITS, Rules
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from aigc_content import InputError

DUNGEON = (files("aigc_levels") / "games" / "dungeon.yaml").read_text(encoding="utf-8")
DOCS = Path(__file__).parents[3] / "docs" / "games.md"


def parse(text: str) -> Game:
    return parse_game(text.encode(), "my.yaml")


def refused(old: str, new: str) -> InputError:
    assert old in DUNGEON
    with pytest.raises(InputError) as caught:
        parse(DUNGEON.replace(old, new))
    return caught.value


def line_of(text: str, source: str) -> int:
    return source[: source.index(text)].count("\n") + 1


def test_shipped_dungeon_has_the_vocabulary_of_the_model() -> None:
    game = shipped_game("dungeon")
    assert "".join(tile.char for tile in game.tiles) == " #.+D~^e$k<>"
    assert {KINDS[kind] for kind in game.kinds} == set(KINDS)
    assert [game.tiles[code].name for code in game.choices("door")[0]] == ["door"]  # no lock by chance
    assert [game.tiles[code].name for code in game.choices("exit")[0]] == ["exit"]  # no start by chance
    assert "dungeon" in shipped_names()


def test_tables_say_what_the_traits_mean() -> None:
    game = shipped_game("dungeon")
    walkable = {tile.name for tile, walks in zip(game.tiles, game.tables.walkable, strict=True) if walks}
    assert walkable == {"floor", "door", "locked_door", "enemy", "loot", "key", "start", "exit"}
    names = [tile.name for tile in game.tiles]
    assert game.tables.gives[names.index("key")] & game.tables.opened_by[names.index("locked_door")]
    assert np.count_nonzero(game.tables.opened_by) == np.count_nonzero(game.tables.gives) == 1


def test_a_name_counts_its_tile_first_and_else_its_trait() -> None:
    text = DUNGEON.replace("  - {name: loot", '  - {name: ogre, char: "O", traits: [enemy]}\n  - {name: loot')
    game = parse(text.replace("name: enemy", "name: rat"))
    assert [tile.name for tile, hit in zip(game.tiles, game.counted("enemy"), strict=True) if hit] == [
        "rat",
        "ogre",
    ]
    assert [tile.name for tile, hit in zip(game.tiles, game.counted("door"), strict=True) if hit] == ["door"]
    with pytest.raises(KeyError):
        game.counted("dragon")


def test_weights_choose_among_tiles_of_one_kind() -> None:
    grass = '  - {name: grass, char: ",", traits: floor, weight: 3}\n  - {name: door,'
    game = parse(DUNGEON.replace("  - {name: door,", grass))
    codes, weights = game.choices("floor")
    assert [game.tiles[code].name for code in codes] == ["floor", "grass"]
    assert weights == (1, 3)
    assert game.choices("nothing of this kind") == ((), ())


def test_a_plain_character_needs_no_quotes_where_yaml_would_read_another_type() -> None:
    game = parse(DUNGEON.replace('char: "~"', "char: ~").replace('char: "D"', "char: 1"))
    assert "".join(tile.char for tile in game.tiles) == " #.+1~^e$k<>"


def test_an_alias_spares_writing_a_tile_twice() -> None:
    text = DUNGEON.replace("traits: [liquid]", "traits: &bad [hazard]").replace("traits: [hazard]", "traits: *bad")
    assert [tile.traits for tile in parse(text).tiles if tile.name in ("water", "trap")] == [("hazard",)] * 2


def test_comments_and_order_do_not_change_the_digest() -> None:
    game = shipped_game("dungeon")
    text = "title: Dungeon\n# a remark\n" + DUNGEON.replace("title: Dungeon\n", "")
    assert parse(text).digest == game.digest
    assert parse(DUNGEON.replace("reach: exit", "collect: loot")).digest != game.digest


@pytest.mark.parametrize(
    ("old", "new", "code", "says", "remedy"),
    [
        ("goal: {reach: exit}", "goal: {reach: exit, colect: keys}", "L002", "'colect'", "'collect'"),
        ("tiles:", "tils:", "L002", "'tils'", "'tiles'"),
        ("format: 1", "format: 2", "L002", "format is 2", ""),
        (
            '{name: wall, char: "#", traits: [solid]}',
            "{name: wall, traits: [solid]}",
            "L002",
            "'char' is missing",
            "",
        ),
        ("name: wall", "name: Wall", "L002", "'Wall'", ""),
        ("name: wall", "name: floor", "L003", "second tile", ""),
        ('char: "#"', 'char: "."', "L003", "already the character of", ""),
        ('char: "#"', 'char: "##"', "L003", "not one printable", ""),
        ('char: "#"', "char: #", "R004", "", "quotes"),
        ('char: "#"', 'char: "?"', "L003", "free cell", ""),
        ('char: "#"', 'char: "\\u0301"', "L003", "not one printable", ""),
        ("[hazard]", "[hazzard]", "L004", "'hazzard'", "'hazard'"),
        ("[hazard]", "[crate]", "L004", "movement 'push'", ""),
        ("[hazard]", "[]", "L004", "needs a trait", ""),
        ("[hazard]", "[hazard, loot]", "L004", "'hazard'", ""),
        ("traits: [solid]", "traits: [solid, floor]", "L004", "cannot be entered", ""),
        ("traits: [start]", "traits: [start, exit]", "L004", "start", ""),
        ("kind: walk", "kind: jump", "L005", "not played yet", ""),
        ("kind: walk", "kind: wlak", "L005", "no movement", "'walk'"),
        ("kind: walk", "kind: walk, diagonal: true", "L005", "diagonal", ""),
        ("opens: locked_door", "opens: locked_dor", "L006", "'locked_dor'", "'locked_door'"),
        (", opens: locked_door", "", "L006", "opens nothing", "locked_door"),
        ("traits: [loot]", "traits: [loot], opens: locked_door", "L006", "no key", ""),
        ('  - {name: key, char: "k", traits: [key], opens: locked_door}\n', "", "L006", "no key opens", ""),
        ("  exit: 1", "  exits: 1", "L007", "'exits'", "'exit'"),
        ("  exit: 1", "  exit: {min: 3, max: 2}", "L007", "above max", ""),
        ("  exit: 1", "  exit: 0", "L007", "exit", ""),
        ("  start: 1", "  start: 2", "L007", "once", ""),
        ("  exit: 1", "  exit: one", "L002", "'one'", ""),
        ("traits: [start]", "traits: [floor]", "L008", "'start'", ""),
        ("traits: [exit]", "traits: [floor]", "L008", "'exit'", ""),
        ("goal: {reach: exit}", "limits: {width: {min: 4}}", "L002", "limits.width.min is 4", ""),
        ("goal: {reach: exit}", "limits: {width: {min: 40, max: 20}}", "L007", "above max", ""),
        ("format: 1", "format: 1\nformat: 1", "R002", "twice", ""),
        ("format: 1", "format: *a", "R004", "alias *a", "define it"),
        ("format: 1", "format: !!python/object:os.system 1", "R013", "tag", "remove"),
        ("format: 1", "format: 1\n---\na: 1", "R004", "second document", "---"),
        ("format: 1", "format: " + "[" * 33 + "]" * 33, "R011", "deeper", ""),
        ("format: 1", "format: [1", "R004", "not YAML", ""),
    ],
)
def test_each_mistake_is_named_with_its_line(old: str, new: str, code: str, says: str, remedy: str) -> None:
    error = refused(old, new)
    assert error.code == code
    assert says in error.found
    assert remedy in error.remedy
    assert re.fullmatch(r"my\.yaml:\d+:\d+", error.where)


def test_the_line_and_column_are_those_of_the_value() -> None:
    text = DUNGEON.replace("[hazard]", "[hazzard]")
    error = refused("[hazard]", "[hazzard]")
    line = line_of("hazzard", text)
    assert error.where == f"my.yaml:{line}:{text.splitlines()[line - 1].index('hazzard') + 1}"


def test_the_first_of_several_mistakes_is_named() -> None:
    text = DUNGEON.replace("name: wall", "name: Wall").replace("name: exit", "name: Exit")
    with pytest.raises(InputError) as caught:
        parse(text)
    assert caught.value.where.startswith(f"my.yaml:{line_of('Wall', text)}:")


def test_too_many_kinds_of_keys_and_too_long_files_are_refused() -> None:
    keys = "".join(f'  - {{name: key{n}, char: "{n}", traits: [key], opens: locked_door}}\n' for n in range(6))
    assert refused("counts:", keys + "counts:").code == "L006"
    assert refused("format: 1", "format: 1 #" + "x" * (1 << 20)).code == "R011"
    tiles = "".join(f'  - {{name: t{n}, char: "{chr(0x100 + n)}", traits: [floor]}}\n' for n in range(60))
    assert refused("counts:", tiles + "counts:").code == "L002"


@pytest.mark.parametrize("text", ["", "a", "- 1", "[[[[", "a: b: c", "? {a: 1}", "\x00", "{" * 5000, "a: *a", "%x"])
def test_what_is_no_yaml_mapping_is_one_clear_message(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text)
    assert caught.value.code in {"L001", "R003", "R004", "R011", "R012"}
    assert re.fullmatch(r"my\.yaml:[12]:\d+", caught.value.where)


def test_rows_and_grids_are_each_other() -> None:
    game = shipped_game("dungeon")
    rows = ("#####", "#<.>#", "#####")
    grid = game.parse_rows(rows)
    assert game.rows(grid) == rows
    assert grid.dtype == np.uint8
    assert grid.shape == (3, 5)
    assert (game.parse_rows("#####\r\n#<.>#\n#####\n\n") == grid).all()
    assert game.parse_rows("#?", free=True).tolist() == [[1, FREE]]
    assert game.rows(game.parse_rows("#?", free=True)) == ("#?",)
    assert game.parse_rows("#\n##", pad=True).tolist() == [[1, 0], [1, 1]]


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("##\n#Q", "2:2", "'Q'"),
        ("##\n#?", "2:2", "'?'"),
        ("##\n#", "2:2", "the row has 1"),
        ("", "", "no cell"),
        ("#" * 65, "", "65 x 1"),
    ],
)
def test_a_bad_map_is_named_with_line_and_column(text: str, place: str, says: str) -> None:
    with pytest.raises(InputError) as caught:
        shipped_game("dungeon").parse_rows(text, where="map.txt")
    assert caught.value.code == "L010"
    assert says in caught.value.found
    assert caught.value.where == ("map.txt:" + place if place else "map.txt")


class Asked(BaseModel):
    game: GameRef = GameRef("dungeon")


def test_a_game_is_named_or_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my.yaml").write_text(DUNGEON.replace("name: dungeon", "name: mine"), encoding="utf-8")
    asked = Asked.model_validate({"game": "./my.yaml"})
    assert asked.game.game.name == "mine"
    assert asked.model_dump() == {"game": "./my.yaml"}
    assert pickle.loads(pickle.dumps(asked)).game.game == asked.game.game
    assert Asked().model_dump(exclude_defaults=True) == {}
    digests = asked.model_dump(context={"digests": True})
    assert digests == {"game": {"game": asked.game.game.digest}}
    with pytest.raises(ValidationError, match="did you mean 'dungeon'"):
        Asked.model_validate({"game": "dungeonn"})
    with pytest.raises(InputError, match="I001"):
        Asked.model_validate({"game": "./missing.yaml"})
    Path("my.yaml").write_text("format: 3", encoding="utf-8")
    with pytest.raises(InputError, match=re.escape("my.yaml:1:1: L002")):
        Asked.model_validate({"game": "./my.yaml"})


def test_a_level_carries_its_rules_and_survives_json() -> None:
    game = shipped_game("dungeon")
    level = Level.from_grid(game.rules, game.parse_rows(["#####", "#<.>#", "#####"]), "EE", salt=7)
    again = Level.model_validate_json(level.model_dump_json())
    assert again == level
    assert again.rules == game.rules
    assert isinstance(again.rules, Rules)
    assert (again.grid == level.grid).all()
    for change in ({"width": 4}, {"rows": ["#####", "#<.Q#", "#####"]}, {"moves": "EX"}, {"extra": 1}):
        with pytest.raises(ValidationError):
            Level.model_validate(level.model_dump(mode="json") | change)


def test_every_code_and_trait_is_documented() -> None:
    package = Path(str(files("aigc_levels")))
    own = ("game", "rules", "params", "sketch", "counts")
    source = "".join((package / f"{name}.py").read_text(encoding="utf-8") for name in own)
    text = DOCS.read_text(encoding="utf-8")
    every = "".join(file.read_text(encoding="utf-8") for file in package.rglob("*.py"))
    pages = (package / "errors.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^## (L0\d\d)", pages, re.MULTILINE))
    assert set(re.findall(r'"(L0\d\d)"', source)) <= documented <= set(re.findall(r'"(L0\d\d)"', every))
    for trait in TRAITS:
        assert f"| `{trait}` |" in text


DAMAGE = st.text("[]{}:,-#&*!'\"\n ~?0a\\\t\x00é|>%@", max_size=6)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(DUNGEON) - 1), st.integers(0, 12), DAMAGE)
def test_any_damage_to_a_game_file_is_one_message_or_a_game(place: int, gone: int, put: str) -> None:
    found = None
    try:
        parse(DUNGEON[:place] + put + DUNGEON[place + gone :])
    except InputError as error:
        found = error
    message = r"my\.yaml:\d+:\d+: (L00[1-8]|R0(0[2-5]|1[1-4])): .+"
    assert found is None or re.fullmatch(message, str(found).splitlines()[0])
