"""Rivals of the sprite painter, trained on the same pictures in plain float torch: a GAN and a VAE.

    python benchmarks/sprite_rivals.py {gan|vae} --data DIR --out FILE.pt [--steps N] [--seed 0] [--threads 1]

DIR holds the data set as `aigc data import rltiles` writes it. Both learn from the tokens that the painter learns
from, varied as for it; both are told the label and what was altered, and draw what is not. How they work:
`train_gan`, `train_vae`.
"""

from __future__ import annotations

import argparse
import copy
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integer import THREADS

if __name__ == "__main__":
    os.environ.update(dict.fromkeys(THREADS, "1"))

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from aigc_sprites import model as m
from aigc_sprites.data.dataset import load_set
from aigc_sprites.examples import Drawing, drawings, few_alike, varied
from aigc_sprites.sprite import SIDE
from aigc_sprites.tokens import Tokens
from sprite_nets import LATENT, Critic, Encoder, Painter, likeliest, one_hot, shown
from torch import Tensor

from aigc_content.nn import codes
from aigc_content.nn.augment import diff_augment

BATCH = 32
STEPS = {"gan": 3000, "vae": 6000}
"""About 25 minutes of one core."""
_LOG = 200  # steps
_EMA = 0.998
_RATES = {"gan": 4e-4, "vae": 1e-3}
_BETAS = 0.0, 0.99
_SLOPE, _EVERY = 0.1, 8  # weight of the critic's squared slope at real pictures, and in which steps it counts
_FREE = 0.05  # nat a latent that cost nothing
_WARM = 0.2  # share of the steps in which the weight of the VAE's divergence grows to 1
_VIEWS, _PARTS = 6, 3  # views of each picture whose codes are fitted, Gaussians a label
_DRAWN = 64  # pictures drawn at a time
_NOTHING = np.zeros((SIDE, SIDE), np.uint8)


@dataclass(frozen=True, eq=False)
class Batch:
    """``tokens`` (B, 32, 32), ``labels`` (B,) as in `aigc_sprites.model.SHOWN`, ``altered`` (B,)."""

    tokens: Tensor
    labels: Tensor
    altered: Tensor

    @property
    def told(self) -> tuple[Tensor, Tensor]:
        """What the networks are told."""
        return self.labels, self.altered


def learned(found: Sequence[Drawing]) -> list[Drawing]:
    """What all networks of the benchmark learn from: what the painter learns from, without walkers."""
    return [one for one in few_alike(found) if one.label in m.SHOWN]


def batch_of(some: Sequence[Drawing], rng: np.random.Generator, plain: bool = False) -> Batch:
    """Pictures varied as for the painter; where ``plain``, moved and mirrored only."""
    tokens, labels, altered = [], [], []
    for one in some:
        while True:
            (shape, _), label, change = varied(one, _NOTHING, rng)
            if not (plain and change):
                break
        tokens.append(shape.astype(np.int64))
        labels.append(m.SHOWN.index(label))
        altered.append(change)
    return Batch(torch.from_numpy(np.stack(tokens)), torch.tensor(labels), torch.tensor(altered))


def batches(known: Sequence[Drawing], seed: int) -> Callable[[int], Batch]:
    """The batch of each step, drawn at random."""

    def of(step: int) -> Batch:
        rng = np.random.default_rng([seed, step])
        return batch_of([known[place] for place in rng.integers(0, len(known), BATCH)], rng)

    return of


