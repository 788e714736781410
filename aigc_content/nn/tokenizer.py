"""Train the tokens of `aigc_content.nn.tokens`: an autoencoder whose codes are rounded to few levels."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from aigc_content.nn import losses
from aigc_content.nn.pictures import Pictures
from aigc_content.nn.program import Program
from aigc_content.nn.tokens import CODE, level_values, round_levels
from aigc_content.nn.trainlog import Parts
from aigc_content.nn.twin import Twin


class Tokenizer(nn.Module):
    """Encoder and decoder, trained by `loss`.

    Args:
        program: as `aigc_content.nn.tokens.token_decoder` gives it.
        levels: of each number of a cell, 2 or more.
        channels: width of the encoder.
    """

    def __init__(self, program: Program, levels: Sequence[int], channels: int = 32) -> None:
        super().__init__()
        self.levels = tuple(levels)
        self.encoder = nn.Sequential(
            nn.Conv2d(1, channels, 4, 2, 1),  # (B, channels, H/2, W/2)
            nn.SiLU(),
            nn.Conv2d(channels, 2 * channels, 4, 2, 1),  # (B, 2 channels, H/4, W/4)
            nn.SiLU(),
            nn.Conv2d(2 * channels, 2 * channels, 3, 1, 1),
            nn.SiLU(),
            nn.Conv2d(2 * channels, len(levels), 1),
        )
        self.decoder = Twin(program)

    def places(self, images: Tensor) -> Tensor:
        """Levels (B, H/4, W/4, numbers) of pictures (B, 1, H, W), gradients straight through."""
        return round_levels(self.encoder(images).permute(0, 2, 3, 1), self.levels)

    def loss(self, batch: Pictures) -> Parts:
        """Nats a picture."""
        values = level_values(self.places(batch.images), self.levels)
        logits = self.decoder({CODE: values}).permute(0, 3, 1, 2)
        return {"picture": (losses.binary_cross_entropy(logits, batch.images).sum(), len(batch))}
