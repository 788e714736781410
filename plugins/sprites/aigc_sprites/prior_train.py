"""Train the prior of a draft: `aigc train sprites --network prior --from PAINTER`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_content import ModelError, Stream, TrainRun
from aigc_content.nn import data, modelfile
from aigc_content.nn.codes import CodeSampler
from aigc_content.nn.pictures import as_activations
from aigc_content.nn.train import fit
from aigc_content.nn.twin import Twin
from aigc_sprites import card, draft, draft_train, prior
from aigc_sprites import model as m
from aigc_sprites.data.dataset import SpriteSet
from aigc_sprites.examples import drawings, few_alike

if TYPE_CHECKING:
    from aigc_sprites.train import SpriteConfig

_VIEWS = 8  # of each picture
_DRAWN = 4  # codes for each view


@dataclass(frozen=True, eq=False)
class Batch:
    """``codes`` (B, LATENT) in activations, ``classes`` (B, 1), ``learned`` (B,): 1 of a picture, 0 drawn."""

    codes: Tensor
    classes: Tensor
    learned: Tensor

    def __len__(self) -> int:
        return len(self.codes)


@dataclass(frozen=True, eq=False)
class _Known:
    """What is known of the codes of a picture, seen once: mean and log variance (LATENT,), and their class."""

    mean: Tensor
    spread: Tensor
    place: int


Pool = Mapping[int, npt.NDArray[np.int8]]
"""Codes (N, LATENT) that were drawn of each class."""


def _batch(chosen: Sequence[_Known], pool: Pool, rng: np.random.Generator) -> Batch:
    """Codes of pictures, and of each one's class one that was drawn."""
    mean, spread = (torch.stack([getattr(one, name) for one in chosen]) for name in ("mean", "spread"))
    noise = torch.from_numpy(rng.standard_normal(mean.shape).astype(np.float32))
    own = as_activations(mean + noise * (spread / 2).exp())
    drawn = np.stack([pool[one.place][rng.integers(len(pool[one.place]))] for one in chosen])
    classes = torch.tensor([one.place for one in chosen])[:, None]
    learned = torch.cat([torch.ones(len(chosen)), torch.zeros(len(chosen))])
    return Batch(torch.cat([own, torch.from_numpy(drawn.astype(np.float32))]), torch.cat([classes] * 2), learned)


def _losses(net: nn.Module, batch: Batch) -> dict[str, tuple[Tensor, int]]:
    assert isinstance(net, Twin)
    logits = net({prior.CODE: batch.codes, prior.CLASS: batch.classes}).flatten()
    return {"told": (F.binary_cross_entropy_with_logits(logits, batch.learned, reduction="sum"), len(batch))}


def _known(net: draft_train.Draft, sprites: SpriteSet, part: Sequence[int]) -> list[_Known]:
    some = few_alike([one for one in drawings(sprites, part) if one.label in m.SHOWN])
    with torch.inference_mode():
        batch = draft_train.plain(some, _VIEWS, np.random.default_rng(0))
        means, spreads = net.encode(batch)
    places = [draft.class_of(m.SHOWN[label], word) for label, word, _ in batch.told.tolist()]
    return [_Known(*one) for one in zip(means.clone(), spreads.clone(), places, strict=True)]


def _pool(sampler: CodeSampler, some: Sequence[_Known]) -> Pool:
    """Codes of each class that pictures are of, several for each of these."""
    stream, counts = Stream("prior"), Counter(one.place for one in some)
    return {
        place: np.stack([sampler.draw(place, stream) for _ in range(_DRAWN * count)])
        for place, count in sorted(counts.items())
    }


def train_prior(run: TrainRun[SpriteConfig], sprites: SpriteSet) -> None:
    """Train a prior for a painter's draft, and write the painter's folder with it.

    Raises:
        ModelError: SPR023, there is no painter with a draft.
    """
    config = run.config
    stored, tensors = ({}, {}) if run.base is None else modelfile.load(run.base)
    if run.base is None or draft.NAME not in stored:
        remedy = "name the folder of a painter that has one with --from"
        raise ModelError("SPR023", "a prior belongs to the draft of a painter", remedy=remedy)
    net = draft_train.Draft(0)
    net.restore(tensors)
    net.eval()
    start = f"{draft.NAME}."
    sampler = CodeSampler({name.removeprefix(start): value for name, value in tensors.items()})
    torch.manual_seed(config.seed)
    known, held = (_known(net, sprites, part) for part in sprites.split())
    judge, pool = Twin(prior.program()), _pool(sampler, [*known, *held])

    def make(chosen: list[_Known], rng: np.random.Generator) -> Batch:
        return _batch(chosen, pool, rng)

    def held_out(trained: nn.Module) -> float:
        ((total, count),) = _losses(trained, _batch(held, pool, np.random.default_rng(1))).values()
        return float(total) / count

    batches = data.epochs(known, config.batch, config.seed, make)
    steps = fit(judge, batches, _losses, config, held_out=held_out if held else None, run=run)
    judge.eval()
    kept = {name: value for name, value in tensors.items() if not name.startswith(prior.PREFIX)}
    own = {f"{prior.PREFIX}{name}": value for name, value in judge.export().items()}
    modelfile.save(run.out, {**stored, prior.NAME: prior.program().to_json()}, kept | own)
    with torch.inference_mode():
        figures = {"loss": round(held_out(judge), 3)} if held else {}
    learned = f"{len(known) // _VIEWS:,} pictures were learned from, each seen {_VIEWS} times"
    text = f"""
A network that tells the codes of learned pictures from those that the draft's Gaussians give; of {draft.CHOICES} of
these one is chosen by it.
{card.training(run, sprites, learned, steps)}"""
    card.add(run, sprites, card.PRIOR, text, figures, "drawings that training never saw, nat a code")
