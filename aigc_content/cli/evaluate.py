"""``aigc evaluate``: the figures of a model's card, made again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def evaluate(
    generator: Annotated[str, typer.Argument(help="Whose model; `aigc plugins list` names all.")],
    data: Annotated[Path, typer.Option(help="Data that training never saw.")],
    model: Annotated[Path | None, typer.Option(help="Model folder; the generator's own by default.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False,
) -> None:
    """Measure a model on data that training never saw.

    \b
    Example: aigc evaluate names --data other-names.txt --model my-model
    """
    from aigc_content.cli.output import figures, print_json, print_table
    from aigc_content.errors import InputError, UsageError
    from aigc_content.models import inspect, resolve
    from aigc_content.plugins import discover

    registry = discover()
    trainer = registry.trainer(generator)
    if not data.exists():
        raise InputError("I001", f"there is no {str(data)!r}", where="--data", remedy="check the path")
    if model is None:
        refs = list(registry.generator(generator).models.values())
        if len(refs) != 1:
            raise UsageError("U004", f"{generator} has {len(refs)} models", remedy="name one: `--model DIR`")
        found = resolve(refs[0])
    else:
        found = inspect(model)
    result = trainer().evaluate(found.path, data)
    if as_json:
        print_json({"generator": generator, "model": found.name, "digest": found.digest, "figures": dict(result)})
    else:
        print_table(figures(result))
