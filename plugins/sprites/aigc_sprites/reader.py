"""Who proves what a sprite shows: a network that reads a picture's class, slot or tag from shape and light alone.

It learns from the real pictures and no drawing network learns from it, so what it reads is an independent witness. It
runs in integers and needs no torch; `train_reader` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from aigc_content import write_card
from aigc_content.nn import modelfile, sampling
from aigc_content.nn.program import Conv, Input, Linear, PoolMean, Program, SpaceToDepth
from aigc_content.nn.run import Network
from aigc_sprites import model as m
from aigc_sprites.data.words import SLOTS
from aigc_sprites.palette import oklab

if TYPE_CHECKING:
    from torch import Tensor, nn

    from aigc_content import TrainRun
    from aigc_content.nn.trainlog import Parts
    from aigc_sprites.data.dataset import SpriteSet
    from aigc_sprites.train import SpriteConfig

FORMAT = "sprites-reader-1"
PICTURE = "picture"
ANSWERS = (*m.SHOWN, *m.WORDS)
UNITS = 10_000
BELIEVED, ASKED = 50, 100
"""Percent of an even share: less, and the reader has another opinion; the second is for what a recipe asks for."""
_FAMILIES = {
    family: [place for place, answer in enumerate(ANSWERS) if answer.startswith(f"{family}/")]
    for family in dict.fromkeys(answer.partition("/")[0] for answer in ANSWERS)
}
_SMOOTHING = 0.1

Seen = npt.NDArray[np.int8]
"""What the network is given: 127 where a pixel shows, its lightness, and its row and column, (B, 32, 32, 4)."""


def program() -> Program:
    """Logits of `ANSWERS` from activations (32, 32, 4)."""
    return Program(
        (
            Input(PICTURE, (32, 32, 4)),
            SpaceToDepth(),  # (16, 16, 16)
            Conv(48),
            Conv(48),
            SpaceToDepth(),  # (8, 8, 192)
            Conv(96),
            Conv(96),
            SpaceToDepth(),  # (4, 4, 384)
            Conv(128),
            PoolMean(),
            Linear(96),
            Linear(len(ANSWERS), "set"),
        )
    )


def seen(pictures: npt.NDArray[np.uint8]) -> Seen:
    """Pictures (B, H, W, 4) as the network sees them."""
    shown = pictures[..., 3] > 0
    light = oklab(pictures[..., :3].reshape(-1, 3))[:, 0].reshape(shown.shape) * 127 // 1000
    rows, columns = (np.broadcast_to(part * 4, shown.shape) for part in np.indices(shown.shape[1:]))
    return np.stack([np.where(shown, 127, 0), np.where(shown, light, 0), rows, columns], axis=-1).astype(np.int8)


class Reader:
    """Reads sprites.

    Args:
        folder: a model folder, as ``aigc train sprites --network reader`` writes it.

    Raises:
        ModelError: it cannot be used.
    """

    def __init__(self, folder: Path) -> None:
        config, tensors = modelfile.load(folder)
        with modelfile.loading(folder):
            self._network = Network(Program.from_json(config.get("network")), tensors)

    def labels(self, pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
        """What share each of `aigc_sprites.model.LABELS` has in its belief, in 1/10,000: (B, labels)."""
        return _shares(self._network({PICTURE: seen(pictures)})[:, : len(m.SHOWN)])

    def shares(self, pictures: Sequence[npt.NDArray[np.uint8]], families: Sequence[str]) -> list[dict[str, int]]:
        """What share each answer of a family has among them, by name, in 1/10,000, for each picture.

        Args:
            pictures: RGBA, (32, 32, 4) each; one that stands there several times is read once.
            families: one a picture: ``monster``, ``item`` or ``tile``, whose answers are classes; or a class, or a
                slot of a hero, whose answers are tags.
        """
        pictures = list(pictures)
        once = {id(picture): picture for picture in pictures}
        if not once:
            return []
        logits = dict(zip(once, self._network({PICTURE: seen(np.stack(list(once.values())))}), strict=True))
        found = []
        for picture, family in zip(pictures, families, strict=True):
            places = _FAMILIES[family]
            shares = _shares(logits[id(picture)][places][None])[0]
            found.append(
                {ANSWERS[place].partition("/")[2]: int(part) for place, part in zip(places, shares, strict=True)}
            )
        return found

    def believed(self, pictures: Sequence[npt.NDArray[np.uint8]], asked: Sequence[tuple[str, str]]) -> list[int]:
        """How far it believes that pictures show what was asked, in percent of an even share.

        Args:
            pictures: RGBA, (32, 32, 4) each; one that stands there several times is read once.
            asked: of each the family of answers, as `shares` takes it, and one of them.
        """
        found = self.shares(pictures, [family for family, _ in asked])
        return [shares[answer] * len(shares) * 100 // UNITS for shares, (_, answer) in zip(found, asked, strict=True)]


def _shares(logits: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    weights = sampling.weights(np.ascontiguousarray(logits))
    shares: npt.NDArray[np.int64] = weights * UNITS // weights.sum(axis=1, keepdims=True)
    return shares


def train_reader(run: TrainRun[SpriteConfig], sprites: SpriteSet) -> None:
    """Learn from pictures that are moved, mirrored, lightened and partly covered at random."""
    import torch

    from aigc_content.nn.data import epochs
    from aigc_content.nn.train import fit
    from aigc_content.nn.twin import Twin

    config = run.config
    torch.manual_seed(config.seed)
    known, held = (_samples(sprites, part) for part in sprites.split())
    twin = Twin(program())

    def make(chosen: list[int], rng: np.random.Generator) -> _Samples:
        pictures = [_varied(known.pictures[place], known.families[place] in SLOTS, rng) for place in chosen]
        return _Samples(np.stack(pictures), known.labels[chosen], known.words[chosen], known.families[chosen])

    def held_out(trained: nn.Module) -> float:
        with torch.no_grad():
            return sum(float(total) / max(1, count) for total, count in _losses(trained, held).values())

    batches = epochs(range(len(known)), config.batch, config.seed, make)
    steps = fit(twin, batches, _losses, config, held_out=held_out, run=run)
    modelfile.save(run.out, {"format": FORMAT, "network": twin.program.to_json()}, twin.export())
    figures = evaluate_reader(run.out, sprites)
    write_card(
        run.out,
        name="sprites-reader",
        license=sprites.license,
        datasets=[sprites.source],
        text=f"""
