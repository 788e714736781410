"""The classifier that proves a digit, and how it learns: a small convolutional network, run in integers.

The shape is LeNet's (LeCun et al. 1998) with rectifiers. No generating family learns from it, so what it reads in a
picture is an independent witness. It has an eleventh answer, "no digit", and learns it from pictures of
`aigc_digits.nothing`. `Classifier` needs no torch; `train_classifier` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from aigc_content import write_card
from aigc_content.nn import modelfile, sampling
from aigc_content.nn.program import Conv, Input, Linear, Program, Reshape, SpaceToDepth
from aigc_content.nn.run import Network
from aigc_digits.data import SIDE, Bytes, DigitSet, Split
from aigc_digits.nothing import KINDS, LEARNED, nothing

if TYPE_CHECKING:
    from torch import Tensor, nn

    from aigc_content import TrainRun
    from aigc_content.nn.pictures import Pictures
    from aigc_content.nn.trainlog import Parts
    from aigc_digits.train import DigitsConfig

FORMAT = "digits-classifier-1"
PIXELS = "pixels"
UNITS = 10_000
"""Shares are in 1/10,000."""

NO_DIGIT = 10
"""The answer for a picture that shows none."""

_BATCH = 256
_NOTHING = 8  # every how many of the training pictures one shows no digit
_BENT = 0.1  # standard deviation of each entry of the matrix that turns, stretches and slants a training digit
_MOVED = 1  # pixels
_SURE = 9 * UNITS // 10
_RARER = 2.0  # nat: how much rarer a picture without a digit is than in training (Menon et al., arXiv:2007.07314)


def program() -> Program:
    """Eleven logits from activations (28, 28, 1)."""
    return Program(
        (
            Input(PIXELS, (SIDE, SIDE, 1)),
            SpaceToDepth(),  # (14, 14, 4)
            Conv(48),
            Conv(48),
            SpaceToDepth(),  # (7, 7, 192)
            Conv(96),
            Conv(96),
            Reshape((7 * 7 * 96,)),
            Linear(64),
            Linear(NO_DIGIT + 1, "set"),
        )
    )


class Classifier:
    """Reads digits.

    Args:
        folder: a model folder, as ``aigc train digits --family classifier`` writes it.

    Raises:
        ModelError: it cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        config, tensors = modelfile.load(folder)
        with modelfile.loading(folder):
            self._network = Network(Program.from_json(config.get("network")), tensors)

    def __call__(self, images: Bytes) -> npt.NDArray[np.int64]:
        """What share each digit, and `NO_DIGIT`, has in its belief, in 1/10,000: uint8 (B, 28, 28) to (B, 11)."""
        parts = [images[start : start + _BATCH] for start in range(0, len(images), _BATCH)]
        logits = [self._network({PIXELS: (part >> 1).astype(np.int8)[..., None]}) for part in parts]
        weights = sampling.weights(np.concatenate(logits))
        shares: npt.NDArray[np.int64] = weights * UNITS // weights.sum(axis=1, keepdims=True)
        return shares


def train_classifier(run: TrainRun[DigitsConfig], digits: DigitSet) -> None:
    """Learn from digits that are turned, stretched, slanted and moved at random, and from pictures without one."""
    import torch

    from aigc_content.nn.augment import affine, shift
    from aigc_content.nn.data import epochs
    from aigc_content.nn.pictures import Pictures
    from aigc_content.nn.train import fit
    from aigc_content.nn.twin import Twin

    config = run.config
    torch.manual_seed(config.seed)
    twin = Twin(program())

    def make(chosen: list[int], rng: np.random.Generator) -> Pictures:
        clean = _pictures(digits.train, chosen)
        draws = torch.Generator().manual_seed(int(rng.integers(1 << 62)))
        bent = affine(clean.images, torch.eye(2) + _BENT * torch.randn(len(clean), 2, 2, generator=draws))
        images, labels = shift(bent, _MOVED, draws), clean.labels
        cut = len(labels) // _NOTHING
        kind = LEARNED[rng.integers(len(LEARNED))]
        images[:cut], labels[:cut] = nothing(kind, images[:cut], labels[:cut], draws), NO_DIGIT
        return Pictures(images, labels)

    batches = epochs(range(len(digits.train.labels)), config.batch, config.seed, make)
    held = _pictures(digits.validation, slice(None))

    def held_out(trained: nn.Module) -> float:
        with torch.no_grad():
            return float(_losses(trained, held)["digit"][0]) / len(held)

    rarer = torch.zeros(NO_DIGIT + 1)
    rarer[NO_DIGIT] = _RARER

    def losses(trained: nn.Module, batch: Pictures) -> Parts:
        return _losses(trained, batch, rarer)

    steps = fit(twin, batches, losses, config, held_out=held_out, run=run)
    modelfile.save(run.out, {"format": FORMAT, "network": twin.program.to_json()}, twin.export())
    figures = evaluate_classifier(run.out, digits)
    _write_card(run.out, config, digits, steps, figures)


