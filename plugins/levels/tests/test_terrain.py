"""Geometry: joining areas, safe cells, locks."""

from __future__ import annotations

import numpy as np
from aigc_levels import model as m
from aigc_levels import terrain
from aigc_levels.solve import components
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

structures = arrays(np.uint8, st.tuples(st.integers(8, 20), st.integers(8, 20)), elements=st.integers(0, 3))


def parse(*rows: str) -> np.ndarray:
    return np.array([["#.+~".index(char) for char in row] for row in rows], dtype=np.uint8)


@given(structures)
@settings(max_examples=150, deadline=None)
def test_join_leaves_one_area(structure: np.ndarray) -> None:
    structure[terrain.border(structure.shape)] = m.WALL
    terrain.join(structure, np.ones(structure.shape, np.bool_))
    assert components(terrain.passable(structure))[1] <= 1
    assert (structure[terrain.border(structure.shape)] == m.WALL).all()


@given(structures)
@settings(max_examples=150, deadline=None)
def test_losing_a_dispensable_cell_parts_nothing(structure: np.ndarray) -> None:
    free = terrain.passable(structure)
    parts = components(free)[1]
    for y, x in np.argwhere(terrain.dispensable(free))[:20]:
        without = free.copy()
        without[y, x] = False
        assert components(without)[1] <= parts


@given(structures)
@settings(max_examples=50, deadline=None)
def test_join_changes_nothing_that_is_fixed(structure: np.ndarray) -> None:
    free = (np.indices(structure.shape).sum(axis=0) % 3) > 0
    before = structure.copy()
    terrain.join(structure, free)
    assert (structure[~free] == before[~free]).all()


def test_wall_between_two_rooms_is_opened_by_a_door() -> None:
    structure = parse("#########", "#...#...#", "#...#...#", "#...#...#", "#########")
    terrain.join(structure, np.ones(structure.shape, np.bool_))
    assert (structure[:, 4] == m.DOOR).sum() == 1


def test_lock_gains_what_lies_behind_the_door() -> None:
    structure = parse("#########", "#...+...#", "#########")
    ((door, kept),) = terrain.lock_gains(terrain.passable(structure), [(1, 4)], (1, 1))
    assert door == (1, 4)
    assert kept.sum() == 3
    ring = parse("#########", "#...+...#", "#.#####.#", "#.......#", "#########")
    assert list(terrain.lock_gains(terrain.passable(ring), [(1, 4)], (1, 1))) == []
