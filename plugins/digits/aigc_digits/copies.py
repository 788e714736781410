"""Does a picture copy a training digit? Asked of a stand-in for the training set that holds none of its pictures.

A training digit leaves 128 bits: on which side of the median each of its 128 largest principal components lies. A
picture gives the components themselves. Where the two lie on different sides, they differ by at least the picture's
distance from the median; the root of the sum of these squares, each in standard deviations and taken by the picture's
ink, is the distance (asymmetric distances by tables: Jegou et al. 2011, Product quantization). All of it is integers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isqrt
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from aigc_content import ModelError, write_card
from aigc_content.nn import modelfile
from aigc_digits.data import SIDE, Bytes, DigitSet

if TYPE_CHECKING:
    from aigc_content import TrainRun
    from aigc_digits.train import DigitsConfig

FORMAT = "digits-copies-1"
BITS = 128
LIMIT = 100
"""A picture nearer than this to a training digit counts as a copy of it."""

_PARTS = 64  # of a standard deviation
_FARTHEST = 6 * _PARTS
_SCALE = 1 << 25  # brings the limit to 100
_SIDES = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)  # (256, 8): the bits of each byte

Ints = npt.NDArray[np.int64]


class Copies:
    """Knows the training digits by their bits.

    Args:
        folder: a model folder, as ``aigc train digits --family copies`` writes it.

    Raises:
        ModelError: it cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        config, tensors = modelfile.load(folder)
        self._sha256 = config.get("sha256")
        for name, kind, rows in (
            ("basis", "int8", SIDE * SIDE),
            ("medians", "int32", BITS),
            ("deviations", "int32", BITS),
            ("codes", "uint8", BITS // 8),
        ):
            found = tensors.get(name)
            if found is None or found.dtype != kind or len(found) != rows:
                raise ModelError("M005", f"tensor {name!r} is not {kind} with {rows} rows", where=str(folder))
        self._basis, self._codes = tensors["basis"], tensors["codes"]
        self._medians, self._deviations = (tensors[name].astype(np.int64) for name in ("medians", "deviations"))

    def knows(self, sha256: str) -> bool:
        """Whether these are the digits of the data set with that digest."""
        return sha256 == self._sha256

    def code(self, images: Bytes) -> Bytes:
        """The bits of pictures: (N, 28, 28) to (16, N)."""
        return np.packbits(components(images, self._basis) >= self._medians, axis=1).T.copy()

    def distance(self, image: Bytes, more: Bytes | None = None) -> int:
        """How far the nearest training digit is: 0 for a copy, some hundreds for a new digit.

        A picture that was moved is also compared from where MNIST would put it.

        Args:
            image: (28, 28).
            more: bits of more training digits, as `code` gives them, (16, N).
        """
        known = (self._codes,) if more is None else (self._codes, more)
        energy = int((image.astype(np.int64) ** 2).sum())
        if not energy:
            return 0
        nearest, moved = self._nearest(image, known), centered(image)
        if not np.array_equal(image, moved):
            nearest = min(nearest, self._nearest(moved, known))
        return isqrt(nearest * _SCALE // energy)

    def _nearest(self, image: Bytes, known: Sequence[Bytes]) -> int:
        """The least sum of squares over all training digits, in 1/64 standard deviation."""
        beyond = components(image[None], self._basis)[0] - self._medians
        margins = np.clip(beyond * _PARTS // self._deviations, -_FARTHEST, _FARTHEST).reshape(-1, 1, 8)
        differs = (beyond >= 0).reshape(-1, 1, 8) != _SIDES
        tables = (differs * margins**2).sum(axis=2, dtype=np.int32)  # (16, 256): by byte of the code and its value
        return min(_least(tables, codes) for codes in known)


def _least(tables: npt.NDArray[np.int32], codes: Bytes) -> int:
    """The least sum over the columns of codes (16, N) of what the tables (16, 256) say of their bytes."""
    sums = np.zeros(codes.shape[1], dtype=np.int32)
    for table, row in zip(tables, codes, strict=True):
        sums += table.take(row)
    return int(sums.min())


def components(images: Bytes, basis: npt.NDArray[np.int8]) -> Ints:
    """Products with the basis: (N, 28, 28) and (784, 128) to (N, 128). Sums are below 2**53, so float64 is exact."""
    flat = images.reshape(len(images), -1)
    parts = [flat[start : start + 4096].astype(np.float64) @ basis for start in range(0, len(flat), 4096)]
    return np.concatenate(parts).astype(np.int64)


def centered(image: Bytes) -> Bytes:
    """The picture with its center of mass in pixel (14, 14), as MNIST has it; what leaves comes in opposite."""
    mass, places = image.astype(np.int64), np.arange(SIDE)
    total = max(1, int(mass.sum()))
    moments = int(mass.sum(axis=1) @ places), int(mass.sum(axis=0) @ places)
    moves = [SIDE // 2 - (2 * moment + total) // (2 * total) for moment in moments]
    return np.roll(image, moves, axis=(0, 1))


def train_copies(run: TrainRun[DigitsConfig], digits: DigitSet) -> None:
    """Take the bits of all digits that a family may learn from, and write the model folder."""
    images = _known(digits)
    flat = images.reshape(len(images), -1)[:: max(1, len(images) // 20_000)].astype(np.float64)
    vectors = np.linalg.eigh(np.cov(flat, rowvar=False))[1][:, : -BITS - 1 : -1]  # (784, 128), largest first
    basis = np.rint(vectors * (127 / np.abs(vectors).max(axis=0))).astype(np.int8)
    found = components(images, basis)
    medians = np.floor(np.median(found, axis=0)).astype(np.int64)
    tensors = {
        "basis": basis,
        "medians": medians.astype(np.int32),
        "deviations": np.maximum(1, np.rint(found.std(axis=0))).astype(np.int32),
        "codes": np.packbits(found >= medians, axis=1).T,
    }
    modelfile.save(run.out, {"format": FORMAT, "sha256": digits.sha256}, tensors)
    _write_card(run.out, digits, evaluate_copies(run.out, digits))


def evaluate_copies(folder: Path, digits: DigitSet, count: int = 250) -> dict[str, float]:
    """What is taken for a copy, and what could be made of the bits.

    * ``NAME: refused``: share of test digits, or of training digits changed as NAME says, that are taken for copies.
    * ``rebuilt``, ``nearest``: how far a digit rebuilt from its bits by least squares is from that digit, and how far
      the nearest training digit is from a test digit: medians of the root of the summed squares of their
      difference, by that of the digit.

    Args:
        folder: model folder.
        digits: the data set.
        count: training digits to change, and test digits to find the nearest of.
    """
    copies, rng = Copies(folder), np.random.default_rng(0)
    chosen = digits.train.images[rng.permutation(len(digits.train.images))[:count]]
    asked = {"test digits": digits.test.images, **changed(chosen, rng)}
    refused = {
        f"{name}: refused": round(float(np.mean([copies.distance(image) < LIMIT for image in images])), 4)
        for name, images in asked.items()
    }
    known = _known(digits).reshape(-1, SIDE * SIDE).astype(np.float32)
    codes = modelfile.load(folder)[1]["codes"]
    signs = np.unpackbits(codes.T.copy(), axis=1).astype(np.float32) * 2 - 1  # (N, 128)
    half, mean = len(known) // 2, known.mean(axis=0)
    rebuilt = signs[half:] @ np.linalg.lstsq(signs[:half], known[:half] - mean, rcond=None)[0] + mean
    tested = digits.test.images[:count].reshape(-1, SIDE * SIDE).astype(np.float32)
    nearest = known[((known**2).sum(axis=1) - 2 * tested @ known.T).argmin(axis=1)]
    return {**refused, "rebuilt": _apart(known[half:], rebuilt.clip(0, 255)), "nearest": _apart(tested, nearest)}


def _known(digits: DigitSet) -> Bytes:
    """All digits that a family may learn from, or be chosen by."""
    return np.concatenate([digits.train.images, digits.validation.images])


def _apart(flat: npt.NDArray[np.float32], others: npt.NDArray[np.float32]) -> float:
    """Median of the root of the summed squares of the differences, by that of the first."""
    return round(float(np.median(np.linalg.norm(flat - others, axis=1) / np.linalg.norm(flat, axis=1))), 3)


def changed(images: Bytes, rng: np.random.Generator) -> dict[str, Bytes]:
    """Near copies by kind; those with a percentage differ by that much of the root of their summed squares."""
    clean = images.astype(np.float64)
    noise = rng.normal(size=clean.shape)
    blurred = sum(np.roll(clean, move, (1, 2)) for move in ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0))) / 5
    waves = noise
    for _ in range(3):
        waves = waves + sum(np.roll(waves, move, (1, 2)) for move in ((0, 1), (1, 0), (0, -1), (-1, 0)))
    kinds = {"blur": blurred - clean, "noise": noise, "waves": waves * (clean > 0), "fading": -clean}
    found = {"moved by (1, 1)": np.roll(images, (1, 1), (1, 2))}
    for percent in (10, 15, 20):
        for name, change in kinds.items():
            size = np.sqrt((clean**2).sum((1, 2)) / (change**2).sum((1, 2)))[:, None, None]
            pixels = np.clip(np.rint(clean + percent / 100 * size * change), 0, 255)
            found[f"{name}, {percent} %"] = pixels.astype(np.uint8)
    return found


def _write_card(out: Path, digits: DigitSet, figures: Mapping[str, float]) -> None:
    write_card(
        out,
        name="digits-copies",
        license=digits.license,
        datasets=[digits.source],
        text=f"""
Tells whether a picture copies a training digit, without holding one: {BITS} bits of each of the
{len(digits.train.labels) + len(digits.validation.labels):,} digits of {digits.source} that a family may learn from
(sha256 of its files `{digits.sha256}`). It runs in `aigc_digits.copies.Copies`; a distance below {LIMIT} is a copy.

What can be rebuilt from the bits is as far from the digit as digits of other writers are: `rebuilt` and `nearest`,
in the root of the summed squares of the difference by that of the digit.
""",
        figures=figures,
        measured="percentages in the same measure",
    )
