"""``aigc validate``: files against their schemas."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def validate(
    files: Annotated[list[Path], typer.Argument(help="Recipes, manifests, assets.")],
    schema: Annotated[str | None, typer.Option(help="Schema of all the files; guessed by default.")] = None,
) -> int:
    """Check files against their schemas; a recipe also against its generators.

    Exit status 1 when a file does not match its schema, 2 when a recipe is wrong or a file cannot be judged.

    \b
    Examples:
      aigc validate recipe.yaml
      aigc validate out/caves/*.level.json
    """
    from aigc_content.cli.output import note
    from aigc_content.errors import AigcError
    from aigc_content.plan import make_plan
    from aigc_content.plugins import discover
    from aigc_content.recipe import load_recipe
    from aigc_content.schema import RECIPE, validate_file

    registry = discover()
    status = 0
    for path in files:
        problems: list[AigcError] = []
        try:
            if path.suffix in {".yaml", ".yml"} and schema in {None, RECIPE}:
                make_plan(load_recipe(path), registry)
            else:
                problems.extend(validate_file(path, registry, schema))
                status = max(status, 1 if problems else 0)
        except AigcError as error:
            problems.append(error)
            status = max(status, error.exit_status)
        for problem in problems:
            note(str(problem))
        if not problems:
            print(f"{path}: valid")
    return status
