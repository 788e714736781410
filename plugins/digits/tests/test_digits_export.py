"""Pictures of digits: one each, and a sheet of all."""

from __future__ import annotations

import io

import numpy as np
from aigc_digits.data import SIDE
from aigc_digits.digit import Digit, rows_of
from aigc_digits.export import COLUMNS, png, preview, sheet
from aigc_digits.params import DigitParams
from PIL import Image

PARAMS = DigitParams()


def digit(label: int, value: int) -> Digit:
    """A digit whose pixels are all one value."""
    pixels = np.full((SIDE, SIDE), value, dtype=np.uint8)
    return Digit(label=label, family="gan", confidence=1.0, rows=rows_of(pixels))


def grays(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("L"))


def test_rows_hold_the_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE)).astype(np.uint8)
    asset = Digit(label=3, family="vae", confidence=0.5, rows=rows_of(pixels))
    assert (asset.pixels == pixels).all()
    assert (Digit.model_validate_json(asset.model_dump_json()).pixels == pixels).all()


def test_png_shows_every_pixel_and_says_it_is_generated() -> None:
    pixels = np.arange(SIDE * SIDE, dtype=np.uint32).reshape(SIDE, SIDE).astype(np.uint8)
    (file,) = png(Digit(label=3, family="vae", confidence=0.5, rows=rows_of(pixels)), PARAMS, "a-000001")
    assert (grays(file.data) == pixels).all()
    assert b"trainedAlgorithmicMedia" in file.data


def test_preview_is_the_picture_enlarged() -> None:
    assert (grays(preview(digit(1, 77)).data) == 77).all()
    assert grays(preview(digit(1, 77)).data).shape == (112, 112)


def test_sheet_has_a_row_for_each_label() -> None:
    digits = [(digit(7, 30 + place), f"a-{place:06d}") for place in range(COLUMNS + 1)] + [(digit(2, 99), "a-000099")]
    (file,) = sheet(digits, PARAMS, "a")
    assert (file.name, file.shared) == ("sheet.png", True)
    shown = grays(file.data)
    cells = shown.reshape(3, 30, COLUMNS + 1, 30).transpose(0, 2, 1, 3)  # 2, 7, 7 again
    inside = cells[:, 1:, 1:-1, 1:-1]
    assert (inside[0, 0] == 99).all()
    assert (inside[1, :, 5, 5] == np.arange(30, 30 + COLUMNS)).all()
    assert inside[2, 0, 5, 5] == 30 + COLUMNS
    assert not inside[2, 1:].any()
    assert (cells[1, 0] == cells[2, 0]).all()  # the same number before both rows
    assert (cells[0, 0] != cells[1, 0]).any()


def test_sheet_does_not_depend_on_the_order_of_other_labels() -> None:
    one, two = (digit(1, 50), "a-000001"), (digit(8, 60), "a-000002")
    assert next(sheet([one, two], PARAMS, "a")).data == next(sheet([two, one], PARAMS, "a")).data
