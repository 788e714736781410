"""Take assets out of a build: their files become source files that no build touches any more."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from aigc_content.canonical import canonical_json, sha256
from aigc_content.errors import OutputError, UsageError, did_you_mean
from aigc_content.manifest import NAME, ManifestLine, read_manifest
from aigc_content.store import write_whole


def keep(out: Path, ids: Sequence[str], to: Path) -> list[Path]:
    """Copy assets, with the files that their jobs share, to a folder outside the build.

    Their manifest lines go with them, into that folder's own ``manifest.jsonl``: what a kept asset is, and that it
    was generated, stays known. Nothing is copied unless everything can be.

    Args:
        out: the output folder of a build.
        ids: such as ``caves-000017``.
        to: outside ``out``; made when it is missing.

    Returns:
        the files that now stand there, new or not.

    Raises:
        SchemaError: V001, there is no manifest in ``out``, or it or the one in ``to`` is damaged.
        UsageError: U011, an id is not in the build, or the slot has no asset.
        OutputError: O007, ``to`` lies inside the build, or holds another file of that name, or a file of the build
            is missing or has been edited.
        StoreError: T001 no space, T002 it cannot be written.
    """
    if to.resolve().is_relative_to(out.resolve()):
        raise _refuse("lies inside the build, which would treat it as its own", to, "name a folder outside of it")
    lines = {line.id: line for line in read_manifest(out / NAME)}
    chosen = [_find(lines, name) for name in dict.fromkeys(ids)]
    copies: dict[Path, bytes] = {}
    for line in chosen:
        for file in line.files:
            target = to / PurePosixPath(file.path).relative_to(PurePosixPath(file.path).parts[0])
            data = _read(out / file.path, file.sha256)
            if copies.setdefault(target, data) != data:
                raise _refuse(f"two assets bring a file {target.name!r}", to, "keep them in folders of their own")
    for target, data in copies.items():
        if (target.exists() or target.is_symlink()) and (not target.is_file() or target.read_bytes() != data):
            raise _refuse("another file of that name is there", target, "move it away, or keep into another folder")
    copies[to / NAME] = _manifest(to / NAME, chosen)
    for target, data in copies.items():
        if not target.is_file() or target.read_bytes() != data:
            write_whole(target, data, target.parent)
    return [target for target in copies if target.name != NAME]


def _find(lines: dict[str, ManifestLine], name: str) -> ManifestLine:
    line = lines.get(name)
    if line is None:
        raise UsageError("U011", f"there is no asset {name!r} in the build", remedy=did_you_mean(name, lines))
    if not line.verdict.passed:
        raise UsageError(
            "U011",
            f"slot {name!r} got no asset: {line.verdict.constraint}",
            remedy="keep one that passed",
        )
    return line


def _read(path: Path, digest: str) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _refuse(f"cannot be read: {error.strerror}", path, "run the build again") from None
    if sha256(data) != digest:
        raise _refuse("is not what the build wrote", path, "copy an edited file by hand, or build again with --force")
    return data


def _manifest(path: Path, chosen: Sequence[ManifestLine]) -> bytes:
    kept = {line.id: line for line in read_manifest(path)} if path.exists() else {}
    for line in chosen:
        files = [
            file.model_copy(update={"path": PurePosixPath(*PurePosixPath(file.path).parts[1:]).as_posix()})
            for file in line.files
        ]
        kept[line.id] = line.model_copy(update={"files": files})
    plain = (line.model_dump(mode="json", by_alias=True, exclude_unset=True) for line in kept.values())
    return b"".join(canonical_json(line) + b"\n" for line in plain)


def _refuse(found: str, where: Path, remedy: str) -> OutputError:
    return OutputError("O007", found, where=str(where), remedy=remedy)
