"""Two-dimensional histograms of level measures as one picture (expressive range, Smith and Whitehead 2010)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

PLOT, LEFT, RIGHT, TOP, BOTTOM = 360, 64, 20, 44, 56
BINS = 36
INK, PAPER, GRID = (38, 38, 46), (255, 255, 255), (232, 232, 236)
RAMP = np.array([(236, 240, 248), (158, 190, 226), (73, 128, 190), (24, 66, 128), (12, 20, 58)], dtype=np.float64)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Panel:
    """One histogram.

    Attributes:
        title: above it.
        x, y: names of the axes.
        values: shape (levels, 2).
        reach: least and greatest x, least and greatest y.
    """

    title: str
    x: str
    y: str
    values: Floats
    reach: tuple[float, float, float, float]


def draw(panels: Sequence[Panel], columns: int, path: Path) -> None:
    """Write panels as a PNG, ``columns`` in a row."""
    width, height = LEFT + PLOT + RIGHT, TOP + PLOT + BOTTOM
    rows = -(-len(panels) // columns)
    sheet = Image.new("RGB", (width * columns, height * rows), PAPER)
    for place, panel in enumerate(panels):
        sheet.paste(_panel(panel), ((place % columns) * width, (place // columns) * height))
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path, optimize=True)


def _panel(panel: Panel) -> Image.Image:
    image = Image.new("RGB", (LEFT + PLOT + RIGHT, TOP + PLOT + BOTTOM), PAPER)
    pen = ImageDraw.Draw(image)
    font, small = ImageFont.load_default(16), ImageFont.load_default(13)
    low_x, high_x, low_y, high_y = panel.reach
    values = np.clip(panel.values, (low_x, low_y), (high_x, high_y))
    counts, _, _ = np.histogram2d(values[:, 0], values[:, 1], BINS, ((low_x, high_x), (low_y, high_y)))
    image.paste(_heat(counts.T[::-1]), (LEFT, TOP))
    pen.text((LEFT, 12), panel.title, INK, font)
    pen.text((LEFT + PLOT // 2, TOP + PLOT + 40), panel.x, INK, font, anchor="mm")
    label = Image.new("RGB", (PLOT, 20), PAPER)
    ImageDraw.Draw(label).text((PLOT // 2, 10), panel.y, INK, font, anchor="mm")
    image.paste(label.rotate(90, expand=True), (2, TOP))
    for step in range(5):
        at = step * PLOT // 4
        pen.text((LEFT + at, TOP + PLOT + 14), _number(low_x, high_x, step), INK, small, anchor="mm")
        pen.text((LEFT - 6, TOP + PLOT - at), _number(low_y, high_y, step), INK, small, anchor="rm")
    pen.rectangle((LEFT, TOP, LEFT + PLOT, TOP + PLOT), outline=INK)
    return image


def _number(low: float, high: float, step: int) -> str:
    return f"{low + (high - low) * step / 4:.{0 if high - low >= 8 else 2}f}"


def _heat(counts: Floats) -> Image.Image:
    """Counts (rows from the top) as colors, the root of a count as depth."""
    depth = np.sqrt(counts / max(1.0, counts.max())) * (len(RAMP) - 1)
    low = np.minimum(depth.astype(np.int64), len(RAMP) - 2)
    part = (depth - low)[..., None]
    colors = RAMP[low] * (1 - part) + RAMP[low + 1] * part
    colors[counts == 0] = GRID
    size = (PLOT, PLOT)
    return Image.fromarray(colors.round().astype(np.uint8)).resize(size, Image.Resampling.NEAREST)
