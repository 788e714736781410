"""`DigitParams`: what a recipe may ask of a digit."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from aigc_content import Params

Family = Literal["gan", "vae", "autoencoder", "sparse-autoencoder", "gru", "transformer"]
Label = Annotated[int, Field(strict=True, ge=0, le=9)]


class DigitParams(Params):
    """What is asked of a digit.

    Attributes:
        family: the kind of network that draws it.
        digit: 0 to 9, or ``any``.
        temperature: 0.2 to 2: lower is tamer, higher is wilder.
        confidence: 0 to 0.99, the least share that the digit must have in the classifier's belief.
    """

    family: Family = "gan"
    digit: Label | Literal["any"] = "any"
    temperature: Annotated[float, Field(strict=True, ge=0.2, le=2)] = 1.0
    confidence: Annotated[float, Field(strict=True, ge=0, le=0.99)] = 0.9
