from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from aigc_levels.data import crossfire, plain
from aigc_levels.data.plain import DatasetError

# Written for these tests; the names differ from the game's, the attributes mean what they mean there.
ARCHETYPES = """Object slab
name floor
is_floor 1
editor_folder floor
end
Object meadow
type 67
is_floor 1
editor_folder ground
end
Object counter
type 68
is_floor 1
editor_folder shop/Floors
end
Object pond
name sea
is_floor 1
is_water 1
editor_folder ground
end
Object bricks
move_block all
editor_folder wall/bricks
msg
type 66
endmsg
end
Object gate
type 91
move_block all
end
Object stakes
type 91
name spikes
end
Object rat
monster 1
end
Object nest
generator 1
end
Object guide
monster 1
unaggressive 1
end
Object brass_key
type 24
end
Object coins
type 36
end
Object nailed_coins
type 36
no_pick 1
end
Object wardrobe
type 122
editor_folder indoor
end
Object rune
type 154
end
Object steps
type 66
end
Object hidden_jump
type 41
invisible 1
end
Object block
move_block all
end
More
Object block_2
move_block all
x 1
end
Object beast
monster 1
end
More
Object beast_2
monster 1
x 1
end
"""
LEGEND = {
    "#": "bricks",
    "+": "gate",
    "~": "pond",
    "e": "rat",
    "g": "nest",
    "G": "guide",
    "k": "brass_key",
    "$": "coins",
    "n": "nailed_coins",
    "w": "wardrobe",
    "^": "rune",
    "s": "stakes",
    ">": "steps",
    "h": "hidden_jump",
}
CELLAR = """
####################
#....#.....#.......#
#.e..+..$..+...k...#
#....#.....#.......#
#....#..^..#...~~..#
##+####+######+#####
#.......#..........#
#.......#..........#
#...g...+....>.....#
#.......#..........#
####################
"""


def map_text(drawn: str, floor: str = "slab", header: str = "") -> str:
    rows = drawn.strip("\n").split("\n")
    lines = [f"arch map\nname test\nwidth {len(rows[0])}\nheight {len(rows)}\n{header}end"]
    for y, row in enumerate(rows):
        for x, sign in enumerate(row):
            if sign == " ":
                continue
            lines.append(f"arch {floor}\nx {x}\ny {y}\nend")
            if sign in LEGEND:
                lines.append(f"arch {LEGEND[sign]}\nx {x}\ny {y}\nend")
    return "\n".join(lines) + "\n"


def converted(text: str) -> list[str]:
    found, reason = crossfire.convert(text, crossfire.parse_archetypes(ARCHETYPES))
    assert found is not None, reason
    return plain.rows_of(found)


def source_with(tmp_path: Path, **maps: str) -> Path:
    root = tmp_path / "root" / "usr" / "share" / "games" / "crossfire"
    (root / "maps").mkdir(parents=True)
    (root / "archetypes").write_text(ARCHETYPES)
    for name, text in maps.items():
        path = root / "maps" / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "root"


def test_every_kind_of_object_gives_its_tile() -> None:
    drawn = "#+~egGkn\n$w^s>h..\n        " + "\n........" * 5
    assert converted(map_text(drawn))[:3] == ["#+~ee.k.", "$.^^>...", "        "]


def test_inventories_and_messages_lie_on_no_floor() -> None:
    text = map_text("........\n" * 8) + "arch rat\nx 2\ny 2\narch coins\nend\nmsg\narch bricks\nend\nendmsg\nend\n"
    assert converted(text)[2] == "..e....."
    assert "#" not in "".join(converted(text))


def test_a_map_may_override_what_its_archetypes_say() -> None:
    secret = map_text("........\n" * 8) + "arch bricks\nx 1\nmove_block 0\nend\narch slab\nx 2\nno_pass 1\nend\n"
    assert converted(secret)[0] == "..#....."


def test_parts_of_large_objects_block_and_large_beasts_count_once() -> None:
    text = map_text("........\n" * 8) + "arch block\nx 1\nend\narch beast\nx 4\nend\n"
    assert converted(text)[0] == ".##.e..."


def test_a_floor_over_water_is_a_bridge() -> None:
    text = map_text("~~~~~~~~\n" * 8) + "arch slab\nx 3\ny 1\nend\n"
    assert converted(text)[1] == "~~~.~~~~"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (map_text(CELLAR, header="outdoor 1\ntile_path_1 world_1\n"), "outdoor"),
        (map_text(CELLAR, floor="meadow"), "outdoor"),
        (map_text(CELLAR, floor="counter"), "shop"),
        (map_text("....\n....\n....\n...."), "too small"),
    ],
)
def test_what_is_no_dungeon_is_named(text: str, reason: str) -> None:
    assert crossfire.convert(text, crossfire.parse_archetypes(ARCHETYPES)) == (None, reason)


def test_a_house_marked_outdoor_but_floored_is_kept() -> None:
    assert "#" in converted(map_text(CELLAR, header="outdoor 1\n"))[0]


@pytest.mark.parametrize("text", ["arch map\nwidth 9\n", "arch map\nend\narch rat\n", "nothing"])
def test_a_broken_map_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"ends inside|does not begin"):
        crossfire.convert(text, {})


def test_import_finds_packages_counts_and_reads_back(tmp_path: Path) -> None:
    source = source_with(
        tmp_path,
        town__cellar=map_text(CELLAR),
        town__copy=map_text(CELLAR),
        town__broken="arch map\nwidth 9\n",
        test__trial=map_text(CELLAR),
        README="no map",
    )
    docs = tmp_path / "root" / "usr" / "share" / "doc" / "crossfire-maps"
    docs.mkdir(parents=True)
    (docs / "changelog.Debian.gz").write_bytes(gzip.compress(b"crossfire-maps (1.75-1) unstable; urgency=low\n"))
    summary = crossfire.import_crossfire(source, tmp_path / "out")
    assert [entry.path for entry in summary.maps] == ["town/cellar.txt"]
    assert summary.dropped == {"unreadable": 1, "near duplicate": 1}
    assert summary.provenance.version == "1.75-1"
    assert len(summary.provenance.sha256) == 64
    split = plain.split_of("town")
    ((name, grid),) = plain.load_dataset(tmp_path / "out", split)
    assert name == "town/cellar.txt"
    assert {"e", "+", "$", "k", ">", "~", "^"} <= set(grid.tobytes().decode())
    assert np.array_equal(grid, plain.normalise(grid))


def test_import_gives_the_same_bytes_twice(tmp_path: Path) -> None:
    source = source_with(tmp_path, town__cellar=map_text(CELLAR))
    for out in ("a", "b"):
        crossfire.import_crossfire(source, tmp_path / out)
    assert (tmp_path / "a/dataset.json").read_bytes() == (tmp_path / "b/dataset.json").read_bytes()


def test_missing_archetypes_or_maps_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="crossfire-common"):
        crossfire.import_crossfire(tmp_path, tmp_path / "out")
    (tmp_path / "archetypes").write_text("nothing in it\n")
    with pytest.raises(DatasetError, match="defines no archetype"):
        crossfire.import_crossfire(tmp_path, tmp_path / "out")
    (tmp_path / "archetypes").write_text(ARCHETYPES)
    with pytest.raises(DatasetError, match="crossfire-maps"):
        crossfire.import_crossfire(tmp_path, tmp_path / "out")
