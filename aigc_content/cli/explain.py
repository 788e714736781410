"""``aigc explain``: the page of an error code."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def explain(code: Annotated[str, typer.Argument(help="A code such as R001; without one, list all.")] = "") -> None:
    """Explain an error code.

    \b
    Example: aigc explain R001
    """
    from aigc_content.errors import UsageError, did_you_mean
    from aigc_content.explain import all_pages
    from aigc_content.plugins import discover

    known = all_pages(discover())
    if not code:
        for page in known.values():
            print(f"{page.code}  {page.name}")
        return
    page_or_none = known.get(code.upper())
    if page_or_none is None:
        remedy = did_you_mean(code.upper(), known, "`aigc explain` lists all codes")
        raise UsageError("U003", f"there is no error code {code!r}", remedy=remedy)
    print(page_or_none.text, end="")
