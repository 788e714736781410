from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from aigc_levels.data import plain, prepare
from aigc_levels.data.plain import DatasetError, Grid

ROOMS = """
##########################
#......#.........#.......#
#..e...#.........#..$....#
#......+....#....+.......#
#......#....#....#.......#
#......#....#....#....k..#
###+######.###+#######+###
#......#.........#.......#
#..^...#..~~.....#.......#
#......+..~~.....+....e..#
#......#.........#.......#
#.>....#.........#.......#
##########################
"""
PROVENANCE = plain.Provenance("test", None, "CC0-1.0", "0" * 64)


def grid(text: str) -> Grid:
    return plain.grid_from_rows(text.strip("\n").split("\n"))


def text(of: Grid) -> str:
    return "\n".join(plain.rows_of(of))


def drawing(drawn: str) -> str:
    return drawn.strip("\n")


def variants(count: int) -> list[prepare.SourceMap]:
    """Maps of one plan in different areas, each with pillars of its own."""
    maps = []
    for index in range(count):
        rooms = grid(ROOMS)
        floor = [cell for cell in zip(*np.nonzero(rooms == plain.FLOOR), strict=True) if sum(cell) % 2]
        for step in range(14):
            rooms[floor[(index * 31 + step * (7 + index % 5)) % len(floor)]] = plain.WALL
        maps.append(prepare.SourceMap(f"area/{index}", "cellar", rooms))
    return maps


def test_normalise_closes_rooms_with_wall_and_leaves_void_elsewhere() -> None:
    sketch = grid("..    \n..    \n      \n#     ")
    assert text(plain.normalise(sketch)) == "####\n#..#\n#..#\n####"


def test_normalise_turns_buried_wall_into_void_and_keeps_shores() -> None:
    solid = np.full((7, 9), plain.WALL, dtype=np.uint8)
    solid[3, 2], solid[3, 6] = plain.FLOOR, plain.WATER
    assert text(plain.normalise(solid)) == "### ###\n#.# #~#\n### ###"


def test_normalise_is_idempotent_and_empty_for_solid_rock() -> None:
    once = plain.normalise(grid(ROOMS))
    assert np.array_equal(once, plain.normalise(once))
    assert plain.normalise(np.full((5, 5), plain.WALL, dtype=np.uint8)).size == 0


def test_symmetries_are_eight_different_images() -> None:
    images = plain.symmetries(grid("ab\ncd\nef"))
    assert len({(image.shape, image.tobytes()) for image in images}) == 8


def test_a_map_survives_writing_and_reading(tmp_path: Path) -> None:
    plain.write_map(tmp_path / "a" / "b.txt", grid(ROOMS))
    assert np.array_equal(plain.read_map(tmp_path / "a" / "b.txt"), grid(ROOMS))


@pytest.mark.parametrize(
    ("content", "found"),
    [("##\n#\n", "differ"), ("##\n#?\n", "'?'"), ("", "empty"), ("#é\n##\n", "ASCII")],
)
def test_a_broken_map_is_refused_with_its_path(tmp_path: Path, content: str, found: str) -> None:
    path = tmp_path / "bad.txt"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DatasetError, match=found) as caught:
        plain.read_map(path)
    assert caught.value.path == path
    assert caught.value.remedy


def test_peel_takes_open_land_off_and_marks_the_way_in() -> None:
    house = """
...........
...........
..#######..
..#.....#..
..#.....+..
..#.....#..
..###.###..
...........
"""
    assert text(prepare.peel(grid(house))) == "#######\n#.....#\n#.....>\n#.....#\n###>###"


def test_doors_stand_between_walls_and_lead_somewhere() -> None:
    sketch = """
###########
#....#....#
#....+....#
#.+..#....#
#....##+###
#....#    #
###########
"""
    mended = prepare.mend_doors(grid(sketch))
    assert plain.rows_of(mended)[2] == "#....+....#"
    assert plain.rows_of(mended)[3] == "#....#....#", "a door in the open is floor"
    assert plain.rows_of(mended)[4] == "#....######", "a door to nowhere is wall"


def test_a_wall_of_doors_becomes_a_wall_with_one_door() -> None:
    sketch = "#########\n#.......#\n#+++++++#\n#.......#\n#########"
    assert plain.rows_of(prepare.mend_doors(grid(sketch)))[2] == "####+####"


