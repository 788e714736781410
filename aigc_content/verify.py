"""Prove a build again, from what lies in its folder and nothing else.

Every file is compared with the manifest, and every asset is read from its own file and proven by its
generator's `verify`. With ``rebuild`` each asset is also generated, judged and exported anew from its manifest line,
which names everything that decides it, and the bytes are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import ValidationError

from aigc_content.canonical import sha256
from aigc_content.errors import AigcError
from aigc_content.executors import open_executor
from aigc_content.export import Chosen, ExportTask, JobExportTask, job_exporters, parts_of
from aigc_content.generator import AssetModel
from aigc_content.inputs import Inputs
from aigc_content.ledger import Ledger
from aigc_content.make import MakeTask
from aigc_content.manifest import NAME, ManifestFile, ManifestLine, read_manifest
from aigc_content.plan import Job, make_plan, validate_params
from aigc_content.plugins import discover
from aigc_content.recipe import JobRecipe, Places, Recipe

_CHUNK = 16


@dataclass(frozen=True)
class Problem:
    """Something in a build that does not hold.

    Attributes:
        what: ``missing``, ``bytes``, ``asset``, ``proof``, ``repeat``, ``input``, ``generator`` or ``rebuild``.
        where: an asset's id or a file's path.
        text: one sentence.
    """

    what: str
    where: str
    text: str


@dataclass
class VerifyResult:
    """What `verify` found.

    Attributes:
        assets: how many assets were proven again.
        files: how many files were compared.
        unfilled: slots that the build itself reported as failed.
        rebuilt: how many assets were made anew and compared.
        problems: what does not hold, in plan order.
    """

    assets: int = 0
    files: int = 0
    unfilled: int = 0
    rebuilt: int = 0
    problems: list[Problem] = field(default_factory=list)

    @property
    def status(self) -> int:
        """Exit status: 1 when something does not hold."""
        return 1 if self.problems else 0


def verify(
    out: Path,
    *,
    rebuild: bool = False,
    base: Path | None = None,
    executor: str = "processes",
    workers: int | None = None,
    report: Callable[[VerifyResult], None] = lambda result: None,
) -> VerifyResult:
    """Prove a build again.

    Args:
        out: the output folder of a build.
        rebuild: also make every asset anew and compare its bytes.
        base: folder against which file names in params are resolved; by default that of the last build, else the
            current one.
        executor, workers: for ``rebuild``.
        report: called after each job.

    Raises:
        SchemaError: V001, there is no manifest, or it is damaged.
        PluginError: a generator or exporter is not installed.
        UsageError: U010, an executor that does not exist.
    """
    result = VerifyResult()
    recorded = Ledger(out).state.base
    folder = base or (Path(recorded) if recorded and Path(recorded).is_dir() else Path.cwd())
    jobs: dict[str, list[ManifestLine]] = {}
    for line in read_manifest(out / NAME):
        jobs.setdefault(line.job, []).append(line)
    seen: dict[str, str] = {}
    for lines in jobs.values():
        passed = [line for line in lines if line.verdict.passed]
        result.unfilled += len(lines) - len(passed)
        _Job(out, folder, result, seen).check(passed)
        if rebuild and passed:
            _rebuild(passed, folder, result, executor, workers)
        report(result)
    return result


class _Job:
    """The check of one job's assets."""

    def __init__(self, out: Path, folder: Path, result: VerifyResult, seen: dict[str, str]) -> None:
        self.out = out
        self.folder = folder
        self.result = result
        self.seen = seen  # digest by path: shared files are read once

    def fail(self, what: str, where: str, text: str) -> None:
        self.result.problems.append(Problem(what, where, text))

    def check(self, lines: Sequence[ManifestLine]) -> None:
        marks: dict[bytes, str] = {}
        proving: tuple[Any, Any] | None = None
        if lines:
            proving = self.opened(lines[0])
        for line in lines:
            for file in line.files:
                self.check_file(file)
            if proving is not None:
                self.prove(line, *proving, marks)

    def opened(self, line: ManifestLine) -> tuple[Any, Any] | None:
        """The generator (without its models) and the params of a job."""
        target = discover().generator(line.generator)
        inputs = Inputs(self.folder)
        try:
            params = validate_params(target, _job_recipe([line]), inputs)
        except AigcError as error:
            self.fail("input", line.job, f"its params are not valid here: {error.found}")
            return None
        now = {file.sha256 for file in inputs}
        for known in line.inputs:
            if known.sha256 not in now:
                self.fail("input", line.job, f"{known.name} has changed since the build")
                return None
        return target(), params

    def check_file(self, file: ManifestFile) -> None:
        if file.path in self.seen:
            return
        self.seen[file.path] = ""
        self.result.files += 1
        data = self.read(file.path)
        if data is None:
            return
        self.seen[file.path] = sha256(data)
        if self.seen[file.path] != file.sha256:
            self.fail("bytes", file.path, "its bytes are not those that the build wrote")

    def read(self, path: str) -> bytes | None:
        parts = PurePosixPath(path)
        if parts.is_absolute() or ".." in parts.parts or "\\" in path:
            self.fail("missing", path, "the manifest names a file outside its folder")
            return None
        try:
            return (self.out / path).read_bytes()
        except OSError as error:
            self.fail("missing", path, f"cannot be read: {error.strerror}")
            return None

    def prove(self, line: ManifestLine, generator: Any, params: Any, marks: dict[bytes, str]) -> None:
        own = next((file for file in line.files if not file.exporter), None)
        data = self.read(own.path) if own is not None and self.seen[own.path] else None
        if data is None:
            return
        self.result.assets += 1
        try:
            asset: AssetModel = generator.asset_type.model_validate_json(data)
            verdict = generator.verify(asset, params)
            found = {bytes(mark) for mark in generator.fingerprints(asset)}
        except ValidationError as error:
            self.fail("asset", line.id, f"is no {generator.asset_type.__name__}: {error.errors()[0]['msg']}")
            return
        except Exception as error:
            self.fail("generator", line.id, f"verify raised {type(error).__name__}: {error}")
            return
        if not verdict.passed:
            self.fail("proof", line.id, f"{verdict.constraint}: {verdict.message}".rstrip(": "))
        for mark in sorted(found):
            if mark in marks:
                self.fail("repeat", line.id, f"repeats {marks[mark]}")
                break
        marks.update(dict.fromkeys(found, line.id))


