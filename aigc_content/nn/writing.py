"""What the families that write tokens in order share: batches, the loss, and drawing.

A sequence is told its label at every position; the token before the first is the vocabulary's size. Drawing needs no
torch and uses one step of the network a token, with integer softmax.
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


@dataclass(frozen=True, eq=False)
class Sequences:
    """A batch: ``tokens`` int64 (B, T) and ``labels`` int64 (B,)."""

    tokens: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def writer(vocabulary: int, length: int, classes: int, width: int, body: Sequence[Operation]) -> Program:
    """A language model of sequences with a label: the result is (T, vocabulary) in 1/256 nat.

    Args:
        vocabulary: number of tokens.
        length: of a sequence.
        classes: number of labels.
        width: channels of the embedding.
        body: between the embedding, in ``r``, and the last norm, which reads ``r``.
    """
    first = (Embed(TOKENS, vocabulary + 1, width), Condition(LABEL, (classes,), width), Positions(length))
    return Program((*first, *body, Norm(), Linear(vocabulary, "set")))


def loss(twin: Twin, batch: Sequences, vocabulary: int) -> Parts:
    """Nats a token, each given those before it."""
    import torch

    from aigc_content.nn import losses

    start = torch.full_like(batch.tokens[:, :1], vocabulary)
    seen = torch.cat([start, batch.tokens[:, :-1]], dim=1)
    logits = twin({TOKENS: seen, LABEL: batch.labels[:, None]})
    return {"token": (losses.cross_entropy(logits, batch.tokens).sum(), batch.tokens.numel())}


def write(
    network: Network,
    labels: npt.NDArray[np.integer[Any]],
    streams: Sequence[Stream],
    length: int,
    vocabulary: int,
    temperature: float = 1.0,
) -> npt.NDArray[np.int64]:
    """Draw sequences: labels (B,) and as many streams to tokens (B, length).

    Each sequence draws from its own stream, so it is the same in every batch.
    """
    state = network.start(len(labels))
    tokens = np.full(len(labels), vocabulary, dtype=np.int64)
    written = np.empty((len(labels), length), dtype=np.int64)
    for place in range(length):
        logits = network.step({TOKENS: tokens, LABEL: labels[:, None]}, state)
        tokens = np.array(
            [sampling.draw(row[None], stream, temperature)[0][0] for row, stream in zip(logits, streams, strict=True)]
        )
        written[:, place] = tokens
    return written
