"""Bring an output folder to what a build wants, without touching what is not the host's.

A file is replaced or removed only while it holds bytes that the host wrote. Equal bytes are not written again.
What a person has edited is kept and named. What the build wants no more is named, and goes only when asked.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from aigc_content.errors import OutputError
from aigc_content.ledger import GALLERY, NOT_A_FILE, REPORTS, Ledger, cannot_write
from aigc_content.store import FOLDER, Store, failure, move

_FLUSHES = 16


@dataclass(frozen=True)
class Wanted:
    """A file that a build wants.

    Attributes:
        sha256: of its bytes.
        data: the bytes, or None when they are a blob in the store (or stand in the folder already).
        maker: who wants it, for messages.
    """

    sha256: str
    data: bytes | None = None
    maker: str = ""


@dataclass
class Changes:
    """What `sync` did, all paths relative to the output folder.

    Attributes:
        written: put in place.
        unchanged: stood there with the right bytes.
        kept: stand there with bytes that the host did not write, in the way of a file that the build wants.
        orphaned: files of earlier builds that belong to this one no more; still there.
        pruned: those that were removed.
        released: such files that a person has edited; the host forgets them.
    """

    written: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    orphaned: list[str] = field(default_factory=list)
    pruned: list[str] = field(default_factory=list)
    released: list[str] = field(default_factory=list)


def compare(ledger: Ledger, wanted: Mapping[str, Wanted], *, force: bool = False) -> Changes:
    """What `sync` would write, keep and name; changes nothing.

    Raises:
        OutputError: O003 two files share a name, O004 a link leads out of the folder, O005 something else stands
            where a folder or file must be.
    """
    _check_names(wanted)
    check_folders(ledger.out, wanted)
    changes = Changes()
    for path, file in wanted.items():
        current = ledger.current(path)
        if current == NOT_A_FILE:
            _check_no_folder(ledger.out, path)
        if current == file.sha256:
            changes.unchanged.append(path)
        elif force or not _is_foreign(ledger, path):  # a link is replaced, not what it points to
            changes.written.append(path)
        else:
            changes.kept.append(path)
    root = ledger.out.resolve()
    for path in sorted(set(ledger.paths) - wanted.keys()):
        current = ledger.current(path)
        if current is None:
            continue
        if not ledger.owns(path, current) or not (root / path).parent.resolve().is_relative_to(root):
            changes.released.append(path)
        elif path in REPORTS or path.startswith(f"{GALLERY}/"):
            changes.pruned.append(path)  # a page of a gallery that has become shorter
        else:
            changes.orphaned.append(path)
    return changes


def sync(
    ledger: Ledger, store: Store, wanted: Mapping[str, Wanted], *, force: bool = False, prune: bool = False
) -> Changes:
    """Put files in place, in the order of ``wanted``, and remove what is to go.

    Raises:
        OutputError: as `compare`, or O002, the folder cannot be written.
        StoreError: T001 no space, T002 a file cannot be written; running again goes on from there.
    """
    changes = compare(ledger, wanted, force=force)
    if prune:
        changes.pruned, changes.orphaned = changes.pruned + changes.orphaned, []
    if changes.written or changes.pruned:
        ledger.intend((path, wanted[path].sha256) for path in changes.written)
    uses = Counter(wanted[path].sha256 for path in changes.written if wanted[path].data is None)
    for path in tuple(changes.written):
        if not force and _is_foreign(ledger, path):  # edited since `compare`
            changes.written.remove(path)
            changes.kept.append(path)
            continue
        _place(ledger, store, path, wanted[path], last=uses[wanted[path].sha256] == 1)
        uses[wanted[path].sha256] -= 1
    for path in changes.pruned:
        _remove(ledger, path)
    _remove_empty(ledger.out, changes.pruned)
    _flush(ledger.out, changes.written)
    return changes


def _is_foreign(ledger: Ledger, path: str) -> bool:
    """Whether something stands there that the host did not write."""
    current = ledger.current(path)
    return current is not None and not ledger.owns(path, current)


def _place(ledger: Ledger, store: Store, path: str, file: Wanted, *, last: bool) -> None:
    target = os.path.join(ledger.out, path)
    blob = store.blob(file.sha256)
    try:
        if file.data is not None:
            store.write(target, file.data)
        elif not last:
            store.write(target, blob.read_bytes())
        else:
            os.utime(blob)  # the file is new now: what was made from an older one is out of date
            move(blob, target)
        ledger.placed(path, file.sha256)
    except OSError as error:
        raise failure(error, target) from None


def _remove(ledger: Ledger, path: str) -> None:
    ledger.forget(path)
    try:
        (ledger.out / path).unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write(ledger.out / path, error) from None


def _check_names(wanted: Mapping[str, Wanted]) -> None:
    seen: dict[str, str] = {}
    for path in wanted:
        other = seen.setdefault(path.casefold(), path)
        if other != path:
            raise OutputError(
                "O003",
                f"{other!r} and {path!r} differ in case alone, so on some systems one would replace the other",
                where=path,
                remedy="rename a job, or leave out one of the exporters",
            )
        top = path.split("/", 1)[0].casefold()
        if top == FOLDER:
            raise OutputError("O003", f"{path!r} would stand among the host's own files", where=path)


def check_folders(out: Path, wanted: Iterable[str] = ()) -> None:
    """Look at the host's folder and at those on the way to the wanted files.

    Raises:
        OutputError: O004 one is a link that leads out of ``out``, O005 one is no folder.
    """
    root = out.resolve()
    for folder in sorted({FOLDER, *_folders(wanted)}):
        place = out / folder
        if place.is_symlink() and not place.resolve().is_relative_to(root):
            raise OutputError(
                "O004",
                f"{folder!r} is a link that leads out of the output folder, to {str(place.resolve())!r}",
                where=str(place),
                allowed="files inside the output folder only",
                remedy="remove the link, or name its target with --out",
            )
        if (place.exists() or place.is_symlink()) and not place.is_dir():
            raise OutputError(
                "O005",
                f"a folder {folder!r} is needed, but a file of that name is in the way",
                where=str(place),
                remedy="move that file away, or rename the job",
            )


def _check_no_folder(out: Path, path: str) -> None:
    if (out / path).is_dir() and not (out / path).is_symlink():
        raise OutputError(
            "O005",
            f"a file {path!r} is to be written, but a folder of that name is in the way",
            where=str(out / path),
            remedy="move that folder away, or rename the job",
        )


def _folders(paths: Iterable[str]) -> set[str]:
    """All folders on the way to these paths."""
    found: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in found:
            found.add(folder)
            folder = folder.rpartition("/")[0]
    return found


def _remove_empty(out: Path, paths: Iterable[str]) -> None:
    """Remove folders that have become empty, below ``out`` only."""
    for folder in sorted(_folders(paths), key=lambda folder: folder.count("/"), reverse=True):
        try:
            (out / folder).rmdir()
        except OSError:
            continue


def _flush(out: Path, paths: Sequence[str]) -> None:
    """Wait until files are on the disk: the state that is written next vouches for them.

    Many at a time, so that the file system can put them into one transaction: measured, 0.3 ms a file, where one
    after the other takes 0.5 to 5 ms.
    """
    shares = [paths[first::_FLUSHES] for first in range(min(_FLUSHES, len(paths)))]
    with ThreadPoolExecutor(_FLUSHES) as pool:
        for done in [pool.submit(_flush_files, out, share) for share in shares]:
            done.result()


def _flush_files(out: Path, paths: Iterable[str]) -> None:
    for path in paths:
        _flush_file(out / path)


def _flush_file(path: Path) -> None:
    try:
        file = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0))
    except OSError:
        return
    try:
        os.fsync(file)
    except OSError as error:
        raise failure(error, path) from None
    finally:
        os.close(file)
