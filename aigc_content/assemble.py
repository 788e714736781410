"""From decided and exported jobs to the files of a build: assets, previews, gallery, manifest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from aigc_content.canonical import sha256
from aigc_content.errors import OutputError
from aigc_content.export import OWN, PREVIEW, Exported, Part
from aigc_content.ledger import GALLERY
from aigc_content.manifest import NAME as MANIFEST
from aigc_content.manifest import accepted_line, failed_line, manifest_bytes, source_of
from aigc_content.output import Wanted
from aigc_content.plan import Job
from aigc_content.schedule import JobRun
from aigc_content.select import Accepted


def wanted_files(runs: Sequence[JobRun], title: str) -> dict[str, Wanted]:
    """Every file of a build, in the order in which they are put in place: the manifest last.

    Args:
        runs: jobs whose slots are all decided and exported.
        title: heading of the gallery.

    Raises:
        OutputError: O003 two makers write one file, O006 assets disagree about a file that they share.
    """
    wanted: dict[str, Wanted] = {}
    lines: list[dict[str, Any]] = []
    for run in runs:
        whole = [file for part in run.job_parts.values() for file in part.files]
        for file in whole:
            _want(wanted, file, f"job {run.job.name}")
        for decision in run.decided:
            if isinstance(decision, Accepted):
                parts = run.parts[decision.slot.id]
                files = [file for name, part in _ordered(parts, run.job) if name != PREVIEW for file in part.files]
                for file in files:
                    _want(wanted, file, decision.slot.id)
                lines.append(accepted_line(run.job, decision, [*files, *whole]))
            else:
                lines.append(failed_line(run.job, decision))
    for run in runs:
        for accepted in run.accepted():
            for picture in _pictures(run, accepted):
                if picture.path not in wanted:
                    _want(wanted, picture, accepted.slot.id)
    for path, data in _gallery(runs, title):
        wanted[path] = Wanted(sha256(data), data, "the gallery")
    data = manifest_bytes(lines)
    wanted[MANIFEST] = Wanted(sha256(data), data, "the manifest")
    return wanted


def _want(wanted: dict[str, Wanted], file: Exported, owner: str) -> None:
    maker = f"{owner}, exporter {file.exporter}" if file.exporter else owner
    first = wanted.setdefault(file.path, Wanted(file.sha256, None, maker))
    if first.sha256 == file.sha256 and file.shared:
        return
    if first.maker != maker or first.sha256 != file.sha256:
        same = file.shared and first.maker.rpartition(", ")[2] == maker.rpartition(", ")[2]
        raise OutputError(
            "O006" if same else "O003",
            f"{first.maker} and {maker} both make {file.path!r}" + (", with different bytes" if same else ""),
            where=file.path,
            allowed="one maker a file; a file that a job shares must be the same from each asset",
            remedy="leave out one of the exporters, or tell their author",
        )


def _ordered(parts: Mapping[str, Part], job: Job) -> Iterator[tuple[str, Part]]:
    """An asset's parts: its own file, then the exporters in the recipe's order."""
    names = [OWN, PREVIEW, *(f"{spec.name}@{spec.revision}" for spec in job.exporters if spec.per == "asset")]
    return ((name, parts[name]) for name in names)


def _pictures(run: JobRun, accepted: Accepted) -> list[Exported]:
    """An asset's picture, if any, and its layers: files that an exporter makes anyway, where bytes are alike."""
    parts = run.parts[accepted.slot.id]
    others = [part for name, part in _ordered(parts, run.job) if name not in (OWN, PREVIEW)]
    made = {file.sha256: file for part in reversed(others) for file in reversed(part.files)}
    return [made.get(file.sha256, file) for file in parts[PREVIEW].files]


def _gallery(runs: Sequence[JobRun], title: str) -> Iterable[tuple[str, bytes]]:
    from aigc_content.gallery import GalleryFailure, GalleryItem, gallery_files

    def items() -> Iterator[GalleryItem]:
        for run in runs:
            license_, source = run.job.license, source_of(run.job)
            whole = [file.path for part in run.job_parts.values() for file in part.files]
            for accepted in run.accepted():
                parts = run.parts[accepted.slot.id]
                preview = parts[PREVIEW]
                paths = [file.path for file in _pictures(run, accepted)]
                own = [file.path for name, part in _ordered(parts, run.job) if name != PREVIEW for file in part.files]
                yield GalleryItem(
                    id=accepted.slot.id,
                    job=run.job.name,
                    index=accepted.slot.index,
                    params=run.job.written,
                    metrics=accepted.candidate.metrics,
                    files=[*own, *whole],
                    preview=paths[0] if paths else None,
                    media_type=preview.media_type or "image/png",
                    overlay=preview.overlay,
                    layers=tuple(zip(preview.layers, paths[1:], strict=True)),
                    colors=preview.colors,
                    captions=preview.captions,
                    attempts=accepted.candidate.attempt,
                    license=license_,
                    digest=accepted.candidate.digest,
                    source=source,
                )

    failures = (
        GalleryFailure(run.job.name, failed.slot.index, failed.constraint, failed.message)
        for run in runs
        for failed in run.failed()
    )
    yield f"{GALLERY}/.gdignore", b""  # Godot imports nothing from a folder with this file
    yield from gallery_files(items(), failures, title)
