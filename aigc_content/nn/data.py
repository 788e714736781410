"""Training data in order: what is held out, and which samples a step sees.

Both are functions of names, seed and step alone, so that an item stays on its side when others come, and a run
that goes on from any step sees what it would have seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import TypeVar

import numpy as np

from aigc_content.rng import Stream

Item = TypeVar("Item")
Batch = TypeVar("Batch")


def split(names: Sequence[str], percent: int = 10) -> tuple[list[int], list[int]]:
    """Indices of the items to learn from, and of those held out.

    Args:
        names: of the items; those that are alike (of one author, one area) should share a name, or what was
            learned from one tells about the other.
        percent: of the names, on average, that is held out.
    """
    held = [Stream(f"split/{name}").integer(100) < percent for name in names]
    return [i for i, out in enumerate(held) if not out], [i for i, out in enumerate(held) if out]


def epochs(
    items: Sequence[Item], size: int, seed: int, make: Callable[[list[Item], np.random.Generator], Batch]
) -> Callable[[int], Iterator[Batch]]:
    """Batches for `aigc_content.nn.train.fit`: in each epoch every item once, in another order.

    Args:
        items: at least one.
        size: samples of a batch; all items where there are fewer. What is left over in an epoch is not seen in it.
        seed: of order and augmentation.
        make: augments items and puts them together; its random numbers are the step's own.
    """
    if not items or size < 1:
        raise ValueError(f"no batches of {size} from {len(items)} items")
    steps = max(1, len(items) // size)  # of an epoch

    def start(first: int) -> Iterator[Batch]:
        known, order = -1, np.zeros(0, np.int64)
        for step in count(first):
            epoch, place = divmod(step, steps)
            if epoch != known:
                known, order = epoch, np.random.default_rng([seed, 0, epoch]).permutation(len(items))
            chosen = order[place * size : (place + 1) * size]
            yield make([items[i] for i in chosen], np.random.default_rng([seed, 1, step]))

    return start
