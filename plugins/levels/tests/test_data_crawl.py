from __future__ import annotations

from pathlib import Path

import pytest
from aigc_levels.data import crawl, des, plain
from aigc_levels.data.plain import DatasetError

# Vaults written for these tests.
CELLAR = """NAME: a_cellar
MONS: rat
MAP
xxxxxxxxxxxxxxxxxxxx
x....x.....x.......x
x.1..+..$..=.......x
x....x.....x.......x
x....x..^..x...ww..x
xx+xxxx+xxxxxx+xxxxx
x.......x..........x
x.......x..........x
x...9...+....>.....x
x.......x..........x
xxxxxxx@xxxxxxxxxxxx
ENDMAP
"""


def only(text: str) -> des.Vault:
    (vault,) = des.parse_des(text)
    return vault


def resolved(text: str) -> list[str]:
    vaults = des.parse_des(text)
    grid, reason = crawl.resolve(vaults[0], vaults)
    assert grid is not None, reason
    return plain.rows_of(grid)


def test_glyphs_have_the_meanings_of_the_game() -> None:
    rows = resolved("NAME: a\nMAP\nxcvbmnotGI X\n.+=wWl^~{}()[]<>A@\n0189$%*|BTz\nENDMAP\n")
    assert rows[0].rstrip() == "########## #"
    assert rows[1] == ".++~.~^^>>>>>>>>>>"
    assert rows[2].rstrip() == "eeee$$$$..."


def test_substitutions_apply_in_order() -> None:
    assert resolved("NAME: a\nSUBST: ? = !, ! = w\nMAP\n??.x\nENDMAP\n") == ["~~.#"]
    assert resolved("NAME: a\nSUBST: = = +\nCLEAR: x\nMAP\n=.x\nENDMAP\n") == ["+. "]


def test_weighted_substitution_draws_each_cell_and_the_fixed_one_once() -> None:
    row = "?" * 200
    drawn = resolved(f"NAME: a\nSUBST: ? = x:30 .\nMAP\n{row}\nENDMAP\n")[0]
    assert 110 < drawn.count("#") < 190
    fixed = resolved(f"NAME: a\nSUBST: ? : x .\nMAP\n{row}\nENDMAP\n")[0]
    assert len(set(fixed)) == 1


def test_counted_substitution_places_as_many_as_it_says() -> None:
    row = "?" * 20
    drawn = resolved(f"NAME: a\nNSUBST: ? = 3:w / 2=1 / *:.\nMAP\n{row}\nENDMAP\n")[0]
    assert (drawn.count("~"), drawn.count("e"), drawn.count(".")) == (3, 2, 15)
    between = resolved(f"NAME: a\nNSUBST: ? = 2-4:w / *:x\nMAP\n{row}\nENDMAP\n")[0]
    assert 2 <= between.count("~") <= 4
    unsaid = resolved(f"NAME: a\nNSUBST: ? = w / .\nMAP\n{row}\nENDMAP\n")[0]
    assert unsaid.count("~") == 1


@pytest.mark.parametrize(
    ("directives", "row"),
    [
        ("KFEAT: A = deep_water", "~"),
        ("KFEAT: A = iron_grate", "#"),
        ("KFEAT: A = closed_door", "+"),
        ("KFEAT: A = shaft trap", "^"),
        ("KFEAT: A = enter_abyss", ">"),
        ("KFEAT: A = altar_zin", "."),
        ("KFEAT: A = W", "."),
        ("KMONS: A = orc priest", "e"),
        ("KMONS: A = nothing", "."),
        ("KMONS: A = oklob plant", "."),
        ("KITEM: A = any wand", "$"),
        ("KFEAT: A = floor\nKITEM: A = gold", "$"),
        ("KFEAT: A = deep_water\nKMONS: A = eel", "~"),
        ("KFEAT: A = stone_wall\nKITEM: A = gold", "#"),
        (": kfeat('A = deep_water')", "~"),
    ],
)
def test_named_features_monsters_and_items(directives: str, row: str) -> None:
    assert resolved(f"NAME: a\n{directives}\nMAP\nA\nENDMAP\n") == [row]


