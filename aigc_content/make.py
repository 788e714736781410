"""The worker's pure code: slots to candidates.

A candidate depends on its slot, its attempt and its job alone: not on the chunk that it was made in, the worker or
the order. An asset is judged as it will be read back from its own file, so what was proven is what is delivered.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aigc_content.canonical import canonical_json, sha256
from aigc_content.errors import AigcError, InternalError
from aigc_content.generator import AssetModel, Generator, Infeasible, Request, Verdict
from aigc_content.plan import Job, Slot
from aigc_content.rng import Stream
from aigc_content.store import Candidate, Store

AnyGenerator = Generator[Any, Any]


def own_file(asset: Mapping[str, Any]) -> bytes:
    """The bytes of an asset's own JSON file.

    Keys sorted, one key of the top level a line, everything below it in canonical form, a line break at the end:
    small, and a change shows as a few lines in a version control system.
    """
    lines = [canonical_json(key) + b": " + canonical_json(asset[key]) for key in sorted(asset)]
    return b"{\n" + b",\n".join(lines) + b"\n}\n"


def make_chunk(
    generator: AnyGenerator, job: Job, slots: Sequence[Slot], attempts: Sequence[int]
) -> Iterator[Candidate]:
    """Make one attempt at each of some slots.

    Args:
        generator: opened.
        slots: at most `Generator.batch` of them is best.
        attempts: the number of each one's attempt, from 1.

    Yields:
        the candidates in order of the slots, each as soon as it is judged.

    Raises:
        InternalError: X001, the plugin raised, returned something else than it must, or made an asset that its
            own file cannot hold.
        AigcError: whatever else the plugin raises of that kind.
    """
    for slot, attempt, result in _results(generator, job, list(zip(slots, attempts, strict=True))):
        try:
            candidate = judge(generator, job, slot, attempt, result)
        except AigcError:
            raise
        except Exception as error:
            raise fault(job, f"slot {slot.id}, attempt {attempt}", error) from error
        yield candidate


def judge(generator: AnyGenerator, job: Job, slot: Slot, attempt: int, result: AssetModel | Infeasible) -> Candidate:
    """Verify, measure and fingerprint what one attempt gave.

    Raises:
        TypeError, ValueError: the plugin gave something that it must not.
    """
    if isinstance(result, Infeasible):
        return Candidate(slot.key, attempt, result.constraint or "infeasible", result.message)
    asset_type = generator.asset_type
    if not isinstance(result, asset_type):
        raise TypeError(f"generate returned {type(result).__name__}, not {asset_type.__name__} or Infeasible")
    plain = result.model_dump(mode="json")
    data = own_file(plain)
    asset = asset_type.model_validate_json(data)
    verdict = generator.verify(asset, job.params)
    if not isinstance(verdict, Verdict):
        raise TypeError(f"verify returned {type(verdict).__name__}, not Verdict")
    if not verdict.passed:
        return Candidate(slot.key, attempt, verdict.constraint or "verify", verdict.message)
    return Candidate(
        slot.key,
        attempt,
        evidence=plain_data(verdict.evidence, "the verdict's evidence"),
        metrics=plain_data(generator.measure(asset), "measure"),
        fingerprints=tuple(sorted({bytes(mark).hex() for mark in generator.fingerprints(asset)})),
        digest=sha256(data),
        asset=plain,
    )


def plain_data(values: Mapping[str, Any], what: str) -> dict[str, Any]:
    """A mapping of a plugin's as plain JSON data.

    Raises:
        TypeError: it holds something else, such as a number of numpy's; the message names ``what``.
    """
    try:
        data: dict[str, Any] = json.loads(canonical_json(dict(values)))
    except (TypeError, ValueError) as error:
        raise TypeError(f"{what} holds something that is not plain JSON data: {error}") from None
    return data


def fault(job: Job, place: str, error: BaseException) -> InternalError:
    """X001 for an exception that a plugin let out."""
    text = " ".join(str(error).split())
    return InternalError(
        "X001",
        f"generator {job.spec.name!r} raised {type(error).__name__}{': ' if text else ''}{text}",
        where=f"job {job.name}, {place}",
        remedy=f"tell the author of {job.plugin[0]} {job.plugin[1]}; what was finished is kept",
    )


@dataclass
class Bench:
    """What one worker holds: the store, the jobs it has been told, and the generators it has opened."""

    store: Store
    jobs: dict[int, Job] = field(default_factory=dict)
    _opened: dict[Any, AnyGenerator] = field(default_factory=dict)

    def generator(self, job: Job, *, opened: bool = True) -> AnyGenerator:
        """The generator of a job; opened once for each set of models.

        Args:
            opened: False gives one on which `Generator.open` has not been called, which needs no torch.

        Raises:
            InternalError: X002, it cannot be opened.
            AigcError: whatever else the plugin raises of that kind.
        """
        models = tuple((role, model.digest, model.path) for role, model in sorted(job.models.items()))
        key = (job.target, models)
        if opened and key not in self._opened:
            generator = job.target(job.models)
            try:
                generator.open()
            except AigcError:
                raise
            except Exception as error:
                raise InternalError(
                    "X002",
                    f"generator {job.spec.name!r} cannot be opened: {type(error).__name__}: {error}",
                    where=f"job {job.name}",
                    remedy="check that everything the plugin needs is installed: `aigc doctor`",
                ) from error
            self._opened[key] = generator
        if key in self._opened:
            return self._opened[key]
        return job.target(job.models)


@dataclass(frozen=True)
class MakeTask:
    """Make candidates of one job and store them; the result is their outcomes, without the assets.

    Attributes:
        job: place of the job in the plan.
        slots: the slots, and ``attempts`` the number of the attempt at each.
    """

    job: int
    slots: tuple[Slot, ...]
    attempts: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of slots."""
        return len(self.slots)

    def prepare(self, bench: Bench) -> None:
        """Open the generator."""
        bench.generator(bench.jobs[self.job])

    def run(self, bench: Bench) -> list[Candidate]:
        """Make, store, return the outcomes; what is finished is stored even when a later one fails."""
        job = bench.jobs[self.job]
        generator = bench.generator(job)
        outcomes = []
        for candidate in make_chunk(generator, job, self.slots, self.attempts):
            bench.store.add(candidate)
            outcomes.append(candidate.outcome())
        return outcomes

    def pieces(self) -> list[MakeTask]:
        """One task a slot: the same candidates."""
        return [MakeTask(self.job, (slot,), (one,)) for slot, one in zip(self.slots, self.attempts, strict=True)]

    def describe(self) -> str:
        """What it makes, for a message."""
        names = self.slots[0].id if len(self.slots) == 1 else f"{self.slots[0].id} to {self.slots[-1].id}"
        return f"making {names}"


