"""``aigc data``: list, import."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback()
def data() -> None:
    """List and import training data.

    \b
    Examples:
      aigc data list
      aigc data import crossfire --from crossfire-maps --out data/crossfire
    """


@app.command("list")
def list_datasets(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False) -> None:
    """List the importers of third-party data that plugins bring."""
    from aigc_content.cli.output import print_json, print_table
    from aigc_content.plugins import discover

    rows = [(name, spec.summary, info.name) for name, (spec, info) in sorted(discover().datasets.items())]
    if as_json:
        print_json([{"name": name, "summary": summary, "plugin": plugin} for name, summary, plugin in rows])
    else:
        print_table(rows, ("name", "summary", "plugin"))


@app.command("import")
def import_data(
    name: Annotated[str, typer.Argument(help="An importer; `aigc data list` names all.")],
    source: Annotated[Path, typer.Option("--from", help="Folder or file with the third party's data.")],
    out: Annotated[Path, typer.Option(help="New folder for our plain format.")],
) -> None:
    """Turn third-party data into a plugin's plain format."""
    from aigc_content.cli.folder import new_folder
    from aigc_content.cli.output import note
    from aigc_content.errors import InputError
    from aigc_content.plugins import discover

    function = discover().dataset(name)
    if not source.exists():
        raise InputError("I001", f"there is no {str(source)!r}", where="--from", remedy="check the path")
    with new_folder(out) as folder:
        function(source, folder)
    note(f"imported {name} to {out}")
