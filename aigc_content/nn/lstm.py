"""Long short-term memory that writes tokens in order. Hochreiter and Schmidhuber 1997 (Neural Computation 9)."""

from __future__ import annotations

from aigc_content.nn.program import LSTM, Linear, Norm, Operation, Program
from aigc_content.nn.writing import writer


def lstm(vocabulary: int, length: int, classes: int, width: int = 128, units: int = 256, layers: int = 1) -> Program:
    """A program for `aigc_content.nn.writing`: layers of ``units`` state numbers, each added to the stream."""
    body: list[Operation] = []
    for _ in range(layers):
        body += [Norm(), LSTM(units), Linear(width, "add")]
    return writer(vocabulary, length, classes, width, body)
