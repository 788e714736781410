"""The fold in index order that decides which candidate a slot gets.

A slot takes its first attempt that passes, shares no fingerprint with a lower slot of its job, and is not refused
by the designer. The fold sees candidates in whatever order they are made and waits until it has the one that it
needs: what it decides depends on nothing but the job.

What the designer refuses keeps its fingerprints: a refused level does not come back in another slot, and the slots
that had to differ from it stay as they are.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from aigc_content.plan import Job, Slot
from aigc_content.store import Candidate

DUPLICATE = "duplicate"
REJECTED = "rejected"

_DIGEST = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True)
class Accepted:
    """A slot and the candidate that it takes (without the asset)."""

    slot: Slot
    candidate: Candidate


@dataclass(frozen=True)
class Failed:
    """A slot that used up its attempts.

    Attributes:
        slot: it.
        attempts: how many were tried.
        constraint: the one that failed most often, the first of them when several did.
        message: the last one about that constraint.
        constraints: how often each failed.
    """

    slot: Slot
    attempts: int
    constraint: str
    message: str
    constraints: Mapping[str, int]


@dataclass(frozen=True)
class Wanted:
    """The fold cannot go on without this attempt at this slot."""

    slot: Slot
    attempt: int


@dataclass
class _Tally:
    """What became of the attempts at the slot that the fold stands at."""

    attempt: int = 1
    refused: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    messages: dict[str, str] = field(default_factory=dict)

    def miss(self, constraint: str, message: str) -> None:
        self.counts[constraint] += 1
        self.messages[constraint] = message
        self.attempt += 1


class Selection:
    """The fold over one job."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._refused_ids = Counter(name for name in job.reject if not _is_digest(name, job))
        self._refused_digests = tuple(name for name in job.reject if _is_digest(name, job))
        self._made: dict[int, deque[Candidate]] = {}
        self._taken: dict[str, str] = {}  # fingerprint -> id
        self._index = 1
        self._slot = job.slot(1)
        self._tally = _Tally()
        self._asked = False

    @property
    def finished(self) -> bool:
        """Whether every slot is decided."""
        return self._index > self.job.count

    def add(self, index: int, candidates: Iterable[Candidate]) -> None:
        """Give it the next candidates of a slot, in order of their attempts."""
        self._made.setdefault(index, deque()).extend(candidates)
        if index == self._index:
            self._asked = False

    def step(self) -> Accepted | Failed | Wanted | None:
        """The next decision.

        Returns:
            a decision about the lowest undecided slot; or `Wanted`, once, for a candidate that nobody has been
            asked for yet; or None: candidates must be added first, or all is decided.
        """
        if self.finished:
            return None
        slot = self._slot
        made = self._made.get(self._index)
        tally = self._tally
        while tally.attempt <= self.job.max_attempts:
            if not made:
                if made is None or self._asked:  # the first attempts are asked for ahead of the fold
                    return None
                self._asked = True
                return Wanted(slot, tally.attempt)
            candidate = made.popleft()
            problem = self._problem(slot, candidate)
            if problem is None:
                self._next()
                return Accepted(slot, candidate)
            tally.miss(*problem)
        self._next()
        constraint = max(tally.counts, key=lambda name: tally.counts[name])
        return Failed(slot, self.job.max_attempts, constraint, tally.messages[constraint], dict(tally.counts))

    def _problem(self, slot: Slot, candidate: Candidate) -> tuple[str, str] | None:
        """Why a slot cannot take a candidate; takes its fingerprints if it can, or if the designer refused it."""
        if not candidate.passed:
            return candidate.constraint, candidate.message
        for mark in candidate.fingerprints:
            if mark in self._taken:
                return DUPLICATE, f"repeats {self._taken[mark]}"
        for mark in candidate.fingerprints:
            self._taken[mark] = slot.id
        if candidate.digest.startswith(self._refused_digests):
            return REJECTED, "the recipe rejects its digest"
        if self._tally.refused < self._refused_ids[slot.id]:
            self._tally.refused += 1
            return REJECTED, "the recipe rejects it"
        return None

    def _next(self) -> None:
        self._made.pop(self._index, None)
        self._index += 1
        self._slot = self.job.slot(self._index)
        self._tally = _Tally()
        self._asked = False


def _is_digest(name: str, job: Job) -> bool:
    """Whether an entry of ``reject`` is a digest; an id wins where both readings are possible."""
    return not name.startswith(f"{job.slug}-") and _DIGEST.fullmatch(name) is not None
