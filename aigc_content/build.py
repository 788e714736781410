"""A whole build: plan, make, select, export, output, manifest, gallery, and what a build tool wants to know.

The second build of an unchanged recipe looks at each file's size and time and at nothing else. Otherwise the state
of the output folder is brought to what the plan says; whatever the store has is not made again.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from aigc_content import __version__
from aigc_content.assemble import wanted_files
from aigc_content.canonical import digest
from aigc_content.depfile import depfile
from aigc_content.errors import InternalError
from aigc_content.executors import check_executor, open_executor
from aigc_content.ledger import GALLERY, Ledger, Lock, State, cannot_write
from aigc_content.manifest import NAME as MANIFEST
from aigc_content.output import Changes, check_folders, sync
from aigc_content.plan import Plan, make_plan
from aigc_content.plugins import discover
from aigc_content.reasons import Reason, reasons, remembered
from aigc_content.recipe import Recipe
from aigc_content.schedule import Schedule, foresee
from aigc_content.store import FOLDER, TEMPORARY, Dropped, Store, write_whole

GALLERY_PAGE = f"{GALLERY}.html"

_REVISION = 2  # raised when the host writes other bytes for an equal plan
_INTERVAL = 0.1  # seconds between two progress events


@dataclass(frozen=True)
class BuildOptions:
    """How to build.

    Attributes:
        out: the output folder.
        workers: most worker processes; None for one a processor.
        executor: ``processes`` or ``inline``.
        dry_run: write nothing, say what would be made.
        explain: give a `Reason` for each job.
        prune: remove files of earlier builds that belong to this one no more, and stored candidates that no slot of
            this plan needs.
        force: overwrite files that a person has edited.
        depfile: where to write a dependency file for Make or Ninja.
        stamp: a file to touch on success.
        title: heading of the gallery; the recipe's name when empty.
    """

    out: Path
    workers: int | None = None
    executor: str = "processes"
    dry_run: bool = False
    explain: bool = False
    prune: bool = False
    force: bool = False
    depfile: Path | None = None
    stamp: Path | None = None
    title: str = ""


@dataclass(frozen=True)
class Progress:
    """How far a build is.

    Attributes:
        total: slots in the plan.
        accepted: slots that have their asset.
        made: those of them that this build made, the rest was in the store.
        exported: accepted assets whose files are made.
        failed: slots that got none, by constraint.
        seconds: since the build began.
        last: whether it is the last such event.
    """

    total: int
    accepted: int
    made: int
    exported: int
    failed: Mapping[str, int]
    seconds: float
    last: bool = False


@dataclass(frozen=True)
class Explained:
    """Why slots of a job are made again, or not."""

    reason: Reason


Event = Progress | Explained
Report = Callable[[Event], None]


@dataclass(frozen=True)
class BuildResult:
    """What a build did.

    Attributes:
        out: the output folder.
        total: slots in the plan.
        made: assets that this build made.
        reused: assets that were in the store.
        failed: number of slots that got no asset, by constraint.
        changes: what happened to files.
        dropped: what ``prune`` removed from the store.
        reasons: for ``--explain``.
        unchanged: nothing had to be made or written.
        seconds: how long it took.
        dry_run: nothing was written: ``made`` counts slots that would be made, at least, and ``failed`` those that
            are known to get nothing.
    """

    out: Path
    total: int
    made: int
    reused: int
    failed: Mapping[str, int] = field(default_factory=dict)
    changes: Changes = field(default_factory=Changes)
    dropped: Dropped = field(default_factory=Dropped)
    reasons: tuple[Reason, ...] = ()
    unchanged: bool = False
    seconds: float = 0.0
    dry_run: bool = False

    @property
    def gallery(self) -> Path:
        """The page to look at."""
        return self.out / GALLERY_PAGE

    @property
    def manifest(self) -> Path:
        """The manifest."""
        return self.out / MANIFEST

    @property
    def status(self) -> int:
        """Exit status: 1 when a slot got no asset or a file was kept back, else 0."""
        return 1 if self.failed or self.changes.kept else 0


def build(recipe: Recipe, options: BuildOptions, report: Report = lambda event: None) -> BuildResult:
    """Bring an output folder to what a recipe says.

    Args:
        recipe: as read by `load_recipe`; its file, if it is one, is named in the dependency file.
        options: where and how.
        report: called with events as they happen.

    Raises:
        AigcError: as `make_plan`, before anything is written, and as `build_plan`.
    """
    plan = make_plan(recipe, discover())
    title = options.title or recipe.path.stem
    sources = [recipe.path] if recipe.path.is_file() else []
    return build_plan(plan, replace(options, title=title), report, base=recipe.folder, sources=sources)


def build_plan(
    plan: Plan,
    options: BuildOptions,
    report: Report = lambda event: None,
    *,
    base: Path | None = None,
    sources: Sequence[Path] = (),
) -> BuildResult:
    """Bring an output folder to what a plan says.

    Args:
        plan: what to make.
        options: where and how.
        base: folder against which names in params are resolved; `verify` wants to know it.
        sources: files that were read besides the params', for the dependency file.
        report: called with events as they happen, at most ten times a second for progress.

    Raises:
        UsageError: U010, an executor that does not exist, or no worker.
        OutputError: O001 the folder is held by another build, O002 to O006 what is in the way in it.
        StoreError: T001 no space, T002 a file cannot be written; running again goes on from there.
        InternalError: X001 to X006, a fault of a plugin or the host; what was finished is kept.
    """
    check_executor(options.executor, options.workers)
    work = _Build(plan, options, report, base)
    if options.dry_run:
        return work.dry_run(Ledger(options.out))
    check_folders(options.out)
    with Lock(options.out / FOLDER):
        result = work.run(Ledger(options.out))
        _tell_build_tool(plan, options, result, sources)
    return result


class _Build:
    """One build: what it was asked for, and when it began."""

    def __init__(self, plan: Plan, options: BuildOptions, report: Report, base: Path | None) -> None:
        self.plan = plan
        self.options = options
        self.report = report
        self.base = base
        self.start = time.monotonic()
        self.identity = _identity(plan, options.title)
        self.reasons: tuple[Reason, ...] = ()
        self._last_report = 0.0

    def run(self, ledger: Ledger) -> BuildResult:
        """Do what is to be done in a folder that this process holds."""
        self.explain(ledger)
        store = Store(ledger.root)
        if self.is_up_to_date(ledger):
            return replace(self.again(ledger), dropped=self.drop(store))
        check_folders(ledger.out, [f"{job.slug}/." for job in self.plan.jobs])  # before hours of work, not after
        store.clean()
        _mark_as_ours(store)
        schedule = self.produce(ledger, store)
        wanted = wanted_files(schedule.runs, self.options.title)
        changes = sync(ledger, store, wanted, force=self.options.force, prune=self.options.prune)
        failed = dict(sorted(schedule.constraints.items()))
        ledger.commit(self.state(ledger, changes, failed))
        store.clean(keep_blobs={wanted[path].sha256 for path in changes.kept})
        made = len(schedule.made)
        unchanged = not (made or changes.written or changes.pruned)
        return replace(self.result(made, failed, changes, unchanged=unchanged), dropped=self.drop(store))

    def dry_run(self, ledger: Ledger) -> BuildResult:
        """Say what `run` would make, at least; writes nothing."""
        self.explain(ledger)
        if self.is_up_to_date(ledger):
            return self.again(ledger)
        store = Store(ledger.root)
        made, failed = 0, Counter[str]()
        for job in self.plan.jobs:
            missing, without = foresee(job, store)
            made, failed = made + missing, failed + without
        return self.result(made, dict(sorted(failed.items())), Changes())

    def produce(self, ledger: Ledger, store: Store) -> Schedule:
        """Decide and export every slot."""
        jobs = dict(enumerate(self.plan.jobs))
        executor = open_executor(self.options.executor, self.options.workers, ledger.root, jobs)
        schedule = Schedule(self.plan, store, ledger, executor.workers, self.progress)
        with executor:
            for result in executor.run(schedule.tasks()):
                schedule.take(result)
        if schedule.decided != self.plan.count:
            raise InternalError("X004", f"{self.plan.count - schedule.decided} slots were never decided")
        self.progress(schedule, last=True)
        return schedule

    def drop(self, store: Store) -> Dropped:
        """Remove what the store has for slots that are not in the plan, if that was asked for."""
        if not self.options.prune:
            return Dropped()
        return store.prune({slot.key for job in self.plan.jobs for slot in job.slots()})

    def progress(self, schedule: Schedule, *, last: bool = False) -> None:
        """Report how far it is, not too often."""
        now = time.monotonic()
        if not last and now - self._last_report < _INTERVAL:
            return
        self._last_report = now
        failed = dict(schedule.constraints)
        accepted = schedule.decided - sum(failed.values())
        exported = sum(len(run.parts) for run in schedule.runs)
        made = len(schedule.made)
        self.report(Progress(self.plan.count, accepted, made, exported, failed, now - self.start, last))

    def explain(self, ledger: Ledger) -> None:
        """Report why slots are made again, if that was asked for."""
        if self.options.explain:
            store = Store(ledger.root)
            self.reasons = tuple(
                reasons(ledger.state.jobs, self.plan, lambda job: job.count - foresee(job, store)[0])
            )
            for reason in self.reasons:
                self.report(Explained(reason))

    def is_up_to_date(self, ledger: Ledger) -> bool:
        """Whether the last build did all that this one would do."""
        state = ledger.state
        return (
            state.digest == self.identity
            and not ledger.interrupted
            and not state.summary.get("kept")
            and not (self.options.prune and state.orphans)
            and ledger.untouched()
        )

    def again(self, ledger: Ledger) -> BuildResult:
        """The result of the last build, told once more."""
        state = ledger.state
        orphaned = sorted(path for path, digest in state.orphans.items() if ledger.current(path) == digest)
        changes = Changes(unchanged=list(state.files), orphaned=orphaned)
        return self.result(0, state.summary.get("failed", {}), changes, unchanged=True)

    def state(self, ledger: Ledger, changes: Changes, failed: Mapping[str, int]) -> State:
        """What the next build needs to know."""
        files = {path: ledger.state.files[path] for path in changes.kept if path in ledger.state.files}
        for path in (*changes.unchanged, *changes.written):
            files[path] = ledger.entry(path)
        orphans = {path: ledger.current(path) or "" for path in changes.orphaned}
        base = str(self.base.resolve()) if self.base else ""
        summary = {"failed": dict(failed), "kept": list(changes.kept)}
        return State(self.identity, base, remembered(self.plan), files, orphans, summary)

    def result(
        self, made: int, failed: Mapping[str, int], changes: Changes, *, unchanged: bool = False
    ) -> BuildResult:
        """The build's result."""
        return BuildResult(
            out=self.options.out,
            total=self.plan.count,
            made=made,
            reused=self.plan.count - made - sum(failed.values()),
            failed=dict(failed),
            changes=changes,
            reasons=self.reasons,
            unchanged=unchanged,
            seconds=time.monotonic() - self.start,
            dry_run=self.options.dry_run,
        )


