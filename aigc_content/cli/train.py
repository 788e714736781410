"""``aigc train``: a generator's model from a folder of data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def train(
    context: typer.Context,
    generator: Annotated[str, typer.Argument(help="Whose model; `aigc plugins list` names all.")],
    data: Annotated[Path, typer.Option(help="Folder or file with training data.")],
    out: Annotated[Path, typer.Option(help="New folder for the model.")],
    base: Annotated[Path | None, typer.Option("--from", help="Model folder to continue from.")] = None,
    config: Annotated[Path | None, typer.Option(help="YAML file with the trainer's options.")] = None,
    tensorboard: Annotated[Path | None, typer.Option(help="Folder for TensorBoard, to watch the training.")] = None,
) -> None:
    """Train a generator's model.

    Any option of the trainer can be given as --key value; they override the --config file. Files that they name
    are relative to that file, or to the current folder when there is none.

    Ctrl-C saves what there is, with status 130. Interrupted or killed, run the same command again: it goes on from
    the state in OUT.training.

    \b
    Examples:
      aigc train names --data names.txt --out my-model
      aigc train levels --data my-maps --game my.yaml --minutes 5 --out my-model
    """
    from aigc_content.cli.output import note
    from aigc_content.cli.trainer import read_config, require, torch_is_explained
    from aigc_content.cli.training import digest_of_data, training
    from aigc_content.errors import InputError
    from aigc_content.generator import TrainRun
    from aigc_content.models import inspect
    from aigc_content.plugins import discover

    registry = discover()
    trainer = registry.trainer(generator)
    settings = read_config(trainer.config_type, generator, config, context.args)
    if not data.exists():
        raise InputError("I001", f"there is no {str(data)!r}", where="--data", remedy="check the path")
    if tensorboard is not None:
        require("tensorboard")
    _, plugin = registry.generator_spec(generator)
    identity = {
        "generator": generator,
        "plugin": f"{plugin.name} {plugin.version}",
        "config": settings.model_dump(mode="json", context={"digests": True}),
        "data": digest_of_data(data),
        "from": inspect(base).digest if base is not None else "",
    }
    with training(out, identity) as work, torch_is_explained():
        run = TrainRun(settings, data, work.model, base, work=work.state, tensorboard=tensorboard)
        trainer().train(run)
    model = inspect(out)
    if work.interrupted:
        note(f"{out} is the model so far; the same command goes on from {work.folder.name}")
        raise typer.Exit(130)
    note(f"trained {model.name} ({model.digest[:12]}, {model.license}) into {out}")
