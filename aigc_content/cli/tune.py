"""``aigc tune``: search for the best options of a generator's trainer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from aigc_content.cli.space import SpaceFile
    from aigc_content.nn.search import Search

_STUDY = "study.db"

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
def tune(
    generator: Annotated[str, typer.Argument(help="Whose trainer; `aigc plugins list` names all.")],
    data: Annotated[Path, typer.Option(help="Folder or file with training data.")],
    space: Annotated[Path, typer.Option(help="YAML file with the options to search.")],
    out: Annotated[Path, typer.Option(help="Folder for the search; one that is there goes on.")],
    trials: Annotated[int, typer.Option(min=1, help="Trials of the whole search.")],
    held_out: Annotated[Path | None, typer.Option(help="Data to evaluate on; --data by default.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Trials at a time, each in a process of its own.")] = 1,
    minutes: Annotated[float | None, typer.Option(min=0, help="No trial starts after so many minutes.")] = None,
) -> None:
    """Search for the best options of a trainer.

    A range or a list in the space file is searched, any other value is the same in every trial; the first trial has
    the defaults. OUT gets report.md with pictures, and best.yaml for `aigc train --config`. Interrupted or killed,
    run the same command again: it goes on. A larger --trials goes on too.

    \b
    Example:
      aigc tune levels --data my-maps --space space.yaml --trials 30 --out search
    \b
    space.yaml:
      learning_rate: {low: 1e-4, high: 1e-2, log: true}
      cells: [2048, 4096]
      minutes: 5
    """
    from aigc_content.cli.output import note
    from aigc_content.cli.trainer import require
    from aigc_content.errors import InputError, ModelError, PluginError
    from aigc_content.ledger import Lock
    from aigc_content.plugins import discover

    trainer = discover().trainer(generator)
    if not trainer.objective:
        raise PluginError(
            "P010",
            "it names no objective",
            where=f"trainer of {generator}",
            remedy="tell the plugin's author: `Trainer.objective` is a figure of `evaluate`",
        )
    for package in ("optuna", "matplotlib"):
        require(package)
    from aigc_content.cli.space import read_space
    from aigc_content.cli.trials import Trials
    from aigc_content.cli.trialworker import TrialTask
    from aigc_content.nn.searchreport import shown

    found = read_space(space, trainer.config_type, generator)
    for name, path in (("--data", data), ("--held-out", held_out)):
        if path is not None and not path.exists():
            raise InputError("I001", f"there is no {str(path)!r}", where=name, remedy="check the path")
    _make_folder(out)
    with Lock(out / ".aigc"), closing(_open(out, generator, found, data, held_out or data)) as search:

        def task(number: int, options: Mapping[str, Any]) -> TrialTask:
            folder = out.absolute() / "trials" / f"{number:04}"
            return TrialTask(generator, {**found.fixed, **options}, found.inputs.base, data, held_out or data, folder)

        def ended(number: int) -> None:
            outcome = next(outcome for outcome in search.outcomes() if outcome.number == number)
            told = outcome.state if outcome.value is None else f"{trainer.objective} {outcome.value:.6g}"
            options = "  ".join(f"{key}={shown(value)}" for key, value in outcome.options.items())
            note(f"trial {number}  {told}  {outcome.reason or options}")

        try:
            Trials(search, task, trials, workers, None if minutes is None else minutes * 60, ended).run()
        except KeyboardInterrupt:
            _write(out, search, generator, found)
            note("stopped; the same command goes on")
            raise
        if not _write(out, search, generator, found):
            raise ModelError(
                "M022", "no trial came to its end", where=str(out / "trials"), remedy="the logs there tell why"
            )
    note(f"{out / 'report.md'} tells what was found; train with `--config {out / 'best.yaml'}`")


def _make_folder(out: Path) -> None:
    """Make the folder of a search, unless it is there.

    Raises:
        OutputError: O011 it holds something that is no search, O012 it cannot be made.
    """
    from aigc_content.errors import OutputError

    if out.exists() and not (out / _STUDY).is_file() and (not out.is_dir() or any(out.iterdir())):
        found = f"{str(out)!r} is there already, and is no search"
        raise OutputError("O011", found, where="--out", remedy="name a new folder, or remove that one")
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            "O012",
            f"cannot be made: {error.strerror}",
            where=str(out),
            remedy="check the path and its permissions",
        ) from None


def _open(out: Path, generator: str, found: SpaceFile, data: Path, held_out: Path) -> Search:
    """The search in a folder, new or going on.

    Raises:
        OutputError: O021, it is another one, or cannot be read.
    """
    from aigc_content.cli.training import differences, digest_of_data
    from aigc_content.errors import OutputError
    from aigc_content.nn.search import OtherSearch, Search
    from aigc_content.plugins import discover

    registry = discover()
    trainer = registry.trainer(generator)
    _, plugin = registry.generator_spec(generator)
    identity = {
        "generator": generator,
        "plugin": f"{plugin.name} {plugin.version}",
        "objective": trainer.objective,
        "config": {**found.fixed, **{name: asdict(kind) for name, kind in found.space.items()}},
        "files": found.inputs.digests(),
        "data": [digest_of_data(data), digest_of_data(held_out)],
    }
    try:
        return Search(out / _STUDY, found.space, identity, maximize=trainer.maximize, defaults=found.defaults)
    except OtherSearch as error:
        reason = "; ".join(differences(error.args[0], identity))
    except OSError as error:
        reason = str(error)
    raise OutputError(
        "O021",
        f"the search that lies here cannot go on: {reason}",
        where=str(out / _STUDY),
        remedy="give the same space and data to go on with it, or name another folder",
    )


def _write(out: Path, search: Search, generator: str, found: SpaceFile) -> bool:
    """Write report and best options; returns whether there are any yet."""
    from aigc_content.nn.searchreport import Report
    from aigc_content.plugins import discover

    trainer = discover().trainer(generator)
    best = search.best()
    if best is None:
        return False
    files = {file.name: file.path for file in found.inputs}
    options = {name: _moved(value, files, out) for name, value in {**found.fixed, **best.options}.items()}
    report = Report(
        title=f"Search for the options of {generator}",
        objective=trainer.objective,
        maximize=trainer.maximize,
        outcomes=search.outcomes(),
        importance=search.importance(),
        best=options,
    )
    report.write(out)
    head = f"# Trial {best.number} of `aigc tune {generator}`: {trainer.objective} {best.value:.6g}\n"
    (out / "best.yaml").write_text(head + report.yaml(), "utf-8")
    return True


def _moved(value: Any, files: Mapping[str, Path], folder: Path) -> Any:
    """An option's value with names of files relative to another folder."""
    if isinstance(value, str) and value in files:
        return Path(os.path.relpath(files[value], folder.resolve())).as_posix()
    if isinstance(value, list):
        return [_moved(item, files, folder) for item in value]
    if isinstance(value, dict):
        return {key: _moved(item, files, folder) for key, item in value.items()}
    return value
