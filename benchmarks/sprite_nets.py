"""The networks of `sprite_rivals.py`, in plain float torch: one that draws, one that judges, one that encodes."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from aigc_sprites import model as m
from aigc_sprites.tokens import CLEAR, DARK, FIRST, LEVELS, MATERIALS, TOKENS
from torch import Tensor, nn

LATENT = 64
CHANNELS = 3 + MATERIALS
"""What a critic sees of a token: that it shows, that it is the dark of outlines, its light, its material."""
_ALTERED = m.CONDITIONS["altered"]
_TOLD = 32


def seen() -> Tensor:
    """What a critic sees of each token, 0 to 1: (TOKENS, CHANNELS)."""
    found = torch.zeros(TOKENS, CHANNELS)
    found[CLEAR + 1 :, 0] = 1
    found[DARK, 1] = 1
    for material in range(MATERIALS):
        first = FIRST + material * LEVELS
        found[first : first + LEVELS, 2] = torch.arange(1, LEVELS + 1) / LEVELS
        found[first : first + LEVELS, 3 + material] = 1
    return found


def shown(shares: Tensor) -> Tensor:
    """Pixels that are tokens in shares (B, TOKENS, H, W) as a critic sees them: (B, CHANNELS, H, W)."""
    return torch.einsum("bthw,tc->bchw", shares, seen())


def one_hot(tokens: Tensor) -> Tensor:
    """Tokens (B, H, W) to shares (B, TOKENS, H, W)."""
    return F.one_hot(tokens, TOKENS).permute(0, 3, 1, 2).float()


def likeliest(logits: Tensor) -> Tensor:
    """The likeliest of clear, dark and the materials, and of a material its likeliest light: (B, TOKENS, H, W) to
    (B, H, W). The likeliest token would be too dark: a material shares its belief among its levels."""
    shares = logits.softmax(dim=1)
    lit = shares[:, FIRST:].reshape(len(logits), MATERIALS, LEVELS, *logits.shape[2:])
    form = torch.cat([shares[:, :FIRST], lit.sum(dim=2)], dim=1).argmax(dim=1)
    material = (form - FIRST).clamp(min=0)
    level = lit.argmax(dim=2).gather(1, material[:, None])[:, 0]
    return torch.where(form < FIRST, form, FIRST + material * LEVELS + level)


class Told(nn.Module):
    """Label (B,) and what was altered (B,) as numbers: (B, 32)."""

    def __init__(self) -> None:
        super().__init__()
        self.label, self.altered = nn.Embedding(len(m.SHOWN), _TOLD), nn.Embedding(_ALTERED, _TOLD)

    def forward(self, labels: Tensor, altered: Tensor) -> Tensor:
        found: Tensor = self.label(labels) + self.altered(altered)
        return found


class _Grown(nn.Module):
    """Twice the sides, a convolution, a normalization with a scale and a shift by what is told."""

    def __init__(self, channels: int, out: int, told: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out, 3, padding=1)
        self.norm = nn.BatchNorm2d(out, affine=False)
        self.told = nn.Linear(told, 2 * out)

    def forward(self, x: Tensor, told: Tensor) -> Tensor:
        scale, move = self.told(told)[:, :, None, None].chunk(2, dim=1)
        return F.leaky_relu(self.norm(self.conv(F.interpolate(x, scale_factor=2.0))) * (1 + scale) + move, 0.2)


class Painter(nn.Module):
    """Draws: latents (B, LATENT), labels (B,), altered (B,) to logits (B, TOKENS, 32, 32). The generator of the GAN
    and the decoder of the VAE."""

    def __init__(self) -> None:
        super().__init__()
        told = LATENT + _TOLD
        self.told = Told()
        self.first = nn.Linear(told, 128 * 4 * 4)
        self.blocks = nn.ModuleList([_Grown(128, 128, told), _Grown(128, 96, told)])
        self.large = nn.Sequential(
            nn.Conv2d(96, 48, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(48, 32, 3, padding=1),
            nn.LeakyReLU(0.2),
        )
        self.last = nn.Conv2d(32, TOKENS, 3, padding=1)

    def forward(self, latents: Tensor, labels: Tensor, altered: Tensor) -> Tensor:
        told = torch.cat([latents, self.told(labels, altered)], dim=1)
        x = F.leaky_relu(self.first(told), 0.2).view(-1, 128, 4, 4)
        for block in self.blocks:
            x = block(x, told)
        logits: Tensor = self.last(self.large(x))
        return logits


class Critic(nn.Module):
    """Judges: pictures (B, CHANNELS, 32, 32), labels (B,), altered (B,) to scores (B,), larger for real ones.

    What is told is projected (Miyato and Koyama 2018, arXiv:1802.05637).
    """

    def __init__(self) -> None:
        super().__init__()
        widths = (4 * CHANNELS, 64, 96, 128, 160)
        self.convs = nn.ModuleList([nn.Conv2d(a, b, 3, padding=1) for a, b in pairwise(widths)])
        self.wide = nn.Conv2d(widths[-1], 192, 3, padding=1)
        self.label = nn.Embedding(len(m.SHOWN), 192)
        self.altered = nn.Embedding(_ALTERED, 192)
        self.score = nn.Linear(192, 1)
        for told in (self.label, self.altered):
            nn.init.normal_(told.weight, std=0.05)

    def forward(self, pictures: Tensor, labels: Tensor, altered: Tensor) -> Tensor:
        x = F.pixel_unshuffle(pictures, 2)  # (B, 4 * CHANNELS, 16, 16)
        for place, conv in enumerate(self.convs):
            x = F.leaky_relu(conv(x), 0.2)
            if place % 2:
                x = F.avg_pool2d(x, 2)
        found = F.leaky_relu(self.wide(x), 0.2).sum(dim=(2, 3))
        told = self.label(labels) + self.altered(altered)
        scores: Tensor = self.score(found)[:, 0] + (told * found).sum(dim=1)
        return scores


class Encoder(nn.Module):
    """Encodes: tokens (B, 32, 32), labels (B,), altered (B,) to means and log variances, (B, LATENT) each."""

    def __init__(self) -> None:
        super().__init__()
        self.told = Told()
        self.token = nn.Embedding(TOKENS, 12)
        self.convs = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(48, 64, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(64, 96, 3, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Conv2d(96, 128, 3, stride=2, padding=1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
        )
        self.last = nn.Linear(128 * 4 * 4 + _TOLD, 2 * LATENT)

    def forward(self, tokens: Tensor, labels: Tensor, altered: Tensor) -> tuple[Tensor, Tensor]:
        x = self.convs(self.token(tokens).permute(0, 3, 1, 2))
        mean, spread = self.last(torch.cat([x, self.told(labels, altered)], dim=1)).chunk(2, dim=1)
        return mean, spread.clamp(-10, 4)
