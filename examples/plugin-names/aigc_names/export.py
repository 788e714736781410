"""The exporter: all names of a job as one CSV table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aigc_content import File
from aigc_names.generator import Name, NameParams


def csv(assets: Sequence[tuple[Name, str]], params: NameParams, job: str) -> Iterable[File]:
    """One line a name; names hold only letters, so nothing needs quoting."""
    lines = ["id,name", *(f"{id},{asset.name}" for asset, id in assets)]
    yield File("names.csv", ("\n".join(lines) + "\n").encode(), shared=True)
