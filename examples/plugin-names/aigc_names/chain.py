"""A letter chain of order 2: how often each letter follows each two, as whole numbers.

Whole numbers, drawn by `Stream.choice`, are why a name is the same on every machine.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aigc_content import ModelError
from aigc_content.nn import modelfile

LETTERS = " abcdefghijklmnopqrstuvwxyz"  # the blank stands before and after a name
Counts = npt.NDArray[np.int64]  # (27, 27, 27): first, second, next letter


def load(folder: Path) -> Counts:
    """The counts of a trained model.

    Raises:
        ModelError: its files are not sound, or not those of a letter chain.
    """
    _, tensors = modelfile.load(folder)  # checks the files before anything reads them
    counts = tensors.get("counts", np.zeros(0))
    if counts.shape != (len(LETTERS),) * 3 or counts.dtype.kind != "i" or counts.min() < 0:
        raise ModelError(
            "M005",
            "tensor 'counts' is missing or holds no counts",
            where=str(folder),
            allowed="whole numbers, 27 x 27 x 27",
            remedy="train it again with `aigc train names`",
        )
    return counts.astype(np.int64)


def steps(name: str) -> list[tuple[int, int, int]]:
    """Each letter of a name (and its end) with the two letters before it, as indices of `LETTERS`."""
    codes = [LETTERS.index(letter) for letter in f"  {name.lower()} "]
    return [(*pair, after) for pair, after in zip(pairwise(codes), codes[2:], strict=False)]


def count(names: list[str]) -> Counts:
    """Count the steps of all names."""
    counts = np.zeros((27, 27, 27), dtype=np.int64)
    for name in names:
        for step in steps(name):
            counts[step] += 1
    return counts