def evaluate_classifier(folder: Path, digits: DigitSet) -> dict[str, int | float | str]:
    """What a classifier reads in the test digits, and in pictures without a digit that are made from them.

    * ``accuracy``: share of the test digits that it reads right.
    * ``sure``: share that it reads, right or wrong, with a confidence of 0.9; ``accuracy_where_sure`` of these.
    * ``fooled_by_KIND``: share of pictures of `aigc_digits.nothing` in which it reads a digit that surely.
    """
    import torch

    read = Classifier(folder)
    shares = read(digits.test.images)
    right = shares.argmax(axis=1) == digits.test.labels
    sure = shares[:, :NO_DIGIT].max(axis=1) >= _SURE
    figures: dict[str, int | float | str] = {
        "test_digits": len(right),
        "accuracy": round(float(right.mean()), 4),
        "sure": round(float(sure.mean()), 4),
        "accuracy_where_sure": round(float(right[sure].mean()), 4) if sure.any() else 0.0,
    }
    some = _pictures(digits.test, slice(0, 1000))
    for kind in KINDS:
        made = nothing(kind, some.images, some.labels, torch.Generator().manual_seed(0))
        fooled = read((made[:, 0] * 255).round().to(torch.uint8).numpy())[:, :NO_DIGIT].max(axis=1) >= _SURE
        figures[f"fooled_by_{kind}"] = round(float(fooled.mean()), 4)
    return figures


def _pictures(split: Split, chosen: list[int] | slice) -> Pictures:
    import torch

    from aigc_content.nn.pictures import Pictures

    images = torch.from_numpy(split.images[chosen][:, None]).float() / 255
    return Pictures(images, torch.from_numpy(split.labels[chosen].astype(np.int64)))


def _losses(twin: nn.Module, batch: Pictures, offset: Tensor | float = 0.0) -> Parts:
    """Cross-entropy of the right answers, with an offset on the logits (11,)."""
    from aigc_content.nn import losses

    logits: Tensor = twin({PIXELS: as_activations(batch.images)})
    return {"digit": (losses.cross_entropy(logits + offset, batch.labels).sum(), len(batch))}


def as_activations(images: Tensor) -> Tensor:
    """Pictures (B, 1, 28, 28) from 0 to 1 to what the network gets: whole numbers 0..127, (B, 28, 28, 1)."""
    return (images * 255).round().div(2).floor().permute(0, 2, 3, 1)


def _write_card(
    out: Path, config: DigitsConfig, digits: DigitSet, steps: int, figures: Mapping[str, int | float | str]
) -> None:
    write_card(
        out,
        name="digits-classifier",
        license=digits.license,
        datasets=[digits.source],
        text=f"""
Reads a digit of 28 x 28 pixels: the witness that `aigc_digits` proves its digits with. A small convolutional network,
trained with rounding and stored as integers; it runs in `aigc_digits.classifier.Classifier`. No generating family
learns from it.

- Data: {len(digits.train.labels):,} digits of {digits.source} (sha256 of its files `{digits.sha256}`), turned,
  stretched, slanted and moved at random; an eighth of each step shows no digit. {len(digits.validation.labels):,}
  more were for validation.
- Training: {steps:,} steps of {config.batch} digits, seed {config.seed}, learning rate {config.learning_rate:g}.
""",
        figures=figures,
        measured="test digits, never seen in training",
    )
