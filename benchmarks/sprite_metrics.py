"""How near drawn pictures are to held-out ones, how varied, and how new: the measures of `sprites.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from aigc_sprites.copies import LEAST, LIMIT, Copies, bits_of, pack
from aigc_sprites.data.dataset import SpriteSet
from aigc_sprites.examples import Drawing, drawings
from aigc_sprites.palette import oklab
from aigc_sprites.tidy import smooth
from aigc_sprites.tokens import CLEAR, colors_of
from sprite_rivals import learned
from sprite_witness import Floats, Shown, Witness, as_encoded, formed, moved, planes
from torch import nn

from aigc_content.nn import metrics

DIMENSIONS = 24
"""Main axes of the features, of either sort."""
_ROUNDS, _RIDGE = 20, 1.0  # of the logistic regression
_STEPS, _BATCH, _RATE = 120, 32, 2e-3  # of the network that tells pixels apart


@dataclass(frozen=True, eq=False)
class Space:
    """Features of one of the witness's networks along the main axes of real pictures that it never saw.

    Attributes:
        witness, net: which network.
        means, axes: of the real pictures' features of both sorts, (D,) and (D, DIMENSIONS).
    """

    witness: Witness
    net: int
    means: tuple[Floats, ...]
    axes: tuple[Floats, ...]

    @classmethod
    def of(cls, witness: Witness, net: int, unseen: Shown) -> Space:
        """Fitted to real pictures of one kind."""
        found = witness.features(net, unseen)
        means = tuple(values.mean(axis=0) for values in found)
        turned = (
            np.linalg.svd(values - mean, full_matrices=False)[2] for values, mean in zip(found, means, strict=True)
        )
        return cls(witness, net, means, tuple(rows[:DIMENSIONS].T for rows in turned))

    def __call__(self, shown: Shown) -> tuple[Floats, Floats]:
        """How things look, and what they are, (N, DIMENSIONS) each."""
        found = self.witness.features(self.net, shown)
        look, matter = ((part - mean) @ axes for part, mean, axes in zip(found, self.means, self.axes, strict=True))
        return look, matter


@dataclass(frozen=True)
class Scores:
    """One set of pictures beside as many held-out ones, by one sort of features.

    Attributes:
        frechet: squared Fréchet distance.
        precision, recall, density, coverage: of `aigc_content.nn.metrics`.
        linear: accuracy of a logistic regression that was trained to tell both sets apart, on the half that it did
            not see; best 0.5.
        neighbor: how often the nearest other picture is of the same set; best 0.5.
        pixels: as ``linear``, of a small network on the pixels; the same for either sort.
    """

    frechet: float
    precision: float
    recall: float
    density: float
    coverage: float
    linear: float
    neighbor: float
    pixels: float

    @classmethod
    def of(
        cls, real: Shown, made: Shown, space: Space, seed: int, pixels: float | None = None
    ) -> tuple[Scores, Scores]:
        """Of two sets of one kind and size, by how things look and by what they are; ``pixels`` where it is known."""
        rng = np.random.default_rng(seed)
        sides = folds(real.groups, rng), folds(made.groups, rng)
        if pixels is None:
            pixels = told_by_pixels(real, made, sides, real.labels[0].partition("/")[0], seed)
        look, matter = (
            cls(
                metrics.frechet_distance(held, found),
                *metrics.precision_recall(held, found),
                *metrics.density_coverage(held, found),
                told_apart(held, found, sides),
                metrics.nearest_neighbor_accuracy(held, found),
                pixels,
            )
            for held, found in zip(space(real), space(made), strict=True)
        )
        return look, matter


def mean_of(found: Sequence[Scores], nets: int) -> tuple[Scores, float]:
    """Means over all networks and sets, and the standard deviation from set to set of the Fréchet distance.

    Args:
        found: of all sets by the first network, then by the second, and so on.
        nets: so many networks.
    """
    values = np.array([astuple(one) for one in found])
    spread = values[:, 0].reshape(nets, -1).mean(axis=0).std()
    return Scores(*values.mean(axis=0).tolist()), float(spread)


Sides = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


def folds(groups: Sequence[str], rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """0 or 1 for each picture, about as many of both, each drawing wholly on one side: (N,)."""
    found, sizes = np.zeros(len(groups), dtype=np.int64), [0, 0]
    names = np.array(groups)
    for name in rng.permutation(sorted(set(groups))).tolist():
        side = int(sizes[1] < sizes[0])
        sizes[side] += int((names == name).sum())
        found[names == name] = side
    return found


def told_apart(held: Floats, found: Floats, sides: Sides) -> float:
    """Accuracy of a logistic regression that learns from each half in turn and tells the other apart."""
    values, truth, fold = np.concatenate([held, found]), _truth(held, found), np.concatenate(sides)
    right = []
    for side in (0, 1):
        known = fold == side
        mean, spread = values[known].mean(axis=0), values[known].std(axis=0) + 1e-9
        points = np.column_stack([(values - mean) / spread, np.ones(len(values))])
        weights = _regression(points[known], truth[known])
        right.append(_balanced(points[~known] @ weights > 0, truth[~known]))
    return float(np.mean(right))


def _regression(points: Floats, truth: npt.NDArray[np.bool_]) -> Floats:
    """Weights (D,) of points (N, D), the last of which is 1, by Newton's method."""
    weights = np.zeros(points.shape[1])
    ridge = np.full(points.shape[1], _RIDGE)
    ridge[-1] = 1e-6
    for _ in range(_ROUNDS):
        share = 1 / (1 + np.exp(-np.clip(points @ weights, -30, 30)))
        slope = points.T @ (share - truth) + ridge * weights
        weights = weights - np.linalg.solve((points.T * (share * (1 - share))) @ points + np.diag(ridge), slope)
    return weights


