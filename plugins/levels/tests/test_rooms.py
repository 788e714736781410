"""Rooms that a drawing left open are finished."""

from pathlib import Path

import aigc_levels
import numpy as np
import pytest
from aigc_levels import model as m
from aigc_levels import rooms, terrain
from aigc_levels.draw import LevelModel
from aigc_levels.params import LevelParams
from aigc_levels.solve import components
from aigc_levels.wishes import make_wish
from pydantic import ValidationError

from aigc_content import Stream

WEIGHTS = Path(aigc_levels.__file__).parent / "weights" / "dungeon"
CODES = {"#": m.WALL, ".": m.FLOOR, "+": m.DOOR, "~": m.WATER}


def grid(text: str) -> np.ndarray:
    return np.array([[CODES[char] for char in row] for row in text.split()], dtype=np.uint8)


def closed(text: str, free: np.ndarray | None = None, name: str = "s") -> list[str]:
    structure = grid(text)
    allowed = np.ones(structure.shape, np.bool_) if free is None else free
    rooms.close_rooms(structure, allowed, Stream(name))
    return ["".join("#.+~"[code] for code in row) for row in structure]


HALL = """
###########
#....#....#
#....#....#
#....#....#
#.........#
#.........#
#.........#
#.........#
###########
"""


@pytest.mark.parametrize("name", ["a", "b", "c", "d"])
def test_a_loose_wall_is_carried_on_and_gets_a_door(name: str) -> None:
    rows = closed(HALL, name=name)
    column = "".join(row[5] for row in rows)
    assert sorted(column) == sorted("########+"), rows
    assert all(row[:5] + row[6:] == before[:5] + before[6:] for row, before in zip(rows, HALL.split(), strict=True))


def test_doors_differ_by_stream() -> None:
    assert len({tuple(closed(HALL, name=str(i))) for i in range(20)}) == 4


def test_cells_of_a_sketch_stay() -> None:
    free = np.ones((9, 11), np.bool_)
    free[5, 5] = False
    assert closed(HALL, free) == HALL.split()


def test_a_gap_is_not_bridged_over_water() -> None:
    assert (
        closed(HALL.replace("#.........#\n###", "#....~....#\n###"))
        == HALL.replace("#.........#\n###", "#....~....#\n###").split()
    )


def test_a_short_loose_end_that_leads_nowhere_goes() -> None:
    wide = ["#" * 30, *["#" + "." * 28 + "#"] * 20, "#" * 30]
    wide[1] = wide[1][:9] + "#" + wide[1][10:]
    rows = closed("\n".join(wide))
    assert rows[1] == "#" + "." * 28 + "#"


def test_a_closet_is_not_walled_up() -> None:
    text = """
    ########
    #..#...#
    #......#
    ########
    """
    structure = grid(text)
    before = components(terrain.passable(structure))[1]
    rooms.close_rooms(structure, np.ones(structure.shape, np.bool_), Stream("s"))
    assert components(terrain.passable(structure))[1] == before == 1


@pytest.mark.parametrize("seed", range(12))
def test_nothing_is_cut_off(seed: int) -> None:
    rng = np.random.default_rng(seed)
    structure = np.where(rng.random((20, 30)) < 0.25, m.WALL, m.FLOOR).astype(np.uint8)
    structure[terrain.border(structure.shape)] = m.WALL
    terrain.join(structure, np.ones(structure.shape, np.bool_))
    rooms.close_rooms(structure, np.ones(structure.shape, np.bool_), Stream(str(seed)))
    assert components(terrain.passable(structure))[1] == 1


def test_closed_rooms_get_as_many_doors_as_join_them() -> None:
    structure = grid(
        """
        ###########
        #...#..#..#
        #...#..#..#
        ###########
        #....#....#
        ###########
        """
    )
    rooms.open_rooms(structure, np.ones(structure.shape, np.bool_), Stream("s"))
    assert components(terrain.passable(structure))[1] == 1
    assert int((structure == m.DOOR).sum()) == 4


def test_a_door_is_not_put_into_a_sketch_or_a_corner() -> None:
    structure = grid(
        """
        #######
        #..#..#
        #..#..#
        #######
        """
    )
    free = np.ones(structure.shape, np.bool_)
    free[:, 3] = False
    before = structure.copy()
    rooms.open_rooms(structure, free, Stream("s"))
    assert (structure == before).all()


@pytest.mark.parametrize(("style", "rooms_at_least", "ragged_at_least"), [("rooms", 3, 0), ("caves", 0, 5)])
def test_a_style_is_like_learned_maps_of_that_style(style: str, rooms_at_least: int, ragged_at_least: int) -> None:
    templates = LevelModel(WEIGHTS).templates
    params = LevelParams.model_validate({"style": style})
    wishes = [make_wish(params, templates, Stream(f"wish/{i}")) for i in range(60)]
    told = {name: {int(wish.told[m.INDEX[name]]) for wish in wishes} for name in ("rooms", "ragged", "open")}
    assert min(told["rooms"]) >= rooms_at_least
    assert min(told["ragged"]) >= ragged_at_least
    assert len(told["rooms"]) > 2


def test_any_style_is_like_all_learned_maps() -> None:
    templates = LevelModel(WEIGHTS).templates
    wishes = [make_wish(LevelParams.model_validate({"style": "any"}), templates, Stream(f"w/{i}")) for i in range(80)]
    rooms_told = {int(wish.told[m.INDEX["rooms"]]) for wish in wishes}
    assert min(rooms_told) <= 1
    assert max(rooms_told) >= 5


def test_an_unknown_style_names_the_known() -> None:
    with pytest.raises(ValidationError, match=r"'rooms', 'caves' or 'any'"):
        LevelParams.model_validate({"style": "romos"})
