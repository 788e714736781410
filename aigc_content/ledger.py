"""What the host knows of an output folder: who holds it, which files are its own, what the last build was.

Three files in ``OUT/.aigc``. ``lock`` is held while a build runs and says by whom. ``state`` is written when a
build
ends: every file that it stands for, with digest, size and time, so that a second build needs no more than a look
at each. ``journal`` is written before the first file is put in place and removed after ``state``: when a build is
killed in between, the next one knows which files are the host's, even if the recipe has changed meanwhile.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from aigc_content.canonical import sha256_file
from aigc_content.errors import AigcError, OutputError
from aigc_content.manifest import NAME as MANIFEST
from aigc_content.manifest import read_manifest
from aigc_content.store import FOLDER, TEMPORARY, seal, unseal, write_whole

GALLERY = "gallery"
REPORTS = (MANIFEST, f"{GALLERY}.html")

_STATE, _JOURNAL, _LOCK = "state", "journal", "lock"
_RACY_NS = 50_000_000  # a file changed this shortly before it was looked at may change again at the same time stamp

NOT_A_FILE = "not a file"
"""What `Ledger.current` says of a folder, a link or a device."""


class Lock:
    """Holds an output folder for one build; a context manager.

    Args:
        root: ``OUT/.aigc``; made if it is missing.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / _LOCK
        self._file: int | None = None

    def __enter__(self) -> Lock:
        """Take it.

        Raises:
            OutputError: O001 somebody else holds it, O002 the folder cannot be made or written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        except OSError as error:
            raise cannot_write(self._path.parent.parent, error) from None
        try:
            taken = _take(self._file)
        except OSError as error:
            os.close(self._file)
            self._file = None
            raise cannot_write(self._path.parent.parent, error) from None
        if not taken:
            holder = _holder(self._file)
            os.close(self._file)
            self._file = None
            raise OutputError(
                "O001",
                f"another build is running in this folder{holder}",
                where=str(self._path.parent.parent),
                allowed="one build at a time",
                remedy="wait for it, or build into another folder with --out",
            )
        started = time.strftime("%Y-%m-%d %H:%M:%S %z")
        note = {"pid": os.getpid(), "host": socket.gethostname(), "started": started}
        with suppress(OSError):  # on a full disk the lock holds all the same, only without a name
            os.ftruncate(self._file, 0)
            os.lseek(self._file, 0, os.SEEK_SET)
            os.write(self._file, json.dumps(note).encode())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            with suppress(OSError):
                os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None


@dataclass(frozen=True)
class Entry:
    """A file as a build left it."""

    sha256: str
    size: int
    mtime_ns: int


@dataclass
class State:
    """What the last build that ended was.

    Attributes:
        digest: of everything that decides the output; equal digests need no work.
        base: folder against which the recipe's file names are resolved.
        jobs: what ``--explain`` compares, by job name.
        files: every file that belongs to the build, by path relative to the output folder.
        orphans: digests of files of earlier builds that belong to it no more, by path.
        summary: the result, to be told again when nothing changed.
    """

    digest: str = ""
    base: str = ""
    jobs: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Entry] = field(default_factory=dict)
    orphans: dict[str, str] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)


class Ledger:
    """Which files in an output folder are the host's, and what they hold.

    Args:
        out: the output folder.
    """

    def __init__(self, out: Path) -> None:
        self.out = out
        self._prefix = os.path.join(out, "")
        self.root = out / FOLDER
        self.state = _read_state(self.root / _STATE)
        self._known: dict[str, set[str]] = {}
        self._journal: list[tuple[str, str]] = []
        self._stats: dict[str, Entry] = {}
        self._trusts_reports = False
        self._load()

    @property
    def paths(self) -> Iterable[str]:
        """Every path that the host has written or was about to write."""
        return self._known.keys()

    @property
    def interrupted(self) -> bool:
        """Whether a build ended before it had put all its files in place."""
        return bool(self._journal)

    def owns(self, path: str, digest: str) -> bool:
        """Whether the host wrote those bytes to that path."""
        if self._trusts_reports and (path in REPORTS or path.startswith(f"{GALLERY}/")):
            return True
        return digest in self._known.get(path, ())

    def current(self, path: str) -> str | None:
        """The sha256 of what stands at a path: None for nothing, `NOT_A_FILE` for what is no regular file."""
        try:
            info = os.lstat(f"{self._prefix}{path}")
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(info.st_mode):
            return NOT_A_FILE
        entry = self._stats.get(path)
        if entry is None or (entry.size, entry.mtime_ns) != (info.st_size, info.st_mtime_ns):
            entry = Entry(sha256_file(self.out / path), info.st_size, info.st_mtime_ns)
            self._stats[path] = entry
        return entry.sha256

    def forget(self, path: str) -> None:
        """Look at a path anew next time."""
        self._stats.pop(path, None)

    def placed(self, path: str, digest: str) -> None:
        """Remember a file that was put in place just now, before anybody can change it."""
        info = os.lstat(f"{self._prefix}{path}")
        self._stats[path] = Entry(digest, info.st_size, info.st_mtime_ns)

    def entry(self, path: str) -> Entry:
        """What the state keeps of a file that was put in place or found unchanged."""
        entry = self._stats[path]
        racy = time.time_ns() - entry.mtime_ns < _RACY_NS
        return Entry(entry.sha256, entry.size, 0) if racy else entry

    def untouched(self) -> bool:
        """Whether every file of the last build stands there as that build left it, by size and time."""
        for path, entry in self.state.files.items():
            try:
                info = os.lstat(f"{self._prefix}{path}")
            except OSError:
                return False
            if not stat.S_ISREG(info.st_mode) or info.st_size != entry.size:
                return False
            if info.st_mtime_ns != entry.mtime_ns and self.current(path) != entry.sha256:
                return False
        return True

    def intend(self, files: Iterable[tuple[str, str]]) -> None:
        """Write the journal: paths and digests that are about to be put in place.

        Raises:
            StoreError: T001 no space, T002 it cannot be written.
        """
        self._journal.extend(files)
        data = seal({"files": [list(item) for item in self._journal]})
        write_whole(self.root / _JOURNAL, data, self.root / TEMPORARY, durable=True)
        for path, digest in self._journal:
            self._known.setdefault(path, set()).add(digest)

    def commit(self, state: State) -> None:
        """Write the state and drop the journal: the build has ended.

        Raises:
            StoreError: T001 no space, T002 it cannot be written.
        """
        body = dict(vars(state))
        body["files"] = {path: [entry.sha256, entry.size, entry.mtime_ns] for path, entry in state.files.items()}
        data = seal(body)
        path = self.root / _STATE
        if not path.exists() or path.read_bytes() != data:
            write_whole(path, data, self.root / TEMPORARY, durable=True)
        (self.root / _JOURNAL).unlink(missing_ok=True)
        self._journal.clear()
        self.state = state

    def _load(self) -> None:
        for path, entry in self.state.files.items():
            self._known.setdefault(path, set()).add(entry.sha256)
            if entry.mtime_ns:
                self._stats[path] = entry
        for path, digest in self.state.orphans.items():
            self._known.setdefault(path, set()).add(digest)
        journal = _read(self.root / _JOURNAL) or {}
        for path, digest in journal.get("files", ()):
            self._journal.append((path, digest))
            self._known.setdefault(path, set()).add(digest)
        if not self.state.digest:
            self._load_manifest()

    def _load_manifest(self) -> None:
        """Without a state (a copied folder, a fresh clone) the manifest says which files are the host's."""
        try:
            lines = list(read_manifest(self.out / MANIFEST))
        except AigcError:
            return
        self._trusts_reports = True
        for line in lines:
            for file in line.files:
                self._known.setdefault(file.path, set()).add(file.sha256)


def cannot_write(out: Path, error: OSError) -> OutputError:
    """O002 for an output folder that cannot be made or written."""
    return OutputError(
        "O002",
        f"the output folder cannot be written: {error.strerror}",
        where=str(out),
        remedy="name another folder with --out, or change its permissions",
    )


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return unseal(path.read_bytes())
    except OSError:
        return None


def _read_state(path: Path) -> State:
    body: Mapping[str, Any] = _read(path) or {}
    try:
        files = {name: Entry(*entry) for name, entry in body.get("files", {}).items()}
        return State(**{**body, "files": files})
    except TypeError:  # written by another version
        return State()


def _holder(file: int) -> str:
    try:
        os.lseek(file, 0, os.SEEK_SET)
        note = json.loads(os.read(file, 4096))
        return f": process {note['pid']} on {note['host']}, since {note['started']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _take(file: int) -> bool:
    """Lock a file without waiting; the lock ends with the process, however that ends.

    Raises:
        OSError: the file system knows no locks.
    """
    try:
        if os.name == "nt":
            import msvcrt

            os.lseek(file, 1 << 20, os.SEEK_SET)  # beyond what is read: Windows locks are mandatory
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
            return False
        raise
    return True
