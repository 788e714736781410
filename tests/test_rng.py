"""Random numbers: golden values (they are part of every asset's bytes), ranges, fairness."""

from __future__ import annotations

import numpy as np
import pytest

from aigc_content.rng import REVISION, Stream

GOLDEN = {
    "raw": [14685023790698196799, 4082307565051088594],
    "integers": [799, 594, 487, 254],
    "choices": [1, 1, 2, 1],
    "permutation": [1, 3, 2, 4, 5, 0],
    "normals": [-1415, 8865, 29296],
    "child": [13534796880091058135],
}


def values() -> dict[str, list[int]]:
    weights = np.array([[1, 2, 3], [0, 5, 0], [7, 0, 1], [1, 1, 1]], dtype=np.int64)
    return {
        "raw": Stream("golden").raw(2).tolist(),
        "integers": Stream("golden").integers(1000, 4).tolist(),
        "choices": Stream("golden").choices(weights).tolist(),
        "permutation": Stream("golden").permutation(6).tolist(),
        "normals": Stream("golden").normals(3).tolist(),
        "child": Stream("golden").child("7").raw(1).tolist(),
    }


def test_numbers_stay_what_they_were() -> None:
    """When this fails, raise `REVISION`: every asset would have other bytes."""
    assert values() == GOLDEN
    assert REVISION == 1


def test_streams_are_independent_of_each_other() -> None:
    one, other = Stream("a"), Stream("b")
    assert one.raw(4).tolist() != other.raw(4).tolist()
    fresh, used = Stream("a"), Stream("a")
    used.raw(100)
    assert fresh.child("x").raw(3).tolist() == used.child("x").raw(3).tolist()


def test_a_draw_does_not_depend_on_how_it_is_cut() -> None:
    whole, parts = Stream("cut"), Stream("cut")
    assert whole.raw(9).tolist() == [int(number) for size in (1, 3, 5) for number in parts.raw(size)]


@pytest.mark.parametrize("below", [0, -1, (1 << 62) + 1])
def test_range_that_cannot_be_is_refused(below: int) -> None:
    with pytest.raises(ValueError, match="below must be"):
        Stream("x").integer(below)


@pytest.mark.parametrize("weights", [[0, 0], [-1, 2]])
def test_weights_that_cannot_be_are_refused(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="weights must be"):
        Stream("x").choice(np.array(weights))


def test_choice_follows_its_weights() -> None:
    weights = np.tile(np.array([1, 0, 3], dtype=np.int64), (20_000, 1))
    counts = np.bincount(Stream("fair").choices(weights), minlength=3)
    assert counts[1] == 0
    assert abs(counts[0] / 20_000 - 0.25) < 0.02


def test_permutation_holds_each_number_once() -> None:
    assert sorted(Stream("p").permutation(100).tolist()) == list(range(100))


def test_normals_have_their_mean_and_spread() -> None:
    numbers = Stream("n").normals(50_000) / 65536
    assert abs(numbers.mean()) < 0.02
    assert abs(numbers.std() - 1) < 0.02
    assert abs(numbers).max() <= 6
