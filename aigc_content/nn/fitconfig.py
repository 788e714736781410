"""How to train, as data: no torch, so that options can be checked before it loads."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class FitConfig(BaseModel):
    """How to train.

    Attributes:
        minutes: wall-clock time of the whole run.
        steps: number of steps of the whole run, so that it does not depend on the machine's speed; 0 goes by
            ``minutes``.
        learning_rate: before decay.
        warmup_steps: steps until the full rate.
        decay_share: last share of the time in which the rate falls to 2 %.
        clip: largest norm of the gradient.
        ema: weight of the past in the averaged weights, a step.
        checkpoint_minutes: time between checkpoints.
        threads: torch's; 0 leaves them as they are.
        seed: of initialization and of the order of the data.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    minutes: float = Field(default=60.0, gt=0, le=10_000)
    steps: int = Field(default=0, ge=0)
    learning_rate: float = Field(default=1.5e-3, gt=0, le=1)
    warmup_steps: int = Field(default=100, ge=1)
    decay_share: float = Field(default=0.25, ge=0, le=1)
    clip: float = Field(default=1.0, gt=0)
    ema: float = Field(default=0.999, ge=0, lt=1)
    checkpoint_minutes: float = Field(default=10.0, gt=0)
    threads: int = Field(default=0, ge=0, le=256)
    seed: int = Field(default=0, ge=0, lt=1 << 32)
