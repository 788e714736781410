"""Train the sprite network: `aigc train sprites --data DIR`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field

from aigc_content import Trainer, TrainRun
from aigc_content.nn import data, modelfile
from aigc_content.nn.fitconfig import FitConfig
from aigc_content.nn.unet import UNet, UNetConfig
from aigc_sprites import model as m
from aigc_sprites import reader
from aigc_sprites.data.dataset import SIDE, SpriteSet, load_set
from aigc_sprites.data.words import SLOTS
from aigc_sprites.tokens import CLEAR, DARK, FIRST, HIDDEN, LEVELS, MATERIALS, Ramps, Tokens, encode

if TYPE_CHECKING:
    from torch import Tensor, nn

FORMAT = "sprites-1"
RATES = (0.3, 0.6, 0.9)
_MOVED = 2  # pixels that creatures and items are moved by at most
_SHARE_UNTOLD, _SHARE_NOTHING = 0.25, 0.1
_MEASURED = 600
_BATCH = 50


class SpriteConfig(FitConfig):
    """How to train the sprite network.

    Attributes:
        network: ``painter``, which draws, or ``reader``, which tells what a picture shows.
        batch: pictures of a step.
        channels, down, up: sizes of the network (`aigc_content.nn.unet.UNetConfig`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: Literal["painter", "reader"] = "painter"
    batch: int = Field(default=24, ge=1, le=4096)
    ema: float = Field(default=0.998, ge=0, lt=1)
    channels: tuple[int, ...] = (40, 72, 104, 128)
    down: tuple[tuple[int, ...], ...] = ((1,), (1,), (1, 2), (1, 2, 1))
    up: tuple[tuple[int, ...], ...] = ((1,), (1,), (1, 1))


@dataclass(frozen=True, eq=False)
class Drawing:
    """One picture to learn from.

    Attributes:
        tokens: (32, 32).
        ramps: its colors.
        label: one of `aigc_sprites.model.LABELS`.
        word: condition.
    """

    tokens: Tokens
    ramps: Ramps
    label: str
    word: int

    @property
    def slot(self) -> str:
        """Of a layer; of anything else empty."""
        kind, _, name = self.label.partition("/")
        return name if kind == "layer" else ""


@dataclass(frozen=True, eq=False)
class Batch:
    """``planes`` (B, 2, 32, 32), ``told`` (B, K), ``targets`` (B, 32, 32) with -100 where nothing is asked."""

    planes: npt.NDArray[np.int64]
    told: m.Told
    targets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.told)


def drawings(sprites: SpriteSet, places: Sequence[int]) -> list[Drawing]:
    """Those of the pictures that the network draws."""
    found = []
    for place in places:
        entry = sprites.entries[place]
        label = f"{entry.kind}/{entry.label}"
        if label in m.LABELS:
            tokens, ramps = encode(sprites.images[place])
            found.append(Drawing(tokens, ramps, label, m.word_of(entry.label, entry.tags)))
    return found


class Wardrobe:
    """Layers by slot, to dress what lies beneath another layer."""

    def __init__(self, all_drawings: Sequence[Drawing]) -> None:
        self.by_slot = {slot: [one for one in all_drawings if one.slot == slot] for slot in SLOTS}

    def beneath(self, slot: str, rng: np.random.Generator) -> Tokens:
        """A random figure as far as it is dressed before a slot, (32, 32); nothing beneath what is no layer."""
        under = np.zeros((SIDE, SIDE), dtype=np.uint8)
        if not slot:
            return under
        for other in SLOTS[: SLOTS.index(slot)]:
            known = self.by_slot[other]
            if known and (other == "base" or rng.random() < _WORN):
                worn = known[rng.integers(len(known))].tokens
                under = np.where(worn != CLEAR, worn, under)
        return under


_WORN = 0.5


def varied(drawing: Drawing, rng: np.random.Generator) -> Tokens:
    """A drawing moved, mirrored, in another light: what shall not matter."""
    tokens = drawing.tokens
    if not drawing.slot:
        if rng.random() < 0.5:
            tokens = tokens[:, ::-1]
        tokens = moved(tokens, *rng.integers(-_MOVED, _MOVED + 1, 2).tolist())
    material, level = np.divmod(tokens.astype(np.int64) - FIRST, LEVELS)
    lit = tokens >= FIRST
    if rng.random() < 0.4:
        change = rng.integers(-1, 2, MATERIALS)
        level = np.clip(level + change[np.where(lit, material, 0)], 0, LEVELS - 1)
    return np.where(lit, FIRST + material * LEVELS + level, tokens).astype(np.uint8)