def _rebuild(
    lines: Sequence[ManifestLine], folder: Path, result: VerifyResult, executor: str, workers: int | None
) -> None:
    """Make a job's assets anew in a temporary store and compare digests."""
    names = list(dict.fromkeys(file.exporter for line in lines for file in line.files if file.exporter))
    recipe = Recipe(1, lines[0].seed, (replace(_job_recipe(lines), export=tuple(names)),), folder / NAME)
    try:
        job = replace(make_plan(recipe, discover()).jobs[0], max_attempts=1)
    except AigcError as error:
        result.problems.append(Problem("rebuild", lines[0].job, f"cannot be made anew: {error.found}"))
        return
    with TemporaryDirectory(prefix="aigc-verify-") as root:
        with open_executor(executor, workers, Path(root), {0: job}) as runner:
            made = _digests(runner, job, lines)
        for line in lines:
            result.rebuilt += 1
            found = made.get(line.id, {})
            for file in line.files:
                if found.get(file.path) != file.sha256:
                    text = "was not made" if file.path not in found else "has other bytes"
                    result.problems.append(Problem("rebuild", file.path, f"made anew, it {text}"))


def _digests(runner: Any, job: Job, lines: Sequence[ManifestLine]) -> dict[str, dict[str, str]]:
    """Digest by path of every file of every asset, made anew."""
    slots = [job.slot(line.index) for line in lines]
    firsts = [line.attempts for line in lines]
    pieces = [slice(start, start + _CHUNK) for start in range(0, len(slots), _CHUNK)]
    tasks: Iterator[Any] = iter([MakeTask(0, tuple(slots[cut]), tuple(firsts[cut])) for cut in pieces])
    passed: set[str] = set()
    for done in runner.run(tasks):
        passed |= {candidate.key for candidate in done.value if candidate.passed}
    chosen = [
        Chosen(slot.id, slot.key, first) for slot, first in zip(slots, firsts, strict=True) if slot.key in passed
    ]
    names = tuple(parts_of(job))
    pieces = [slice(start, start + _CHUNK) for start in range(0, len(chosen), _CHUNK)]
    exports = [ExportTask(0, tuple(chosen[cut]), (names,) * len(chosen[cut])) for cut in pieces]
    found: dict[str, dict[str, str]] = {}
    for done in runner.run(iter(exports)):
        for item, parts in zip(done.task.chosen, done.value, strict=True):
            found[item.id] = {file.path: file.sha256 for part in parts.values() for file in part.files}
    if chosen and len(chosen) == len(lines):
        whole = [JobExportTask(0, spec.name, tuple(chosen)) for spec in job_exporters(job)]
        for done in runner.run(iter(whole)):
            for files in found.values():
                files |= {file.path: file.sha256 for file in done.value.files}
    return found


def _job_recipe(lines: Sequence[ManifestLine]) -> JobRecipe:
    """A job's recipe from its manifest lines."""
    line = lines[0]
    params: Mapping[str, Any] = line.params
    return JobRecipe(
        name=line.job,
        slug=line.id.rsplit("-", 1)[0],
        generator=line.generator,
        count=max(line.index for line in lines),
        params=params,
        places=Places(f"{NAME}, job {line.job}"),
    )
