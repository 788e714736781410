"""``aigc verify``: prove every asset of a build again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="The output folder of a build.")],
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Also make every asset anew; compare bytes.")] = False,
    base: Annotated[Path | None, typer.Option(help="Folder of the recipe, if it has moved since the build.")] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes for --rebuild.")] = None,
    executor: Annotated[str, typer.Option(help="Where to rebuild: processes or inline.")] = "processes",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
) -> int:
    """Prove every asset of a build again, from what lies in its folder and nothing else.

    Exit status 1 when something does not hold.

    \b
    Examples:
      aigc verify out/first-levels
      aigc verify out/first-levels --rebuild
    """
    from aigc_content.cli.output import note, print_json
    from aigc_content.verify import verify as prove

    result = prove(folder, rebuild=rebuild, base=base, executor=executor, workers=workers)
    if as_json:
        from aigc_content.report import verify_report

        print_json(verify_report(result).model_dump(mode="json"))
        return result.status
    for problem in result.problems:
        note(f"{problem.where}: {problem.what}: {problem.text}")
    rebuilt = f", {result.rebuilt:,} made anew" if rebuild else ""
    print(f"{result.assets:,} assets proven, {result.files:,} files compared{rebuilt}")
    if result.unfilled:
        note(f"{result.unfilled:,} slots have no asset, as the build said")
    print(f"{len(result.problems):,} problems" if result.problems else "everything holds")
    return result.status