def moved(tokens: Tokens, dy: int, dx: int) -> Tokens:
    """Shifted, as far as nothing that shows leaves the picture."""
    rows, columns = (np.flatnonzero((tokens != CLEAR).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return tokens
    dy = int(np.clip(dy, -rows[0], len(tokens) - 1 - rows[-1]))
    dx = int(np.clip(dx, -columns[0], len(tokens) - 1 - columns[-1]))
    return np.roll(tokens, (dy, dx), (0, 1))


def hide(chosen: Sequence[Drawing], wardrobe: Wardrobe, rng: np.random.Generator, rate: float | None = None) -> Batch:
    """A batch with cells hidden; with a rate, nothing is varied and every condition is told."""
    planes = np.zeros((len(chosen), 2, SIDE, SIDE), dtype=np.int64)
    told, targets = [], np.full((len(chosen), SIDE, SIDE), -100, dtype=np.int64)
    for place, drawing in enumerate(chosen):
        tokens = drawing.tokens if rate is not None else varied(drawing, rng)
        share = rate if rate is not None else float(np.cos(rng.random() * np.pi / 2))
        hidden = rng.random(tokens.shape) < share
        hidden.flat[rng.integers(hidden.size)] = True
        planes[place, 0] = np.where(hidden, HIDDEN, tokens)
        planes[place, 1] = wardrobe.beneath(drawing.slot, rng)
        targets[place][hidden] = tokens[hidden]
        conditions = m.describe(tokens, drawing.label, drawing.word)
        conditions[m.INDEX["rate"]] = m.rate_condition(int(hidden.sum()), hidden.size)
        if rate is None:
            nothing = rng.random() < _SHARE_NOTHING
            for name in m.FREE:
                if nothing or rng.random() < _SHARE_UNTOLD:
                    conditions[m.INDEX[name]] = m.untold(name)
        told.append(conditions)
    return Batch(planes, np.stack(told), targets)


class SpriteTrainer(Trainer[SpriteConfig]):
    """Trains the network in float with rounding and writes its integers."""

    objective: ClassVar[str] = "loss_60"

    def train(self, run: TrainRun[SpriteConfig]) -> None:
        """Train for the configured time and write the model folder.

        Raises:
            InputError: S020, the data cannot be used.
            ModelError: the model to continue from cannot be used.
        """
        sprites = load_set(run.data)
        if run.config.network == "reader":
            reader.train_reader(run, sprites)
        else:
            self._train_painter(run, sprites)

    def _train_painter(self, run: TrainRun[SpriteConfig], sprites: SpriteSet) -> None:
        import torch

        from aigc_content.nn.train import fit
        from aigc_content.nn.unet_train import UNet as TrainedUNet

        config = run.config
        learned, held = (drawings(sprites, part) for part in sprites.split())
        torch.manual_seed(config.seed)
        sizes = UNetConfig(m.PLANES, tuple(m.CONDITIONS.values()), m.OUTPUTS, config.channels, config.down, config.up)
        net = TrainedUNet(sizes)
        if run.base is not None:
            stored, tensors = modelfile.load(run.base)
            net = TrainedUNet(UNetConfig.from_json(stored.get("network", {})))
            net.restore({name: value for name, value in tensors.items() if not name.startswith("ramps.")})
        wardrobe = Wardrobe(learned)

        def make(chosen: list[Drawing], rng: np.random.Generator) -> Batch:
            return hide(chosen, wardrobe, rng)

        batches = data.epochs(learned, config.batch, config.seed, make)
        measured = [hide(part, wardrobe, np.random.default_rng(1), 0.6) for part in _parts(held[:_MEASURED])]

        def held_out(trained: nn.Module) -> float:
            parts = [part for batch in measured for part in losses(trained, batch).values()]
            return sum(float(loss) for loss, _ in parts) / max(1, sum(count for _, count in parts))

        steps = fit(net, batches, losses, config, held_out=held_out if held else None, run=run)
        tensors = net.export() | _ramps(learned)
        modelfile.save(run.out, {"format": FORMAT, "network": net.config.to_json()}, tensors)
        figures = held_out_losses(run.out, sprites)
        (run.out / "README.md").write_text(_card(run, sprites, len(learned), steps, figures), "utf-8")

    def evaluate(self, model: Path, data: Path) -> Mapping[str, int | float | str]:
        """Held-out cross-entropy in nat a hidden pixel, by share hidden.

        Raises:
            InputError: S020, the data cannot be used.
        """
        sprites = load_set(data)
        if modelfile.load(model)[0].get("format") == reader.FORMAT:
            return reader.evaluate_reader(model, sprites)
        return held_out_losses(model, sprites)


def _parts(items: Sequence[Drawing]) -> Iterator[Sequence[Drawing]]:
    yield from (items[start : start + _BATCH] for start in range(0, len(items), _BATCH))


def _ramps(learned: Sequence[Drawing]) -> modelfile.Tensors:
    """The colors of the pictures, to color others of their label with: (N, 4, 7, 3) and the label of each."""
    return {
        "ramps.colors": np.stack([drawing.ramps for drawing in learned]),
        "ramps.labels": np.array([m.LABELS.index(drawing.label) for drawing in learned], dtype=np.uint8),
        "ramps.materials": np.array([_count(drawing.tokens) for drawing in learned], dtype=np.uint8),
    }


def _count(tokens: Tokens) -> int:
    """How many materials a picture has."""
    return len({(int(token) - FIRST) // LEVELS for token in np.unique(tokens) if token > DARK})


def losses(net: nn.Module, batch: Batch) -> dict[str, tuple[Tensor, int]]:
    """Cross-entropy of the hidden pixels, summed."""
    import torch
    import torch.nn.functional as F

    planes, told, targets = (torch.from_numpy(part) for part in (batch.planes, batch.told, batch.targets))
    inside = torch.ones(planes.shape[0], SIDE, SIDE)
    logits = net(planes, told, inside)
    loss = F.cross_entropy(logits, targets, ignore_index=-100, reduction="sum")
    return {"pixel": (loss, int((targets >= 0).sum()))}


def held_out_losses(folder: Path, sprites: SpriteSet) -> dict[str, int | float | str]:
    """Cross-entropy of the integer network on drawings that training never saw, in nat a hidden pixel."""
    learned, held = (drawings(sprites, part) for part in sprites.split())
    stored, tensors = modelfile.load(folder)
    own = {name: value for name, value in tensors.items() if not name.startswith("ramps.")}
    with modelfile.loading(folder):
        net = UNet(UNetConfig.from_json(stored.get("network", {})), own)
    result: dict[str, int | float | str] = {"held_out_drawings": len(held)}
    wardrobe = Wardrobe(learned)
    for rate in RATES:
        total, count = 0.0, 0
        for part in _parts(held):
            batch = hide(part, wardrobe, np.random.default_rng(1), rate)
            logits = net(batch.planes, batch.told) / 256.0
            hidden = batch.targets >= 0
            scores = logits[hidden]
            peak = scores.max(axis=1, keepdims=True)
            norm = np.log(np.exp(scores - peak).sum(axis=1)) + peak[:, 0]
            total += float((norm - scores[np.arange(len(scores)), batch.targets[hidden]]).sum())
            count += int(hidden.sum())
        result[f"loss_{int(rate * 100)}"] = round(total / max(count, 1), 4)
    return result


def _card(
    run: TrainRun[SpriteConfig],
    sprites: SpriteSet,
    learned: int,
    steps: int,
    figures: Mapping[str, int | float | str],
) -> str:
    """The model card (Hugging Face layout)."""
    config = run.config
    table = "\n".join(f"| {name} | {value} |" for name, value in figures.items())
    counts = ", ".join(
        f"{number:,} {kind}s" for kind, number in sorted(Counter(e.kind for e in sprites.entries).items())
    )
    return f"""---
name: sprites
license: {sprites.license}
library_name: aigc_content
datasets:
  - {sprites.source}
---

# sprites

A masked-token U-Net over materials and levels of light, trained with rounding and stored as integers.

- Data: {sprites.source} ({counts}; sha256 `{sprites.sha256}`); {learned:,} pictures were learned from, drawings of
  other shapes were held out.
- Training: {steps:,} steps of {config.batch} pictures, seed {config.seed}, learning rate
  {config.learning_rate:g}.{run.origin}

| figure (held-out drawings, nat a hidden pixel) | value |
| --- | --- |
{table}
"""