def test_slots_that_may_be_nothing_are_drawn_and_letters_need_items() -> None:
    assert resolved("NAME: a\nMONS: nothing, rat\nMAP\n123d\nENDMAP\n") == [".ee."]
    assert resolved("NAME: a\nITEM: nothing / gold w:0, gold\nMAP\ndef\nENDMAP\n") == [".$."]


def test_lua_blocks_comments_and_branches_not_taken_are_passed_over() -> None:
    text = """# SUBST: . = x
{{
SUBST: . = x
}}
NAME: a
: if you.depth() > 3 then
SUBST: ? = w
: else
SUBST: ? = x
: end
: local x = function () return 1 end
KFEAT: A = deep_\\
  water
MAP
?A.
ENDMAP
"""
    assert resolved(text) == ["~~."]


def test_the_first_map_of_a_vault_counts_and_names_without_map_do_not() -> None:
    vaults = des.parse_des("NAME: none\nNAME: a\nMAP\n..\nENDMAP\nMAP\nxx\nENDMAP\n")
    assert [(vault.name, vault.rows) for vault in vaults] == [("a", [".."])]


def test_subvaults_are_laid_over_their_box() -> None:
    text = """NAME: whole
SUBVAULT: A : inner
SUBST: A = .
MAP
xxxxx
xAAAx
xAAAx
xAAAx
xxxxx
ENDMAP
NAME: part
TAGS: unrand inner
MAP
x.x
.w.
x x
ENDMAP
"""
    assert resolved(text) == ["#####", "##.##", "#.~.#", "##.##", "#####"]
    whole = des.parse_des(text)[:1]
    assert crawl.resolve(whole[0], whole) == (None, "made of vaults of other files")


def test_a_vault_that_holds_itself_ends() -> None:
    vaults = des.parse_des("NAME: a\nTAGS: loop\nSUBVAULT: A : loop\nMAP\nAA\nAA\nENDMAP\n")
    assert crawl.resolve(vaults[0], vaults)[0] is None


def test_forests_are_no_dungeons() -> None:
    assert crawl.resolve(only("NAME: a\nMAP\ntttt\nt..t\nENDMAP\n")) == (None, "forest")


def test_the_same_vault_resolves_the_same_way_and_others_differ() -> None:
    body = "SUBST: ? = x .\nMAP\n" + "?" * 60 + "\nENDMAP\n"
    assert resolved("NAME: a\n" + body) == resolved("NAME: a\n" + body)
    assert resolved("NAME: a\n" + body) != resolved("NAME: b\n" + body)


def test_import_reads_every_file_and_counts_the_broken(tmp_path: Path) -> None:
    root = tmp_path / "root" / "dat" / "des"
    (root / "branches").mkdir(parents=True)
    (root / "branches" / "cellars.des").write_text(CELLAR + CELLAR.replace("a_cellar", "b_cellar"))
    (root / "broken.des").write_text("NAME: a\nMAP\n...\n")
    (root / "test").mkdir()
    (root / "test" / "trial.des").write_text(CELLAR)
    summary = crawl.import_crawl(tmp_path / "root", tmp_path / "out")
    assert [entry.path for entry in summary.maps] == ["branches/cellars/a_cellar.txt"]
    assert summary.maps[0].area == "branches/cellars"
    assert summary.dropped == {"unreadable": 1, "near duplicate": 1}
    assert summary.provenance.version is None
    ((_, grid),) = plain.load_dataset(tmp_path / "out", summary.maps[0].split)
    assert int((grid == plain.EXIT).sum()) == 2, "the stairs, and the gap in the outer wall"
    assert int((grid == plain.ENEMY).sum()) == 2


def test_a_folder_without_vaults_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="crawl-common"):
        crawl.import_crawl(tmp_path, tmp_path / "out")
