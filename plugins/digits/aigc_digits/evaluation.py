"""How good drawn digits are: read by the classifier, and held against test digits that no family saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from aigc_content import Stream
from aigc_content.nn import metrics, modelfile
from aigc_content.nn.program import Linear, Program
from aigc_content.nn.run import Network
from aigc_digits import proof
from aigc_digits.classifier import PIXELS
from aigc_digits.copies import LIMIT
from aigc_digits.data import Bytes, DigitSet
from aigc_digits.measure import bright_ink
from aigc_digits.model import CLASSES, DigitModel

COUNT = 2000
_BATCH = 100
_LOOKED_AT = 300
"""How many are compared with all training digits."""
_ENOUGH = 500
"""Test digits whose features tell something about a distribution."""


def evaluate(folder: Path, digits: DigitSet, count: int = COUNT) -> dict[str, int | float | str]:
    """Figures of a family's digits as they are drawn, before any is refused.

    * ``label_accuracy``: share that the classifier reads as the asked digit.
    * ``copies``: share nearer to a training digit than `aigc_digits.copies.LIMIT`, of the first 300.

    Where the data set has 500 test digits and more:

    * ``frechet``: distance of the classifier's features from those of as many test digits (Heusel et al. 2017);
      ``frechet_floor``: of training digits from them; ``frechet_validation``: from validation digits, which a search
      may look at.
    * ``precision``, ``recall`` (Kynkaanniemi et al. 2019), ``density``, ``coverage`` (Naeem et al. 2020) in the same
      features.

    Args:
        folder: model folder.
        digits: the data set.
        count: digits to draw, as many of each.
    """
    model = DigitModel(folder)
    labels = np.arange(count) % CLASSES
    drawn = draw(model, labels, "evaluation")
    known = proof.examples(folder)
    shown = bright_ink(drawn)
    near = [proof.copies().distance(image, known) < LIMIT for image in shown[:_LOOKED_AT]]
    figures: dict[str, int | float | str] = {
        "digits": count,
        "label_accuracy": round(float((proof.read(drawn).argmax(axis=1) == labels).mean()), 4),
        "copies": round(float(np.mean(near)), 4),
    }
    if min(len(digits.test.labels), len(digits.validation.labels)) < _ENOUGH:
        return figures
    rng, reader = np.random.default_rng(0), Features()
    real, other, watched = (
        reader(bright_ink(split.images[rng.permutation(len(split.images))[:count]]))
        for split in (digits.test, digits.train, digits.validation)
    )
    found = reader(shown)
    precision, recall = metrics.precision_recall(real, found)
    density, coverage = metrics.density_coverage(real, found)
    return figures | {
        "frechet": round(metrics.frechet_distance(real, found), 3),
        "frechet_floor": round(metrics.frechet_distance(real, other), 3),
        "frechet_validation": round(metrics.frechet_distance(watched, found), 3),
        "precision": round(precision, 3),
        "recall": round(recall, 3),
        "density": round(density, 3),
        "coverage": round(coverage, 3),
    }


def draw(model: DigitModel, labels: npt.NDArray[np.int64], name: str) -> Bytes:
    """One digit a label, each by a stream of its own below ``name``: (B,) to uint8 (B, 28, 28)."""
    streams = [Stream(f"{name}/{i}") for i in range(len(labels))]
    parts = [slice(start, start + _BATCH) for start in range(0, len(labels), _BATCH)]
    return np.concatenate([model.draw(labels[part], streams[part]) for part in parts])


class Features:
    """The last hidden layer of the shipped classifier, 64 numbers a digit, in standard deviations of activations."""

    def __init__(self) -> None:
        config, tensors = modelfile.load(Path(__file__).parent / "weights" / "classifier")
        program = Program.from_json(config["network"])
        hidden = program.ops[-2]
        assert isinstance(hidden, Linear)
        width = hidden.outputs
        last = f"{program.places[-1].name}."
        tensors = {name: value for name, value in tensors.items() if not name.startswith(last)}
        same = np.eye(width, dtype=np.int8)
        shown = Program((*program.ops[:-1], Linear(width, "set")))
        name = shown.places[-1].name
        tensors |= {
            f"{name}.w": same,
            f"{name}.b": np.zeros(width, np.int32),
            f"{name}.m": np.ones(width, np.float32),
        }
        self._network = Network(shown, tensors)

    def __call__(self, images: Bytes) -> npt.NDArray[np.float64]:
        """uint8 (B, 28, 28) to (B, 64)."""
        parts = [
            self._network({PIXELS: (images[start : start + 256] >> 1).astype(np.int8)[..., None]})
            for start in range(0, len(images), 256)
        ]
        return np.concatenate(parts) / 40.0
