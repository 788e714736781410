"""Train the sprite network: `aigc train sprites --data DIR`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field

from aigc_content import Trainer, TrainRun, write_card
from aigc_content.nn import data, modelfile
from aigc_content.nn.fitconfig import FitConfig
from aigc_content.nn.unet import UNet, UNetConfig
from aigc_sprites import card, prior, reader
from aigc_sprites import model as m
from aigc_sprites.copies import bits_of, pack
from aigc_sprites.data.dataset import SpriteSet, load_set
from aigc_sprites.draft import NAME
from aigc_sprites.draw import FORMAT, LEARNED, SpriteModel, own_tensors
from aigc_sprites.examples import NOT_ASKED, Batch, Drawing, Redraft, Wardrobe, drawings, few_alike, hide
from aigc_sprites.looks import Looks
from aigc_sprites.palette import oklab
from aigc_sprites.sheet import sheet
from aigc_sprites.sprite import SIDE
from aigc_sprites.tidy import smooth, whole
from aigc_sprites.tokens import (
    CLEAR,
    FORMS,
    colors_of,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

    from aigc_content.nn.unet_train import UNet as TrainedUNet

MEASURED = (("form_30", m.FORM, 0.3), ("form_60", m.FORM, 0.6), ("form_90", m.FORM, 0.9), ("light_60", m.LIGHT, 0.6))
"""Name, stage and hidden share of what is measured on held-out pictures."""
_MEASURED = 300
_DRAWS = f"{NAME}.encoder.head.weight"
_BATCH = 50


Base = tuple[dict[str, Any], modelfile.Tensors]
"""Configuration and tensors of a model folder that training continues from."""


class SpriteConfig(FitConfig):
    """How to train the sprite network.

    Attributes:
        network: ``painter``, which draws, ``draft``, which gives a painter a plan, ``prior``, which chooses among
            plans, or ``reader``, which tells what a picture shows.
        batch: pictures of a step.
        channels, down, up: sizes of the network (`aigc_content.nn.unet.UNetConfig`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: Literal["painter", "reader", "draft", "prior"] = "painter"
    batch: int = Field(default=32, ge=1, le=4096)
    ema: float = Field(default=0.999, ge=0, lt=1)
    channels: tuple[int, ...] = (48, 96, 160, 256)
    down: tuple[tuple[int, ...], ...] = ((1,), (1,), (1, 2), (1, 2))
    up: tuple[tuple[int, ...], ...] = ((1, 1), (1, 1), (1, 1))


class SpriteTrainer(Trainer[SpriteConfig]):
    """Trains the network in float with rounding and writes its integers."""

    objective: ClassVar[str] = "form_60"

    def train(self, run: TrainRun[SpriteConfig]) -> None:
        """Train for the configured time and write the model folder.

        Raises:
            InputError: SPR020, the data cannot be used.
            ModelError: the model to continue from cannot be used.
        """
        sprites = load_set(run.data)
        if run.config.network == "reader":
            reader.train_reader(run, sprites)
        elif run.config.network == "draft":
            from aigc_sprites.draft_train import train_draft

            train_draft(run, sprites)
        elif run.config.network == "prior":
            from aigc_sprites.prior_train import train_prior

            train_prior(run, sprites)
        else:
            self._train_painter(run, sprites)

    def _train_painter(self, run: TrainRun[SpriteConfig], sprites: SpriteSet) -> None:
        import torch

        from aigc_content.nn.train import fit
        from aigc_content.nn.unet_train import UNet as TrainedUNet

        config = run.config
        base = None if run.base is None else _seeing(*modelfile.load(run.base))
        known, held, looks = _both(sprites, base and base[1])
        learned = few_alike(known)
        torch.manual_seed(config.seed)
        sizes = UNetConfig(m.PLANES, tuple(m.CONDITIONS.values()), m.OUTPUTS, config.channels, config.down, config.up)
        net = TrainedUNet(sizes)
        if base is not None:
            net = TrainedUNet(UNetConfig.from_json(base[0].get("network", {})))
            net.restore(own_tensors(base[1]))
        wardrobe, redraft = Wardrobe(learned), base and _redraft(*base)

        def make(chosen: list[Drawing], rng: np.random.Generator) -> Batch:
            return hide(chosen, wardrobe, rng, redraft=redraft)

        batches = data.epochs(learned, config.batch, config.seed, make)
        few = held[:: max(1, len(held) // _MEASURED)]
        measured = [
            hide(part, wardrobe, np.random.default_rng(1), (stage, 0.6), redraft)
            for stage in (m.FORM, m.LIGHT)
            for part in _parts(few)
        ]

        def held_out(trained: nn.Module) -> float:
            parts = [part for batch in measured for part in losses(trained, batch).values()]
            return sum(float(loss) for loss, _ in parts) / max(1, sum(count for _, count in parts))

        def sample(trained: nn.Module) -> npt.NDArray[np.uint8]:
            assert isinstance(trained, TrainedUNet)
            with TemporaryDirectory() as folder:
                _save(Path(folder), trained, known, looks, base)
                return sheet(SpriteModel(Path(folder)), 6, seed=config.seed)

        steps = fit(net, batches, losses, config, held_out=held_out if held else None, sample=sample, run=run)
        _save(run.out, net, known, looks, base)
        figures = held_out_losses(run.out, sprites)
        _write_card(run, sprites, len(learned), steps, figures)
        if run.base is not None and _sees(net.config):
            card.keep(run.base, run.out)

    def evaluate(self, model: Path, data: Path) -> Mapping[str, int | float | str]:
        """Held-out cross-entropy in nat a hidden pixel, by share hidden.

        Raises:
            InputError: SPR020, the data cannot be used.
        """
        sprites = load_set(data)
        if modelfile.load(model)[0].get("format") == reader.FORMAT:
            return reader.evaluate_reader(model, sprites)
        return held_out_losses(model, sprites)


def _both(sprites: SpriteSet, stored: modelfile.Tensors | None = None) -> tuple[list[Drawing], list[Drawing], Looks]:
    """The drawings to learn from and those that are held out, with looks: those of a model, or found among the
    former."""
    known, held = (drawings(sprites, part) for part in sprites.split())
    looks = Looks(few_alike(known), stored=stored)
    return looks.told(known), looks.told(held), looks


def _sees(network: UNetConfig) -> bool:
    """Whether a network sees drafts."""
    return len(network.planes) > len(m.PLANES)


def _seeing(stored: dict[str, Any], tensors: modelfile.Tensors) -> Base:
    """A model folder to continue from, with a plane for its drafts if it has any."""
    network = UNetConfig.from_json(stored.get("network", {}))
    if _DRAWS in tensors and not _sees(network):
        table = {f"plane{len(m.PLANES)}.t": np.zeros((m.DRAFTED, network.channels[0]), np.int32)}
        stored = {**stored, "network": replace(network, planes=(*m.PLANES, m.DRAFTED)).to_json()}
        tensors = {**tensors, **table}
    return stored, tensors


def _redraft(stored: dict[str, Any], tensors: modelfile.Tensors) -> Redraft | None:
    """Drafts for a network that sees them."""
    if not _sees(UNetConfig.from_json(stored.get("network", {}))):
        return None
    from aigc_sprites.draft_train import Redrafts

    return Redrafts(stored, tensors)


def _save(folder: Path, net: TrainedUNet, known: Sequence[Drawing], looks: Looks, base: Base | None) -> None:
    """Write a model folder; a draft that the network was trained from stays in it."""
    config = {"format": FORMAT, "network": net.config.to_json()}
    kept: modelfile.Tensors = {}
    if base is not None and _sees(net.config):
        config |= {name: base[0][name] for name in (NAME, prior.NAME) if name in base[0]}
        kept = {name: value for name, value in base[1].items() if name.startswith(f"{NAME}.")}
    modelfile.save(folder, config, net.export() | _learned(known) | looks.tensors() | kept)


def _parts(items: Sequence[Drawing]) -> Iterator[Sequence[Drawing]]:
    yield from (items[start : start + _BATCH] for start in range(0, len(items), _BATCH))


def _learned(learned: Sequence[Drawing]) -> modelfile.Tensors:
    """What the network learned from: what can be told of each, colors to color others with, bits to know a copy by.

    The bits are those of each picture as it is and as the generator would have cleaned it.
    """
    codes = [
        [
            bits_of(tokens != CLEAR, oklab(colors_of(one.ramps)[tokens, :3])[..., 0])
            for tokens in (one.tokens, smooth(whole(one.tokens)))
        ]
        for one in learned
    ]
    return {
        f"{LEARNED}colors": np.stack([one.ramps for one in learned]),
        f"{LEARNED}told": np.stack(
            [m.describe(one.tokens, one.label, one.word, one.looks) for one in learned]
        ).astype(np.uint8),
        f"{LEARNED}codes": np.stack([pack(np.stack(both)) for both in codes]),
    }


def losses(net: nn.Module, batch: Batch) -> dict[str, tuple[Tensor, int]]:
    """Cross-entropy of the hidden pixels, summed."""
    import torch
    import torch.nn.functional as F

    planes, told, targets = (torch.from_numpy(part) for part in (batch.planes, batch.told, batch.targets))
    inside = torch.ones(planes.shape[0], SIDE, SIDE)
    logits = net(planes, told, inside)
    parts = {}
    for name, scores, wanted in zip(("form", "light"), (logits[:, :FORMS], logits[:, FORMS:]), targets, strict=True):
        asked = int((wanted != NOT_ASKED).sum())
        if asked:
            parts[name] = (F.cross_entropy(scores, wanted, ignore_index=NOT_ASKED, reduction="sum"), asked)
    return parts


def held_out_losses(folder: Path, sprites: SpriteSet) -> dict[str, int | float | str]:
    """Cross-entropy of the integer network on drawings that training never saw, in nat a hidden pixel."""
    stored, tensors = modelfile.load(folder)
    learned, held, _ = _both(sprites, tensors)
    own = own_tensors(tensors)
    with modelfile.loading(folder):
        net = UNet(UNetConfig.from_json(stored.get("network", {})), own)
    result: dict[str, int | float | str] = {"held_out_drawings": len(held)}
    wardrobe, redraft = Wardrobe(learned), _redraft(stored, tensors)
    measured: list[tuple[str, int, float, Redraft | None]] = [(*one, None) for one in MEASURED]
    measured += [(f"{name}_drafted", stage, rate, redraft) for name, stage, rate in MEASURED if redraft]
    for name, stage, rate, drafts in measured:
        total, count = 0.0, 0
        for part in _parts(held):
            batch = hide(part, wardrobe, np.random.default_rng(1), (stage, rate), drafts)
            logits = net(batch.planes, batch.told) / 256.0
            answers = logits[..., :FORMS] if stage == m.FORM else logits[..., FORMS:]
            wanted = batch.targets[stage]
            scores = answers[wanted != NOT_ASKED]
            peak = scores.max(axis=1, keepdims=True)
            norm = np.log(np.exp(scores - peak).sum(axis=1)) + peak[:, 0]
            total += float((norm - scores[np.arange(len(scores)), wanted[wanted != NOT_ASKED]]).sum())
            count += len(scores)
        result[name] = round(total / max(count, 1), 4)
    return result


def _write_card(
    run: TrainRun[SpriteConfig],
    sprites: SpriteSet,
    learned: int,
    steps: int,
    figures: Mapping[str, int | float | str],
) -> None:
    counts = ", ".join(
        f"{number:,} {kind}s" for kind, number in sorted(Counter(e.kind for e in sprites.entries).items())
    )
    write_card(
        run.out,
        name="walkers" if any(entry.kind == "walker" for entry in sprites.entries) else "sprites",
        license=sprites.license,
        datasets=[sprites.source],
        text=f"""
A masked diffusion U-Net over forms (clear, dark, four materials) and seven levels of light, trained with rounding and
stored as integers; it runs in `aigc_sprites.draw.SpriteModel`. It holds the colors of the pictures that it learned
from, and 512 bits of each to know a copy by, but none of the pictures.
{card.training(run, sprites, f"{counts}; {learned:,} were learned from, other drawings held out", steps)}""",
        figures=figures,
        measured="drawings that training never saw, nat a hidden pixel",
    )