def train_gan(known: Sequence[Drawing], steps: int, seed: int) -> dict[str, Any]:
    """A GAN: what to save.

    Hinge losses, a projecting critic whose slope at real pictures costs (R1: Mescheder et al. 2018, arXiv:1801.04406,
    every eighth step), DiffAugment (translation and cutout). The critic sees a fixed linear map of the tokens
    (`sprite_nets.seen`), of drawn pictures by the softmax; with straight-through tokens the critic won within 200
    steps. Kept is a running mean of the generator's weights; pixels are `sprite_nets.likeliest`.
    """
    torch.manual_seed(seed)
    painter, critic = Painter(), Critic()
    kept = copy.deepcopy(painter)
    learners = [torch.optim.Adam(net.parameters(), lr=_RATES["gan"], betas=_BETAS) for net in (painter, critic)]
    changes = torch.Generator().manual_seed(seed)
    _say(f"{_size(painter, critic):,} parameters")
    of, log = batches(known, seed), _Log(steps)

    def judged(pictures: Tensor, batch: Batch) -> Tensor:
        scores: Tensor = critic(diff_augment(pictures, ("translation", "cutout"), changes), *batch.told)
        return scores

    for step in range(steps):
        batch = of(step)
        drawn = shown(painter(torch.randn(BATCH, LATENT), *batch.told).softmax(dim=1))
        pictures = shown(one_hot(batch.tokens)).requires_grad_(step % _EVERY == 0)
        real, false = judged(pictures, batch), judged(drawn.detach(), batch)
        harsh = F.relu(1 - real).mean() + F.relu(1 + false).mean()
        _step(learners[1], harsh + (_slope(real, pictures) if pictures.requires_grad else 0))
        critic.requires_grad_(False)
        fooled = -judged(drawn, batch).mean()
        _step(learners[0], fooled)
        critic.requires_grad_(True)
        decay = min(_EMA, (1 + step) / (10 + step))
        with torch.no_grad():
            for mean, now in zip(kept.state_dict().values(), painter.state_dict().values(), strict=True):
                if mean.is_floating_point():
                    mean.lerp_(now, 1 - decay)
        log(step, {"critic": harsh, "generator": fooled, "real": real.mean(), "drawn": false.mean()})
    return {"painter": kept.state_dict()}


def _slope(scores: Tensor, pictures: Tensor) -> Tensor:
    """What the critic's slope at pictures costs."""
    (slope,) = torch.autograd.grad(scores.sum(), pictures, create_graph=True)
    return _EVERY * _SLOPE / 2 * slope.square().sum(dim=(1, 2, 3)).mean()


def train_vae(known: Sequence[Drawing], steps: int, seed: int) -> dict[str, Any]:
    """A VAE: what to save.

    Cross-entropy of the tokens, summed over the pixels, and the divergence from the prior, of which some is free
    (Kingma et al. 2016, arXiv:1606.04934). Codes are drawn from a mixture of Gaussians a label, fitted to the codes
    of what it learned from (`aigc_content.nn.codes`, drawn in floats); pixels are `sprite_nets.likeliest`.
    """
    torch.manual_seed(seed)
    painter, encoder = Painter(), Encoder()
    learner = torch.optim.Adam([*painter.parameters(), *encoder.parameters()], lr=_RATES["vae"])
    _say(f"{_size(painter, encoder):,} parameters")
    of, log = batches(known, seed), _Log(steps)
    for step in range(steps):
        batch = of(step)
        mean, spread = encoder(batch.tokens, *batch.told)
        code = mean + (spread / 2).exp() * torch.randn_like(mean)
        pixels = F.cross_entropy(painter(code, *batch.told), batch.tokens, reduction="sum") / BATCH
        apart = ((mean.square() + spread.exp() - spread - 1) / 2).mean(dim=0)  # (LATENT,)
        weight = min(1.0, step / (_WARM * steps))
        for group in learner.param_groups:
            group["lr"] = _RATES["vae"] * min(1.0, 2 * (1 - step / steps))
        _step(learner, pixels + weight * apart.clamp(min=_FREE).sum())
        log(step, {"pixels": pixels, "divergence": apart.sum()})
    rng, found, labels = np.random.default_rng(seed), [], []
    with torch.inference_mode():
        for start in range(0, len(known), BATCH):
            some = batch_of([one for one in known[start : start + BATCH] for _ in range(_VIEWS)], rng, plain=True)
            mean, spread = encoder(some.tokens, *some.told)
            found.append((mean + (spread / 2).exp() * torch.randn_like(mean)).numpy())
            labels.append(some.labels.numpy())
    fitted = codes.fit(np.concatenate(found), np.concatenate(labels), _PARTS, seed)
    sampler = {name: torch.from_numpy(values) for name, values in fitted.items()}
    return {"painter": painter.state_dict(), "sampler": sampler}


