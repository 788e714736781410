"""The independent witnesses of a proof: a reader that knows what pictures show, and bits of the training pictures."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aigc_content.nn import modelfile
from aigc_sprites.copies import CODE_BYTES, Copies
from aigc_sprites.draw import LEARNED
from aigc_sprites.reader import Reader

WEIGHTS = Path(__file__).parent / "weights"
PAINTERS = {"walker": "walker"}
"""Kinds of figures that another network than ``painter`` draws."""


@lru_cache(maxsize=1)
def reader() -> Reader:
    """The shipped reader."""
    return Reader(WEIGHTS / "reader")


@lru_cache(maxsize=8)
def copies(folder: Path) -> Copies:
    """What the model in a folder learned from.

    Raises:
        ModelError: it cannot be used.
    """
    codes = modelfile.load(folder)[1].get(f"{LEARNED}codes", np.zeros((0, CODE_BYTES), np.uint8))
    return Copies(codes.reshape(-1, CODE_BYTES))


def nearest(shown: npt.NDArray[np.bool_], light: npt.NDArray[np.int64], figure: str, own: Path | None) -> int:
    """How far the nearest training picture is, of the shipped model of a kind of figure and of the user's own.

    Args:
        shown, light: as `aigc_sprites.copies.bits_of` takes them.
        figure: ``hero``, ``monster``, ``walker``, ``item`` or ``tile``.
        own: folder of the user's own model.
    """
    folders = [WEIGHTS / PAINTERS.get(figure, "painter"), *([own] if own is not None else [])]
    return min(copies(folder).distance(shown, light) for folder in folders)
