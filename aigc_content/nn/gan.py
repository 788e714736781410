"""Generative adversarial networks, conditional on a label: two players, three losses.

Goodfellow et al. 2014 (arXiv:1406.2661); the condition as in Mirza and Osindero 2014 (arXiv:1411.1784).
The generator is a program of `aigc_content.nn.pictures.decoder` and runs in integers; the discriminator is float.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from aigc_content.nn import losses
from aigc_content.nn.augment import Change, diff_augment
from aigc_content.nn.pictures import Discriminator, Pictures, decode, noise
from aigc_content.nn.player import Player
from aigc_content.nn.program import Program
from aigc_content.nn.trainlog import Parts
from aigc_content.nn.twin import Twin

Loss = Literal["hinge", "non-saturating", "wasserstein"]
PENALTY = 10.0
"""Weight of the gradient penalty of a Wasserstein critic (Gulrajani et al. 2017)."""

_DISCRIMINATOR: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "hinge": losses.hinge_discriminator,
    "non-saturating": losses.non_saturating_discriminator,
    "wasserstein": losses.wasserstein_critic,
}
_GENERATOR: dict[str, Callable[[Tensor], Tensor]] = {
    "hinge": losses.score_generator,
    "non-saturating": losses.non_saturating_generator,
    "wasserstein": losses.score_generator,
}


class GAN(nn.Module):
    """Generator and discriminator, trained by `players`.

    Args:
        program: of the generator, as `aigc_content.nn.pictures.decoder` gives it.
        latent: numbers of its latent vector.
        classes: number of labels.
        side: of the pictures.
        loss: what the players play for; ``wasserstein`` brings the gradient penalty, the others bounded layers.
        augment: changes of DiffAugment (Zhao et al. 2020, arXiv:2006.10738), for few training pictures.
        reading: weight of an auxiliary loss (Odena et al. 2017, arXiv:1610.09585): the discriminator learns to read
            real pictures' labels, and the generator to be read right. Pictures between two labels become rarer.
    """

    def __init__(
        self,
        program: Program,
        latent: int,
        classes: int,
        side: int,
        loss: Loss = "hinge",
        augment: Sequence[Change] = (),
        reading: float = 0.0,
    ) -> None:
        super().__init__()
        self.generator = Twin(program)
        self.discriminator = Discriminator(side, classes, bounded=loss != "wasserstein", reads=reading > 0)
        self.latent, self.loss, self.augment, self.reading = latent, loss, tuple(augment), reading
        self._draws = torch.Generator()

    def players(self) -> list[Player[Pictures]]:
        """The discriminator's move, then the generator's, at every step."""
        every = 5 if self.loss == "wasserstein" else 1  # the critic comes nearer to its optimum before each move
        return [
            Player(self.discriminator, lambda _, batch: self.discriminate(batch), betas=(0.0, 0.99), muon=False),
            Player(self.generator, lambda _, batch: self.deceive(batch), betas=(0.0, 0.99), every=every, muon=False),
        ]

    def draw(self, labels: Tensor) -> Tensor:
        """Pictures (B, C, H, W) of labels (B,), from 0 to 1."""
        return torch.sigmoid(decode(self.generator, noise(len(labels), self.latent, labels), labels))

    def discriminate(self, batch: Pictures) -> Parts:
        """The discriminator's loss."""
        with torch.no_grad():
            fake = self._seen(self.draw(batch.labels))
        real = self._seen(batch.images)
        features = self.discriminator.features(torch.cat([real, fake]))[-1]
        scores = self.discriminator.judge(features, batch.labels.repeat(2))
        loss = _DISCRIMINATOR[self.loss](*scores.chunk(2))
        parts: Parts = {"discriminator": (loss * len(batch), len(batch))}
        if self.reading:
            parts["reading"] = self._read(features[: len(batch)], batch.labels)
        if self.loss == "wasserstein":
            penalty = losses.gradient_penalty(
                lambda images: self.discriminator(images, batch.labels), real, fake, self._seeded()
            )
            parts["penalty"] = (PENALTY * penalty * len(batch), len(batch))
        return parts

    def deceive(self, batch: Pictures) -> Parts:
        """The generator's loss."""
        features = self.discriminator.features(self._seen(self.draw(batch.labels)))[-1]
        scores = self.discriminator.judge(features, batch.labels)
        parts: Parts = {"generator": (_GENERATOR[self.loss](scores) * len(batch), len(batch))}
        if self.reading:
            parts["read"] = self._read(features, batch.labels)
        return parts

    def _read(self, features: Tensor, labels: Tensor) -> tuple[Tensor, int]:
        """The auxiliary loss of pictures of labels (B,)."""
        logits = self.discriminator.read(features)
        return self.reading * losses.cross_entropy(logits, labels).sum(), len(labels)

    def _seen(self, images: Tensor) -> Tensor:
        """What the discriminator sees of pictures."""
        return diff_augment(images, self.augment, self._seeded()) if self.augment else images

    def _seeded(self) -> torch.Generator:
        """Random numbers that follow from torch's own, whose state a training keeps."""
        return self._draws.manual_seed(int(torch.randint(1 << 62, ())))
