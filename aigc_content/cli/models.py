"""``aigc models``: list, card."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from aigc_content.models import Model

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback()
def models() -> None:
    """List models and show their cards.

    \b
    Examples:
      aigc models list
      aigc models card levels
    """


@app.command("list")
def list_models(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False) -> None:
    """List the models that the installed generators use by default."""
    from aigc_content.cli.output import note, print_json, print_table
    from aigc_content.errors import AigcError
    from aigc_content.models import resolve
    from aigc_content.plugins import discover

    registry = discover()
    rows = []
    for name in sorted(registry.generators):
        try:
            found = {role: resolve(ref) for role, ref in registry.generator(name).models.items()}
        except AigcError as error:
            note(str(error))
            continue
        rows += [(name, role, model) for role, model in sorted(found.items())]
    if as_json:
        print_json([{"generator": name, "role": role, **_entry(model)} for name, role, model in rows])
        return
    print_table(
        [(name, role, model.name, model.license, model.digest[:12]) for name, role, model in rows],
        ("generator", "role", "model", "license", "digest"),
    )


@app.command()
def card(
    name: Annotated[str, typer.Argument(help="A generator, or a model folder.")],
    role: Annotated[str | None, typer.Option(help="Which of the generator's models.")] = None,
) -> None:
    """Print a model's card."""
    from aigc_content.errors import UsageError, did_you_mean
    from aigc_content.models import CARD, inspect, resolve
    from aigc_content.plugins import discover

    if Path(name).is_dir():
        found = {"": inspect(Path(name))}
    else:
        refs = discover().generator(name).models
        found = {each: resolve(ref) for each, ref in sorted(refs.items())}
        if role is not None and role not in found:
            known = ", ".join(found) or "none"
            remedy = did_you_mean(role, found)
            raise UsageError("U004", f"{name} has no model {role!r}", where="--role", allowed=known, remedy=remedy)
    for each, model in found.items():
        if role in {None, each}:
            print((model.path / CARD).read_text("utf-8"))


def _entry(model: Model) -> dict[str, object]:
    return {
        "name": model.name,
        "digest": model.digest,
        "license": model.license,
        "trained_on": list(model.trained_on),
        "path": str(model.path),
    }
