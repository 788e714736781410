"""What the families that write tokens in order share: batches, the loss, and drawing.

A sequence is told its label at every position; the token before the first is the vocabulary's size. In training the
label is hidden now and then, so that drawing can go beyond what it says: classifier-free guidance (Ho and Salimans
2022, arXiv:2207.12598). Drawing needs no torch and uses one step of the network a token, with integer softmax.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aigc_content.nn import sampling
from aigc_content.nn.program import Condition, Embed, Linear, Norm, Operation, Positions, Program
from aigc_content.nn.run import Network
from aigc_content.rng import Stream

if TYPE_CHECKING:
    from torch import Tensor

    from aigc_content.nn.trainlog import Parts
    from aigc_content.nn.twin import Twin

TOKENS, LABEL = "tokens", "label"
HIDDEN = 0.1
"""Share of the labels that are hidden in training."""

_GUIDANCE_UNITS = 256


@dataclass(frozen=True, eq=False)
class Sequences:
    """A batch: ``tokens`` int64 (B, T) and ``labels`` int64 (B,)."""

    tokens: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def writer(vocabulary: int, length: int, classes: int, width: int, body: Sequence[Operation]) -> Program:
    """A language model of sequences with a label: the result is (T, vocabulary) in 1/256 nat.

    The label ``classes`` stands for a hidden one.

    Args:
        vocabulary: number of tokens.
        length: of a sequence.
        classes: number of labels.
        width: channels of the embedding.
        body: between the embedding, in ``r``, and the last norm, which reads ``r``.
    """
    first = (Embed(TOKENS, vocabulary + 1, width), Condition(LABEL, (classes + 1,), width), Positions(length))
    return Program((*first, *body, Norm(), Linear(vocabulary, "set")))


def loss(twin: Twin, batch: Sequences, vocabulary: int, classes: int) -> Parts:
    """Nats a token, each given those before it and the label, of which training hides a share of `HIDDEN`."""
    import torch

    from aigc_content.nn import losses

    labels = batch.labels
    if twin.training:
        labels = labels.masked_fill(torch.rand(len(batch), device=labels.device) < HIDDEN, classes)
    start = torch.full_like(batch.tokens[:, :1], vocabulary)
    seen = torch.cat([start, batch.tokens[:, :-1]], dim=1)
    logits = twin({TOKENS: seen, LABEL: labels[:, None]})
    return {"token": (losses.cross_entropy(logits, batch.tokens).sum(), batch.tokens.numel())}


def write(
    network: Network,
    labels: npt.NDArray[np.integer[Any]],
    streams: Sequence[Stream],
    length: int,
    vocabulary: int,
    classes: int,
    temperature: float = 1.0,
    guidance: float = 0.0,
) -> npt.NDArray[np.int64]:
    """Draw sequences: labels (B,) and as many streams to tokens (B, length).

    Each sequence draws from its own stream, so it is the same in every batch.

    Args:
        network: of a program of `writer`.
        labels: 0 to ``classes - 1``.
        streams: of random numbers.
        length, vocabulary, classes: as for `writer`.
        temperature: above 0; below 1 sharpens.
        guidance: how far to go beyond what the label says: logits are ``told + guidance * (told - hidden)``, by those
            with the label told and hidden; 0 runs the network for the first alone.
    """
    count, share = len(labels), round(guidance * _GUIDANCE_UNITS)
    told = np.concatenate([labels, np.full(count, classes)]) if share else labels
    state = network.start(len(told))
    tokens = np.full(count, vocabulary, dtype=np.int64)
    written = np.empty((count, length), dtype=np.int64)
    for place in range(length):
        seen = np.concatenate([tokens, tokens]) if share else tokens
        logits = network.step({TOKENS: seen, LABEL: told[:, None]}, state)
        if share:
            gap = share * (logits[:count] - logits[count:]).astype(np.int64)
            logits = (logits[:count] + gap // _GUIDANCE_UNITS).astype(np.int32)
        tokens = np.array(
            [sampling.draw(row[None], stream, temperature)[0][0] for row, stream in zip(logits, streams, strict=True)]
        )
        written[:, place] = tokens
    return written