def told_by_pixels(real: Shown, made: Shown, sides: Sides, kind: str, seed: int) -> float:
    """Accuracy of a small network that learns from each half in turn and tells the other apart."""
    seen = np.concatenate([planes(real.pictures), planes(made.pictures)])
    truth, fold = _truth(real.words, made.words), np.concatenate(sides)
    right = []
    for side in (0, 1):
        torch.manual_seed(seed + side)
        rng = np.random.default_rng([seed, side])
        layers: list[nn.Module] = [nn.PixelUnshuffle(2)]
        for a, b in ((16, 32), (32, 48)):
            layers += [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)]
        net = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(48 * 16, 1))
        learner = torch.optim.AdamW(net.parameters(), lr=_RATE, weight_decay=0.05)
        known = [np.flatnonzero((fold == side) & (truth == one)) for one in (False, True)]
        for _ in range(_STEPS):
            some = np.concatenate([rng.choice(of_one, _BATCH // 2) for of_one in known])
            batch = torch.from_numpy(np.stack([moved(seen[place], kind, rng) for place in some]))
            loss = F.binary_cross_entropy_with_logits(net(batch)[:, 0], torch.from_numpy(truth[some]).float())
            learner.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            learner.step()
        net.eval()
        other = np.flatnonzero(fold != side)
        with torch.inference_mode():
            told = (net(torch.from_numpy(seen[other]))[:, 0] > 0).numpy()
        right.append(_balanced(told, truth[other]))
    return float(np.mean(right))


def _truth(held: npt.NDArray[np.generic], found: npt.NDArray[np.generic]) -> npt.NDArray[np.bool_]:
    return np.arange(len(held) + len(found)) >= len(held)


def _balanced(told: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> float:
    return float(np.mean([(told == truth)[truth == one].mean() for one in (False, True)]))


class Near:
    """The pictures that the painter learned from, by label, as bits (`aigc_sprites.copies`); as they are and cleaned,
    for a copy that lost a crumb lies elsewhere in its frame, and its bits are others."""

    def __init__(self, known: Sequence[Drawing]) -> None:
        bits: dict[str, list[npt.NDArray[np.bool_]]] = {}
        for one in known:
            for tokens in (one.tokens, smooth(formed(one.tokens, one.label))):
                light = oklab(colors_of(one.ramps)[tokens, :3])[..., 0]
                bits.setdefault(one.label, []).append(bits_of(tokens != CLEAR, light))
        self._known = {label: Copies(pack(np.stack(own))) for label, own in bits.items()}

    def distances(self, shown: Shown) -> npt.NDArray[np.int64]:
        """Thousandths in which the nearest one of the same label differs, of pictures that are large enough, (M,)."""
        found = []
        for picture, label in zip(shown.pictures, shown.labels, strict=True):
            shape = picture[..., 3] > 0
            if np.count_nonzero(shape) >= LEAST:
                light = oklab(picture[..., :3].reshape(-1, 3))[:, 0].reshape(shape.shape)
                found += self._known[label].distances([(shape, light)])
        return np.array(found, dtype=np.int64)


def copied(distances: npt.NDArray[np.int64]) -> tuple[int, int]:
    """How many count as copies, and of how many."""
    return int((distances < LIMIT).sum()), len(distances)


class Real:
    """The real pictures, as encoded.

    Attributes:
        learned: what the networks learned from.
        cleaned: the same, cleaned as drawn ones are.
        held: what was held out.
        near: tells copies.
        witness: reads what pictures show.
    """

    def __init__(self, sprites: SpriteSet, file: Path, epochs: int, seed: int) -> None:
        known, held = (drawings(sprites, part) for part in sprites.split())
        few = learned(known)
        self.learned, self.held = as_encoded(few), as_encoded(learned(held))
        self.cleaned = as_encoded(few, cleaned=True)
        self.near = Near(known)
        self.witness = Witness(self.learned, file, sprites.sha256, epochs, seed)


def places_of(
    labels: Sequence[str], among: Shown, allowed: npt.NDArray[np.bool_], rng: np.random.Generator
) -> list[int]:
    """A place of each label in ``among``, none twice where there are enough; from anywhere where none is allowed."""
    found: dict[str, list[int]] = {}
    result = []
    for label in labels:
        if not found.get(label):
            same = np.array(among.labels) == label
            own = np.flatnonzero(same & allowed)
            found[label] = rng.permutation(own if len(own) else np.flatnonzero(same)).tolist()
        result.append(found[label].pop())
    return result
