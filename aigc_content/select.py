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
class _Pending:
    """An undecided slot: its candidates that are not refused yet, and what became of the others."""

    slot: Slot
    made: deque[Candidate] = field(default_factory=deque)
    attempt: int = 1
    asked: int = 1
    rejected: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    messages: dict[str, str] = field(default_factory=dict)

    def miss(self, constraint: str, message: str) -> None:
        """Strike out the first candidate."""
        self.made.popleft()
        self.attempt += 1
        self.counts[constraint] += 1
        self.messages[constraint] = message


class Selection:
    """The fold over one job."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._rejected_ids = Counter(name for name in job.reject if not _is_digest(name, job))
        self._rejected_digests = tuple(name for name in job.reject if _is_digest(name, job))
        self._pending: dict[int, _Pending] = {}
        self._taken: dict[str, int] = {}  # fingerprint -> index of the slot that has it
        self._hopes: dict[str, set[int]] = {}  # fingerprint -> slots whose first candidate has it
        self._wanted: deque[Wanted] = deque()
        self._index = 1

    @property
    def finished(self) -> bool:
        """Whether every slot is decided."""
        return self._index > self.job.count

    def add(self, index: int, candidates: Iterable[Candidate]) -> None:
        """Give it the next candidates of a slot, in order of their attempts."""
        if index not in self._pending:
            self._pending[index] = _Pending(self.job.slot(index))
        self._pending[index].made.extend(candidates)
        self._strike(index)

    def step(self) -> Accepted | Failed | Wanted | None:
        """The next decision.

        Returns:
            a decision about the lowest undecided slot; or `Wanted`, once an attempt, for a slot whose candidates are
            all refused; or None: candidates must be added first, or all is decided. A slot's first attempts are
            never asked for.
        """
        pending = self._pending.get(self._index)
        while pending is not None and pending.made:
            candidate = pending.made[0]
            self._take(candidate.fingerprints)
            rejection = self._rejection(pending, candidate)
            if rejection is None:
                self._next()
                return Accepted(pending.slot, candidate)
            pending.miss(REJECTED, rejection)
            self._strike(self._index)
        if pending is not None and pending.attempt > self.job.max_attempts:
            self._next()
            constraint = max(pending.counts, key=lambda name: pending.counts[name])
            message = pending.messages[constraint]
            return Failed(pending.slot, self.job.max_attempts, constraint, message, dict(pending.counts))
        return self._wanted.popleft() if self._wanted else None

    def _strike(self, index: int) -> None:
        """Strike out a slot's candidates until the first may still be taken; ask for more when none is left.

        A candidate that repeats what a lower slot has will be refused whenever the fold comes to it; to know that
        early lets the others be made in parallel.
        """
        pending = self._pending[index]
        while pending.made:
            candidate = pending.made[0]
            owners = [self._taken[mark] for mark in candidate.fingerprints if mark in self._taken]
            if pending.attempt > self.job.max_attempts:
                pending.made.clear()
            elif not candidate.passed:
                pending.miss(candidate.constraint, candidate.message)
            elif owners:
                pending.miss(DUPLICATE, f"repeats {self.job.slot(min(owners)).id}")
            else:
                for mark in candidate.fingerprints:
                    self._hopes.setdefault(mark, set()).add(index)
                return
        if pending.asked < pending.attempt <= self.job.max_attempts:
            pending.asked = pending.attempt
            self._wanted.append(Wanted(pending.slot, pending.attempt))

    def _take(self, marks: Iterable[str]) -> None:
        """Give fingerprints to the slot that the fold stands at; higher slots that hoped for them lose."""
        losers: set[int] = set()
        for mark in marks:
            self._taken[mark] = self._index
            losers |= self._hopes.pop(mark, set())
        for index in sorted(losers):
            if index > self._index:
                self._strike(index)

    def _rejection(self, pending: _Pending, candidate: Candidate) -> str | None:
        """Why the designer does not want it, or None."""
        if candidate.digest.startswith(self._rejected_digests):
            return "the recipe rejects its digest"
        if pending.rejected < self._rejected_ids[pending.slot.id]:
            pending.rejected += 1
            return "the recipe rejects it"
        return None

    def _next(self) -> None:
        del self._pending[self._index]
        self._index += 1


def _is_digest(name: str, job: Job) -> bool:
    """Whether an entry of ``reject`` is a digest; an id wins where both readings are possible."""
    return not name.startswith(f"{job.slug}-") and _DIGEST.fullmatch(name) is not None
