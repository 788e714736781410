"""Counts asked of a level, and whether any level can have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aigc_levels.rules import Flags

MAX_ROUNDS = 100
"""Rounds of narrowing; a few are enough, and stopping early only refuses less."""


@dataclass(frozen=True, eq=False)
class CountLimit:
    """A least and a greatest number of cells of some tiles.

    Attributes:
        name: the tile or trait, as messages call it.
        tiles: which tiles count, shape (tiles,).
        least, most: inclusive.
    """

    name: str
    tiles: Flags
    least: int
    most: int

    @property
    def asked(self) -> str:
        """The range in words."""
        return f"exactly {self.least}" if self.least == self.most else f"{self.least} to {self.most}"


@dataclass(frozen=True)
class Impossible:
    """Limits that no level meets: the ``limit`` that cannot be met beside the others, and why."""

    limit: CountLimit
    why: str


def bounds(limits: Sequence[CountLimit], fixed: Sequence[int], free: int) -> tuple[list[int], list[int]] | Impossible:
    """Least and greatest count of every tile that the limits leave, by narrowing until nothing changes.

    What is refused is impossible; what is not refused need not be possible.

    Args:
        limits: what is asked.
        fixed: cells already decided, by tile.
        free: cells not decided yet.
    """
    cells = sum(fixed) + free
    least = list(fixed)
    most = [count + free for count in fixed]
    sums = [(limit, [place for place, counts in enumerate(limit.tiles) if counts]) for limit in limits]
    everything = list(range(len(fixed)))
    for _ in range(MAX_ROUNDS):
        changed = False
        for limit, places in [*sums, (None, everything)]:
            low = sum(least[place] for place in places)
            high = sum(most[place] for place in places)
            lower, upper = (limit.least, limit.most) if limit else (cells, cells)
            if low > upper or high < lower:
                return _impossible(limit, limits, low, high, cells)
            for place in places:
                above = max(least[place], lower - (high - most[place]))
                below = min(most[place], upper - (low - least[place]))
                if (above, below) != (least[place], most[place]):
                    low, high = low + above - least[place], high + below - most[place]
                    least[place], most[place] = above, below
                    changed = True
        if not changed:
            break
    return least, most


def _impossible(
    limit: CountLimit | None, limits: Sequence[CountLimit], low: int, high: int, cells: int
) -> Impossible:
    if limit is None and low > cells:
        blamed = max(limits, key=lambda one: one.least)
        return Impossible(blamed, f"{low} cells are asked at least, and the level has {cells}")
    if limit is None:
        blamed = min(limits, key=lambda one: one.most)
        return Impossible(blamed, f"only {high} of {cells} cells could be filled with what is allowed")
    why = f"there are at least {low}" if low > limit.most else f"there can be at most {high}"
    return Impossible(limit, f"{limit.asked} {limit.name!r} are asked, and {why} beside all else that is asked")
