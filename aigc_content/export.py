"""Accepted assets to files: each asset's own JSON, what the exporters make of it, and its preview.

Exports are made in the workers, stored as blobs, and remembered in one record an asset. A record has a part for
each maker (the host, the preview, each exporter), so adding an exporter to a recipe runs that one alone. A part is
made again when its exporter's revision or the plugin's version changes, and when bytes that are needed are
nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aigc_content.canonical import canonical_json, digest
from aigc_content.errors import AigcError, InternalError, StoreError
from aigc_content.generator import PREVIEWS, AssetModel, File, Origin, Preview
from aigc_content.hookspecs import ExporterSpec
from aigc_content.make import Bench, own_file
from aigc_content.plan import Job
from aigc_content.plugins import exporter_function
from aigc_content.store import Candidate

REVISION = 1
"""Enters every record's name; raised when the host exports equal assets to other bytes."""

OWN = "own"
PREVIEW = "preview"
PREVIEW_FOLDER = "gallery/previews"

_MAX_NAME = 200
_DIGITS = 16  # of a digest that tells the export records of one key apart
_RESERVED = {"con", "prn", "aux", "nul"} | {f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10)}
_FORBIDDEN = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')


@dataclass(frozen=True)
class Exported:
    """A file for the output folder; its bytes are a blob, or stand in the output folder already.

    Attributes:
        path: relative to the output folder, with ``/``.
        sha256: of its bytes.
        schema: name of the JSON Schema that it matches; empty if none.
        exporter: who made it; empty for the asset's own file and its preview.
        shared: of the whole job.
    """

    path: str
    sha256: str
    schema: str = ""
    exporter: str = ""
    shared: bool = False


@dataclass(frozen=True)
class Part:
    """What one maker made of one asset, or of a job.

    Attributes:
        files: in the maker's order; of a preview the picture, then its layers.
        media_type, overlay: of a preview.
        layers: names of a preview's layers.
        colors, captions: of a preview.
    """

    files: tuple[Exported, ...]
    media_type: str = ""
    overlay: str = ""
    layers: tuple[str, ...] = ()
    colors: tuple[str, ...] = ()
    captions: tuple[tuple[str, int, int, int], ...] = ()


@dataclass(frozen=True)
class Chosen:
    """An accepted candidate, as an export task names it."""

    id: str
    key: str
    attempt: int


def parts_of(job: Job) -> dict[str, ExporterSpec | None]:
    """The parts that every asset of a job has, by name; None for those that the host makes."""
    parts: dict[str, ExporterSpec | None] = {OWN: None, PREVIEW: None}
    for spec in job.exporters:
        if spec.per == "asset":
            parts[f"{spec.name}@{spec.revision}"] = spec
    return parts


def job_exporters(job: Job) -> tuple[ExporterSpec, ...]:
    """Its exporters that take the whole job."""
    return tuple(spec for spec in job.exporters if spec.per == "job")


def record_name(job: Job, chosen: Chosen) -> str:
    """Name of an asset's export record in the store."""
    return _record_name(chosen, [chosen.attempt, chosen.id, *job.plugin, job.target.revision, job.license])


def job_record_name(job: Job, spec: ExporterSpec, chosen: Sequence[Chosen]) -> str:
    """Name of the export record of a whole job, which has an asset, in the store."""
    items = [[item.id, item.key, item.attempt] for item in chosen]
    return _record_name(chosen[0], [job.slug, spec.name, spec.revision, *job.plugin, items])


def write_parts(parts: Mapping[str, Part]) -> dict[str, Any]:
    """An export record of these parts."""
    return {name: {**vars(part), "files": [vars(file) for file in part.files]} for name, part in parts.items()}


def read_parts(record: Mapping[str, Any] | None) -> dict[str, Part]:
    """The parts in an export record."""
    return {
        name: Part(
            tuple(Exported(**file) for file in part["files"]),
            part.get("media_type", ""),
            part.get("overlay", ""),
            tuple(part.get("layers", ())),
            tuple(part.get("colors", ())),
            tuple((text, x, y, width) for text, x, y, width in part.get("captions", ())),
        )
        for name, part in (record or {}).items()
    }


