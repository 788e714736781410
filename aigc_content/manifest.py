"""The manifest: one line of JSON a slot, in plan order, that says what an asset is and where it comes from.

``manifest.jsonl`` has the same lines on every machine: no times, no host names, no absolute paths. A slot that
could not be filled has its line too: ``verdict.passed`` is false, ``verdict.constraint`` says why, ``files`` is
empty. A file that a whole job shares (a tileset, a project) stands in the ``files`` of every asset of that job,
with ``shared``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from aigc_content.canonical import canonical_json
from aigc_content.errors import SchemaError
from aigc_content.export import Exported
from aigc_content.plan import Job
from aigc_content.select import Accepted, Failed

NAME = "manifest.jsonl"
TRAINED = "trainedAlgorithmicMedia"
ALGORITHMIC = "algorithmicMedia"
"""IPTC's words for what a trained model made, and for what an algorithm without one made
(https://cv.iptc.org/newscodes/digitalsourcetype/)."""


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")  # a later version may add fields


class ManifestFile(_Line):
    """One file that belongs to an asset."""

    path: str = Field(description="relative to the manifest's folder, with /")
    sha256: str = Field(description="hex digest of the file's bytes", pattern="^[0-9a-f]{64}$")
    schema_: str = Field("", alias="schema", description="name of the JSON Schema that it matches")
    exporter: str = Field("", description="name of the exporter that made it; absent for the asset's own file")
    shared: bool = Field(False, description="whether the whole job shares it")


class ManifestVerdict(_Line):
    """Whether the asset is proven."""

    passed: bool
    constraint: str = Field("", description="what failed most often; absent when passed")
    message: str = Field("", description="one sentence about the failure; absent when passed")
    evidence: dict[str, Any] = Field(default_factory=dict, description="what the proof showed")
    constraints: dict[str, int] = Field(default_factory=dict, description="how often each constraint failed")


class ManifestModel(_Line):
    """One model that took part."""

    role: str = Field("", description="what the generator uses it for")
    name: str
    digest: str = Field(description="hex sha256 of weights and configuration")
    license: str = Field("", description="SPDX expression")
    trained_on: list[str] = Field(default_factory=list, description="data sets that its card names")


class ManifestPlugin(_Line):
    """The plugin that brought the generator."""

    name: str = Field(description="distribution")
    version: str
    revision: int = Field(description="the generator's revision")


class ManifestInput(_Line):
    """A file of the user's that the params name."""

    name: str = Field(description="as the recipe, or the file that names it, writes it")
    sha256: str = Field(description="hex digest of its bytes", pattern="^[0-9a-f]{64}$")


class ManifestLine(_Line):
    """One slot of a build: the asset that fills it, or why none does."""

    id: str = Field(description="unique in the build; stem of the asset's files")
    job: str
    index: int = Field(ge=1, description="1-based place in its job")
    generator: str
    seed: int = Field(description="the recipe's; with generator, job, index and attempts it gives the random numbers")
    key: str = Field(description="hex sha256 of everything that decides the candidates")
    attempts: int = Field(ge=1, description="the attempt that was taken, or how many failed")
    params: dict[str, Any] = Field(description="as validated, defaults included")
    files: list[ManifestFile] = Field(description="the asset's own JSON first")
    verdict: ManifestVerdict
    metrics: dict[str, int | float | str] = Field(default_factory=dict)
    models: list[ManifestModel] = Field(default_factory=list)
    inputs: list[ManifestInput] = Field(default_factory=list)
    plugin: ManifestPlugin
    license: str = Field("", description="SPDX expression: the licenses of all models, joined by AND")
    digest: str = Field("", description="hex sha256 of the asset's own JSON; absent for a failure")
    digital_source_type: str = Field(TRAINED, description="IPTC digital source type")


def accepted_line(job: Job, accepted: Accepted, files: Iterable[Exported]) -> dict[str, Any]:
    """The manifest line of an asset, as plain data."""
    candidate = accepted.candidate
    line = _common(job, accepted.slot.id, accepted.slot.index, accepted.slot.key)
    line |= {
        "attempts": candidate.attempt,
        "files": [_file(file) for file in files],
        "verdict": {"passed": True} | ({"evidence": dict(candidate.evidence)} if candidate.evidence else {}),
        "metrics": dict(candidate.metrics),
        "digest": candidate.digest,
    }
    return line


def failed_line(job: Job, failed: Failed) -> dict[str, Any]:
    """The manifest line of a slot that could not be filled, as plain data."""
    line = _common(job, failed.slot.id, failed.slot.index, failed.slot.key)
    line |= {
        "attempts": failed.attempts,
        "files": [],
        "verdict": {
            "passed": False,
            "constraint": failed.constraint,
            "message": failed.message,
            "constraints": dict(failed.constraints),
        },
        "metrics": {},
    }
    return line


def source_of(job: Job) -> str:
    """IPTC digital source type of a job's assets."""
    return TRAINED if job.models else ALGORITHMIC


def manifest_bytes(lines: Iterable[dict[str, Any]]) -> bytes:
    """The manifest file: one line of canonical JSON each."""
    return b"".join(canonical_json(line) + b"\n" for line in lines)


def read_manifest(path: Path) -> Iterator[ManifestLine]:
    """The lines of a manifest file.

    Raises:
        SchemaError: V001, the file is missing or a line is not what a manifest holds.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SchemaError(
            "V001",
            f"the manifest cannot be read: {reason}",
            where=str(path),
            remedy="name the output folder of a build",
        ) from None
    for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
        try:
            yield ManifestLine.model_validate(json.loads(line))
        except (ValueError, ValidationError) as error:
            reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
            raise SchemaError(
                "V001",
                f"is not a line of a manifest: {reason}",
                where=f"{path}:{number}",
                remedy="run the build again; it writes the manifest anew when you remove it",
            ) from None


def _common(job: Job, id_: str, index: int, key: str) -> dict[str, Any]:
    return {
        "id": id_,
        "job": job.name,
        "index": index,
        "generator": job.spec.name,
        "key": key,
        "seed": job.seed,
        "params": dict(job.written),
        "models": [
            {
                "role": role,
                "name": model.name,
                "digest": model.digest,
                "license": model.license,
                "trained_on": list(model.trained_on),
            }
            for role, model in sorted(job.models.items())
        ],
        "inputs": [{"name": file.name, "sha256": file.sha256} for file in job.inputs],
        "plugin": {"name": job.plugin[0], "version": job.plugin[1], "revision": job.target.revision},
        "license": job.license,
        "digital_source_type": source_of(job),
    }


def _file(file: Exported) -> dict[str, Any]:
    line: dict[str, Any] = {"path": file.path, "sha256": file.sha256}
    if file.schema:
        line["schema"] = file.schema
    if file.exporter:
        line["exporter"] = file.exporter
    if file.shared:
        line["shared"] = True
    return line
