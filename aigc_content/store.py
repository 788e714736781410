"""The store: candidates by (key, attempt), export records, and blobs by sha256.

Everything in it can be made again, so a file is either whole or absent, and nothing more is promised. A record's
first line is the sha256 of the rest: a file that a power cut tore is told from a whole one, counts as missing and
is replaced. So records need no fsync (measured: 0.06 ms a file without, 0.6 ms with), and a reader never waits
for a writer: a file comes into being under a temporary name and is renamed.

Layout below the root (``OUT/.aigc``)::

    store/ab/<key>-<attempt>          candidates
    store/ab/<key>-<digest>.export    what exporters made of a candidate, or of a job (under its first asset's key)
    blobs/<sha256>                    exported bytes on their way to the output folder
    tmp/                              files being written; what a killed process left is removed by `Store.clean`
"""

from __future__ import annotations

import errno
import itertools
import json
import os
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aigc_content.canonical import canonical_json, sha256
from aigc_content.errors import StoreError

FOLDER = ".aigc"
TEMPORARY = "tmp"
_RECORDS, _BLOBS = "store", "blobs"
_EXPORT = ".export"
_DIGITS = 64  # of a hex sha256
_counter = itertools.count()


@dataclass(frozen=True)
class Candidate:
    """One attempt at a slot: the asset with its verdict, or why there is none.

    Attributes:
        key: the slot's.
        attempt: 1-based.
        constraint: what failed; empty for a candidate that passed.
        message: one sentence about it.
        evidence: the verdict's.
        metrics: the generator's measurements; empty for a failure.
        fingerprints: hex; what may not occur twice within a job.
        digest: sha256 of the asset's own JSON file; empty for a failure.
        asset: the asset as plain JSON data; None for a failure, and where only the outcome is needed.
    """

    key: str
    attempt: int
    constraint: str = ""
    message: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, int | float | str] = field(default_factory=dict)
    fingerprints: tuple[str, ...] = ()
    digest: str = ""
    asset: Mapping[str, Any] | None = None

    @property
    def passed(self) -> bool:
        """Whether it is a proven asset."""
        return not self.constraint

    def outcome(self) -> Candidate:
        """The same without the asset, which may be large."""
        if self.asset is None:
            return self
        return Candidate(
            self.key,
            self.attempt,
            self.constraint,
            self.message,
            self.evidence,
            self.metrics,
            self.fingerprints,
            self.digest,
        )


@dataclass(frozen=True)
class Dropped:
    """What `Store.prune` removed.

    Attributes:
        candidates: how many.
        size: bytes, those of export records included.
    """

    candidates: int = 0
    size: int = 0


