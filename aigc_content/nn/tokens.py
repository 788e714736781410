"""Pictures as few tokens, for the families that write in order: finite scalar quantization.

Mentzer et al. 2023 (arXiv:2309.15505): an encoder gives each of (side / 4)^2 cells a few numbers, each is rounded to
one of a few levels, and a cell's token is its levels read as digits of one number. No codebook is learned, so none
can collapse. The decoder is a program and runs in integers; `to_values` and `to_tokens` need no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aigc_content.nn.kernels import Int8
from aigc_content.nn.program import Conv, Input, Operation, Program, Quantize

if TYPE_CHECKING:
    from torch import Tensor

CODE = "code"
"""Name of the decoder's input: (B, side / 4, side / 4, numbers) activations."""

SPAN = 80
"""The levels of a number lie evenly from -SPAN to SPAN, in activations."""


def token_decoder(levels: Sequence[int], side: int, channels: tuple[int, int] = (64, 32)) -> Program:
    """A picture from its levels, as logits of brightness: the result is (side, side, 1)."""
    from aigc_content.nn.pictures import upward

    small = side // 4
    block: tuple[Operation, ...] = (Quantize(), Conv(channels[0]), Conv(channels[0], "add"))
    first = (
        Input(CODE, (small, small, len(levels))),
        Conv(channels[0], "set"),
        *block,
        *block,
        Quantize(rectified=True),
    )
    return Program((*first, *upward(channels, 1)))


def to_values(tokens: npt.NDArray[np.integer[Any]], levels: Sequence[int]) -> Int8:
    """Tokens (...) to activations (..., numbers)."""
    rest = tokens.astype(np.int64)
    found = []
    for count in levels:
        rest, level = np.divmod(rest, count)
        found.append((2 * SPAN * level + (count - 1) // 2) // (count - 1) - SPAN)
    return np.stack(found, axis=-1).astype(np.int8)


def to_tokens(places: npt.NDArray[np.integer[Any]], levels: Sequence[int]) -> npt.NDArray[np.int64]:
    """Levels (..., numbers), each from 0 to its count - 1, to tokens (...)."""
    weights = [prod(levels[:place]) for place in range(len(levels))]
    return np.asarray((places.astype(np.int64) * weights).sum(axis=-1), dtype=np.int64)


def round_levels(raw: Tensor, levels: Sequence[int]) -> Tensor:
    """Any numbers (..., numbers) to levels from 0 to their count - 1, gradients straight through."""
    import torch

    from aigc_content.nn.quant import ste_round

    most = torch.tensor([count - 1 for count in levels], dtype=raw.dtype, device=raw.device)
    return ste_round(torch.sigmoid(raw) * most)


def level_values(places: Tensor, levels: Sequence[int]) -> Tensor:
    """Levels to activations, as `to_values` gives them, gradients straight through."""
    import torch

    from aigc_content.nn.quant import ste_round

    most = torch.tensor([count - 1 for count in levels], dtype=places.dtype, device=places.device)
    half = torch.div(most, 2, rounding_mode="floor")
    exact = torch.div(2 * SPAN * places + half, most, rounding_mode="floor") - SPAN
    return ste_round(2 * SPAN * places / most - SPAN) + (exact - ste_round(2 * SPAN * places / most - SPAN)).detach()