def test_a_double_door_stays_and_a_block_of_doors_is_floor() -> None:
    double = "######\n#....#\n##++##\n#....#\n######"
    assert text(prepare.mend_doors(grid(double))) == double
    block = "######\n#.++.#\n#.++.#\n#....#\n######"
    assert plain.DOOR not in prepare.mend_doors(grid(block))


def test_each_connected_part_becomes_a_map_and_gadgets_are_left_out() -> None:
    left, right = np.full((10, 9), plain.FLOOR), np.full((8, 7), plain.FLOOR)
    sketch = np.full((14, 30), plain.WALL, dtype=np.uint8)
    sketch[1:11, 1:10], sketch[1:9, 12:19], sketch[12, 1:20] = left, right, plain.FLOOR
    assert [part.shape for part in prepare.parts(sketch)] == [(12, 11), (10, 9)]


def test_a_wide_map_is_cut_where_it_is_narrow() -> None:
    sketch = np.full((20, 90), plain.WALL, dtype=np.uint8)
    sketch[1:19, 1:44] = sketch[1:19, 47:89] = plain.FLOOR
    sketch[9, 44:47] = plain.FLOOR
    pieces = prepare.cut_large(plain.normalise(sketch))
    assert [piece.shape for piece in pieces] == [(20, 46), (20, 45)]


def test_rooms_that_touch_at_a_corner_are_joined() -> None:
    joined = prepare.join_diagonals(grid("#####\n#.###\n##..#\n#####"))
    assert len(plain.regions(joined == plain.FLOOR)) == 1


def test_crowds_are_thinned_but_not_emptied() -> None:
    sketch = plain.normalise(np.full((10, 10), plain.ENEMY, dtype=np.uint8))
    thinned = prepare.thin(sketch)
    assert 1 <= int((thinned == plain.ENEMY).sum()) <= 10
    row = grid("########\n#>>>>..#\n########")
    assert int((prepare.thin(row) == plain.EXIT).sum()) == 1


def test_exits_are_limited() -> None:
    sketch = plain.normalise(np.full((21, 21), plain.FLOOR, dtype=np.uint8))
    sketch[2:20:3, 2:20:3] = plain.EXIT
    assert int((prepare.thin(sketch) == plain.EXIT).sum()) == prepare.MAX_EXITS


def test_prepared_maps_are_closed_connected_and_hold_only_tiles() -> None:
    for piece in prepare.prepare(grid(ROOMS)):
        border = np.concatenate([piece[0], piece[-1], piece[:, 0], piece[:, -1]])
        assert np.isin(border, plain.SOLID).all()
        assert set(piece.tobytes().decode()) <= set(plain.TILES)
        assert np.array_equal(piece, plain.normalise(piece))


@pytest.mark.parametrize(
    ("shape", "fill", "reason"),
    [
        ((6, 30), plain.FLOOR, "too small"),
        ((70, 20), plain.FLOOR, "too large"),
        ((9, 9), plain.WALL, "too few passable cells"),
        ((20, 20), plain.FLOOR, "too open"),
    ],
)
def test_degenerate_maps_are_named(shape: tuple[int, int], fill: int, reason: str) -> None:
    sketch = np.full(shape, fill, dtype=np.uint8)
    sketch[[0, -1]] = sketch[:, [0, -1]] = plain.WALL
    assert plain.is_degenerate(sketch) == reason


def test_gates_name_hordes_water_rings_and_single_rooms() -> None:
    rooms = grid(ROOMS)
    assert plain.is_degenerate(rooms) is None
    horde = np.where(rooms == plain.FLOOR, plain.ENEMY, rooms).astype(np.uint8)
    assert plain.is_degenerate(horde) == "too many enemies"
    lake = np.where(rooms == plain.FLOOR, plain.WATER, rooms).astype(np.uint8)
    lake[1:6, 8:17] = plain.FLOOR
    assert plain.is_degenerate(lake) == "too much water"
    ring = np.full((20, 20), plain.FLOOR, dtype=np.uint8)
    ring[3:17, 3:17] = plain.WALL
    assert plain.is_degenerate(plain.normalise(ring)) == "a ring around nothing"
    room = plain.normalise(np.full((10, 10), plain.FLOOR, dtype=np.uint8))
    assert plain.is_degenerate(room) == "one chamber"


