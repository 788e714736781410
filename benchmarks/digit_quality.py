"""How good, how varied and how new drawn digits are: the measures of `digits.py`, beside the same of real digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from aigc_digits.copies import LIMIT
from aigc_digits.data import SIDE, Bytes, DigitSet, Split
from aigc_digits.evaluation import Features
from aigc_digits.generator import cleaned
from aigc_digits.model import CLASSES
from aigc_digits.proof import classifier, copies

from aigc_content.nn import metrics

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

BATCH = 100
"""Digits of a step of the network that learns from drawn ones."""
_RATE = 2e-3
_MOVED = 2  # pixels
_BLOCK = 256  # digits that are compared with all training digits at a time


@dataclass(frozen=True, eq=False)
class Real:
    """What drawn digits are held against.

    Attributes:
        train: all digits that a family may learn from.
        chosen: ``count`` of them at random. Their labels are what the families are asked for.
        test: all test digits, none of which a family saw.
        tested: ``count`` of them at random.
        features: of ``tested``.
    """

    train: Split
    chosen: Split
    test: Split
    tested: Split
    features: Floats

    @classmethod
    def of(cls, digits: DigitSet, count: int, seed: int) -> Real:
        """Choose from a data set; ``count`` is at most the number of test digits."""
        rng = np.random.default_rng(seed)
        chosen, tested = _some(digits.train, count, rng), _some(digits.test, count, rng)
        return cls(digits.train, chosen, digits.test, tested, Features()(tested.images))

    @property
    def labels(self) -> Labels:
        """What to ask a family for: (count,)."""
        return self.chosen.labels.astype(np.int64)

    def frechet(self, images: Bytes) -> float:
        """Fréchet distance of pictures (B, 28, 28) from the test digits, in the features of the classifier."""
        return metrics.frechet_distance(self.features, Features()(images))


@dataclass(frozen=True)
class Quality:
    """Figures of `aigc_content.nn.metrics` on the classifier's features, and how many digits are what was asked."""

    accuracy: float
    frechet: float
    precision: float
    recall: float
    density: float
    coverage: float

    @classmethod
    def of(cls, images: Bytes, labels: Labels, real: Real) -> Quality:
        """Of pictures (B, 28, 28) that were asked for by labels (B,)."""
        found = Features()(images)
        return cls(
            accuracy(images, labels),
            metrics.frechet_distance(real.features, found),
            *metrics.precision_recall(real.features, found),
            *metrics.density_coverage(real.features, found),
        )


@dataclass(frozen=True)
class Novelty:
    """Whether digits, cleaned as the generator cleans them, are training digits.

    Attributes:
        copied: share that equals one in every pixel.
        distances: of each from the nearest one, see `distances`; (B,).
        refused: share that the copy check refuses.
    """

    copied: float
    distances: Floats
    refused: float

    @classmethod
    def of(cls, images: Bytes, real: Real) -> Novelty:
        """Of pictures (B, 28, 28), as drawn."""
        shown = cleaned(images)
        refused = [copies().distance(image) < LIMIT for image in shown]
        return cls(
            metrics.copy_rate(shown, real.train.images),
            distances(shown, real.train.images),
            float(np.mean(refused)),
        )

    @property
    def spread(self) -> str:
        """Median, 5th percentile and least distance."""
        return " / ".join(f"{value:.1f}" for value in np.quantile(self.distances, (0.5, 0.05, 0)))


def _some(split: Split, count: int, rng: np.random.Generator) -> Split:
    places = rng.permutation(len(split.labels))[:count]
    return Split(split.images[places], split.labels[places])


def right(images: Bytes, labels: Labels) -> npt.NDArray[np.bool_]:
    """Which pictures (B, 28, 28) the shipped classifier reads as their labels (B,): (B,)."""
    return np.asarray(classifier()(images).argmax(axis=1) == labels)


def accuracy(images: Bytes, labels: Labels) -> float:
    """Share of pictures that the shipped classifier reads as their labels."""
    return float(right(images, labels).mean())


def distances(images: Bytes, known: Bytes) -> Floats:
    """Root mean square of the difference from the nearest of the known, 0 to 255: (B, 28, 28), (N, 28, 28) to (B,).

    Which one is nearest is found in float32; where two are as near but for its rounding, either may be taken. The
    distance itself is exact. (`aigc_content.nn.metrics.nearest` computes in float64, four times as long here.)
    """
    among = known.reshape(len(known), -1).astype(np.float32)
    norms = np.square(among).sum(axis=1)
    found = []
    for start in range(0, len(images), _BLOCK):
        part = images[start : start + _BLOCK].reshape(-1, SIDE * SIDE)
        which = (norms - 2 * part.astype(np.float32) @ among.T).argmin(axis=1)
        apart = part.astype(np.float64) - among[which]
        found.append(np.sqrt(np.square(apart).mean(axis=1)))
    return np.concatenate(found)


def taught(images: Bytes, labels: Labels, test: Split, steps: int, seed: int) -> float:
    """Train on drawn digits, test on real ones: the accuracy of `pupil`, 0 to 1.

    The classification accuracy score of Ravuri and Vinyals 2019 (arXiv:1905.10887).

    Args:
        images, labels, steps, seed: as for `pupil`; the labels are what was asked for.
        test: real digits.
    """
    return float((pupil(images, labels, steps, seed)(test.images) == test.labels).mean())


def pupil(images: Bytes, labels: Labels, steps: int, seed: int) -> Callable[[Bytes], Labels]:
    """A small float network that learned to tell pictures (B, 28, 28) by their labels, 0 to 9 (B,).

    Two convolutions and two products, Adam, a rate that falls in a line, pictures moved by up to 2 pixels: the same
    for whatever it learns from.

    Args:
        images, labels: to learn from.
        steps: of `BATCH` pictures.
        seed: of the weights, the order and the moves.

    Returns:
        What tells the labels of pictures (N, 28, 28), (N,).
    """
    import torch
    import torch.nn.functional as F
    from torch import nn

    from aigc_content.nn.augment import shift

    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * (SIDE // 4) ** 2, 128),
        nn.ReLU(),
        nn.Linear(128, CLASSES),
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=_RATE)
    draws = torch.Generator().manual_seed(seed)
    pictures, told = torch.from_numpy(images[:, None]).float() / 255, torch.from_numpy(labels)
    for step in range(steps):
        chosen = torch.randint(len(told), (BATCH,), generator=draws)
        for group in optimizer.param_groups:
            group["lr"] = _RATE * (1 - step / steps)
        optimizer.zero_grad()
        loss = F.cross_entropy(net(shift(pictures[chosen], _MOVED, draws)), told[chosen])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    def tell(shown: Bytes) -> Labels:
        with torch.inference_mode():
            parts = [torch.from_numpy(shown[start : start + 1000, None]) for start in range(0, len(shown), 1000)]
            told: Labels = torch.cat([net(part.float() / 255).argmax(dim=1) for part in parts]).numpy()
        return told

    return tell
