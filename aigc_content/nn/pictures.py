"""What the families of pictures share: batches, the decoder program, and the float networks of training only.

Pictures are (B, C, H, W) from 0 to 1; sides are multiples of 4. The decoder decides bytes, so it is a program that
trains as a `Twin`; encoder and discriminator only exist while training and are ordinary torch networks.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

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
from aigc_content.nn.quant import UNIT, ste_round
from aigc_content.nn.twin import Twin

LATENT, LABEL = "latent", "label"
"""Names of the decoder's inputs: (B, latent) activations and (B, 1) tokens."""


@dataclass(frozen=True, eq=False)
class Pictures:
    """A batch: ``images`` (B, C, H, W) from 0 to 1 and ``labels`` int64 (B,)."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)


def decoder(latent: int, classes: int, side: int, channels: tuple[int, int] = (64, 32), outputs: int = 1) -> Program:
    """A picture from a latent vector and a label, as logits of brightness: the result is (side, side, outputs).

    The shape of DCGAN (Radford et al. 2016, arXiv:1511.06434): a product, then two transposed convolutions.

    Args:
        latent: numbers of the latent vector.
        classes: number of labels.
        side: of the picture, a multiple of 4.
        channels: at a quarter of the side and at half of it.
        outputs: channels of the picture.
    """
    small = side // 4
    first: tuple[Operation, ...] = (
        Input(LATENT, (latent,)),
        Linear(256, "set"),
        Condition(LABEL, (classes,), 256),
        Quantize(rectified=True),
        Linear(small * small * channels[0]),
        Reshape((small, small, channels[0])),
    )
    return Program((*first, *upward(channels, outputs)))


def upward(channels: tuple[int, int], outputs: int) -> tuple[Operation, ...]:
    """From ``channels[0]`` activations a cell to logits of a picture four times as high and wide."""
    return TransposedConv(channels[1]), Conv(channels[1]), TransposedConv(outputs, "set")


def decode(twin: Twin, latent: Tensor, labels: Tensor) -> Tensor:
    """Logits (B, C, H, W) in nat of pictures, from latents in activations (B, latent) and labels (B,)."""
    result: Tensor = twin({LATENT: latent, LABEL: labels[:, None]})
    return result.permute(0, 3, 1, 2)


def as_activations(latent: Tensor) -> Tensor:
    """Numbers of about one standard deviation to whole numbers within +-127, gradients straight through."""
    return ste_round((latent * UNIT).clamp(-127, 127))


def noise(count: int, latent: int, like: Tensor) -> Tensor:
    """Standard normal latents in activations, as `aigc_content.nn.sampling.latents` gives them: (count, latent)."""
    return as_activations(torch.randn(count, latent, device=like.device))


class Encoder(nn.Module):
    """Picture and label to a vector: two convolutions of stride 2 and two products.

    Args:
        side: of the picture, a multiple of 4.
        classes: number of labels.
        outputs: length of the vector.
        channels: width of the first convolution; the second has twice as many.
        inputs: channels of the picture.
    """

    def __init__(self, side: int, classes: int, outputs: int, channels: int = 32, inputs: int = 1) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(inputs, channels, 4, 2, 1),  # (B, channels, H/2, W/2)
            nn.SiLU(),
            nn.Conv2d(channels, 2 * channels, 4, 2, 1),  # (B, 2 channels, H/4, W/4)
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(2 * channels * (side // 4) ** 2, 256),
        )
        self.label = nn.Embedding(classes, 256)
        self.head = nn.Sequential(nn.SiLU(), nn.Linear(256, outputs))

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """(B, C, H, W) and (B,) to (B, outputs)."""
        found: Tensor = self.head(self.convolutions(images) + self.label(labels))
        return found


class Discriminator(nn.Module):
    """Picture and label to a score, by projection (Miyato and Koyama 2018, arXiv:1802.05637).

    Args:
        side: of the picture, a multiple of 4.
        classes: number of labels.
        channels: width of the first convolution.
        inputs: channels of the picture.
        bounded: spectral normalization of every layer (Miyato et al. 2018, arXiv:1802.05957).
        reads: whether it also tells the label of a picture, for `read`.
    """

    def __init__(
        self,
        side: int,
        classes: int,
        channels: int = 24,
        inputs: int = 1,
        bounded: bool = True,
        reads: bool = False,
    ) -> None:
        super().__init__()
        widths = (inputs, channels, 2 * channels, 4 * channels)
        sizes = ((4, 2, 1), (4, 2, 1), (3, 1, 1))  # kernel, stride, padding: to a quarter of the side
        layers: list[nn.Module] = [
            nn.Conv2d(before, after, *size)
            for before, after, size in zip(widths[:-1], widths[1:], sizes, strict=True)
        ]
        cells = (side // 4) ** 2
        product, score, label = nn.Linear(widths[-1] * cells, 128), nn.Linear(128, 1), nn.Embedding(classes, 128)
        wrap = spectral_norm if bounded else nn.Identity()
        self.layers = nn.ModuleList(wrap(layer) for layer in layers)
        self.product, self.score, self.label = wrap(product), wrap(score), wrap(label)
        self.reader = nn.Linear(128, classes) if reads else None

    def features(self, images: Tensor) -> list[Tensor]:
        """What each layer says of pictures (B, C, H, W); the last is (B, 128)."""
        found, x = [], images * 2 - 1
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
            found.append(x)
        found.append(F.leaky_relu(self.product(x.flatten(1)), 0.2))
        return found

    def judge(self, features: Tensor, labels: Tensor) -> Tensor:
        """The last of `features` and labels (B,) to scores (B,)."""
        scores: Tensor = self.score(features)[:, 0] + (self.label(labels) * features).sum(dim=1)
        return scores

    def read(self, features: Tensor) -> Tensor:
        """The last of `features` to logits of labels (B, classes)."""
        assert self.reader is not None
        logits: Tensor = self.reader(features)
        return logits

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """(B, C, H, W) and (B,) to scores (B,); high means real."""
        return self.judge(self.features(images)[-1], labels)
