"""Autoencoders: plain, denoising, sparse; a sampler over their codes makes them generators.

Hinton and Salakhutdinov 2006 (Science 313); denoising, Vincent et al. 2008; sparse, Ng 2011 (CS294A). An autoencoder
has no prior: `aigc_content.nn.codes` fits one to the codes of the training pictures afterwards.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from aigc_content.nn import losses
from aigc_content.nn.pictures import Encoder, Pictures, as_activations, decode
from aigc_content.nn.program import Program
from aigc_content.nn.quant import UNIT
from aigc_content.nn.trainlog import Parts
from aigc_content.nn.twin import Twin

RANGE = 2.5
"""Codes are kept within so many units of 40 activations, so that a sampler's numbers fit 8 bits."""


class Autoencoder(nn.Module):
    """Encoder and decoder, trained by `loss`.

    Args:
        program: of the decoder, as `aigc_content.nn.pictures.decoder` gives it.
        latent: numbers of a code.
        classes: number of labels.
        side: of the pictures.
        noise: standard deviation of what is added to the pictures that the encoder sees, which the decoder shall not
            show (denoising).
        blur: standard deviation of what is added to the codes, so that codes nearby make pictures alike.
        sparse: weight of the L1 norm of the codes, which are then rectified.
        activity: target share of active code numbers; its KL counts with weight ``sparse``, too. 0 leaves it out.
    """

    def __init__(
        self,
        program: Program,
        latent: int,
        classes: int,
        side: int,
        noise: float = 0.0,
        blur: float = 0.1,
        sparse: float = 0.0,
        activity: float = 0.0,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(side, classes, latent)
        self.decoder = Twin(program)
        self.noise, self.blur, self.sparse, self.activity = noise, blur, sparse, activity

    def encode(self, batch: Pictures) -> Tensor:
        """Codes (B, latent) in units of 40 activations, before rectification."""
        codes: Tensor = self.encoder(batch.images, batch.labels)
        return RANGE * torch.tanh(codes / RANGE)

    def loss(self, batch: Pictures) -> Parts:
        """Nats a picture, in parts."""
        seen = Pictures(batch.images + self.noise * torch.randn_like(batch.images), batch.labels)
        codes = self.encode(seen)
        parts: Parts = {}
        if self.sparse:
            active = torch.relu(codes)
            parts["sparse"] = (self.sparse * losses.sparsity(active).sum(), len(batch))
            if self.activity:
                share = torch.sigmoid(8 * (codes - 0.25))  # soft count of what is clearly on
                parts["activity"] = (self.sparse * len(batch) * losses.activity_kl(share, self.activity), len(batch))
        given = codes + self.blur * torch.randn_like(codes)
        logits = decode(self.decoder, as_activations(self.rectify(given)), batch.labels)
        parts["picture"] = (losses.binary_cross_entropy(logits, batch.images).sum(), len(batch))
        return parts

    def rectify(self, codes: Tensor) -> Tensor:
        """What the decoder gets of codes."""
        return torch.relu(codes) if self.sparse else codes

    def codes(self, batch: Pictures) -> Tensor:
        """Codes (B, latent) in activations, before rectification, for a sampler to learn."""
        return self.encode(batch) * UNIT
