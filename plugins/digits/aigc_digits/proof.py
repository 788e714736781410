"""The proof of a digit: a classifier that the families do not know reads it, and it copies no training digit."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from aigc_content import Verdict
from aigc_digits.classifier import UNITS, Classifier
from aigc_digits.copies import LIMIT, Copies
from aigc_digits.digit import Digit
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


def verify_digit(asset: Digit, params: DigitParams) -> Verdict:
    """Read the picture again, and ask how far the nearest training digit is."""
    shares = classifier()(asset.pixels[None])[0]
    reading, share = int(shares.argmax()), int(shares[asset.label]) / UNITS
    distance = copies().distance(asset.pixels)
    for holds, constraint, message in (
        (asset.family == params.family, "family", f"drawn by {asset.family}, not {params.family}"),
        (params.digit in ("any", asset.label), "digit", f"is a {asset.label}, not a {params.digit}"),
        (reading == asset.label, "reading", f"reads as {_NAMES[reading]}, not {asset.label}"),
        (share == asset.confidence, "reading", f"reads with a confidence of {share}, not {asset.confidence}"),
        (share >= params.confidence, "confidence", f"{share} is below {params.confidence}"),
        (distance >= LIMIT, "copy", f"{distance} from a training digit: nearer than {LIMIT}"),
    ):
        if not holds:
            return Verdict(False, constraint, message)
    return Verdict(True, evidence={"confidence": share, "training_distance": distance})
