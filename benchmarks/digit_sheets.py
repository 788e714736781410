"""A contact sheet a family for the docs: ten of each digit, as drawn, none cleaned or refused.

python benchmarks/digit_sheets.py [--out docs/images] [--models DIR]
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from aigc_digits import proof
from aigc_digits.evaluation import draw
from aigc_digits.export import picture
from aigc_digits.model import CLASSES, FAMILIES, SIDE, DigitModel

EACH, ZOOM = 10, 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent.parent / "docs" / "images")
    parser.add_argument("--models", type=Path, default=Path(proof.__file__).parent / "weights")
    options = parser.parse_args()
    labels = np.arange(CLASSES).repeat(EACH)
    for family in FAMILIES:
        drawn = draw(DigitModel(options.models / family), labels, "contact sheet")
        grid = drawn.reshape(CLASSES, EACH, SIDE, SIDE).transpose(0, 2, 1, 3).reshape(CLASSES * SIDE, EACH * SIDE)
        enlarged = grid.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)
        (options.out / f"digits-{family}.png").write_bytes(picture(enlarged))


if __name__ == "__main__":
    main()
