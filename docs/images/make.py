"""The README's picture of levels, from a build: python docs/images/make.py OUT docs/images/levels.png ID ..."""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

COLUMNS, GAP = 3, 8


def main(out: Path, target: Path, ids: list[str]) -> None:
    """Lay the pictures of the named levels side by side, three in a row."""
    pictures = [Image.open(next(out.glob(f"*/{name}.png"))).convert("RGB") for name in ids]
    width, height = pictures[0].size
    rows = -(-len(pictures) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * (width + GAP) - GAP, rows * (height + GAP) - GAP), (13, 13, 18))
    for index, picture in enumerate(pictures):
        sheet.paste(picture, (index % COLUMNS * (width + GAP), index // COLUMNS * (height + GAP)))
    sheet.quantize(64).save(target, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
