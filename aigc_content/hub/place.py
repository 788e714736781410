"""What a place is where models lie, and how its failures become one message each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Protocol

from aigc_content.errors import ModelError, OutputError
from aigc_content.models import LIMITS

INSTALL = "pip install 'aigc-content[hub]'"
_CHUNK = 1 << 20


class Place(Protocol):
    """A folder on this machine or elsewhere that holds one model, or will.

    Attributes:
        name: its path or URL, for messages.
    """

    name: str

    def sizes(self) -> Mapping[str, int | None]:
        """Bytes of each file there, by name; None where the place does not tell.

        Raises:
            ModelError: M007 it is not reached, M008 no access, M009 there is no such place.
        """

    def fetch(self, names: Sequence[str], folder: Path) -> None:
        """Copy files into an existing folder.

        Raises:
            ModelError: M007, M008, M009, or M012 a file is longer than it may be.
        """

    def store(self, folder: Path, names: Sequence[str]) -> None:
        """Copy files of a folder to the place: all, or none; the last one comes last.

        Raises:
            ModelError: M007, M008, M009.
            OutputError: O011 other files of those names are there, O012 it cannot be written.
        """


def copy(source: BinaryIO, target: Path, where: str) -> None:
    """Write a stream to a file, up to the limit of a file of that name.

    Raises:
        ModelError: M012, it does not end there.
        OutputError: O012, it cannot be written.
    """
    left = LIMITS[target.name]
    with target.open("xb") as file:
        while piece := source.read(_CHUNK):
            left -= len(piece)
            if left < 0:
                raise too_large(target.name, where)
            try:
                file.write(piece)
            except OSError as error:
                raise not_made(target.parent, error) from None


def not_made(target: Path, error: OSError) -> OutputError:
    """O012: a folder of this machine, or a file in it, cannot be written."""
    remedy = "check the path, its permissions and the space on the disk"
    return OutputError("O012", f"cannot be made: {error.strerror}", where=str(target), remedy=remedy)


def too_large(name: str, where: str, size: int | None = None) -> ModelError:
    """M012: a file is longer than it may be."""
    found = f"{name} has {size:,} bytes" if size else f"{name} does not end where it should"
    allowed = f"at most {LIMITS[name]:,} bytes"
    return ModelError("M012", found, where=where, allowed=allowed, remedy="check that this is the model you mean")


def not_reached(where: str, error: BaseException, remedy: str) -> ModelError:
    """M007: the network or the service failed; nothing has changed."""
    found = f"cannot be reached: {_said(error)}"
    return ModelError("M007", found, where=where, remedy=f"{remedy}; nothing was changed, so run it again")


def no_access(where: str, error: Exception, remedy: str) -> ModelError:
    """M008: credentials are missing, or do not suffice."""
    return ModelError("M008", f"access is refused: {_said(error)}", where=where, remedy=remedy)


def nothing_there(where: str, found: str, remedy: str) -> ModelError:
    """M009: there is no such repository, revision, bucket or folder."""
    return ModelError("M009", found, where=where, remedy=remedy)


def package_missing(where: str, error: ImportError, remedy: str = INSTALL) -> ModelError:
    """M010: a package that the place needs is not installed."""
    return ModelError("M010", f"needs a package that is not installed: {_said(error)}", where=where, remedy=remedy)


def _said(error: BaseException) -> str:
    """An exception's class and the beginning of its text; of a service's answer, what the service itself said."""
    text = " ".join(str(getattr(error, "server_message", None) or error).split())[:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
