"""Gated recurrent units that write tokens in order. Cho et al. 2014 (arXiv:1406.1078)."""

from __future__ import annotations

from aigc_content.nn.program import GRU, Linear, Norm, Operation, Program
from aigc_content.nn.writing import writer


def gru(vocabulary: int, length: int, classes: int, width: int = 128, units: int = 256, layers: int = 1) -> Program:
    """A program for `aigc_content.nn.writing`: layers of ``units`` state numbers, each added to the stream."""
    body: list[Operation] = []
    for _ in range(layers):
        body += [Norm(), GRU(units), Linear(width, "add")]
    return writer(vocabulary, length, classes, width, body)
