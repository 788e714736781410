"""VAE-GAN: encoder, decoder and discriminator trained jointly.

Larsen et al. 2016 (arXiv:1512.09300): the decoder of a variational autoencoder is the generator of an adversarial
network, and a picture is near another where the discriminator's features are.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aigc_content.nn import losses
from aigc_content.nn.pictures import Discriminator, Pictures, decode, noise
from aigc_content.nn.player import Player
from aigc_content.nn.program import Program
from aigc_content.nn.trainlog import Parts
from aigc_content.nn.vae import VAE


class VAEGAN(nn.Module):
    """Three networks, trained by `players`.

    Args:
        program, latent, classes, side, beta: as for `aigc_content.nn.vae.VAE`.
        likeness: weight of the distance in the discriminator's features.
        deceit: weight of the adversarial loss.
    """

    def __init__(
        self,
        program: Program,
        latent: int,
        classes: int,
        side: int,
        beta: float = 0.25,
        likeness: float = 4.0,
        deceit: float = 1.0,
    ) -> None:
        super().__init__()
        self.vae = VAE(program, latent, classes, side, beta)
        self.discriminator = Discriminator(side, classes)
        self.latent, self.likeness, self.deceit = latent, likeness, deceit

    def players(self) -> list[Player[Pictures]]:
        """The discriminator's move, then that of encoder and decoder together."""
        return [
            Player(self.discriminator, lambda _, batch: self.discriminate(batch), betas=(0.0, 0.99), muon=False),
            Player(self.vae, lambda _, batch: self.reconstruct_and_deceive(batch), betas=(0.0, 0.99), muon=False),
        ]

    def draw(self, labels: Tensor) -> Tensor:
        """Pictures (B, C, H, W) of labels (B,), from 0 to 1, by draws from the prior."""
        return self.vae.draw(labels)

    def codes(self, batch: Pictures) -> Tensor:
        """As `aigc_content.nn.vae.VAE.codes`."""
        return self.vae.codes(batch)

    def discriminate(self, batch: Pictures) -> Parts:
        """The discriminator's hinge loss: real pictures against drawn and reconstructed ones."""
        with torch.no_grad():
            fakes = torch.cat([self.draw(batch.labels), self._reconstructed(batch)[0]])
        labels = batch.labels
        scores = self.discriminator(torch.cat([batch.images, fakes]), labels.repeat(3))
        loss = losses.hinge_discriminator(scores[: len(labels)], scores[len(labels) :])
        return {"discriminator": (loss * len(batch), len(batch))}

    def reconstruct_and_deceive(self, batch: Pictures) -> Parts:
        """Loss of encoder and decoder: likeness in features, latent loss, adversarial loss."""
        rebuilt, divergence = self._reconstructed(batch)
        drawn = decode(self.vae.decoder, noise(len(batch), self.latent, batch.images), batch.labels)
        fakes = self.discriminator.features(torch.cat([rebuilt, torch.sigmoid(drawn)]))
        with torch.no_grad():
            real = self.discriminator.features(batch.images)
        gaps = [(a - b[: len(batch)]).square().flatten(1).mean(dim=1) for a, b in zip(real, fakes, strict=True)]
        likeness = torch.stack(gaps).sum(dim=0).sum() + losses.mean_squared_error(rebuilt, batch.images).sum() / 10
        scores = self.discriminator.judge(fakes[-1], batch.labels.repeat(2))
        return {
            "likeness": (self.likeness * likeness, len(batch)),
            "latent": (self.vae.weight() * divergence * len(batch), len(batch)),
            "generator": (self.deceit * losses.score_generator(scores) * len(batch), len(batch)),
        }

    def _reconstructed(self, batch: Pictures) -> tuple[Tensor, Tensor]:
        """Pictures from 0 to 1, and the latent loss."""
        mean, log_variance = self.vae.encode(batch)
        logits = decode(self.vae.decoder, self.vae.latents(mean, log_variance), batch.labels)
        return torch.sigmoid(logits), self.vae.divergence(mean, log_variance)
