"""Variational autoencoders, conditional on a label: beta, free bits, annealing.

Kingma and Welling 2014 (arXiv:1312.6114); the condition as in Sohn et al. 2015 (CVAE). The decoder is a program and
runs in integers: it gets the latent in whole numbers, as a draw from the prior gives it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aigc_content.nn import losses
from aigc_content.nn.pictures import Encoder, Pictures, as_activations, decode, noise
from aigc_content.nn.program import Program
from aigc_content.nn.trainlog import Parts
from aigc_content.nn.twin import Twin

REACH = 3.0
"""Means stay within so many standard deviations of the prior, where activations can hold the latent."""


class VAE(nn.Module):
    """Encoder and decoder, trained by `loss`.

    Args:
        program: of the decoder, as `aigc_content.nn.pictures.decoder` gives it.
        latent: numbers of its latent vector.
        classes: number of labels.
        side: of the pictures.
        beta: weight of the latent loss (Higgins et al. 2017); below 1 sharpens pictures, above 1 orders latents.
        least: nats that a latent number may hold for nothing (free bits, Kingma et al. 2016).
        rise: steps in which ``beta`` grows from 0 (Bowman et al. 2016); 0 begins with it.
        matching: weight of `aigc_content.nn.losses.gradient_matching`, which keeps edges sharp.
    """

    steps: Tensor

    def __init__(
        self,
        program: Program,
        latent: int,
        classes: int,
        side: int,
        beta: float = 1.0,
        least: float = 0.0,
        rise: int = 0,
        matching: float = 0.0,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(side, classes, 2 * latent)
        self.decoder = Twin(program)
        self.latent, self.beta, self.least, self.rise, self.matching = latent, beta, least, rise, matching
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def encode(self, batch: Pictures) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the latents, (B, latent) each."""
        mean, log_variance = self.encoder(batch.images, batch.labels).chunk(2, dim=1)
        return REACH * torch.tanh(mean / REACH), 4 * torch.tanh((log_variance - 4) / 8)

    def latents(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """A draw in activations (B, latent), gradients to mean and variance."""
        return as_activations(mean + torch.randn_like(mean) * (log_variance / 2).exp())

    def loss(self, batch: Pictures) -> Parts:
        """Nats a picture, in parts."""
        mean, log_variance = self.encode(batch)
        logits = decode(self.decoder, self.latents(mean, log_variance), batch.labels)
        parts: Parts = {
            "picture": (losses.binary_cross_entropy(logits, batch.images).sum(), len(batch)),
            "latent": (self.weight() * self.divergence(mean, log_variance) * len(batch), len(batch)),
        }
        if self.matching:
            edges = losses.gradient_matching(torch.sigmoid(logits), batch.images).sum()
            parts["edges"] = (self.matching * edges, len(batch))
        return parts

    def weight(self) -> float:
        """Weight of the latent loss at this step; counts the steps while training."""
        step = int(self.steps)
        if self.training:
            self.steps += 1
        return losses.annealing(step, self.rise, self.beta, rise=1.0) if self.rise else self.beta

    def divergence(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """Latent loss in nats a picture, to scalar."""
        return losses.free_bits(losses.gaussian_kl(mean, log_variance), self.least)

    def codes(self, batch: Pictures) -> Tensor:
        """Codes (B, latent) in activations as training decodes them, drawn anew, for a sampler to learn.

        The codes of all pictures of a label together lie closer than the prior, and a draw from where they are not
        decodes to no picture (Hoffman and Johnson 2016, "ELBO surgery"); `aigc_content.nn.codes` draws as they lie.
        """
        return self.latents(*self.encode(batch))

    def draw(self, labels: Tensor) -> Tensor:
        """Pictures (B, C, H, W) of labels (B,), from 0 to 1, by draws from the prior."""
        return torch.sigmoid(decode(self.decoder, noise(len(labels), self.latent, labels), labels))