@dataclass(frozen=True)
class ExportTask:
    """Make parts of some assets of one job; the result is one mapping of parts an asset, new and old ones.

    Attributes:
        job: place of the job in the plan.
        chosen: the assets.
        missing: names of the parts to make, for each asset.
    """

    job: int
    chosen: tuple[Chosen, ...]
    missing: tuple[tuple[str, ...], ...]

    @property
    def size(self) -> int:
        """Number of assets."""
        return len(self.chosen)

    def prepare(self, bench: Bench) -> None:
        """Nothing."""

    def run(self, bench: Bench) -> list[dict[str, Part]]:
        """Make the parts, store their bytes and the record."""
        job = bench.jobs[self.job]
        results = []
        for chosen, missing in zip(self.chosen, self.missing, strict=True):
            name = record_name(job, chosen)
            parts = read_parts(bench.store.exported(name))
            plain, asset = _load(bench, job, chosen)
            for part in missing:
                parts[part] = _make_part(bench, job, chosen, plain, asset, part)
            bench.store.add_exported(name, write_parts(parts))
            results.append(parts)
        return results

    def pieces(self) -> list[ExportTask]:
        """One task an asset."""
        pairs = zip(self.chosen, self.missing, strict=True)
        return [ExportTask(self.job, (chosen,), (missing,)) for chosen, missing in pairs]

    def describe(self) -> str:
        """What it exports, for a message."""
        first, last = self.chosen[0].id, self.chosen[-1].id
        return f"exporting {first}" if first == last else f"exporting {first} to {last}"


@dataclass(frozen=True)
class JobExportTask:
    """Run one exporter on a whole job; the result is the part that it made.

    Attributes:
        job: place of the job in the plan.
        exporter: its name.
        chosen: all accepted assets, in index order.
    """

    job: int
    exporter: str
    chosen: tuple[Chosen, ...]

    @property
    def size(self) -> int:
        """One: the job."""
        return 1

    def prepare(self, bench: Bench) -> None:
        """Nothing."""

    def run(self, bench: Bench) -> Part:
        """Make the part, store its bytes and its record."""
        job = bench.jobs[self.job]
        spec = next(spec for spec in job.exporters if spec.name == self.exporter)
        assets = [(_load(bench, job, chosen)[1], chosen.id) for chosen in self.chosen]
        files = _call(job, spec, f"job {job.name}", assets, job.params, job.name)
        part = Part(tuple(_stored(bench, job, file, "", spec.name) for file in files))
        bench.store.add_exported(job_record_name(job, spec, self.chosen), write_parts({spec.name: part}))
        return part

    def pieces(self) -> list[JobExportTask]:
        """Itself: a job is exported as a whole."""
        return [self]

    def describe(self) -> str:
        """What it exports, for a message."""
        return f"exporting a whole job by {self.exporter}"


def load_asset(job: Job, candidate: Candidate | None, id_: str) -> tuple[Mapping[str, Any], AssetModel]:
    """An asset from its candidate, as plain data and as the generator's model.

    Raises:
        StoreError: T003, it is not in the store.
    """
    if candidate is None or candidate.asset is None:
        raise StoreError(
            "T003",
            "the asset has vanished from the store while it was being exported",
            where=id_,
            remedy="run the same command again; it is made anew",
        )
    return candidate.asset, job.target.asset_type.model_validate_json(own_file(candidate.asset))


def origin_of(job: Job, id_: str) -> Origin:
    """Where an asset of a job comes from."""
    params = job.params.model_dump(mode="json", exclude_defaults=True)
    index = int(id_.rpartition("-")[2])
    item = {"name": job.name, "generator": job.spec.name, "count": index, "params": params}
    recipe = canonical_json({"version": 1, "seed": job.seed, "jobs": [item]}).decode()
    models = [(model.name, model.license, model.trained_on) for _, model in sorted(job.models.items())]
    return Origin(id_, job.license, models, recipe if job.name == job.slug else "")


