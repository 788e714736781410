"""Train a family on digits: `aigc train digits --data DIR --family gan --out MODEL`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import ConfigDict, Field, model_validator

from aigc_content import InputError, Trainer, TrainRun, write_card
from aigc_content.nn import modelfile
from aigc_content.nn.fitconfig import FitConfig
from aigc_digits import classifier, copies, proof
from aigc_digits.data import DigitSet, Split, load_digits
from aigc_digits.evaluation import evaluate
from aigc_digits.measure import bright_ink
from aigc_digits.model import CLASSES, EXAMPLES, FORMAT, MAX_GUIDANCE, SAMPLED

LEAST = 10
"""Digits to learn from, at least."""
RATES = {
    **dict.fromkeys(("vae", "autoencoder", "sparse-autoencoder"), 2e-3),
    **dict.fromkeys(("lstm", "gru", "transformer"), 3e-3),
    "classifier": 1.5e-3,
}
"""Learning rates by family; a GAN's players lose each other above 5e-4, which is the default of all others."""

Family = Literal[
    "gan",
    "vae",
    "vae-gan",
    "autoencoder",
    "sparse-autoencoder",
    "lstm",
    "gru",
    "transformer",
    "classifier",
    "copies",
]


class DigitsConfig(FitConfig):
    """How to train a family, or what proves the digits of all.

    Attributes:
        family: one that draws, or ``classifier``, which reads digits, or ``copies``, which knows the training digits.
        learning_rate: before decay; if it is not given, that of `RATES` for the family.
        batch: pictures of a step; all where there are fewer.
        pictures: how many training pictures to use, the first ones; 0 uses all.
        loss: what a GAN's players play for.
        augment: whether a GAN's discriminator sees its pictures changed at random (DiffAugment).
        reading: weight of a GAN's loss for labels; see `aigc_content.nn.gan.GAN`.
        rank: of the change that is learned where training continues from a model; 0 changes all weights.
        channels: of the decoder, at 7 x 7 and 14 x 14.
        guidance: of a family that writes, when it draws (`aigc_content.nn.writing.write`); more makes digits that are
            read better and differ less.
        tokenizer_minutes, tokenizer_steps: for the tokens, before a family that writes is trained; as ``minutes``
            and ``steps``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    family: Family = "gan"
    minutes: float = Field(default=8.0, gt=0, le=10_000)
    learning_rate: float = Field(default=5e-4, gt=0, le=1)
    batch: int = Field(default=64, ge=2, le=4096)
    pictures: int = Field(default=0, ge=0)
    loss: Literal["hinge", "non-saturating", "wasserstein"] = "hinge"
    augment: bool = False
    reading: float = Field(default=0.0, ge=0, le=10)
    rank: int = Field(default=0, ge=0, le=256)
    channels: tuple[int, int] = (64, 32)
    guidance: float = Field(default=0.5, ge=0, le=MAX_GUIDANCE)
    tokenizer_minutes: float = Field(default=2.5, gt=0, le=10_000)
    tokenizer_steps: int = Field(default=0, ge=0)

    @model_validator(mode="before")
    @classmethod
    def _rate_of_family(cls, data: Any) -> Any:
        if isinstance(data, dict) and "learning_rate" not in data and data.get("family") in RATES:
            return {**data, "learning_rate": RATES[data["family"]]}
        return data


class DigitsTrainer(Trainer[DigitsConfig]):
    """Trains one family in float with rounding and writes its integers."""

    objective: ClassVar[str] = "frechet_validation"

    def train(self, run: TrainRun[DigitsConfig]) -> None:
        """Train for the configured time and write the model folder.

        Raises:
            InputError: DIG004, the data cannot be used; DIG005, there are too few digits.
        """
        digits = load_digits(run.data)
        if run.config.family == "classifier":
            classifier.train_classifier(run, digits)
            return
        if run.config.family == "copies":
            copies.train_copies(run, digits)
            return
        from aigc_digits.families import learn

        split = _first(digits.train, run.config.pictures)
        _check_count(run, split)
        networks, tensors, steps = learn(run, split, digits.validation)
        if not proof.copies().knows(digits.sha256):
            tensors |= {EXAMPLES: proof.copies().code(bright_ink(split.images))}
        modelfile.save(run.out, {"format": FORMAT, "family": run.config.family, **networks}, tensors)
        figures = evaluate(run.out, digits)
        _write_card(run, digits, len(split.labels), steps, figures)

    def evaluate(self, model: Path, data: Path) -> Mapping[str, int | float | str]:
        """The figures of a model's card again: see `aigc_digits.evaluation.evaluate`.

        Raises:
            InputError: DIG004, the data cannot be used.
        """
        digits = load_digits(data)
        kind = modelfile.load(model)[0].get("format")
        if kind == classifier.FORMAT:
            return classifier.evaluate_classifier(model, digits)
        if kind == copies.FORMAT:
            return copies.evaluate_copies(model, digits)
        return evaluate(model, digits)


def _check_count(run: TrainRun[DigitsConfig], split: Split) -> None:
    """Refuse what nothing can be learned from."""
    counts, family = np.bincount(split.labels, minlength=CLASSES), run.config.family
    found = ""
    if len(split.labels) < LEAST:
        found = f"{len(split.labels)} digits to learn from: at least {LEAST}"
    elif family in SAMPLED and counts.min() < 2:
        found = f"{counts.min()} times the digit {counts.argmin()}: the family {family} needs each at least twice"
    if found:
        raise InputError("DIG005", found, where=str(run.data), remedy="import more digits, or use more --pictures")


def _first(split: Split, count: int) -> Split:
    return Split(split.images[:count], split.labels[:count]) if count else split


def _write_card(
    run: TrainRun[DigitsConfig],
    digits: DigitSet,
    pictures: int,
    steps: int,
    figures: Mapping[str, int | float | str],
) -> None:
    config = run.config
    write_card(
        run.out,
        name=f"digits-{config.family}",
        license=digits.license,
        datasets=[digits.source],
        text=f"""
Draws a digit of 28 x 28 pixels by its label. Family: {config.family}, trained with rounding and stored as
integers; it runs in `aigc_digits.model.DigitModel`.

- Data: {pictures:,} digits of {digits.source} (sha256 of its files `{digits.sha256}`).
- Training: {steps:,} steps of {config.batch} digits, seed {config.seed},
  learning rate {config.learning_rate:g}.{run.origin}
""",
        figures=figures,
        measured=f"{figures['digits']:,} digits as drawn, none refused",
    )