class Store:
    """Candidates, export records and blobs below one folder; processes may share it.

    Args:
        root: ``OUT/.aigc``; made when something is first written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._records = os.path.join(root, _RECORDS)
        self._blobs = os.path.join(root, _BLOBS)
        self._temporary = os.path.join(root, TEMPORARY)

    def candidate(self, key: str, attempt: int) -> Candidate | None:
        """The stored candidate, or None when there is none or it is damaged."""
        data = self._get(f"{key}-{attempt}")
        if data is None or data.get("key") != key or data.get("attempt") != attempt:
            return None
        data["fingerprints"] = tuple(data.get("fingerprints", ()))
        try:
            return Candidate(**data)
        except TypeError:  # written by another version
            return None

    def attempts(self, key: str, first: int, last: int) -> list[Candidate]:
        """Outcomes from an attempt on, up to the first that passed, the first that is missing, or the last."""
        found: list[Candidate] = []
        for attempt in range(first, last + 1):
            candidate = self.candidate(key, attempt)
            if candidate is None:
                break
            found.append(candidate.outcome())
            if candidate.passed:
                break
        return found

    def add(self, candidate: Candidate) -> None:
        """Store a candidate.

        Raises:
            StoreError: T001 no space, T002 it cannot be written.
        """
        data = {name: value for name, value in vars(candidate).items() if value or name in ("key", "attempt")}
        if candidate.asset is not None:
            data["asset"] = candidate.asset
        self._put(f"{candidate.key}-{candidate.attempt}", data)

    def exported(self, name: str) -> dict[str, Any] | None:
        """The export record of that name, or None when there is none or it is damaged."""
        return self._get(name + _EXPORT)

    def add_exported(self, name: str, record: Mapping[str, Any]) -> None:
        """Store an export record; its name begins with the key of the slot that it belongs to.

        Raises:
            StoreError: T001 no space, T002 it cannot be written.
        """
        self._put(name + _EXPORT, record)

    def blob(self, digest: str) -> Path:
        """Where the bytes with that sha256 lie, or would."""
        return Path(self._blobs, digest)

    def add_blob(self, data: bytes) -> str:
        """Store bytes; return their sha256.

        Raises:
            StoreError: T001 no space, T002 it cannot be written.
        """
        name = sha256(data)
        path = os.path.join(self._blobs, name)
        if _read(path) != data:
            self.write(path, data)
        return name

    def write(self, path: str | Path, data: bytes) -> None:
        """Write a file whole or not at all, by a temporary name in the store and a rename.

        Raises:
            StoreError: T001 no space, T002 it cannot be written.
        """
        write_whole(path, data, self._temporary)

    def clean(self, keep_blobs: Iterable[str] | None = None) -> None:
        """Remove what killed processes left half-written; call it under the folder's lock.

        Args:
            keep_blobs: also remove all blobs but these.
        """
        for path in _files(self.root / TEMPORARY):
            path.unlink(missing_ok=True)
        if keep_blobs is None:
            return
        wanted = set(keep_blobs)
        for path in _files(self.root / _BLOBS):
            if path.name not in wanted:
                path.unlink(missing_ok=True)

    def prune(self, keys: Collection[str]) -> Dropped:
        """Remove the candidates and export records of all keys but these; call it under the folder's lock.

        Each file goes by itself, so a kill leaves nothing but the rest, which the next call removes.

        Raises:
            StoreError: T002, a file cannot be removed.
        """
        candidates = size = 0
        for folder in _entries(self._records):
            for file in _entries(folder.path):
                if file.name[:_DIGITS] in keys:
                    continue
                try:
                    size += file.stat().st_size
                    os.unlink(file.path)
                except OSError as error:
                    raise failure(error, file.path) from None
                candidates += not file.name.endswith(_EXPORT)
            with suppress(OSError):  # it may have become empty
                os.rmdir(folder.path)
        return Dropped(candidates, size)

    def _get(self, name: str) -> dict[str, Any] | None:
        data = _read(os.path.join(self._records, name[:2], name))
        return None if data is None else unseal(data)

    def _put(self, name: str, value: Mapping[str, Any]) -> None:
        self.write(os.path.join(self._records, name[:2], name), seal(value))


def seal(value: Mapping[str, Any]) -> bytes:
    """A self-checking file of JSON data: the sha256 of the rest, a line break, the rest."""
    body = canonical_json(dict(value))
    return sha256(body).encode() + b"\n" + body


def unseal(data: bytes) -> dict[str, Any] | None:
    """What `seal` was given, or None for a damaged file."""
    body = data[_DIGITS + 1 :]
    if data[:_DIGITS] != sha256(body).encode():
        return None
    value = json.loads(body)
    return value if isinstance(value, dict) else None


def write_whole(path: str | Path, data: bytes, temporary_folder: str | Path, *, durable: bool = False) -> None:
    """Write a file whole or not at all: temporary file, rename.

    Args:
        path: its folder is made when it is missing.
        temporary_folder: on the same file system; made when it is missing.
        durable: wait until the bytes are on the disk before the rename.

    Raises:
        StoreError: T001 no space, T002 it cannot be written; nothing is left behind.
    """
    temporary = os.path.join(temporary_folder, f"{os.getpid()}-{next(_counter)}")
    try:
        try:
            _write(temporary, data, durable)
        except FileNotFoundError:
            os.makedirs(temporary_folder, exist_ok=True)
            _write(temporary, data, durable)
        move(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            raise failure(error, path) from None
        raise


def move(source: str | Path, target: str | Path) -> None:
    """Rename a file; the folder of its new name is made when it is missing.

    Raises:
        OSError: it cannot be done.
    """
    try:
        os.replace(source, target)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.replace(source, target)


def failure(error: OSError, path: str | Path) -> StoreError:
    """The error for a file that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StoreError(
            "T001",
            "there is no space left on the disk",
            where=str(path),
            remedy="free some space and run the same command again; it goes on where it stopped",
        )
    return StoreError(
        "T002", f"cannot be written: {error.strerror}", where=str(path), remedy="check permissions and the disk"
    )


def _write(path: str, data: bytes, durable: bool) -> None:
    """Every byte that a build writes goes through here; tests make it fail."""
    with open(path, "xb", buffering=0) as file:
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]
        if durable:
            os.fsync(file.fileno())


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb", buffering=0) as file:
            return file.read()
    except OSError:
        return None


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.is_dir())
    except FileNotFoundError:
        return []