def test_near_duplicates_are_found_mirrored_turned_and_refurnished() -> None:
    seen = prepare.NearDuplicates()
    rooms = grid(ROOMS)
    assert seen.add(rooms)
    assert not seen.add(np.fliplr(rooms))
    assert not seen.add(np.rot90(rooms))
    refurnished = rooms.copy()
    refurnished[7:11, 1:6] = plain.ENEMY
    assert not seen.add(refurnished)
    other = np.roll(rooms, 7, axis=1)
    assert seen.add(other)


def test_the_split_is_by_area_stable_and_about_an_eighth() -> None:
    sides = Counter(plain.split_of(f"area/{index}") for index in range(2000))
    assert 0.09 < sides["held-out"] / 2000 < 0.15
    assert plain.split_of("area/5") == plain.split_of("area/5")


def test_what_is_held_out_is_halved_by_area_and_stays_so() -> None:
    held = [name for name in (f"area/{index}" for index in range(4000)) if plain.split_of(name) == "held-out"]
    halves = Counter(plain.half_of(name) for name in held)
    assert set(halves) == {"tune", "test"}
    assert 0.4 < halves["test"] / len(held) < 0.6
    known = {
        "dragonisland": "test",
        "wolfsburg/magara": "tune",
        "branches/crypt": "test",
        "variable/large_abstract": "tune",
    }
    assert {name: plain.half_of(name) for name in known} == known


def test_a_data_set_is_written_loaded_and_the_same_twice(tmp_path: Path) -> None:
    dropped: Counter[str] = Counter(outdoor=3)
    summary = prepare.write_dataset(tmp_path / "a", PROVENANCE, variants(24), dropped)
    prepare.write_dataset(tmp_path / "b", PROVENANCE, reversed(variants(24)), Counter(outdoor=3))
    first = {p.relative_to(tmp_path / "a"): p.read_bytes() for p in (tmp_path / "a").rglob("*") if p.is_file()}
    second = {p.relative_to(tmp_path / "b"): p.read_bytes() for p in (tmp_path / "b").rglob("*") if p.is_file()}
    assert first == second
    train = plain.load_dataset(tmp_path / "a", "train")
    held = plain.load_dataset(tmp_path / "a", "held-out")
    assert len(train) == summary.counts("train")["maps"] > 0
    assert len(held) > 0
    assert len(train) + len(held) == len(summary.maps)
    assert sum(g.size for _, g in train + held) == summary.cells == sum(summary.tiles.values())
    document = json.loads((tmp_path / "a" / "dataset.json").read_text())
    assert document["counts"]["dropped"]["outdoor"] == 3
    assert document["license"] == "CC0-1.0"


def test_importing_again_leaves_no_map_of_the_former_import(tmp_path: Path) -> None:
    prepare.write_dataset(tmp_path, PROVENANCE, variants(6), Counter())
    prepare.write_dataset(tmp_path, PROVENANCE, variants(1), Counter())
    assert len(list(tmp_path.rglob("*.txt"))) == 1


def test_maps_whose_names_collide_are_both_kept(tmp_path: Path) -> None:
    maps = [prepare.SourceMap("x", name, item.grid) for name, item in zip("?!", variants(2), strict=True)]
    summary = prepare.write_dataset(tmp_path, PROVENANCE, maps, Counter())
    assert [entry.path for entry in summary.maps] == ["x/_.txt", "x/_-1.txt"]


def test_a_listing_cannot_name_files_outside_its_folder(tmp_path: Path) -> None:
    prepare.write_dataset(tmp_path / "set", PROVENANCE, variants(1), Counter())
    listing = tmp_path / "set" / "dataset.json"
    document = json.loads(listing.read_text())
    document["maps"][0]["path"] = "../precious.txt"
    listing.write_text(json.dumps(document))
    (tmp_path / "precious.txt").write_text("kept")
    with pytest.raises(DatasetError, match="no path of a map"):
        plain.remove_dataset(tmp_path / "set")
    assert (tmp_path / "precious.txt").exists()


def test_nothing_left_and_nothing_there_are_errors(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="none of 1 maps was kept"):
        prepare.write_dataset(tmp_path, PROVENANCE, [prepare.SourceMap("a", "b", grid("##\n##"))], Counter())
    with pytest.raises(DatasetError, match=r"dataset\.json"):
        plain.load_dataset(tmp_path / "nowhere", "train")


def test_names_become_safe_paths() -> None:
    assert plain.safe_name("../a b/.c/ü") == "_/a_b/c/_"
