"""A sampler over the codes of an autoencoder, variational or not: mixtures of Gaussians a label, drawn in integers.

`fit` runs once, after training; `CodeSampler` draws with whole numbers alone and needs no torch. Mixtures over the
codes of a deterministic autoencoder: Ghosh et al. 2020 (arXiv:1903.12436), "ex-post density estimation".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from aigc_content.errors import ModelError
from aigc_content.nn.kernels import MAX_ACTIVATION, Int8
from aigc_content.rng import Stream

Tensors = dict[str, npt.NDArray[Any]]
SHARES, MEANS, ROOTS = "sampler.shares", "sampler.means", "sampler.roots"
UNITS = 256
"""Means and roots of covariances are integers in 1/256 activation."""

_ROUNDS = 30
_TOTAL = 1 << 16


def fit(codes: npt.NDArray[np.floating[Any]], labels: npt.NDArray[Any], parts: int, seed: int = 0) -> Tensors:
    """The tensors of a `CodeSampler`.

    Each label's codes are parted by k-means (Lloyd 1982); a part gives a mean and a covariance, shrunk towards that
    of the label where it has few codes.

    Args:
        codes: (N, D) in activations.
        labels: (N,), 0 to the number of classes - 1, each of them at least twice.
        parts: Gaussians a label.
        seed: of k-means.
    """
    classes, width = int(labels.max()) + 1, codes.shape[1]
    shares = np.zeros((classes, parts), dtype=np.int32)
    means = np.zeros((classes, parts, width), dtype=np.int32)
    roots = np.zeros((classes, parts, width, width), dtype=np.int32)
    rng = np.random.default_rng(seed)
    for label in range(classes):
        own = np.asarray(codes[labels == label], dtype=np.float64)
        whole = np.cov(own, rowvar=False)
        nearest = _parted(own, parts, rng)
        for part in range(parts):
            members = own[nearest == part]
            shares[label, part] = len(members) * _TOTAL // len(own)
            if not len(members):
                continue
            weight = len(members) / (len(members) + width) if len(members) > 1 else 0.0
            own_spread = np.cov(members, rowvar=False) if weight else 0.0
            covariance = weight * own_spread + (1 - weight) * 0.3 * whole
            root = np.linalg.cholesky(covariance + 1e-3 * np.eye(width))
            means[label, part] = np.rint(members.mean(axis=0) * UNITS)
            roots[label, part] = np.rint(root * UNITS)
    return {SHARES: shares, MEANS: means, ROOTS: roots}


def _parted(points: npt.NDArray[np.float64], parts: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    centers = points[rng.choice(len(points), size=parts, replace=False)]
    nearest = np.zeros(len(points), dtype=np.int64)
    for _ in range(_ROUNDS):
        far = (points**2).sum(axis=1)[:, None] - 2 * points @ centers.T + (centers**2).sum(axis=1)
        nearest = far.argmin(axis=1)
        centers = np.stack(
            [points[nearest == i].mean(axis=0) if (nearest == i).any() else centers[i] for i in range(parts)]
        )
    return nearest


class CodeSampler:
    """Draws codes of a label.

    Args:
        tensors: with those that `fit` gives.

    Raises:
        ModelError: M005, one is missing or has another type or shape.
    """

    def __init__(self, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
        found = [tensors.get(name) for name in (SHARES, MEANS, ROOTS)]
        shares, means, roots = found
        if (
            shares is None
            or means is None
            or roots is None
            or any(array.dtype != np.int32 for array in (shares, means, roots))
        ):
            raise ModelError("M005", "the sampler's tensors are missing or not int32", remedy="fetch the model again")
        width = means.shape[-1]
        if means.shape != (*shares.shape, width) or roots.shape != (*means.shape, width) or shares.ndim != 2:
            raise ModelError("M005", "the sampler's tensors do not fit each other", remedy="fetch the model again")
        if int(shares.min()) < 0 or not shares.sum(axis=1).all():
            raise ModelError("M005", "a label's shares are negative or all 0", remedy="fetch the model again")
        self._shares, self._means, self._roots = (array.astype(np.int64) for array in (shares, means, roots))

    def draw(self, label: int, stream: Stream) -> Int8:
        """A code of a label in activations, before rectification, shape (D,)."""
        part = stream.choice(self._shares[label])
        normal = stream.normals(self._means.shape[-1])  # in 1/65536
        spread = (self._roots[label, part] @ normal + (1 << 15)) >> 16  # in 1/UNITS, exact in 64 bits
        code = (self._means[label, part] + spread + UNITS // 2) // UNITS
        found: Int8 = np.clip(code, -MAX_ACTIVATION, MAX_ACTIVATION).astype(np.int8)
        return found
