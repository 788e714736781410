"""``aigc keep``: assets become source files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def keep(
    folder: Annotated[Path, typer.Argument(help="The output folder of a build.")],
    ids: Annotated[list[str], typer.Argument(help="Assets, such as caves-000017.")],
    to: Annotated[Path, typer.Option(help="Where to put them, outside the build.")],
) -> None:
    """Take assets out of a build and make them source files.

    They are copied with the files that they share and their lines of the manifest; no build touches them any more.

    \b
    Example: aigc keep out/first-levels caves-000017 caves-000021 --to levels/chosen
    """
    from aigc_content.keep import keep as copy

    for path in copy(folder, ids, to):
        print(path)