Reads what a sprite shows (class, slot, tag) from shape and light: the witness that `aigc_sprites` proves its sprites
with. No drawing network learns from it.

- Data: {len(known):,} pictures of {sprites.source}, moved, stretched, mirrored, lightened, partly covered (sha256
  `{sprites.sha256}`).
- Training: {steps:,} steps of {config.batch} pictures, seed {config.seed}, learning rate {config.learning_rate:g}.
""",
        figures=figures,
        measured="drawings that training never saw",
    )


def evaluate_reader(folder: Path, sprites: SpriteSet) -> dict[str, int | float | str]:
    """Shares of held-out pictures that are read right: what they are (by kind), their tags (by slot or class).

    ``believed`` tells how many of them would pass as what they are, which `aigc_sprites.proof.READABLE` goes by.
    """
    reader, held = Reader(folder), _samples(sprites, sprites.split()[1])
    pictures = np.stack([sprites.images[place] for place in held.places])
    read = reader.labels(pictures).argmax(axis=1)
    figures: dict[str, int | float | str] = {"held_out_pictures": len(held)}
    for kind in ("layer", "monster", "item", "tile"):
        mask = np.array([m.SHOWN[label].startswith(kind) for label in held.labels])
        figures[f"{kind}_accuracy"] = round(float((read == held.labels)[mask].mean()), 4)
    for kind in ("monster", "item", "tile"):
        own = [place for place, label in enumerate(held.labels) if m.SHOWN[label].startswith(f"{kind}/")]
        asked = [(kind, m.SHOWN[held.labels[place]].partition("/")[2]) for place in own]
        figures[f"believed_{kind}"] = _passing(reader.believed(list(pictures[own]), asked))
    hits, count = 0, 0
    for family in sorted({str(name) for name in held.families}):
        mask = (held.families == family) & (held.words < len(m.WORDS))
        if mask.any():
            told = [m.WORDS[word].partition("/")[2] for word in held.words[mask]]
            shares = reader.shares(pictures[mask], [family] * len(told))
            right = sum(max(one, key=one.__getitem__) == tag for one, tag in zip(shares, told, strict=True))
            figures[f"tags_{family}"] = round(right / int(mask.sum()), 4)
            hits, count = hits + right, count + int(mask.sum())
            figures[f"believed_{family}"] = _passing(
                reader.believed(list(pictures[mask]), [(family, tag) for tag in told])
            )
    return figures | {"tags": round(hits / max(1, count), 4)}


def _passing(believed: Sequence[int]) -> float:
    return round(sum(share >= BELIEVED for share in believed) / max(1, len(believed)), 4)


class _Samples:
    """Pictures with what they show: label, slot or class, tag; a word beyond the last is none."""

    def __init__(
        self,
        pictures: Seen,
        labels: npt.NDArray[np.int64],
        words: npt.NDArray[np.int64],
        families: npt.NDArray[np.str_],
    ) -> None:
        self.pictures, self.labels, self.words, self.families = pictures, labels, words, families
        self.places: Sequence[int] = ()

    def __len__(self) -> int:
        return len(self.labels)


def _samples(sprites: SpriteSet, places: Sequence[int]) -> _Samples:
    chosen = [p for p in places if f"{sprites.entries[p].kind}/{sprites.entries[p].label}" in m.SHOWN]
    entries = [sprites.entries[place] for place in chosen]
    labels = [m.SHOWN.index(f"{entry.kind}/{entry.label}") for entry in entries]
    words = [m.word_of(entry.label, entry.tags) for entry in entries]
    families = [entry.label for entry in entries]
    found = _Samples(seen(sprites.images[chosen]), np.array(labels), np.array(words), np.array(families))
    found.places = chosen
    return found


def _varied(picture: Seen, layer: bool, rng: np.random.Generator) -> Seen:
    """Moved, stretched, mirrored unless it is a layer, in another light, fields of it covered."""
    far = 1 if layer else 3
    places = picture[..., 2:]
    result = np.roll(picture[..., :2], rng.integers(-far, far + 1, 2), (0, 1))
    if not layer and rng.random() < 0.5:
        result = result[:, ::-1]
    for axis in (0, 1):
        order = np.arange(len(picture))
        for _ in range(rng.integers(0, 4)):
            order = np.delete(order, rng.integers(0, len(order)))
            place = int(rng.integers(0, len(order)))
            order = np.insert(order, place, order[place])
        result = np.take(result, order, axis=axis)
    result = result.copy()
    light = result[..., 1].astype(np.int64) * rng.integers(50, 151) // 100 + rng.integers(-25, 26)
    light += rng.integers(-8, 9, light.shape)
    result[..., 1] = np.where(result[..., 0] > 0, np.clip(light, 0, 127), 0)
    for _ in range(rng.integers(0, 3)):
        (top, left), (height, width) = rng.integers(0, 26, 2), rng.integers(4, 13, 2)
        result[top : top + height, left : left + width] = 0
    return np.concatenate([result, places], axis=-1)


def _losses(twin: nn.Module, batch: _Samples) -> Parts:
    """Cross-entropy of what a picture is, and of its tag among those of its slot or class."""
    import torch
    import torch.nn.functional as F

    logits: Tensor = twin({PICTURE: torch.from_numpy(batch.pictures).float()})
    labels = torch.from_numpy(batch.labels)
    shown = F.cross_entropy(logits[:, : len(m.SHOWN)], labels, reduction="sum", label_smoothing=_SMOOTHING)
    parts: Parts = {"label": (shown, len(batch))}
    tagged = np.flatnonzero(batch.words < len(m.WORDS))
    if len(tagged):
        words = logits[tagged][:, len(m.SHOWN) :]
        allowed = np.array([[word.startswith(f"{batch.families[place]}/") for word in m.WORDS] for place in tagged])
        words = words.masked_fill(~torch.from_numpy(allowed), -30.0)
        told = torch.from_numpy(batch.words[tagged])
        parts["tag"] = (F.cross_entropy(words, told, reduction="sum"), len(tagged))
    return parts
