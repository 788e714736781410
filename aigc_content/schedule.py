"""What to do next: make what the store lacks, fold, make more for refused slots, export what is accepted.

One object per build, fed by its executor's results. Work for all jobs flows at once, in plan order; a slot that
the fold waits for goes first. How slots are cut into tasks follows the time that they take and never changes what
they become.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from aigc_content.canonical import sha256_file
from aigc_content.executors import Result, Task
from aigc_content.export import (
    Chosen,
    ExportTask,
    JobExportTask,
    Part,
    job_exporters,
    job_record_name,
    parts_of,
    read_parts,
    record_name,
)
from aigc_content.ledger import Ledger
from aigc_content.make import MakeTask
from aigc_content.plan import Job, Plan, Slot
from aigc_content.select import Accepted, Failed, Selection, Wanted
from aigc_content.store import Candidate, Store

_SECONDS = 5.0  # a task should take about this long: short enough to be fair, long enough to be cheap
_FIRST = 8  # slots in a task while nothing is known about their speed
_LEAST = 4  # slots in a task towards the end: fewer of them would cost nearly as much
_MOST = 256


@dataclass
class JobRun:
    """One job on its way.

    Attributes:
        number: its place in the plan.
        job: it.
        selection: its fold.
        decided: the fold's decisions, in index order.
        parts: what was exported of each accepted asset, by id.
        job_parts: what the job's own exporters made, by exporter.
    """

    number: int
    job: Job
    selection: Selection
    decided: list[Accepted | Failed] = field(default_factory=list)
    parts: dict[str, dict[str, Part]] = field(default_factory=dict)
    job_parts: dict[str, Part] = field(default_factory=dict)
    stored: dict[int, list[Candidate]] = field(default_factory=dict)
    refused: deque[tuple[Slot, int]] = field(default_factory=deque)
    to_export: list[tuple[Chosen, tuple[str, ...]]] = field(default_factory=list)
    busy: int = 0
    whole: bool = False
    pace: dict[type, float] = field(default_factory=dict)

    def accepted(self) -> Iterator[Accepted]:
        """Decisions that gave an asset."""
        return (decision for decision in self.decided if isinstance(decision, Accepted))

    def failed(self) -> Iterator[Failed]:
        """Decisions that gave none."""
        return (decision for decision in self.decided if isinstance(decision, Failed))

    def chosen(self) -> tuple[Chosen, ...]:
        """The accepted assets as export tasks name them."""
        return tuple(_chosen(item) for item in self.accepted())


class Schedule:
    """Hands tasks to an executor and takes its results until all of a plan is decided and exported.

    Args:
        plan: what to make.
        store: where candidates and exports lie.
        ledger: what stands in the output folder.
        workers: how many tasks run at once.
        changed: called after each change, for progress.

    Attributes:
        made: ids of accepted assets whose candidate was made by this build.
        constraints: how often each constraint failed in slots that got nothing.
    """

    def __init__(
        self, plan: Plan, store: Store, ledger: Ledger, workers: int, changed: Callable[[Schedule], None]
    ) -> None:
        self.plan = plan
        self.runs = [JobRun(number, job, Selection(job)) for number, job in enumerate(plan.jobs)]
        self.made: set[str] = set()
        self.constraints: Counter[str] = Counter()
        self.decided = 0
        self._store = store
        self._ledger = ledger
        self._workers = workers
        self._changed = changed
        self._fresh = ((run, slot) for run in self.runs for slot in run.job.slots())
        self._ahead: tuple[JobRun, Slot, int] | None = None
        self._unseen = plan.count
        self._new_keys: set[tuple[str, int]] = set()
        self._whole_blobs: set[str] = set()

    def tasks(self) -> Iterator[Task | None]:
        """The tasks, for `Executor.run`."""
        while True:
            task = self._export(full=True) or self._make() or self._export() or self._whole()
            if task is not None:
                self.runs[task.job].busy += task.size
            elif not any(run.busy for run in self.runs):
                return
            yield task

    def take(self, result: Result) -> None:
        """Take the result of a task, or of a piece of one."""
        task = result.task
        run = self.runs[task.job]
        run.busy -= task.size
        if isinstance(task, MakeTask):
            self._take_candidates(run, task, result)
        elif isinstance(task, ExportTask):
            _learn(run, ExportTask, result.seconds / len(task.chosen))
            for chosen, missing, parts in zip(task.chosen, task.missing, result.value, strict=True):
                run.parts[chosen.id] = parts
                self._whole_blobs.update(file.sha256 for name in missing for file in parts[name].files)
        elif isinstance(task, JobExportTask):
            run.job_parts[task.exporter] = result.value
        self._changed(self)

    def _take_candidates(self, run: JobRun, task: MakeTask, result: Result) -> None:
        _learn(run, MakeTask, result.seconds / len(task.slots))
        by_key: dict[str, list[Candidate]] = {}
        for candidate in result.value:
            self._new_keys.add((candidate.key, candidate.attempt))
            by_key.setdefault(candidate.key, []).append(candidate)
        for slot in task.slots:
            run.selection.add(slot.index, run.stored.pop(slot.index, []) + by_key[slot.key])
        self._advance(run)

    def _advance(self, run: JobRun) -> None:
        """Take the fold as far as it goes."""
        while (step := run.selection.step()) is not None:
            if isinstance(step, Accepted):
                run.decided.append(step)
                self.decided += 1
                if (step.candidate.key, step.candidate.attempt) in self._new_keys:
                    self.made.add(step.slot.id)
                self._look_for_exports(run, step)
            elif isinstance(step, Failed):
                run.decided.append(step)
                self.decided += 1
                self.constraints[step.constraint] += 1
            else:
                found = self._store.attempts(step.slot.key, step.attempt, run.job.max_attempts)
                following = step.attempt + len(found)
                if (found and found[-1].passed) or following > run.job.max_attempts:
                    run.selection.add(step.slot.index, found)
                else:
                    run.stored[step.slot.index] = found
                    run.refused.append((step.slot, following))

    def _make(self) -> Task | None:
        """The next slots of one job: first those whose attempts so far are refused, then those that lack any."""
        run: JobRun | None = None
        items: list[tuple[Slot, int]] = []
        while run is None or len(items) < self._make_size(run, len(items)):
            item = self._next_slot(run)
            if item is None:
                break
            run = item[0]
            items.append(item[1:])
        if run is None:
            return None
        return MakeTask(run.number, tuple(slot for slot, _ in items), tuple(attempt for _, attempt in items))

    def _next_slot(self, wanted: JobRun | None) -> tuple[JobRun, Slot, int] | None:
        """The next slot, of any job or of the ``wanted`` one, and the number of the attempt that it needs."""
        for _ in range(2):  # `_next_unfilled` may move the fold, which refuses
            for run in self.runs if wanted is None else [wanted]:
                if run.refused:
                    return (run, *run.refused.popleft())
            self._ahead = self._ahead or self._next_unfilled()
            if self._ahead is not None and wanted in (None, self._ahead[0]):
                item, self._ahead = self._ahead, None
                return item
        return None

    def _next_unfilled(self) -> tuple[JobRun, Slot, int] | None:
        for run, slot in self._fresh:
            self._unseen -= 1
            found = self._store.attempts(slot.key, 1, run.job.max_attempts)
            if (found and found[-1].passed) or len(found) >= run.job.max_attempts:
                run.selection.add(slot.index, found)
                self._advance(run)
                self._changed(self)
            else:
                run.stored[slot.index] = found
                return run, slot, len(found) + 1
        return None

    def _make_size(self, run: JobRun, taken: int) -> int:
        return min(run.job.target.batch, self._size(run, self._unseen + len(run.refused) + taken, MakeTask))

    def _size(self, run: JobRun, left: int, kind: type) -> int:
        """How many of the ``left`` items the next task takes: fewer when they are slow, and towards the end."""
        return min(_by_time(run, kind), max(_LEAST, -(-left // self._workers)))

    def _look_for_exports(self, run: JobRun, accepted: Accepted) -> None:
        chosen = _chosen(accepted)
        parts = read_parts(self._store.exported(record_name(run.job, chosen)))
        wanted = parts_of(run.job)
        places: dict[str, list[str]] = {}
        for name, part in parts.items():
            for file in part.files if name in wanted else ():
                places.setdefault(file.sha256, []).append(file.path)
        missing = tuple(name for name in wanted if name not in parts or not self._at_hand(parts[name], places))
        if missing:
            run.to_export.append((chosen, missing))
        else:
            run.parts[chosen.id] = {name: parts[name] for name in wanted}

    def _export(self, *, full: bool = False) -> Task | None:
        for run in self.runs:
            left = len(run.to_export)
            size = _by_time(run, ExportTask) if full else min(left, self._size(run, left, ExportTask))
            if not left or left < size:
                continue
            items, run.to_export = run.to_export[:size], run.to_export[size:]
            return ExportTask(run.number, tuple(item for item, _ in items), tuple(names for _, names in items))
        return None

    def _whole(self) -> Task | None:
        """Exports of whole jobs, once all their assets are exported."""
        for run in self.runs:
            if run.whole or run.busy or run.to_export or run.refused or not run.selection.finished:
                continue
            chosen = run.chosen()
            for spec in job_exporters(run.job):
                if spec.name in run.job_parts or not chosen:
                    continue
                record = read_parts(self._store.exported(job_record_name(run.job, spec, chosen)))
                places = {file.sha256: [file.path] for part in record.values() for file in part.files}
                if spec.name in record and self._at_hand(record[spec.name], places):
                    run.job_parts[spec.name] = record[spec.name]
                    continue
                return JobExportTask(run.number, spec.name, chosen)
            run.whole = True
        return None

    def _at_hand(self, part: Part, places: dict[str, list[str]]) -> bool:
        """Whether all bytes of a part are in the store or stand in the output folder."""
        return all(
            file.sha256 in self._whole_blobs
            or any(self._ledger.current(path) == file.sha256 for path in places[file.sha256])
            or self._has_blob(file.sha256)
            for file in part.files
        )

    def _has_blob(self, digest: str) -> bool:
        """Whether the store has those bytes, whole: a power cut may have torn them."""
        try:
            whole = sha256_file(self._store.blob(digest)) == digest
        except OSError:
            return False
        if whole:
            self._whole_blobs.add(digest)
        return whole


def foresee(job: Job, store: Store) -> tuple[int, Counter[str]]:
    """What a build would make of a job: the fold over what the store has.

    What is not stored is taken to pass and to repeat nothing, so a build may make more, but not less.

    Returns:
        In how many slots something would be made, and how many others get no asset, by constraint.
    """
    selection = Selection(job)
    missing: set[int] = set()
    failed: Counter[str] = Counter()

    def give(slot: Slot, attempt: int) -> None:
        found = store.attempts(slot.key, attempt, job.max_attempts)
        following = attempt + len(found)
        if not (found and found[-1].passed) and following <= job.max_attempts:
            found.append(Candidate(slot.key, following))
            missing.add(slot.index)
        selection.add(slot.index, found)

    for slot in job.slots():
        give(slot, 1)
        while (step := selection.step()) is not None:
            if isinstance(step, Wanted):
                give(step.slot, step.attempt)
            elif isinstance(step, Failed) and step.slot.index not in missing:
                failed[step.constraint] += 1
    return len(missing), failed


def _chosen(accepted: Accepted) -> Chosen:
    return Chosen(accepted.slot.id, accepted.slot.key, accepted.candidate.attempt)


def _by_time(run: JobRun, kind: type) -> int:
    pace = run.pace.get(kind)
    return _FIRST if pace is None else max(1, min(_MOST, int(_SECONDS / max(pace, 1e-6))))


def _learn(run: JobRun, kind: type, pace: float) -> None:
    known = run.pace.get(kind)
    run.pace[kind] = pace if known is None else (known + pace) / 2