def _identity(plan: Plan, title: str) -> str:
    """Digest of everything that decides the output folder."""
    jobs = [
        {
            **remembered(Plan((job,)))[job.name],
            "name": job.name,
            "params": job.written,
            "models": [
                [role, model.name, model.digest, model.license, list(model.trained_on)]
                for role, model in sorted(job.models.items())
            ],
            "file": [job.target.asset_suffix, job.target.asset_schema, job.target.revision],
            "per": [spec.per for spec in job.exporters],
        }
        for job in plan.jobs
    ]
    return digest([_REVISION, __version__, title, jobs])


def _tell_build_tool(plan: Plan, options: BuildOptions, result: BuildResult, sources: Sequence[Path]) -> None:
    """Write the dependency file, and touch the stamp when all went well."""
    if options.depfile is not None:
        read = [*sources, *(file.path for job in plan.jobs for file in job.inputs)]
        target = options.stamp if options.stamp is not None else options.out / MANIFEST
        data = depfile(target, read, Path.cwd())
        _write_if_changed(options.depfile, data, options.out / FOLDER / TEMPORARY)
    if options.stamp is not None and result.status == 0:
        try:
            options.stamp.parent.mkdir(parents=True, exist_ok=True)
            options.stamp.touch()
        except OSError as error:
            raise cannot_write(options.stamp, error) from None


def _write_if_changed(path: Path, data: bytes, temporary_folder: Path) -> None:
    try:
        if path.is_file() and path.read_bytes() == data:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        same_disk = os.stat(path.parent).st_dev == os.stat(temporary_folder.parent).st_dev
    except OSError as error:
        raise cannot_write(path, error) from None
    write_whole(path, data, temporary_folder if same_disk else path.parent)


def _mark_as_ours(store: Store) -> None:
    """Keep version control out of the host's own folder."""
    note = store.root / ".gitignore"
    if not note.exists():
        store.write(note, b"*\n")
