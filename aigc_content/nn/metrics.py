"""How near generated samples are to real ones, how varied, how new; and how often a classifier is right.

Samples are rows of features, (N, D), from a network of one's own: figures from different networks do not compare.
Computed in float64, in blocks of rows, so that memory stays small; distances are Euclidean. Distances that differ
by no more than their rounding count as equal.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Features = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_BLOCK = 1 << 21  # distances held at a time
_ROUNDING = 1e-12  # of a squared distance, relative to the largest squared norm


def frechet_distance(real: Features, generated: Features) -> float:
    """Squared Fréchet distance between Gaussians fitted to two sets, 0 or more: (N, D) and (M, D) to a number.

    Heusel et al. 2017 (arXiv:1706.08500), here on own features. It is biased upwards for few samples, so compare
    only sets of equal size, and with `frechet_with_floor`.

    Raises:
        ValueError: sets that are not (N, D) of equal D and finite, or of fewer than 2 samples.
    """
    real, generated = _sets(real, generated, 2)
    gap = real.mean(axis=0) - generated.mean(axis=0)
    a, b = _root_covariance(real), _root_covariance(generated)
    # For covariances A = a a and B = b b, tr((A B)^(1/2)) is the sum of the roots of the eigenvalues of a B a, which
    # are the singular values of a b: no root is taken of a small number that is mere rounding.
    shared = np.linalg.svd(a @ b, compute_uv=False).sum()
    return max(0.0, float(gap @ gap + np.square(a).sum() + np.square(b).sum() - 2 * shared))


def frechet_with_floor(
    real: Features, generated: Features, rng: np.random.Generator, repeats: int = 4
) -> tuple[float, float]:
    """Fréchet distance and what a perfect generator would get: half of the real samples against the other half.

    All sets are of the same size, the smaller of half of the real samples and all generated ones, so both numbers
    have the same bias. Each is a mean over random halves and choices.

    Args:
        real: (N, D).
        generated: (M, D).
        rng: draws halves and choices.
        repeats: how many halves, 1 or more.

    Returns:
        Generated against real, and real against real.

    Raises:
        ValueError: as `frechet_distance`.
    """
    size = min(len(real) // 2, len(generated))
    found = []
    for _ in range(repeats):
        order = rng.permutation(len(real))
        half, other = real[order[:size]], real[order[len(real) - size :]]
        chosen = generated[rng.permutation(len(generated))[:size]]
        found.append((frechet_distance(half, chosen), frechet_distance(half, other)))
    distance, floor = np.mean(found, axis=0).tolist()
    return distance, floor


def precision_recall(real: Features, generated: Features, k: int = 3) -> tuple[float, float]:
    """Share of generated samples within the real manifold, and the reverse; 0 to 1 each.

    A set's manifold is the union of balls about its samples that reach to the ``k``-th nearest other one.
    Kynkäänniemi et al. 2019 (arXiv:1904.06991).

    Raises:
        ValueError: sets that are not (N, D) of equal D and finite, or of no more than ``k`` samples.
    """
    real, generated = _sets(real, generated, k + 1)
    real_reach, generated_reach = _reaches(real, generated, k), _reaches(generated, real, k)
    precise = np.zeros(len(generated), dtype=np.bool_)
    recalled = np.zeros(len(real), dtype=np.bool_)
    for rows, squares in _squares(generated, real):
        precise[rows] = (squares <= real_reach).any(axis=1)
        recalled |= (squares <= generated_reach[rows, None]).any(axis=0)
    return float(precise.mean()), float(recalled.mean())


def density_coverage(real: Features, generated: Features, k: int = 5) -> tuple[float, float]:
    """How densely generated samples lie within real balls, and the share of real balls that hold one.

    Density is 1 on average for equal distributions, may pass 1, and varies more from draw to draw the more dimensions
    there are; coverage is 0 to 1. Naeem et al. 2020 (arXiv:2002.09797).

    Raises:
        ValueError: as `precision_recall`, for the real samples; no generated one.
    """
    real, generated = _sets(real, generated, 1)
    reach = _reaches(real, generated, k)
    inside, covered = 0, np.zeros(len(real), dtype=np.bool_)
    for _, squares in _squares(generated, real):
        hits = squares <= reach
        inside += int(np.count_nonzero(hits))
        covered |= hits.any(axis=0)
    return inside / (k * len(generated)), float(covered.mean())


def nearest(samples: Features, among: Features, *, itself: bool = False) -> tuple[Floats, Ints]:
    """For each sample the distance to the nearest of a set, and which that is: (N, D) and (M, D) to (N,) twice.

    To judge novelty, compare generated samples' distances to the training set with those of held-out samples.

    Args:
        samples: rows to look for.
        among: rows to look among.
        itself: ``among`` is ``samples``, and a sample is not compared with itself.

    Raises:
        ValueError: sets that are not (N, D) of equal D and finite; nothing to compare with.
    """
    samples, among = _sets(samples, among, 1 + itself)
    which = np.empty(len(samples), dtype=np.int64)
    for rows, squares in _squares(samples, among):
        if itself:
            squares[np.arange(len(squares)), np.arange(rows.start, rows.stop)] = np.inf
        which[rows] = squares.argmin(axis=1)
    return np.sqrt(np.square(samples - among[which]).sum(axis=1)), which


def copy_rate(samples: Features, originals: Features) -> float:
    """Share of samples that equal one of the originals in every value; (N, ...) and (M, ...), 0 to 1.

    Raises:
        ValueError: samples of other shapes than the originals, or no samples.
    """
    if samples.shape[1:] != originals.shape[1:] or not len(samples):
        raise ValueError(f"samples of shape {samples.shape} and originals of shape {originals.shape}")
    zero = np.result_type(samples, originals).type(0)  # added, it gives both one type and makes of -0 a 0
    known = {row.tobytes() for row in originals + zero}
    return sum(row.tobytes() in known for row in samples + zero) / len(samples)


def nearest_neighbor_accuracy(real: Features, generated: Features) -> float:
    """How often a sample's nearest other one is of its own set; 0 to 1, best 0.5.

    Near 1 the sets lie apart, near 0 the generated samples are copies. A nearest one in both sets counts half. The
    leave-one-out test of Lopez-Paz and Oquab 2017 (arXiv:1610.06545).

    Raises:
        ValueError: sets that are not (N, D) of equal D and finite, of different size, or of fewer than 2 samples.
    """
    real, generated = _sets(real, generated, 2)
    if len(real) != len(generated):
        raise ValueError(f"{len(real)} real and {len(generated)} generated samples; give as many of each")
    scores = []
    for own, other in ((real, generated), (generated, real)):
        within, across = nearest(own, own, itself=True)[0], nearest(own, other)[0]
        scores += [(within < across).mean(), (within == across).mean() / 2]
    return float(sum(scores)) / 2


def confusion(labels: Ints, predicted: Ints, classes: int) -> Ints:
    """How often each class was taken for each: (N,) twice to (classes, classes), true class first.

    Raises:
        ValueError: other lengths, or a label that is not 0 to classes - 1.
    """
    if labels.shape != predicted.shape or labels.ndim != 1:
        raise ValueError(f"labels of shape {labels.shape} and predictions of shape {predicted.shape}")
    if len(labels) and not 0 <= min(labels.min(), predicted.min()) <= max(labels.max(), predicted.max()) < classes:
        raise ValueError(f"a label is not 0 to {classes - 1}")
    pairs = labels.astype(np.int64) * classes + predicted
    return np.bincount(pairs, minlength=classes * classes).reshape(classes, classes)


def accuracy(table: Ints) -> float:
    """Share of right answers in a `confusion` table, 0 to 1; not a number where it is empty."""
    return float(np.trace(table) / table.sum()) if table.any() else math.nan


def balanced_accuracy(table: Ints) -> float:
    """Mean over the classes that occur of the share of right answers, 0 to 1; not a number where none occurs."""
    totals = table.sum(axis=1)
    present = totals > 0
    return float((np.diagonal(table)[present] / totals[present]).mean()) if present.any() else math.nan


def wilson_interval(hits: int, trials: int, deviations: float = 1.96) -> tuple[float, float]:
    """Interval for a share that was counted, such as an accuracy; 95 % by default. Wilson 1927.

    Raises:
        ValueError: no trials.
    """
    if trials < 1:
        raise ValueError("no trials")
    share, z = hits / trials, deviations * deviations / trials
    center, reach = share + z / 2, math.sqrt(z * share * (1 - share) + z * z / 4)
    return max(0.0, (center - reach) / (1 + z)), min(1.0, (center + reach) / (1 + z))


def _sets(a: Features, b: Features, least: int) -> tuple[Floats, Floats]:
    """Both as float64; every count is checked against ``least``."""
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"features of shape {a.shape} and {b.shape}; (N, D) and (M, D) are needed")
    if min(len(a), len(b)) < least:
        raise ValueError(f"{len(a)} and {len(b)} samples; at least {least} of each are needed")
    a, b = a.astype(np.float64), b.astype(np.float64)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("a feature is not finite")
    return a, b


def _squares(samples: Floats, among: Floats) -> Iterator[tuple[slice, Floats]]:
    """Squared distances in blocks of rows: the rows, and (rows, len(among)), which the caller may overwrite."""
    center = among.mean(axis=0)  # distances are the same about any point, rounding is least about this one
    samples, among = samples - center, among - center
    norms, doubled = np.square(among).sum(axis=1), np.ascontiguousarray(-2 * among.T)
    size = max(1, _BLOCK // len(among))
    for start in range(0, len(samples), size):
        rows = slice(start, min(start + size, len(samples)))
        squares = samples[rows] @ doubled
        squares += norms
        squares += np.square(samples[rows]).sum(axis=1)[:, None]
        yield rows, squares


def _reaches(samples: Floats, others: Floats, k: int) -> Floats:
    """Squared distance of each sample to the ``k``-th nearest other of its set, with room for rounding: (N,)."""
    if len(samples) <= k:
        raise ValueError(f"{len(samples)} samples; more than {k} are needed")
    found = np.empty(len(samples))
    for rows, squares in _squares(samples, samples):
        squares[np.arange(len(squares)), np.arange(rows.start, rows.stop)] = np.inf
        found[rows] = np.partition(squares, k - 1, axis=1)[:, k - 1]
    center = samples.mean(axis=0)
    largest = max(float(np.square(values - center).sum(axis=1).max()) for values in (samples, others))
    return found + _ROUNDING * largest


def _root_covariance(samples: Floats) -> Floats:
    """The symmetric square root of the samples' covariance, (D, D)."""
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(samples, rowvar=False)))
    root: Floats = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    return root
