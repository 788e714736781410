"""The generator: draw with a family's network, clean what it left, read it; the proof comes from elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from aigc_content import Conformance, Generator, Infeasible, ModelRef, Params, Preview, Request, Verdict
from aigc_content.nn.postprocess import remove_small
from aigc_digits.classifier import UNITS
from aigc_digits.data import Bytes
from aigc_digits.digit import Digit, rows_of
from aigc_digits.measure import bright_ink, ink, thickness
from aigc_digits.model import FAMILIES, DigitModel
from aigc_digits.params import DigitParams
from aigc_digits.proof import read, training_distance, verify_digit

PROVERS = ("classifier", "copies")

_FAINT = 24  # of 255: below it, a pixel is paper
_SPECK = 8  # pixels: fewer that hang together are no stroke


class Digits(Generator[DigitParams, Digit]):
    """Handwritten digits of eight families of networks."""

    revision: ClassVar[int] = 2
    models: ClassVar[Mapping[str, ModelRef]] = {
        name: ModelRef("aigc_digits", f"weights/{name}") for name in (*FAMILIES, *PROVERS)
    }
    asset_schema: ClassVar[str] = Digit.SCHEMA
    asset_suffix: ClassVar[str] = Digit.SUFFIX

    @classmethod
    def models_for(cls, params: Params) -> Mapping[str, ModelRef | Path]:
        """The family or the model that is asked for, and what proves its digits."""
        if not isinstance(params, DigitParams):
            return cls.models
        own: ModelRef | Path = cls.models[params.family] if params.model is None else params.model.path
        return {"family": own, **{name: cls.models[name] for name in PROVERS}}

    @classmethod
    def conformance(cls) -> Conformance:
        """Requests, false proofs and golden digests."""
        from aigc_digits.conformance import material

        return material()

    def open(self) -> None:
        """Load the family's networks; needs no torch."""
        self.model = DigitModel(self.opened["family"].path)

    def generate(self, request: Request[DigitParams]) -> Digit | Infeasible:
        """One attempt at one digit."""
        return self.generate_batch([request])[0]

    def generate_batch(self, requests: Sequence[Request[DigitParams]]) -> list[Digit | Infeasible]:
        """One attempt at each digit, all in one run of the network; a batch is of one job, so of one temperature."""
        labels = np.array([_label(request) for request in requests], dtype=np.int64)
        streams = [request.rng.child("picture") for request in requests]
        images = cleaned(self.model.draw(labels, streams, requests[0].params.temperature))
        shares = read(images)[np.arange(len(labels)), labels]
        return [
            Digit(label=label, family=self.model.family, confidence=share / UNITS, rows=rows_of(image))
            for label, share, image in zip(labels.tolist(), shares.tolist(), images, strict=True)
        ]

    def verify(self, asset: Digit, params: DigitParams) -> Verdict:
        """Read the digit again and compare it with the training digits."""
        return verify_digit(asset, params)

    def measure(self, asset: Digit) -> Mapping[str, int | float | str]:
        """Figures for the manifest and the gallery."""
        pixels = bright_ink(asset.pixels[None])[0]
        return {
            "digit": asset.label,
            "confidence": asset.confidence,
            "ink": ink(pixels),
            "thickness": thickness(pixels),
            "training_distance": training_distance(pixels),
        }

    def fingerprints(self, asset: Digit) -> Iterable[bytes]:
        """No picture twice within a job."""
        return [asset.pixels.tobytes()]

    def preview(self, asset: Digit, params: DigitParams) -> Preview | None:
        """The picture, larger."""
        from aigc_digits.export import preview

        return preview(asset)


def cleaned(images: Bytes) -> Bytes:
    """Pictures (B, 28, 28) without faint ink and without specks: the post-processing."""
    inked = bright_ink(images)
    kept = inked * remove_small(inked >= _FAINT, _SPECK, diagonal=True)
    return np.where((inked == images).all(axis=(1, 2))[:, None, None], kept, 255 - kept)


def _label(request: Request[DigitParams]) -> int:
    digit = request.params.digit
    return request.rng.child("label").integer(10) if digit == "any" else digit
