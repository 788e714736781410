"""Pattern KL divergence of level sets, and the plain models that it is compared with.

The measure is TOAD-GAN's (Awiszus et al. 2020, arXiv:2008.01531, after Lucas and Volz 2019): with counts c of n x n
windows out of N, p = (c + e) / ((N + e)(1 + e)), e = 1e-7, and D = sum of p ln(p / q) over the patterns of the
reference (w = 1). It shrinks with the number of windows, so every set is cut to the same number, and what real maps
score against each other (the floor) is printed beside it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from level_metrics import TILES, Grid

EPSILON = 1e-7
OUTSIDE = len(TILES)
FLOOR = "the maps, half by half"
"""Name of what one half of the real maps scores against the other."""

Codes = npt.NDArray[np.int64]


def windows(grid: Grid, n: int) -> Codes:
    """Every n x n window as one integer, shape (windows,); n at most 4."""
    if min(grid.shape) < n:
        return np.zeros(0, dtype=np.int64)
    views = np.lib.stride_tricks.sliding_window_view(grid, (n, n)).reshape(-1, n * n)
    return views.astype(np.int64) @ (len(TILES) ** np.arange(n * n, dtype=np.int64))


def divergence(reference: Codes, other: Codes) -> float:
    """D(reference || other) over the patterns of the reference, in nat; both have the same number of windows.

    Raises:
        ValueError: the numbers differ.
    """
    if len(reference) != len(other):
        raise ValueError(f"{len(reference)} windows beside {len(other)}: compare equal numbers")
    total = (len(reference) + EPSILON) * (1 + EPSILON)
    patterns, counts = np.unique(reference, return_counts=True)
    known, found = np.unique(other, return_counts=True)
    at = np.minimum(np.searchsorted(known, patterns), len(known) - 1)
    matched = np.where(known[at] == patterns, found[at], 0)
    p = (counts + EPSILON) / total
    q = (matched + EPSILON) / total
    return float((p * np.log(p / q)).sum())


@dataclass(frozen=True)
class Score:
    """Divergence of one set from real maps, over random halvings of those.

    Attributes:
        mean: mean divergence.
        excess: mean of what is above the floor of the same halving.
        error: standard deviation of the excess over halvings: about the standard error of a figure told of all the
            maps, as if maps of one area were independent.
    """

    mean: float
    excess: float
    error: float


def scores(
    real: Sequence[Grid],
    others: Mapping[str, Sequence[Grid]],
    n: int,
    seed: int,
    halvings: int = 20,
) -> dict[str, Score]:
    """Divergences from real maps that training has not seen, the floor first, under the name `FLOOR`.

    In each halving one random half of the real maps is the reference; the other half gives the floor. Every other
    set gives as many windows as the halves: where it has a grid for each real map (as many grids, of the same
    sizes), those of the second half's places; else whole grids at random until there are enough. All are cut to
    the least number that any has.
    """
    rng = np.random.default_rng([seed, n])
    real_windows = [windows(grid, n) for grid in real]
    other_windows = {name: [windows(grid, n) for grid in grids] for name, grids in others.items()}
    paired = {
        name: len(grids) == len(real) and all(a.shape == b.shape for a, b in zip(grids, real, strict=True))
        for name, grids in others.items()
    }
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for _ in range(halvings):
        order = rng.permutation(len(real))
        first, second = order[: len(real) // 2], order[len(real) // 2 :]
        reference = np.concatenate([real_windows[i] for i in first])
        rest = np.concatenate([real_windows[i] for i in second])
        count = min(len(reference), len(rest))
        samples = {FLOOR: rest}
        for name, parts in other_windows.items():
            chosen = second if paired[name] else _enough(parts, count, rng)
            samples[name] = np.concatenate([parts[i] for i in chosen])
        count = min(count, *(len(sample) for sample in samples.values()))
        cut = reference[:count]
        values = {name: divergence(cut, sample[:count]) for name, sample in samples.items()}
        for name, value in values.items():
            found[name].append((value, value - values[FLOOR]))
    return {
        name: Score(
            float(np.mean([value for value, _ in pairs])),
            float(np.mean([above for _, above in pairs])),
            float(np.std([above for _, above in pairs])),
        )
        for name, pairs in found.items()
    }


def _enough(parts: Sequence[Codes], count: int, rng: np.random.Generator) -> list[int]:
    """Indices of parts, at random, until they hold ``count`` windows."""
    chosen: list[int] = []
    held = 0
    for index in rng.permutation(len(parts)):
        if held >= count:
            break
        chosen.append(int(index))
        held += len(parts[index])
    return chosen


Neighbors = Callable[[npt.NDArray[np.uint8], int, int], tuple[int, ...]]
"""From a framed grid and a cell (row, column) in it to the context of that cell."""

CONTEXTS: Mapping[str, Neighbors] = {
    "left, upper": lambda grid, y, x: (int(grid[y, x - 1]), int(grid[y - 1, x])),
    "left, upper, corner": lambda grid, y, x: (int(grid[y, x - 1]), int(grid[y - 1, x]), int(grid[y - 1, x - 1])),
}
"""Contexts of the Markov chains, most telling neighbor first."""


class Chain:
    """A Markov chain in two dimensions: each cell by those to its left and above, in reading order.

    A context never met in training is shortened from its end until it was.

    Args:
        maps: to learn from.
        context: key of `CONTEXTS`.
    """

    def __init__(self, maps: Sequence[Grid], context: str) -> None:
        self._context = CONTEXTS[context]
        counts: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        for grid in maps:
            framed = np.pad(grid, ((1, 0), (1, 0)), constant_values=OUTSIDE)
            for y in range(1, framed.shape[0]):
                for x in range(1, framed.shape[1]):
                    seen = self._context(framed, y, x)
                    for length in range(len(seen) + 1):
                        counts[seen[:length]][int(framed[y, x])] += 1
        self._edges = {
            seen: (np.array(list(found)), np.cumsum(list(found.values()))) for seen, found in counts.items()
        }

    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Grid:
        """One grid of shape (height, width)."""
        height, width = shape
        framed = np.full((height + 1, width + 1), OUTSIDE, dtype=np.uint8)
        noise = rng.random((height + 1, width + 1))
        for y in range(1, height + 1):
            for x in range(1, width + 1):
                seen = self._context(framed, y, x)
                while seen not in self._edges:
                    seen = seen[:-1]
                tiles, edges = self._edges[seen]
                framed[y, x] = tiles[np.searchsorted(edges, noise[y, x] * edges[-1], side="right")]
        return framed[1:, 1:]


def shuffled(grids: Sequence[Grid], rng: np.random.Generator) -> list[Grid]:
    """Each grid with its cells in random order."""
    return [rng.permutation(grid.ravel()).reshape(grid.shape) for grid in grids]


def uniform(grids: Sequence[Grid], rng: np.random.Generator) -> list[Grid]:
    """Grids of the same sizes with every tile equally likely."""
    return [rng.integers(0, len(TILES), grid.shape, dtype=np.uint8) for grid in grids]
