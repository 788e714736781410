"""``aigc models``: list, card, push, pull, export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from aigc_content.models import Model

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback()
def models() -> None:
    """List, show, push, pull and export models.

    \b
    Examples:
      aigc models list
      aigc models card levels
      aigc models push my-model s3://my-bucket/models/caves-1
      aigc models pull hf://owner/caves caves
      aigc models export levels --onnx dungeon.onnx
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


Named = Annotated[str, typer.Argument(metavar="MODEL", help="A model folder, or a generator: its own model.")]
Role = Annotated[str | None, typer.Option(help="Which of the generator's models.")]


@app.command()
def card(name: Named, role: Role = None) -> None:
    """Print a model's card."""
    from aigc_content.models import CARD

    for model in _find(name, role):
        print((model.path / CARD).read_text("utf-8"))


@app.command()
def push(
    name: Named,
    to: Annotated[
        str, typer.Argument(metavar="DEST", help="A new folder, an fsspec URL, or hf://owner/name[@branch].")
    ],
    role: Role = None,
) -> None:
    """Check a model and send it to a folder, a URL or the Hugging Face hub; print its digest.

    A repository that is new on the hub is private. Credentials are those of the service: HF_TOKEN or `hf auth login`,
    AWS_ACCESS_KEY_ID and the like; AWS_ENDPOINT_URL_S3 names another S3 service.

    \b
    Examples:
      aigc models push my-model /srv/models/caves-1
      aigc models push my-model s3://my-bucket/models/caves-1
      aigc models push levels hf://owner/dungeon
    """
    from aigc_content import hub
    from aigc_content.cli.output import note

    model = hub.push(_one(name, role).path, to, _check_network)
    note(f"pushed {model.name} ({model.license}) to {to}")
    print(model.digest)


@app.command()
def pull(
    source: Annotated[
        str, typer.Argument(metavar="SRC", help="A folder, an fsspec URL, or hf://owner/name[@revision].")
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="New folder for the model.")],
    digest: Annotated[str | None, typer.Option(help="The model's digest, as push printed it; refuse others.")] = None,
) -> None:
    """Fetch a model, check it and put it into a new folder; print its digest.

    Refused are pickles, weights that are not sound safetensors, numbers that are not finite, tensors that do not
    fit the configuration, cards without a license, and files that digests.json does not list as they are.

    \b
    Examples:
      aigc models pull s3://my-bucket/models/caves-1 caves
      aigc models pull hf://owner/dungeon@v2 dungeon --digest 0f3a...
    """
    from aigc_content import hub
    from aigc_content.cli.output import note

    model = hub.pull(source, folder, digest, _check_network)
    note(f"pulled {model.name} ({model.license}) into {folder}")
    print(model.digest)


@app.command()
def export(
    name: Named,
    onnx: Annotated[Path, typer.Option(help="File to write.")],
    network: Annotated[
        str, typer.Option(help="Which of the model's networks, as its config.json names them.")
    ] = "network",
    role: Role = None,
) -> None:
    """Write a model's network for engines that run ONNX: the same function in float, without rounding.

    \b
    Example: aigc models export levels --onnx dungeon.onnx
    """
    from aigc_content.cli.output import note
    from aigc_content.nn.onnx import export as write

    model = _one(name, role)
    write(model, onnx, network)
    note(f"exported {model.name} ({model.license}) to {onnx}")


def _find(name: str, role: str | None) -> list[Model]:
    """The models that a folder's or generator's name means, by role."""
    from aigc_content.errors import UsageError, did_you_mean
    from aigc_content.models import inspect, resolve
    from aigc_content.plugins import discover

    if Path(name).is_dir():
        return [inspect(Path(name))]
    refs = discover().generator(name).models
    if role is not None and role not in refs:
        known = ", ".join(sorted(refs)) or "none"
        remedy = did_you_mean(role, refs)
        raise UsageError("U004", f"{name} has no model {role!r}", where="--role", allowed=known, remedy=remedy)
    return [resolve(ref) for each, ref in sorted(refs.items()) if role in {None, each}]


def _one(name: str, role: str | None) -> Model:
    from aigc_content.errors import UsageError

    found = _find(name, role)
    if len(found) != 1:
        raise UsageError("U004", f"{name} has {len(found)} models", where="--role", remedy="name one: `--role ROLE`")
    return found[0]


def _check_network(folder: Path) -> None:
    """Whether the tensors fit the configuration, where it names a network of ours."""
    from aigc_content.nn.networks import check

    check(folder)


def _entry(model: Model) -> dict[str, object]:
    return {
        "name": model.name,
        "digest": model.digest,
        "license": model.license,
        "trained_on": list(model.trained_on),
        "path": str(model.path),
    }
