"""Transformers: causal, to write tokens in order, and masked, to fill in hidden ones.

Vaswani et al. 2017 (arXiv:1706.03762), with the norm first (Xiong et al. 2020, arXiv:2002.04745) and RMS norm; masked
tokens as in BERT (Devlin et al. 2019, arXiv:1810.04805), drawn as in MaskGIT (Chang et al. 2022, arXiv:2202.04200).
"""

from __future__ import annotations

from aigc_content.nn.program import Attention, Linear, Norm, Operation, Program
from aigc_content.nn.writing import writer


def transformer(
    vocabulary: int,
    length: int,
    classes: int,
    width: int = 128,
    layers: int = 4,
    heads: int = 4,
    causal: bool = True,
) -> Program:
    """A program for `aigc_content.nn.writing`; with ``causal`` false every position sees all others.

    Args:
        vocabulary, length, classes: as for `aigc_content.nn.writing.writer`; the token ``vocabulary`` stands for the
            beginning, or for a hidden place.
        width: channels of the stream.
        layers: pairs of attention and a product of four times the width.
        heads: of attention, each of ``width / heads`` numbers.
    """
    block: tuple[Operation, ...] = (
        Norm(),
        Attention(heads=heads, size=width // heads, causal=causal),
        Norm(),
        Linear(4 * width),
        Linear(width, "add"),
    )
    return writer(vocabulary, length, classes, width, block * layers)
