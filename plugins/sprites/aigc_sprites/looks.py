"""Looks: each half of a picture is one of sixty that its kind has, told to the network as a condition.

What a picture shows says little about how it is put together, and pixels that are drawn at the same time do not know
of each other. A look says which of the learned halves a half resembles (clusters as conditions: Hu et al. 2023,
"Self-Guided Diffusion Models", arXiv:2210.06462). Who draws tells one of the two looks of a learned picture: so a
drawing is coherent, and none that was learned from. Of walkers, which are few, the looks of two are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from aigc_content.nn.modelfile import Tensors
from aigc_sprites import model as m
from aigc_sprites.coloring import levels_of
from aigc_sprites.examples import Drawing
from aigc_sprites.tokens import CLEAR, DARK, FIRST, LEVELS, Tokens

_ROUNDS = 40
_ROWS, _COLUMNS = 4, 8  # fields of a half
_WAVES = 12  # of a tile, along each side

LOOKS = "learned.looks."
"""Prefix of the tensors that hold the centers."""

_FIRST = "walker/down"
_KINDS = {kind: place for place, kind in enumerate(m.LOOKED_AT)} | {"walker": 0}
"""Kinds that have looks, and where those begin. A network draws walkers or all else: they share numbers."""

Points = npt.NDArray[np.float64]


class Looks:
    """The looks of each kind, found by k-means among drawings.

    Args:
        drawings: those that are learned from.
        seed: of the centers that it begins with.
        stored: looks of a model, as `tensors` gave them; kinds that have some get no others, so that what a network
            was told goes on to mean the same.
    """

    def __init__(self, drawings: Sequence[Drawing], seed: int = 0, stored: Tensors | None = None) -> None:
        self._centers: dict[str, tuple[Points, Points]] = {}
        for kind in _KINDS:
            own = [one.tokens for one in drawings if _kind(one) == kind]
            upper, lower = ((stored or {}).get(f"{LOOKS}{kind}.{half}") for half in m.HALVES)
            if own and upper is not None and lower is not None:
                self._centers[kind] = upper.astype(np.float64), lower.astype(np.float64)
            elif own:
                found = zip(*(halves(tokens, kind) for tokens in own), strict=True)
                first, second = (_centers(np.stack(half), seed) for half in found)
                self._centers[kind] = first, second

    def tensors(self) -> Tensors:
        """The centers, float32 (looks, D), to be stored in a model."""
        return {
            f"{LOOKS}{kind}.{half}": centers.astype(np.float32)
            for kind, both in self._centers.items()
            for half, centers in zip(m.HALVES, both, strict=True)
        }

    def of(self, drawing: Drawing) -> tuple[int, int]:
        """Values of the conditions ``upper`` and ``lower``."""
        kind = _kind(drawing)
        if kind not in self._centers:
            return m.untold("upper"), m.untold("lower")
        first = _KINDS[kind] * m.LOOKS
        near = [
            first + int(np.square(centers - half).sum(axis=1).argmin())
            for half, centers in zip(halves(drawing.tokens, kind), self._centers[kind], strict=True)
        ]
        return near[0], near[1]

    def told(self, drawings: Sequence[Drawing]) -> list[Drawing]:
        """Drawings with their looks; a walker's are those of the picture in which it looks down."""
        first = {one.group: self.of(one) for one in drawings if one.label == _FIRST}
        return [replace(one, looks=first.get(one.group) or self.of(one)) for one in drawings]


def halves(tokens: Tokens, kind: str) -> tuple[Points, Points]:
    """What tells looks apart: of a picture (32, 32) its upper and lower half, of a tile its pattern and its light.

    A half is 4 x 8 fields, from the middle of what shows up or down. A tile goes on at every side and has no halves:
    its pattern is its spectrum, which is the same wherever it is cut.
    """
    if kind == "tile":
        return _pattern(tokens)
    shown = np.flatnonzero((tokens != CLEAR).any(axis=1))
    top, bottom = (int(shown[0]), int(shown[-1]) + 1) if len(shown) else (0, len(tokens))
    lit = tokens >= FIRST
    level = np.where(lit, (tokens.astype(np.int64) - FIRST) % LEVELS + 1, 0) / LEVELS
    first = lit & (tokens < FIRST + LEVELS)
    planes = np.stack([tokens != CLEAR, tokens == DARK, level, first]).astype(np.float64)
    rows = top + np.arange(2 * _ROWS * 4) * (bottom - top) // (2 * _ROWS * 4)
    fields = planes[:, rows].reshape(len(planes), 2 * _ROWS, 4, _COLUMNS, -1).mean(axis=(2, 4))
    return fields[:, :_ROWS].ravel(), fields[:, _ROWS:].ravel()


def _pattern(tokens: Tokens) -> tuple[Points, Points]:
    light = levels_of(tokens).astype(np.float64)
    waves = np.abs(np.fft.fft2(light - light.mean()))
    near = np.concatenate([waves[:_WAVES, :_WAVES], waves[-_WAVES:, :_WAVES]])
    pattern = np.log1p(near).ravel()
    forms = np.bincount(tokens.ravel(), minlength=FIRST + 4 * LEVELS)[: FIRST + 4 * LEVELS]
    return pattern / max(float(np.linalg.norm(pattern)), 1.0), forms / tokens.size


def _kind(drawing: Drawing) -> str:
    """A walker has looks where it looks down; all else of it follows that picture."""
    return "" if drawing.label.startswith("walker/") and drawing.label != _FIRST else drawing.label.partition("/")[0]


def _centers(points: Points, seed: int) -> Points:
    """At most `model.LOOKS` centers of points (N, D), begun far from each other (Arthur and Vassilvitskii 2007)."""
    rng = np.random.default_rng(seed)
    centers = points[[rng.integers(len(points))]]
    while len(centers) < min(m.LOOKS, len(points)):
        far = np.square(points[:, None] - centers).sum(axis=2).min(axis=1)
        if not far.any():
            break
        centers = np.concatenate([centers, points[[rng.choice(len(points), p=far / far.sum())]]])
    for _ in range(_ROUNDS):
        nearest = np.square(points[:, None] - centers).sum(axis=2).argmin(axis=1)
        centers = np.stack(
            [points[nearest == i].mean(axis=0) if (nearest == i).any() else centers[i] for i in range(len(centers))]
        )
    return centers
