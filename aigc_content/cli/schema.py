"""``aigc schema``: list, show, write."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback()
def schema() -> None:
    """List, show and write JSON Schemas.

    \b
    Examples:
      aigc schema show levels/params-1
      aigc schema write schemas --check
    """


@app.command("list")
def list_schemas(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False) -> None:
    """List the schemas of the host and of all installed plugins."""
    from aigc_content.cli.output import print_json
    from aigc_content.plugins import discover
    from aigc_content.schema import schema_names

    names = schema_names(discover())
    if as_json:
        print_json(names)
        return
    print("\n".join(names))


@app.command()
def show(name: Annotated[str, typer.Argument(help="Such as recipe-1 or levels/params-1.")]) -> None:
    """Print one schema."""
    from aigc_content.plugins import discover
    from aigc_content.schema import schema_text

    print(schema_text(name, discover()), end="")


@app.command()
def write(
    folder: Annotated[Path, typer.Argument(help="Where to write.")] = Path("schemas"),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when a file is stale.")] = False,
) -> int:
    """Write all schemas as files, NAME.json each."""
    from aigc_content.cli.output import note
    from aigc_content.plugins import discover
    from aigc_content.schema import check_schemas, write_schemas

    if check:
        stale = check_schemas(folder, discover())
        for path in stale:
            note(f"stale: {path}; run `aigc schema write {folder}`")
        return 1 if stale else 0
    for path in write_schemas(folder, discover()):
        print(path)
    return 0
