"""Dependency files for Make and Ninja: one rule, and a rule without recipe for each file.

The rule's target is written exactly as it was given on the command line, because both tools compare it as text.
The rules without recipe keep Make going when an input file has been removed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def depfile(target: Path | str, files: Iterable[Path], base: Path) -> bytes:
    """The text of a dependency file.

    Args:
        target: what is up to date when the build has run: the stamp or the manifest, as given.
        files: what the build has read.
        base: the folder in which the build tool runs; files below it are named relative to it, others absolutely.
    """
    names = [_escape(_relative(path, base)) for path in files]
    names = list(dict.fromkeys(names))
    lines = [f"{_escape(os.fspath(target))}: {' '.join(names)}".rstrip()]
    lines += [f"{name}:" for name in names]
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def _relative(path: Path, base: Path) -> str:
    absolute = Path(os.path.abspath(path))
    try:
        return absolute.relative_to(Path(os.path.abspath(base))).as_posix()
    except ValueError:
        pass
    try:
        return absolute.resolve().relative_to(base.resolve()).as_posix()
    except ValueError:
        return absolute.as_posix()


def _escape(name: str) -> str:
    """For both tools: a backslash before a space or ``#``, ``$`` doubled; backslashes before those doubled."""
    out: list[str] = []
    slashes = 0
    for letter in name.replace("\n", "?"):
        if letter in " #":
            out.append("\\" * slashes + "\\" + letter)
        elif letter == "$":
            out.append("$$")
        else:
            out.append(letter)
        slashes = slashes + 1 if letter == "\\" else 0
    return "".join(out)
