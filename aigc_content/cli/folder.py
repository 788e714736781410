"""A result folder that is there whole or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from aigc_content.errors import OutputError


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """Write into a temporary sibling of ``out`` that takes its name at the end.

    Args:
        out: must not exist, or be an empty folder.

    Raises:
        OutputError: O011, ``out`` holds something; O012, the folder cannot be made.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(
            "O011", f"{str(out)!r} is there already", where="--out", remedy="name a new folder, or remove that one"
        )
    try:
        out.absolute().parent.mkdir(parents=True, exist_ok=True)
        folder = Path(mkdtemp(prefix=f".{out.name}-", dir=out.absolute().parent))
        folder.chmod(0o755)
    except OSError as error:
        raise OutputError(
            "O012",
            f"cannot be made: {error.strerror}",
            where=str(out),
            remedy="check the path and its permissions",
        ) from None
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    os.replace(folder, out)
