"""``aigc build``: make the assets of a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def build(
    recipe: Annotated[Path, typer.Argument(help="The recipe; - reads standard input.")],
    out: Annotated[Path | None, typer.Option(help="Output folder; out/RECIPE by default.")] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes; one a processor by default.")] = None,
    executor: Annotated[str, typer.Option(help="Where to run: processes or inline.")] = "processes",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be made; write nothing.")] = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say why assets are made again.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove files and stored candidates of earlier recipes.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that were edited by hand.")] = False,
    depfile: Annotated[Path | None, typer.Option(help="Write a dependency file for Make or Ninja.")] = None,
    stamp: Annotated[Path | None, typer.Option(help="Touch this file on every success.")] = None,
) -> int:
    """Make the assets of a recipe.

    Killed anywhere, it goes on from there when it runs again. Without changes it does nothing. Exit status 1 when
    an asset could not be made or a file was kept back.

    \b
    Examples:
      aigc build recipe.yaml
      aigc build recipe.yaml --out assets/levels --workers 4
      aigc build recipe.yaml --dry-run --explain
    """
    from aigc_content.build import BuildOptions
    from aigc_content.cli.building import run_build
    from aigc_content.recipe import load_recipe

    loaded = load_recipe(recipe)
    options = BuildOptions(
        out=out or Path("out") / loaded.path.stem,
        workers=workers,
        executor=executor,
        dry_run=dry_run,
        explain=explain,
        prune=prune,
        force=force,
        depfile=depfile,
        stamp=stamp,
    )
    return run_build(loaded, options, as_json=as_json)
