"""How to train, as data: no torch, so that options can be checked before it loads."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class FitConfig(BaseModel):
    """How to train.

    Attributes:
        minutes: wall-clock time of the whole run, that of its interrupted parts included.
        steps: number of steps of the whole run, so that it does not depend on the machine's speed; 0 goes by
            ``minutes``.
        learning_rate: before decay.
        warmup_steps: steps until the full rate.
        schedule: how the rate falls, always to 2 %. ``decay``: it stays, and falls in a line at the end (Hu et al.
            2024, arXiv:2404.06395), so that a longer run differs only there; ``cosine``: along half a cosine
            over the whole run (Loshchilov and Hutter 2017, arXiv:1608.03983); ``constant``: not at all.
        decay_share: last share of the run in which ``decay`` falls.
        clip: largest norm of the gradient.
        ema: weight of the past in the averaged weights, a step.
        precision: of the forward pass of networks that do not compute on whole numbers, and of the gradients of
            convolutions of those that do; ``auto`` is ``bfloat16`` where the processor has it and ``float32``
            elsewhere.
        checkpoint_minutes: time between checkpoints.
        evaluate_steps: steps between measurements on held-out data.
        patience: so many measurements in a row without a new best end the run, and the weights of the best one are
            kept; 0 never ends it early and keeps the last ones.
        sample_steps: steps between sample pictures.
        threads: torch's; 0 leaves them as they are.
        seed: of initialization and of the order of the data.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    minutes: float = Field(default=60.0, gt=0, le=10_000)
    steps: int = Field(default=0, ge=0)
    learning_rate: float = Field(default=1.5e-3, gt=0, le=1)
    warmup_steps: int = Field(default=100, ge=1)
    schedule: Literal["decay", "cosine", "constant"] = "decay"
    decay_share: float = Field(default=0.25, ge=0, le=1)
    clip: float = Field(default=1.0, gt=0)
    ema: float = Field(default=0.999, ge=0, lt=1)
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    checkpoint_minutes: float = Field(default=10.0, gt=0)
    evaluate_steps: int = Field(default=500, ge=1)
    patience: int = Field(default=0, ge=0)
    sample_steps: int = Field(default=500, ge=1)
    threads: int = Field(default=0, ge=0, le=256)
    seed: int = Field(default=0, ge=0, lt=1 << 32)
