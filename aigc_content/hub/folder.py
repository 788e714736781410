"""Models in folders of this machine; a folder gets its name when it is whole."""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

from aigc_content.errors import OutputError
from aigc_content.hub.place import copy, no_access, not_made, nothing_there
from aigc_content.models import FILES, WEIGHTS


class FolderPlace:
    """A folder that holds a model, or the name of one to be made.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path

    def sizes(self) -> Mapping[str, int | None]:
        """Bytes of each file in the folder, by name; see `aigc_content.hub.place.Place`."""
        if not self._path.is_dir():
            raise nothing_there(self.name, "there is no such folder", "check the path")
        return {path.name: path.stat().st_size for path in self._path.iterdir() if path.is_file()}

    def fetch(self, names: Sequence[str], folder: Path) -> None:
        """Copy files into another folder."""
        try:
            for name in names:
                with (self._path / name).open("rb") as source:
                    copy(source, folder / name, self.name)
        except OSError as error:
            raise no_access(self.name, error, "change its permissions") from error

    def store(self, folder: Path, names: Sequence[str]) -> None:
        """Make the folder, with copies of another one's files."""
        with beside(self._path) as fresh:
            try:
                for name in names:
                    shutil.copyfile(folder / name, fresh / name)
            except OSError as error:
                raise not_made(self._path, error) from None
            move_in(fresh, self._path)


@contextmanager
def beside(target: Path) -> Iterator[Path]:
    """A temporary folder beside ``target``, removed afterwards unless `move_in` gave it that name.

    Raises:
        OutputError: O011, ``target`` is something else than a model or an empty folder; O012, the folder cannot be
            made.
    """
    if target.exists() and (not target.is_dir() or (any(target.iterdir()) and not (target / WEIGHTS).exists())):
        raise _taken(target)
    parent = target.absolute().parent
    made = [path for path in (parent, *parent.parents) if not path.exists()]
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(mkdtemp(prefix=f".{target.name}-", dir=parent))
        folder.chmod(0o755)
    except OSError as error:
        raise not_made(target, error) from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for path in made if not target.exists() else ():
            with suppress(OSError):
                path.rmdir()


def move_in(folder: Path, target: Path) -> None:
    """Give a finished model folder its name; nothing is to do where the same files stand already.

    Raises:
        OutputError: O011, ``target`` holds other files; O012, it cannot be made.
    """
    if target.exists() and any(target.iterdir()):
        _, different, missing = filecmp.cmpfiles(folder, target, FILES, shallow=False)
        if different or missing:
            raise _taken(target)
        return
    try:
        if target.exists():
            target.rmdir()
        os.replace(folder, target)
    except OSError as error:
        raise not_made(target, error) from None


def _taken(target: Path) -> OutputError:
    return OutputError("O011", f"{str(target)!r} is there already", remedy="name a new folder, or remove that one")
