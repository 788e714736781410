"""The generating families at run time: from labels and random numbers to pictures, in integers, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from aigc_content import ModelError, Stream
from aigc_content.nn import modelfile, sampling
from aigc_content.nn.codes import CodeSampler
from aigc_content.nn.program import Program
from aigc_content.nn.run import Network
from aigc_content.nn.tokens import CODE, to_values
from aigc_content.nn.writing import write

FORMAT = "digits-1"
SIDE, CLASSES = 28, 10
LATENT = 32
LEVELS = (8, 6, 5)
"""Levels of the numbers of a token: 240 tokens."""

DECODED = ("gan", "vae", "vae-gan", "autoencoder", "sparse-autoencoder")
WRITTEN = ("lstm", "gru", "transformer")
FAMILIES = (*DECODED, *WRITTEN)
SAMPLED = ("vae", "vae-gan", "autoencoder", "sparse-autoencoder")
"""Families that draw codes as those of the training digits lie; a GAN draws noise."""

DECODER = "decoder."
"""Prefix of the tensors of the token decoder of a family that writes."""

MAX_GUIDANCE = 10
EXAMPLES = "examples.codes"
"""The tensor with the bits of the digits that a model learned from, where they are not those of the shipped ones."""

ENCODER = "encoder."
"""Prefix of what only training needs, in float: the way from a picture to its tokens."""

Labels = npt.NDArray[np.int64]
Pixels = npt.NDArray[np.uint8]


class DigitModel:
    """A trained family.

    Args:
        folder: model folder, as `aigc train digits` writes it.

    Raises:
        ModelError: M002, M003, M005.
    """

    def __init__(self, folder: Path) -> None:
        config, tensors = modelfile.load(folder)
        self.family = str(config.get("family"))
        if config.get("format") != FORMAT or self.family not in FAMILIES:
            found, remedy = f"is no digit model: family {self.family!r}", "train one with `aigc train digits`"
            raise ModelError("M003", found, where=str(folder), allowed=", ".join(FAMILIES), remedy=remedy)
        decoder = {name: tensors.pop(name) for name in list(tensors) if name.startswith(DECODER)}
        own = {name: value for name, value in tensors.items() if not name.startswith(("sampler.", ENCODER, EXAMPLES))}
        self._guidance = config.get("guidance", 0.0)
        if not isinstance(self._guidance, int | float) or not 0 <= self._guidance <= MAX_GUIDANCE:
            allowed = f"0 to {MAX_GUIDANCE}"
            raise ModelError("M003", f"guidance is {self._guidance!r}", where=str(folder), allowed=allowed)
        self._sampler: CodeSampler | None = None
        self._decoder: Network | None = None
        with modelfile.loading(folder):
            self._network = Network(Program.from_json(config.get("network")), own)
            if self.family in SAMPLED:
                self._sampler = CodeSampler(tensors)
            if self.family in WRITTEN:
                stems = {name.removeprefix(DECODER): value for name, value in decoder.items()}
                self._decoder = Network(Program.from_json(config.get("decoder")), stems)

    def draw(self, labels: Labels, streams: Sequence[Stream], temperature: float = 1.0) -> Pixels:
        """Pictures of labels: (B,) and as many streams to uint8 (B, 28, 28), 0 paper to 255 ink."""
        if self._decoder is not None:
            cells = (SIDE // 4) ** 2
            tokens = write(self._network, labels, streams, cells, prod(LEVELS), CLASSES, temperature, self._guidance)
            values = to_values(tokens, LEVELS).reshape(len(labels), SIDE // 4, SIDE // 4, len(LEVELS))
            return sampling.pixels(self._decoder({CODE: values}))[..., 0]
        latent = np.stack([self._latent(int(label), stream) for label, stream in zip(labels, streams, strict=True)])
        scaled = (latent.astype(np.int64) * round(temperature * 256) + 128) >> 8
        inputs: dict[str, npt.NDArray[Any]] = {
            "latent": np.clip(scaled, -127, 127).astype(np.int8),
            "label": labels[:, None],
        }
        return sampling.pixels(self._network(inputs))[..., 0]

    def _latent(self, label: int, stream: Stream) -> npt.NDArray[np.int8]:
        if self._sampler is None:
            return sampling.latents(stream, LATENT)
        code = self._sampler.draw(label, stream)
        return np.maximum(code, 0) if self.family == "sparse-autoencoder" else code
