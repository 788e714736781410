"""The proof of a digit: a classifier that the families do not know reads it, and it copies no training digit."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from aigc_content import ModelError, ModelFolder, Verdict
from aigc_content.nn import modelfile
from aigc_digits.classifier import UNITS, Classifier
from aigc_digits.copies import BITS, LIMIT, Copies
from aigc_digits.data import Bytes
from aigc_digits.digit import Digit
from aigc_digits.measure import bright_ink
from aigc_digits.model import EXAMPLES
from aigc_digits.params import DigitParams

_NAMES = (*map(str, range(10)), "no digit")
_WEIGHTS = Path(__file__).parent / "weights"


@lru_cache(maxsize=1)
def classifier() -> Classifier:
    """The shipped classifier."""
    return Classifier(_WEIGHTS / "classifier")


@lru_cache(maxsize=1)
def copies() -> Copies:
    """The shipped stand-in for the training digits."""
    return Copies(_WEIGHTS / "copies")


@lru_cache(maxsize=4)
def examples(folder: Path) -> Bytes | None:
    """The bits of what a model of the user's own learned from, as `aigc_digits.copies.Copies.code` gives them.

    Raises:
        ModelError: M005, they have another type or shape.
    """
    codes = modelfile.load(folder)[1].get(EXAMPLES)
    if codes is not None and (
        codes.dtype != np.uint8 or codes.ndim != 2 or len(codes) != BITS // 8 or not codes.size
    ):
        found = f"tensor {EXAMPLES!r} is {codes.dtype} {codes.shape}"
        allowed = f"uint8 with {BITS // 8} rows"
        raise ModelError("M005", found, where=str(folder), allowed=allowed, remedy="train the model again")
    return codes


def read(images: Bytes) -> npt.NDArray[np.int64]:
    """What the classifier believes of pictures with ink of either color: (B, 28, 28) to (B, 11)."""
    return classifier()(bright_ink(images))


def training_distance(pixels: Bytes, model: ModelFolder | None = None) -> int:
    """How far the nearest training digit is: of the shipped models, and of the given one; (28, 28)."""
    known = examples(model.path) if model is not None else None
    return copies().distance(bright_ink(pixels[None])[0], known)


def verify_digit(asset: Digit, params: DigitParams) -> Verdict:
    """Read the picture again, and ask how far the nearest training digit is."""
    shares = read(asset.pixels[None])[0]
    reading, share = int(shares.argmax()), int(shares[asset.label]) / UNITS
    distance = training_distance(asset.pixels, params.model)
    drawn_as_asked = params.model is not None or asset.family == params.family
    for holds, constraint, message in (
        (drawn_as_asked, "family", f"drawn by {asset.family}, not {params.family}"),
        (params.digit in ("any", asset.label), "digit", f"is a {asset.label}, not a {params.digit}"),
        (reading == asset.label, "reading", f"reads as {_NAMES[reading]}, not {asset.label}"),
        (share == asset.confidence, "reading", f"reads with a confidence of {share}, not {asset.confidence}"),
        (share >= params.confidence, "confidence", f"{share} is below {params.confidence}"),
        (distance >= LIMIT, "copy", f"{distance} from a training digit: nearer than {LIMIT}"),
    ):
        if not holds:
            return Verdict(False, constraint, message)
    return Verdict(True, evidence={"confidence": share, "training_distance": distance})
