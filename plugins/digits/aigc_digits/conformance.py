"""What the conformance kit examines the generator with: requests, false proofs, golden digests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from aigc_content import Conformance
from aigc_digits.classifier import UNITS
from aigc_digits.data import SIDE, Bytes
from aigc_digits.digit import rows_of
from aigc_digits.model import FAMILIES
from aigc_digits.proof import classifier

GOLDEN = Path(__file__).parent / "weights" / "golden.json"
"""sha256 of the first digits, renewed with the weights."""

_FOUR = """
.##....##.
.##....##.
.##....##.
.##....##.
.########.
.########.
.......##.
.......##.
.......##.
.......##.
"""


def material() -> Conformance:
    """The material of `aigc_digits.generator.Digits`."""
    good = four()
    blank = {**good, "rows": ["00" * SIDE] * SIDE}
    broken: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({**good, "label": 1}, {}),  # is another digit
        (blank, {}),  # shows none
        ({**good, "confidence": good["confidence"] - 0.01}, {}),  # boasts of another reading
        ({**good, "rows": rows_of(np.rot90(pixels_of(good), 2).copy())}, {}),  # stands upside down
        (good, {"digit": 1}),  # is not what was asked
        (good, {"family": "vae"}),  # was not drawn as asked
        ({**good, "rows": good["rows"][1:]}, {}),  # lacks a row
        ({**good, "rows": ["0g" * SIDE, *good["rows"][1:]]}, {}),  # holds no pixels
    ]
    requests: list[dict[str, Any]] = [{}, {"digit": 7, "temperature": 0.7, "confidence": 0.5}]
    requests += [{"family": name} for name in FAMILIES[1:]]
    golden = json.loads(GOLDEN.read_text("utf-8")) if GOLDEN.is_file() else []
    return Conformance(params=requests, broken=broken, golden=golden)


def four() -> dict[str, Any]:
    """A four that no network drew and no training digit is, as plain data of a `Digit`."""
    small = np.array([[255 * (char == "#") for char in line] for line in _FOUR.split()], dtype=np.uint8)
    pixels = np.pad(small.repeat(2, axis=0).repeat(2, axis=1), 4)
    share = int(classifier()(pixels[None])[0, 4])
    return {"label": 4, "family": "gan", "confidence": share / UNITS, "rows": rows_of(pixels)}


def pixels_of(asset: dict[str, Any]) -> Bytes:
    """The picture (28, 28) of an asset as plain data."""
    return np.frombuffer(bytes.fromhex("".join(asset["rows"])), np.uint8).reshape(SIDE, SIDE)
