"""The witness of `sprites.py`: small float networks that learned from real pictures what they show.

They come in pairs. Each learned from one half of the drawings that the painter learned from, so that for either there
are real pictures of both sides of the split that it never saw. There are several because one pair alone judges by
chance. They share nothing with the shipped reader but the data.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from aigc_sprites import model as m
from aigc_sprites.coloring import Uncolored, paint
from aigc_sprites.examples import Drawing
from aigc_sprites.palette import oklab
from aigc_sprites.sprite import SIDE
from aigc_sprites.tidy import smooth, whole
from aigc_sprites.tokens import Ramps, Tokens
from torch import Tensor, nn

Floats = npt.NDArray[np.float64]
Planes = npt.NDArray[np.float32]
Pictures = npt.NDArray[np.uint8]

COLORS = 32
"""So many at most has every picture of the benchmark, real or drawn."""
FEATURES = 64
PAIRS = 3
"""So many pairs of networks; of each pair one learned from either half."""
_BATCH, _SEEN = 32, 256
_RATE, _DECAY, _SMOOTHING = 1.5e-3, 0.02, 0.05
_TINT = 300  # thousandths of a or b in Oklab that count as 1


@dataclass(frozen=True, eq=False)
class Shown:
    """Pictures of one or more kinds.

    Attributes:
        pictures: RGBA, (N, 32, 32, 4).
        labels: of `aigc_sprites.model.SHOWN`, one each.
        words: values of the condition ``word``, (N,).
        groups: name of the drawing that each is a version of.
    """

    pictures: Pictures
    labels: tuple[str, ...]
    words: npt.NDArray[np.int64]
    groups: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, places: Sequence[int] | npt.NDArray[np.int64]) -> Shown:
        """Some of them, in this order."""
        some = [int(place) for place in places]
        names = (tuple(all_names[place] for place in some) for all_names in (self.labels, self.groups))
        labels, groups = names
        return Shown(self.pictures[some], labels, self.words[some], groups)

    def of_kind(self, kind: str) -> Shown:
        """Those of a kind."""
        return self.take([place for place, label in enumerate(self.labels) if label.startswith(f"{kind}/")])

    @property
    def indices(self) -> npt.NDArray[np.int64]:
        """Places of the labels in `aigc_sprites.model.SHOWN`, (N,)."""
        return np.array([m.SHOWN.index(label) for label in self.labels], dtype=np.int64)


def as_encoded(found: Sequence[Drawing], cleaned: bool = False) -> Shown:
    """Real pictures of tokens in ramps of their own, at most `COLORS` colors, as drawn ones are painted.

    Args:
        found: the pictures.
        cleaned: cleaned as drawn ones are.
    """
    pictures = [painted(smooth(formed(one.tokens, one.label)) if cleaned else one.tokens, one.ramps) for one in found]
    words = np.array([one.word for one in found], dtype=np.int64)
    groups = tuple(f"{one.label} {one.group}" for one in found)
    return Shown(np.stack(pictures), tuple(one.label for one in found), words, groups)


def formed(tokens: Tokens, label: str) -> Tokens:
    """A picture (32, 32) without crumbs and pinholes unless it is a tile, as the painter leaves it."""
    return tokens if label.startswith("tile/") else whole(tokens)


def painted(tokens: Tokens, ramps: Ramps) -> Pictures:
    """Tokens in colors, RGBA (32, 32, 4)."""
    colors, (indices,) = paint([Uncolored(tokens, ramps)], COLORS)
    table = np.zeros((len(colors) + 1, 4), np.uint8)
    table[1:, :3], table[1:, 3] = colors, 255
    return table[indices]


def planes(pictures: Pictures) -> Planes:
    """Shape, light, a and b (Oklab, about -1 to 1) of pictures: (B, 32, 32, 4) to (B, 4, 32, 32)."""
    shape = (pictures[..., 3:] > 0).astype(np.float32)
    lab = oklab(pictures[..., :3].reshape(-1, 3)).reshape(*shape.shape[:3], 3) / np.array([1000, _TINT, _TINT])
    return np.concatenate([shape, lab * shape], axis=3).transpose(0, 3, 1, 2).astype(np.float32)


def moved(one: Planes, kind: str, rng: np.random.Generator) -> Planes:
    """Planes (4, 32, 32) moved, and mirrored unless they are a layer."""
    far = {"layer": 1, "tile": SIDE // 2}.get(kind, 2)
    result = np.roll(one, rng.integers(-far, far + 1, 2).tolist(), (1, 2))
    return result[..., ::-1] if kind != "layer" and rng.random() < 0.5 else result


def varied(one: Planes, kind: str, rng: np.random.Generator) -> Planes:
    """Planes moved and mirrored, rows and columns taken out and others doubled, in another light and tint."""
    result = moved(one, kind, rng)
    for axis in (1, 2):
        order = np.arange(SIDE)
        for _ in range(rng.integers(0, 3)):
            order = np.delete(order, rng.integers(0, SIDE))
            order = np.insert(order, place := int(rng.integers(0, SIDE - 1)), order[place])
        result = np.take(result, order, axis=axis)
    result = result.copy()
    result[1] = (result[1] * rng.uniform(0.7, 1.3) + rng.uniform(-0.1, 0.1)) * result[0]
    result[2:] *= rng.uniform(0.5, 1.3)
    return result


class Net(nn.Module):
    """Planes (B, 4, 32, 32) to features (B, `FEATURES`); `label` and `word` read those."""

    def __init__(self) -> None:
        super().__init__()
        widths = (16, 48, 64, 96, 128)
        layers: list[nn.Module] = [nn.PixelUnshuffle(2)]
        for place, (a, b) in enumerate(pairwise(widths)):
            layers += [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU()]
            layers += [nn.MaxPool2d(2)] if place else []
        self.body = nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 4, FEATURES), nn.ReLU())
        self.drop = nn.Dropout(0.2)
        self.label, self.word = nn.Linear(FEATURES, len(m.SHOWN)), nn.Linear(FEATURES, len(m.WORDS))

    def forward(self, pictures: Tensor) -> Tensor:
        found: Tensor = self.body(pictures)
        return found

    def both(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Means over the picture of what its inner convolutions find, (B, 288), and the features."""
        found, x = [], pictures
        for layer in self.body:
            x = layer(x)
            if isinstance(layer, nn.ReLU) and x.ndim == 4:
                found.append(x.mean(dim=(2, 3)))
        return torch.cat(found[1:], dim=1), x


