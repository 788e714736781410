"""What ``--json`` prints, as models: so that it has a published schema."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from aigc_content.build import BuildResult
from aigc_content.verify import VerifyResult


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReportedFiles(_Report):
    """What happened to the files of a build; paths are relative to ``out``."""

    written: int = Field(description="put in place")
    unchanged: int = Field(description="had the right bytes already")
    kept: list[str] = Field(description="edited by hand, so not overwritten")
    orphaned: list[str] = Field(description="of earlier builds, no longer part of this one")
    pruned: list[str] = Field(description="removed")
    released: list[str] = Field(description="no longer part of this build, but edited by hand")


class ReportedReason(_Report):
    """Why assets of a job are made again, or not; with ``--explain``."""

    job: str
    what: str = Field(description="new, changed, more, fewer, exports, retries, rejects, removed, moved, unchanged")
    slots: int = Field(description="how many assets it concerns")
    text: str = Field(description="one sentence")


class BuildReport(_Report):
    """The result of ``aigc build --json`` and ``aigc generate --json``."""

    status: Literal[0, 1] = Field(description="exit status: 1 when an asset failed or a file was kept back")
    out: str = Field(description="the output folder")
    dry_run: bool = Field(description="nothing was written")
    unchanged: bool = Field(description="nothing had to be done")
    total: int = Field(description="assets asked for")
    made: int = Field(description="assets made now (or, with --dry-run, to be made)")
    reused: int = Field(description="assets made by an earlier build")
    failed: dict[str, int] = Field(description="assets that could not be made, by the constraint that failed")
    dropped: int = Field(description="stored candidates that no asset needs, removed by --prune")
    dropped_bytes: int = Field(description="what they and their export records took on the disk")
    files: ReportedFiles
    reasons: list[ReportedReason]
    gallery: str
    manifest: str
    seconds: float


class ReportedProblem(_Report):
    """Something in a build that does not hold."""

    what: str = Field(description="missing, bytes, asset, proof, repeat, input, generator or rebuild")
    where: str = Field(description="an asset's id or a file's path")
    text: str = Field(description="one sentence")


class VerifyReport(_Report):
    """The result of ``aigc verify --json``."""

    status: Literal[0, 1] = Field(description="exit status: 1 when something does not hold")
    assets: int = Field(description="assets proven again")
    files: int = Field(description="files compared with the manifest")
    unfilled: int = Field(description="slots that the build itself reported as failed")
    rebuilt: int = Field(description="assets made anew and compared")
    problems: list[ReportedProblem]


def build_report(result: BuildResult) -> BuildReport:
    """The report of a build."""
    changes = result.changes
    return BuildReport(
        status=1 if result.status else 0,
        out=str(result.out),
        dry_run=result.dry_run,
        unchanged=result.unchanged,
        total=result.total,
        made=result.made,
        reused=result.reused,
        failed=dict(result.failed),
        dropped=result.dropped.candidates,
        dropped_bytes=result.dropped.size,
        files=ReportedFiles(
            written=len(changes.written),
            unchanged=len(changes.unchanged),
            kept=changes.kept,
            orphaned=changes.orphaned,
            pruned=changes.pruned,
            released=changes.released,
        ),
        reasons=[
            ReportedReason(job=reason.job, what=reason.what, slots=reason.slots, text=reason.text)
            for reason in result.reasons
        ],
        gallery=str(result.gallery),
        manifest=str(result.manifest),
        seconds=round(result.seconds, 3),
    )


def verify_report(result: VerifyResult) -> VerifyReport:
    """The report of a verification."""
    return VerifyReport(
        status=1 if result.status else 0,
        assets=result.assets,
        files=result.files,
        unfilled=result.unfilled,
        rebuilt=result.rebuilt,
        problems=[ReportedProblem(what=each.what, where=each.where, text=each.text) for each in result.problems],
    )
