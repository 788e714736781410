"""`Digit`: the asset, a picture of 28 x 28 gray pixels with what the classifier reads in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from aigc_content import AssetModel
from aigc_digits.data import SIDE, Bytes
from aigc_digits.params import Family, Label

Row = Annotated[str, Field(pattern=rf"^[0-9a-f]{{{2 * SIDE}}}$")]


class Digit(AssetModel):
    """A handwritten digit.

    Attributes:
        label: which digit it is, 0 to 9.
        family: the kind of network that drew it.
        confidence: 0 to 1, the share of ``label`` in the classifier's belief.
        rows: 28 rows of 28 pixels from top to bottom, two hexadecimal digits each: 00 black to ff white.
    """

    SCHEMA: ClassVar[str] = "digits/digit-1"
    SUFFIX: ClassVar[str] = ".digit.json"

    label: Label
    family: Family
    confidence: Annotated[float, Field(ge=0, le=1)]
    rows: Annotated[tuple[Row, ...], Field(min_length=SIDE, max_length=SIDE)]

    @property
    def pixels(self) -> Bytes:
        """Uint8 (28, 28), 0 black to 255 white."""
        return np.frombuffer(bytes.fromhex("".join(self.rows)), np.uint8).reshape(SIDE, SIDE)


def rows_of(pixels: Bytes) -> Sequence[str]:
    """`Digit.rows` of a picture (28, 28)."""
    return [row.tobytes().hex() for row in pixels]