def _step(learner: torch.optim.Optimizer, loss: Tensor) -> None:
    learner.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    learner.step()


def _size(*nets: torch.nn.Module) -> int:
    return sum(values.numel() for net in nets for values in net.parameters())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class _Log:
    """Every 200 steps a line with the means of the losses since the last one."""

    def __init__(self, steps: int) -> None:
        self._steps, self._start = steps, time.monotonic()
        self._sums: dict[str, float] = {}
        self._count = 0

    def __call__(self, step: int, losses: Mapping[str, Tensor]) -> None:
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value.detach())
        self._count += 1
        if (step + 1) % _LOG == 0 or step + 1 == self._steps:
            speed = (step + 1) * BATCH / (time.monotonic() - self._start)
            told = ", ".join(f"{name} {value / self._count:.3f}" for name, value in self._sums.items())
            _say(f"step {step + 1:,} of {self._steps:,}: {told}; {speed:.0f} pictures a second")
            self._sums, self._count = {}, 0


def drawn(path: Path, labels: Sequence[str], seed: int) -> list[Tokens]:
    """A picture (32, 32) of each label, one of `aigc_sprites.model.SHOWN`, drawn by a saved rival."""
    stored = torch.load(path, weights_only=True)
    painter = Painter()
    painter.load_state_dict(stored["painter"])
    painter.eval()
    rng = np.random.default_rng(seed)
    places = np.array([m.SHOWN.index(label) for label in labels])
    latents = rng.standard_normal((len(labels), LATENT))
    if stored["kind"] == "vae":
        latents = _codes(stored["sampler"], places, latents, rng)
    found: list[Tokens] = []
    with torch.inference_mode():
        for start in range(0, len(labels), _DRAWN):
            part = slice(start, start + _DRAWN)
            told = torch.from_numpy(places[part])
            logits = painter(torch.from_numpy(latents[part]).float(), told, torch.zeros_like(told))
            found += list(likeliest(logits).numpy().astype(np.uint8))
    return found


def _codes(
    sampler: Mapping[str, Tensor], labels: npt.NDArray[np.int64], normal: npt.NDArray[Any], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Codes of the mixture of each label: (N,) and normal numbers (N, LATENT) to (N, LATENT)."""
    shares, means, roots = (sampler[name].double().numpy() for name in (codes.SHARES, codes.MEANS, codes.ROOTS))
    found = np.empty_like(normal)
    for place, label in enumerate(labels):
        part = rng.choice(shares.shape[1], p=shares[label] / shares[label].sum())
        found[place] = (means[label, part] + roots[label, part] @ normal[place]) / codes.UNITS
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=STEPS)
    parser.add_argument("--data", type=Path, required=True, help="data set, as `aigc data import rltiles` writes it")
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument("--steps", type=int, help=f"of {BATCH} pictures; by kind {STEPS}")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    sprites = load_set(options.data)
    known = learned(drawings(sprites, sprites.split()[0]))
    steps = options.steps or STEPS[options.kind]
    _say(f"{options.kind}: {len(known):,} pictures of {sprites.source}, {steps:,} steps of {BATCH}")
    saved = {"gan": train_gan, "vae": train_vae}[options.kind](known, steps, options.seed)
    about = {"kind": options.kind, "steps": steps, "seed": options.seed, "data": sprites.sha256}
    torch.save(saved | about, options.out)


if __name__ == "__main__":
    main()
