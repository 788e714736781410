"""``aigc train``: a generator's model from a folder of data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def train(
    context: typer.Context,
    generator: Annotated[str, typer.Argument(help="Whose model; `aigc plugins list` names all.")],
    data: Annotated[Path, typer.Option(help="Folder or file with training data.")],
    out: Annotated[Path, typer.Option(help="New folder for the model.")],
    base: Annotated[Path | None, typer.Option("--from", help="Model folder to continue from.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file with the trainer's options.")] = None,
) -> None:
    """Train a generator's model.

    Any option of the trainer can be given as --key value; they override the --config file. Files that they name
    are relative to that file, or to the current folder when there is none. Ctrl-C saves what there is.

    \b
    Examples:
      aigc train names --data names.txt --out my-model
      aigc train levels --data my-maps --game my.yaml --minutes 5 --out my-model
    """
    from aigc_content.cli.folder import new_folder
    from aigc_content.cli.output import note
    from aigc_content.errors import InputError
    from aigc_content.generator import TrainRun
    from aigc_content.models import inspect
    from aigc_content.plugins import discover

    trainer = discover().trainer(generator)
    settings = read_config(trainer.config_type, generator, config, context.args)
    if not data.exists():
        raise InputError("I001", f"there is no {str(data)!r}", where="--data", remedy="check the path")
    if base is not None:
        inspect(base)
    with new_folder(out, keep_interrupted=True) as folder:
        trainer().train(TrainRun(config=settings, data=data, out=folder, base=base))
        model = inspect(folder)
    note(f"trained {model.name} ({model.digest[:12]}, {model.license}) into {out}")


def read_config(kind: type[BaseModel], generator: str, path: Path | None, words: list[str]) -> BaseModel:
    """A trainer's configuration from its file and from the command line.

    Raises:
        RecipeError, UsageError: one of them is not well formed.
        ParamsError: G001 to G004, an option is unknown, missing or wrong.
    """
    from pydantic import ValidationError

    from aigc_content.cli.options import from_words
    from aigc_content.document import MAX_BYTES, parse_document
    from aigc_content.errors import InputError, RecipeError
    from aigc_content.inputs import Inputs
    from aigc_content.params import explain
    from aigc_content.recipe import JobRecipe, Places

    options: dict[str, Any] = {}
    marks = {}
    if path is not None:
        try:
            with path.open("rb") as file:
                node = parse_document(file.read(MAX_BYTES + 1), str(path))
        except OSError as error:
            raise InputError("I004", f"cannot be read: {error.strerror}", where=str(path)) from None
        if not isinstance(node.value, dict):
            where = f"{path}:{node.mark.line}:{node.mark.column}"
            raise RecipeError("R003", f"the options are {node.kind}", where=where, allowed="a mapping")
        options = node.plain()
        marks = {("params", *place): (key, value) for place, key, value in node.places()}
    for key, value in from_words(words).items():
        options[key] = value
        marks = {place: mark for place, mark in marks.items() if place[1] != key}
    places = Places(str(path) if path else "", marks, flag="--")
    item = JobRecipe("train", "train", f"the trainer of {generator}", params=options, places=places)
    inputs = Inputs(path.resolve().parent if path else Path.cwd())
    try:
        return kind.model_validate(options, context={"inputs": inputs})
    except ValidationError as error:
        raise explain(error, kind, item) from None