def _results(
    generator: AnyGenerator, job: Job, waiting: Sequence[tuple[Slot, int]]
) -> Iterator[tuple[Slot, int, AssetModel | Infeasible]]:
    requests = [Request(job.params, Stream(slot.stream).child(str(attempt))) for slot, attempt in waiting]
    try:
        results = generator.generate_batch(requests)
        if len(results) != len(requests):
            raise TypeError(f"generate_batch returned {len(results)} results for {len(requests)} requests")
    except AigcError:
        raise
    except Exception as error:
        yield from _singly(generator, job, waiting, error)
        return
    for (slot, attempt), result in zip(waiting, results, strict=True):
        yield slot, attempt, result


def _singly(
    generator: AnyGenerator, job: Job, waiting: Sequence[tuple[Slot, int]], first_error: Exception
) -> Iterator[tuple[Slot, int, AssetModel | Infeasible]]:
    """After a batch failed: one request at a time, so that the others are kept and the culprit is named."""
    failed: list[tuple[str, Exception]] = []
    for slot, attempt in waiting:
        request = Request(job.params, Stream(slot.stream).child(str(attempt)))
        place = f"slot {slot.id}, attempt {attempt}"
        try:
            results = generator.generate_batch([request])
            if len(results) != 1:
                raise TypeError(f"generate_batch returned {len(results)} results for 1 request")
        except Exception as error:
            failed.append((place, error))
            continue
        yield slot, attempt, results[0]
    if not failed:
        place = f"slots {waiting[0][0].id} to {waiting[-1][0].id} in one batch"
        failed.append((place, first_error))
    raise fault(job, *failed[0]) from failed[0][1]
