"""The model card of a painter: what is said of the painter, then of its draft, then of the draft's prior."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from aigc_content import TrainRun, write_card
from aigc_sprites.data.dataset import SpriteSet

if TYPE_CHECKING:
    from aigc_sprites.train import SpriteConfig

DRAFT, PRIOR = "\n## Draft\n", "\n## Prior\n"
_CARD = "README.md"


def training(run: TrainRun[SpriteConfig], sprites: SpriteSet, learned: str, steps: int) -> str:
    """What and how a network learned."""
    config = run.config
    return f"""
- Data: {sprites.source} (sha256 `{sprites.sha256}`); {learned}.
- Training: {steps:,} steps of {config.batch} pictures, seed {config.seed}, learning rate
  {config.learning_rate:g}.{run.origin}
"""


def add(
    run: TrainRun[SpriteConfig],
    sprites: SpriteSet,
    heading: str,
    text: str,
    figures: Mapping[str, int | float | str],
    measured: str,
) -> None:
    """Write the card of the painter that training continued from, with a section in place of the old one and of those
    that followed it."""
    assert run.base is not None
    old = (run.base / _CARD).read_text("utf-8").partition("\n# ")[2].partition("\n")[2].partition(heading)[0]
    write_card(
        run.out,
        name="sprites",
        license=sprites.license,
        datasets=[sprites.source],
        text=f"{old.strip()}\n{heading}\n{text.strip()}",
        figures=figures,
        measured=measured,
    )


def keep(base: Path, out: Path) -> None:
    """Add the sections of a draft and its prior from one card to another that has none."""
    _, heading, rest = (base / _CARD).read_text("utf-8").partition(DRAFT)
    with (out / _CARD).open("a", encoding="utf-8") as card:
        card.write(heading + rest)
