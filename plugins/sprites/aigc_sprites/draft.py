"""A draft: what each pixel of a whole picture may be, said by one code, before the painter draws it part by part.

The painter draws some pixels at a time from what is already there and knows no plan; a variational autoencoder
(Kingma and Welling 2014, arXiv:1312.6114; told what it shows, Sohn et al. 2015) has one but no detail. So its decoder
gives the painter's first parts their direction (a product of experts, Hinton 2002). Codes are drawn as those of
the learned pictures lie (`aigc_content.nn.codes`), in integers like the decoder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from aigc_content import ModelError, Stream
from aigc_content.nn import codes
from aigc_content.nn.codes import CodeSampler
from aigc_content.nn.kernels import Int8
from aigc_content.nn.program import (
    Condition,
    Conv,
    Input,
    Linear,
    Operation,
    Program,
    Quantize,
    Reshape,
    TransposedConv,
)
from aigc_content.nn.run import Network
from aigc_sprites import model as m
from aigc_sprites.sprite import SIDE
from aigc_sprites.tokens import FIRST, FORMS, LEVELS, Tokens

NAME = "draft"
"""Of the network in a model folder."""
CODE, TOLD = "code", "told"
LATENT = 64
SIZES = (len(m.SHOWN), *(m.CONDITIONS[name] for name in m.OF_DRAFTS[1:]))
"""Of what it is told (`aigc_sprites.model.OF_DRAFTS`)."""
CLASSES = len(m.SHOWN) + len(m.WORDS)
"""Of codes: those of a label, those of a word."""

CHOICES = 16
"""Codes of which one is chosen."""

Choose = Callable[[Int8, int, Stream], Int8]
"""From codes (N, `LATENT`) of a class to one of them."""

Logits = npt.NDArray[np.int32]
"""Of each pixel's form, and of its light, in 1/256 nat: (32, 32, `aigc_sprites.model.OUTPUTS`)."""


def program() -> Program:
    """The decoder: a code and what is told to `Logits`."""
    small, widths = SIDE // 8, (128, 96, 64, 48)
    operations: tuple[Operation, ...] = (
        Input(CODE, (LATENT,)),
        Linear(256, "set"),
        Condition(TOLD, SIZES, 256),
        Quantize(rectified=True),
        Linear(small * small * widths[0]),
        Reshape((small, small, widths[0])),
        *(step for width in widths[1:] for step in (TransposedConv(width), Conv(width))),
        Conv(m.OUTPUTS, "set"),
    )
    return Program(operations)


def class_of(label: str, word: int) -> int:
    """The class of codes of a label and a word: of the label alone where the word tells none."""
    return len(m.SHOWN) + word if word < len(m.WORDS) else m.SHOWN.index(label)


def likeliest(logits: Logits) -> Tokens:
    """The likeliest form of each pixel, in its likeliest light, (32, 32)."""
    form, level = logits[..., :FORMS].argmax(axis=-1), logits[..., FORMS:].argmax(axis=-1)
    found: Tokens = np.where(form < FIRST, form, FIRST + (form - FIRST) * LEVELS + level).astype(np.uint8)
    return found


class Drafter:
    """Drafts pictures.

    Args:
        config: of the network, as a model folder has it.
        tensors: of the model folder; the network's and the sampler's begin with `NAME` and a point.
        choose: a code among some; the first one that comes is taken where there is none.

    Raises:
        ModelError: M003, M005.
    """

    def __init__(self, config: Any, tensors: Mapping[str, npt.NDArray[Any]], choose: Choose | None = None) -> None:
        self._choose = choose
        plan = Program.from_json(config)
        own = {name.removeprefix(f"{NAME}."): value for name, value in tensors.items() if name.startswith(f"{NAME}.")}
        self._network = Network(plan, {name: own[name] for name in plan.tensors() if name in own})
        self._sampler = CodeSampler(own)
        if plan != program() or own[codes.SHARES].shape[0] != CLASSES or own[codes.MEANS].shape[2] != LATENT:
            raise ModelError("M005", "the draft is not of this version", remedy="train it again: --network draft")

    def draw(self, told: m.Told, rng: Stream) -> Logits:
        """A draft of what is told (conditions,)."""
        label, word = m.LABELS[int(told[m.INDEX["label"]])], int(told[m.INDEX["word"]])
        place = class_of(label, word)
        if self._choose is None:
            code = self._sampler.draw(place, rng)
        else:
            code = self._choose(np.stack([self._sampler.draw(place, rng) for _ in range(CHOICES)]), place, rng)
        known = np.array([m.SHOWN.index(label), word, 0])
        logits: Logits = self.decode(code[None], known[None])[0]
        return logits

    def decode(self, code: npt.NDArray[np.int8], told: npt.NDArray[np.int64]) -> Logits:
        """Codes (N, `LATENT`) and what is told (N, 3) to drafts (N, 32, 32, outputs)."""
        logits: Logits = self._network({CODE: code, TOLD: told})
        return logits
