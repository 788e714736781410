"""The styles of `benchmarks/styles.py`, and which digits are shown as examples."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import styles
from aigc_digits.data import SIDE, DigitSet, Split, import_digits, load_digits


def stroke() -> np.ndarray:
    image = np.zeros((1, SIDE, SIDE), np.uint8)
    image[0, 4:24, 13] = 200
    return image


def test_slanted_strokes_lean_to_the_right() -> None:
    columns = styles.slanted(stroke())[0].argmax(axis=1)[4:24]
    assert columns[0] > columns[-1] + 6
    assert (np.diff(columns) <= 0).all()


def test_thick_strokes_are_wider_by_a_pixel_on_each_side() -> None:
    image = styles.thick(stroke())[0]
    assert (image[3:25, 12:15] == 200).all()
    assert int((image > 0).sum()) == 22 * 3


def test_inverted_is_dark_on_bright() -> None:
    assert (styles.inverted(stroke()) == 255 - stroke()).all()


def test_examples_are_as_many_of_each_digit_and_come_back_from_pictures(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    train = Split(rng.integers(0, 256, (400, SIDE, SIDE)).astype(np.uint8), (np.arange(400) % 10).astype(np.uint8))
    few, others = styles.examples(DigitSet("", "", "", train, train, train), 1)
    assert np.bincount(few.labels).tolist() == [5] * 10
    shown = {image.tobytes() for image in few.images}
    assert not shown & {image.tobytes() for image in others.images}
    styles.as_pictures(few, tmp_path / "pictures")
    (tmp_path / "data").mkdir()
    import_digits(tmp_path / "pictures", tmp_path / "data")
    digits = load_digits(tmp_path / "data")
    assert len(digits.train.labels) + len(digits.test.labels) == 50
    assert {image.tobytes() for image in np.concatenate([digits.train.images, digits.test.images])} == shown
