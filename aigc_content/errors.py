"""Every error that a user can cause or meet, as one tree.

::

    AigcError                 exit 2   a user's mistake: one message, no traceback, nothing half-written
      UsageError                       the command line
      RecipeError                      the recipe: always file:line:column
      ParamsError                      a generator's parameters
      InputError                       a user's file (game, tileset, picture, palette ...)
      PluginError                      a plugin that is missing, broken or claims a taken name
      ModelError                       a model folder, weights file or card
      SchemaError                      a file that does not match its schema
      StoreError                       the candidate store
      OutputError                      the output folder: taken, full, not writable, edited by hand
      BuildFailure            exit 1   the build ran; some assets failed or were kept back
      InternalError           exit 3   our fault: says where to report it

A message has fixed parts, so that a person finds the place and the remedy, and a program the fields:
``where`` (``file:line:column`` or a path), ``code`` (``aigc explain CODE``), what was ``found``, what is
``allowed``, and the ``remedy``. The page of each code stands in ``errors.md`` beside this module.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class AigcError(Exception):
    """Base of all errors of the toolkit; the fields are the message in parts.

    Args:
        code: a code documented in ``errors.md``, such as ``R003``.
        found: what was wrong, one sentence without a final stop.
        where: ``file:line:column``, a path, or a name such as ``job caves``; may be empty.
        allowed: what would have been right.
        remedy: what to do now.
    """

    exit_status = 2

    def __init__(self, code: str, found: str, *, where: str = "", allowed: str = "", remedy: str = "") -> None:
        super().__init__(code, found)
        self.code = code
        self.found = found
        self.where = where
        self.allowed = allowed
        self.remedy = remedy

    def __str__(self) -> str:
        head = f"{self.where}: " if self.where else ""
        parts = [f"{head}{self.code}: {self.found}"]
        if self.allowed:
            parts.append(f"allowed: {self.allowed}")
        if self.remedy:
            parts.append(f"remedy: {self.remedy}")
        return "\n  ".join(parts)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.code, self.found, self.where, self.allowed, self.remedy))


def _rebuild(kind: type[AigcError], code: str, found: str, where: str, allowed: str, remedy: str) -> AigcError:
    return kind(code, found, where=where, allowed=allowed, remedy=remedy)


class UsageError(AigcError):
    """The command line asks for something that does not exist or cannot be."""


class RecipeError(AigcError):
    """The recipe is not well formed; ``where`` is ``file:line:column``."""


class ParamsError(AigcError):
    """A generator refuses its parameters."""


class InputError(AigcError):
    """A user's file is missing, too large, broken or of the wrong kind."""


class PluginError(AigcError):
    """A plugin is missing, broken, or claims a name that is taken."""


class ModelError(AigcError):
    """A model folder is missing, broken, unsafe, or not the one that was expected."""


class SchemaError(AigcError):
    """A file does not match the schema that it names."""


class StoreError(AigcError):
    """The candidate store cannot be read or written."""


class OutputError(AigcError):
    """The output folder is in use, full, not writable, or holds something of the user's."""


class BuildFailure(AigcError):
    """The build ran to its end, but not every asset could be made or written."""

    exit_status = 1


class InternalError(AigcError):
    """A fault of the toolkit or of a plugin, never of the user."""

    exit_status = 3


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The known name most like ``name``, or None when nothing is near."""
    found = get_close_matches(name, list(names), n=1, cutoff=0.6)
    return found[0] if found else None


def did_you_mean(name: str, names: Iterable[str], remedy: str = "") -> str:
    """A remedy that offers the nearest spelling of ``name``; ``remedy`` when nothing is near."""
    near = nearest(name, names)
    return f"did you mean {near!r}?" if near else remedy
