"""The pages of ``errors.md``: what each code says, why, an example, and how to mend it.

The host's codes stand beside this module, a plugin's in an ``errors.md`` at the top of its own package.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from aigc_content.plugins import Registry

PAGES = Path(__file__).with_name("errors.md")


@dataclass(frozen=True)
class Page:
    """One code's page.

    Attributes:
        code: such as ``R001``.
        name: such as ``unknown-key``.
        text: the whole section as Markdown, its heading first.
    """

    code: str
    name: str
    text: str


def read_pages(path: Path) -> dict[str, Page]:
    """The pages of one file by code, in its order; sections of another form are left out."""
    found = {}
    for section in re.split(r"^(?=## )", path.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        heading = re.match(r"## ([A-Z]{1,4}[0-9]{3}) ([a-z0-9-]+)\n", section)
        if heading:
            found[heading[1]] = Page(heading[1], heading[2], section.rstrip() + "\n")
    return found


def all_pages(registry: Registry) -> dict[str, Page]:
    """The host's pages, then those of plugins; a code of the host's cannot be taken by a plugin."""
    own = read_pages(PAGES)
    others: dict[str, Page] = {}
    for info in registry.plugins:
        spec = find_spec(info.module.partition(".")[0])
        for place in (spec.submodule_search_locations or []) if spec else []:
            path = Path(place) / "errors.md"
            if path.is_file():
                others |= read_pages(path)
    return own | {code: page for code, page in sorted(others.items()) if code not in own}
