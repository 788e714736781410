"""``aigc gallery``: the page that shows a build."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def gallery(
    folder: Annotated[Path, typer.Argument(help="The output folder of a build.")],
    show: Annotated[bool, typer.Option("--open", help="Open it in the web browser.")] = False,
) -> None:
    """Print where the page is that shows a build.

    \b
    Example: aigc gallery out/first-levels --open
    """
    from aigc_content.errors import OutputError

    page = folder / "gallery.html"
    if not page.is_file():
        raise OutputError(
            "O013",
            "there is no gallery",
            where=str(folder),
            remedy="name the output folder of a build, or build again",
        )
    print(page)
    if show:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())
