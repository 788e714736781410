"""`DigitParams`: what a recipe may ask of a digit."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from aigc_content import ModelFolder, Params

Family = Literal["gan", "vae", "vae-gan", "autoencoder", "sparse-autoencoder", "lstm", "gru", "transformer"]
Label = Annotated[int, Field(strict=True, ge=0, le=9)]


class DigitParams(Params):
    """What is asked of a digit.

    Attributes:
        family: the kind of network that draws it.
        model: a model folder of the user's own, which has its family; None is the shipped one of ``family``.
        digit: 0 to 9, or ``any``.
        temperature: 0.2 to 2: lower is tamer, higher is wilder.
        confidence: 0 to 0.99, the least share that the digit must have in the classifier's belief.
    """

    family: Family = "gan"
    model: ModelFolder | None = None
    digit: Label | Literal["any"] = "any"
    temperature: Annotated[float, Field(strict=True, ge=0.2, le=2)] = 1.0
    confidence: Annotated[float, Field(strict=True, ge=0, le=0.99)] = 0.9

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if self.model is not None and "family" in self.model_fields_set:
            raise ValueError("give either model or family: a model has its family")
        return self
