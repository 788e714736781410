"""The picture of sprites in the README: a row a job of a build, each frame once.

aigc build examples/sprites.yaml --out OUT
python docs/images/make_sprites.py OUT docs/images/sprites.png heroes monsters items
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from aigc_sprites.sprite import Sprite

from aigc_content import encode_png

ACROSS, ZOOM, GAP = 16, 3, 2
GROUND = (48, 54, 64)


def main(out: Path, picture: Path, jobs: list[str]) -> None:
    """Write the picture."""
    rows = []
    for job in jobs:
        shown = []
        for path in sorted((out / job).glob("*.sprite.json")):
            sprite = Sprite.model_validate_json(path.read_bytes())
            shown += [
                sprite.colors[sprite.flat(figure, frame)] for figure in sprite.figures for frame in figure.frames
            ]
        rows.append(shown[:ACROSS])
    cell = 32 + GAP
    page = np.full((len(rows) * cell, ACROSS * cell, 3), GROUND, np.uint8)
    for y, row in enumerate(rows):
        for x, pixels in enumerate(row):
            view = page[y * cell + 1 : y * cell + 33, x * cell + 1 : x * cell + 33]
            view[pixels[..., 3] > 0] = pixels[pixels[..., 3] > 0][:, :3]
    picture.write_bytes(encode_png(page.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:])