class Witness:
    """Pairs of networks and which real pictures each of them learned from.

    Args:
        known: real pictures that the painter learned from.
        file: where the networks are kept; they are trained if it does not exist.
        data: sha256 of the data set.
        epochs: of each training.
        seed: of the halves, the weights and the order.

    Attributes:
        nets: the first and the second of each pair.

    Raises:
        ValueError: the file holds networks that were trained otherwise.
    """

    def __init__(self, known: Shown, file: Path, data: str, epochs: int, seed: int) -> None:
        self._halves = [halves(known, PAIRS * seed + pair) for pair in range(PAIRS)]
        facts = {"data": data, "epochs": epochs, "seed": seed, "pairs": PAIRS, "pictures": len(known)}
        self.nets = [Net() for _ in range(2 * PAIRS)]
        if file.exists():
            stored: dict[str, Any] = torch.load(file, weights_only=True)
            if stored["facts"] != facts:
                raise ValueError(f"{file} holds networks of {stored['facts']}, not of {facts}; name another file")
        else:
            for place in range(len(self.nets)):
                own = len(self.nets) * seed + place
                torch.manual_seed(own)
                self.nets[place] = net = Net()
                _train(net, known.take(np.flatnonzero(~self.unseen(place))), epochs, own)
            stored = {"facts": facts, "nets": [net.state_dict() for net in self.nets]}
            torch.save(stored, file)
        for net, state in zip(self.nets, stored["nets"], strict=True):
            net.load_state_dict(state)
            net.eval()

    def unseen(self, place: int) -> npt.NDArray[np.bool_]:
        """Which of the real pictures one of the networks did not learn from, (N,)."""
        return self._halves[place // 2] != place % 2

    def features(self, place: int, shown: Shown) -> tuple[Floats, Floats]:
        """Of one of the networks, of how things look, (N, 288), and of what they are, (N, `FEATURES`)."""
        seen = planes(shown.pictures)
        with torch.inference_mode():
            parts = [self.nets[place].both(torch.from_numpy(seen[i : i + _SEEN])) for i in range(0, len(seen), _SEEN)]
        look, matter = (torch.cat(of_one).double().numpy() for of_one in zip(*parts, strict=True))
        return look, matter

    def reads(self, shown: Shown) -> npt.NDArray[np.bool_]:
        """Whether all together read each picture as its label, among those of its kind, (N,)."""
        found = self._shares(shown, "label")
        kinds = np.array([label.partition("/")[0] for label in m.SHOWN])
        own = np.array([label.partition("/")[0] for label in shown.labels])
        return np.asarray(np.where(kinds == own[:, None], found, -1).argmax(axis=1) == shown.indices)

    def reads_word(self, shown: Shown) -> npt.NDArray[np.bool_]:
        """Whether all together read each picture's word as told, among those of its slot or class, (N,)."""
        found = self._shares(shown, "word")
        slots = np.array([word.partition("/")[0] for word in m.WORDS])
        own = np.array([label.partition("/")[2] for label in shown.labels])
        return np.asarray(np.where(slots == own[:, None], found, -1).argmax(axis=1) == shown.words)

    def _shares(self, shown: Shown, head: str) -> Floats:
        """Mean belief of all, by label or word."""
        total = np.zeros(1)
        for place, net in enumerate(self.nets):
            with torch.inference_mode():
                logits = getattr(net, head)(torch.from_numpy(self.features(place, shown)[1]).float())
                total = total + logits.softmax(dim=1).double().numpy() / len(self.nets)
        return total


def halves(known: Shown, seed: int) -> npt.NDArray[np.int64]:
    """Half of each picture, 0 or 1: drawings wholly on one side, of each label about as many pictures on both."""
    found = np.zeros(len(known), dtype=np.int64)
    rng = np.random.default_rng(seed)
    groups: dict[str, dict[str, list[int]]] = {}
    for place, (label, group) in enumerate(zip(known.labels, known.groups, strict=True)):
        groups.setdefault(label, {}).setdefault(group, []).append(place)
    for own in groups.values():
        sizes = [0, 0]
        for name in rng.permutation(sorted(own)).tolist():
            side = int(sizes[1] < sizes[0])
            sizes[side] += len(own[name])
            found[own[name]] = side
    return found


def _train(net: Net, known: Shown, epochs: int, seed: int) -> None:
    """Cross-entropy of the label, and of the word among those of the slot; a rate that falls in a line."""
    rng = np.random.default_rng(seed)
    seen, labels, kinds = planes(known.pictures), known.indices, [label.partition("/")[0] for label in known.labels]
    words = np.where(known.words < len(m.WORDS), known.words, -100)
    allowed = np.array(
        [[word.partition("/")[0] == label.partition("/")[2] for word in m.WORDS] for label in known.labels]
    )
    learner = torch.optim.AdamW(net.parameters(), lr=_RATE, weight_decay=_DECAY)
    steps, step = epochs * max(1, len(known) // _BATCH), 0
    for epoch in range(epochs):
        order, total = rng.permutation(len(known)), 0.0
        for start in range(0, len(order) - _BATCH + 1, _BATCH):
            some = order[start : start + _BATCH]
            batch = torch.from_numpy(np.stack([varied(seen[place], kinds[place], rng) for place in some]))
            for group in learner.param_groups:
                group["lr"] = _RATE * (1 - step / steps)
            found = net.drop(net(batch))
            loss = F.cross_entropy(net.label(found), torch.from_numpy(labels[some]), label_smoothing=_SMOOTHING)
            if (words[some] >= 0).any():
                told = net.word(found).masked_fill(~torch.from_numpy(allowed[some]), -30.0)
                loss = loss + F.cross_entropy(told, torch.from_numpy(words[some]), ignore_index=-100)
            learner.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            learner.step()
            total, step = total + float(loss.detach()), step + 1
        if (epoch + 1) % 5 == 0 or epoch + 1 == epochs:
            mean = total / max(1, len(order) // _BATCH)
            print(f"witness {seed}: epoch {epoch + 1} of {epochs}, loss {mean:.3f}", file=sys.stderr, flush=True)