def check_name(name: str, where: str) -> str:
    """A file name that an exporter gave, if it is safe on every system.

    Raises:
        InternalError: X006, it would leave the folder, is reserved, or holds what some system forbids.
    """
    parts = name.split("/")
    for part in parts:
        stem = part.split(".")[0].lower()
        unsafe = part in ("", ".", "..") or part[-1] in " ." or _FORBIDDEN.search(part) or stem in _RESERVED
        if unsafe or len(part.encode()) > _MAX_NAME:
            raise InternalError(
                "X006",
                f"the file name {name[:80]!r} is not safe",
                where=where,
                allowed='a relative path of at most 200 bytes a part, without .. and without < > : " | ? * \\',
                remedy="tell the author of the exporter",
            )
    return name


def _record_name(first: Chosen, parts: list[Any]) -> str:
    return f"{first.key}-{digest([REVISION, *parts])[:_DIGITS]}"


def _load(bench: Bench, job: Job, chosen: Chosen) -> tuple[Mapping[str, Any], AssetModel]:
    return load_asset(job, bench.store.candidate(chosen.key, chosen.attempt), chosen.id)


def _make_part(
    bench: Bench, job: Job, chosen: Chosen, plain: Mapping[str, Any], asset: AssetModel, part: str
) -> Part:
    if part == OWN:
        own = File(job.target.asset_suffix, own_file(plain), job.target.asset_schema)
        return Part((_stored(bench, job, own, chosen.id, ""),))
    if part == PREVIEW:
        return _preview(bench, job, chosen, asset)
    spec = parts_of(job)[part]
    assert spec is not None
    last = origin_of(job, chosen.id) if spec.origin else chosen.id
    files = _call(job, spec, f"asset {chosen.id}", asset, job.params, last)
    return Part(tuple(_stored(bench, job, file, chosen.id, spec.name) for file in files))


def _preview(bench: Bench, job: Job, chosen: Chosen, asset: AssetModel) -> Part:
    generator = bench.generator(job, opened=False)
    try:
        preview = generator.preview(asset, job.params)
        if preview is None:
            return Part(())
        if not isinstance(preview, Preview) or preview.media_type not in PREVIEWS:
            raise TypeError(f"preview must be a Preview of {', '.join(PREVIEWS)}, or None")
        overlay = preview.overlay.decode("utf-8")
    except AigcError:
        raise
    except Exception as error:
        raise _fault(job, "preview", f"asset {chosen.id}", error) from error
    stem = f"{PREVIEW_FOLDER}/{chosen.id}"
    suffix = PREVIEWS[preview.media_type]
    files = [Exported(f"{stem}{suffix}", bench.store.add_blob(preview.data))]
    for number, layer in enumerate(preview.layers.values(), 1):
        files.append(Exported(f"{stem}.{number}{suffix}", bench.store.add_blob(layer)))
    return Part(
        tuple(files),
        preview.media_type,
        overlay,
        tuple(preview.layers),
        tuple(preview.colors),
        tuple(preview.captions),
    )


def _call(job: Job, spec: ExporterSpec, where: str, *arguments: Any) -> list[File]:
    function = exporter_function(spec)
    try:
        made: Iterable[File] = function(*arguments)
        files = list(made)
        for file in files:
            if not isinstance(file, File) or not isinstance(file.data, bytes):
                raise TypeError("an exporter must give aigc_content.File objects with bytes")
    except AigcError:
        raise
    except Exception as error:
        raise _fault(job, f"exporter {spec.name!r}", where, error) from error
    return files


def _stored(bench: Bench, job: Job, file: File, stem: str, exporter: str) -> Exported:
    shared = file.shared or not stem
    where = f"job {job.name}, " + (f"exporter {exporter}" if exporter else "asset_suffix")
    name = check_name(file.name if shared else stem + file.name, where)
    return Exported(f"{job.slug}/{name}", bench.store.add_blob(file.data), file.schema, exporter, shared)


def _fault(job: Job, what: str, where: str, error: Exception) -> InternalError:
    text = " ".join(str(error).split())
    return InternalError(
        "X005",
        f"{what} of generator {job.spec.name!r} raised {type(error).__name__}{': ' if text else ''}{text}",
        where=f"job {job.name}, {where}",
        remedy=f"tell the author of {job.plugin[0]} {job.plugin[1]}; what was finished is kept",
    )
