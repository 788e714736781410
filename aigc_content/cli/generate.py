"""``aigc generate``: assets without a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def generate(
    generator: Annotated[str, typer.Argument(help="What makes them; `aigc plugins list` names all.")],
    count: Annotated[int, typer.Option(help="Number of assets.")] = 1,
    seed: Annotated[int, typer.Option(help="Another seed gives other assets.")] = 0,
    param: Annotated[list[str] | None, typer.Option(help="A parameter as key=value; repeat for more.")] = None,
    export: Annotated[list[str] | None, typer.Option(help="An exporter; repeat for more.")] = None,
    out: Annotated[Path | None, typer.Option(help="Output folder; out/GENERATOR by default.")] = None,
    workers: Annotated[int | None, typer.Option(help="Worker processes; one a processor by default.")] = None,
    executor: Annotated[str, typer.Option(help="Where to run: processes or inline.")] = "processes",
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
) -> int:
    """Make assets without writing a recipe.

    The same as a build of a recipe with one job that is named as the generator. File names in parameters are
    relative to the current folder.

    \b
    Examples:
      aigc generate levels --count 5
      aigc generate levels --param width=40 --param min.enemy=3 --export png --out try
    """
    from aigc_content.build import BuildOptions
    from aigc_content.cli.building import run_build
    from aigc_content.cli.options import from_pairs
    from aigc_content.recipe import one_job

    recipe = one_job(
        generator,
        count=count,
        seed=seed,
        params=from_pairs(param or ()),
        export=tuple(export or ()),
        folder=Path.cwd(),
    )
    options = BuildOptions(
        out=out or Path("out") / generator,
        workers=workers,
        executor=executor,
        title=generator,
    )
    return run_build(recipe, options, as_json=as_json)
