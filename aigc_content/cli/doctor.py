"""``aigc doctor``: what is installed, broken or missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from aigc_content.plugins import Registry

app = typer.Typer(rich_markup_mode=None, add_completion=False)

PACKAGES = (
    "aigc-content",
    "numpy",
    "pydantic",
    "pluggy",
    "typer",
    "PyYAML",
    "safetensors",
    "deflate",
    "torch",
    "numba",
)


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False) -> int:
    """Say what is installed, broken or missing.

    Exit status 1 when something is broken.
    """
    from aigc_content.cli.output import print_json, print_table

    versions = _versions()
    registry, problems = _examine()
    working = [f"{info.name} {info.version}" for info in registry.plugins]
    if as_json:
        print_json({"versions": versions, "plugins": working, "problems": problems})
        return 1 if problems else 0
    print_table(list(versions.items()))
    print_table([("plugin", name) for name in working])
    for problem in problems:
        print(f"problem: {problem}")
    print(f"{len(problems)} problems" if problems else "no problems")
    return 1 if problems else 0


def _versions() -> dict[str, str]:
    import os
    import platform
    from importlib import metadata

    found = {"python": f"{platform.python_version()} on {platform.platform()}, {os.cpu_count()} processors"}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _examine() -> tuple[Registry, list[str]]:
    """The registry, and everything that is wrong with plugins, their targets and models."""
    from collections.abc import Callable
    from typing import Any

    from aigc_content.errors import AigcError
    from aigc_content.models import resolve
    from aigc_content.plugins import Registry, discover, exporter_function

    try:
        registry = discover()
    except AigcError as error:
        return Registry(), [str(error)]
    problems = [f"plugin {item.plugin.name} is disabled: {item.reason}" for item in registry.broken]

    def attempt(action: Callable[..., Any], *args: Any) -> Any:
        try:
            return action(*args)
        except AigcError as error:
            problems.append(str(error))
            return None

    for name, (spec, _) in sorted(registry.generators.items()):
        target = attempt(registry.generator, name)
        for ref in target.models.values() if target else ():
            attempt(resolve, ref)
        if spec.trainer:
            attempt(registry.trainer, name)
    for exporter, info in registry.exporters.values():
        attempt(exporter_function, exporter, info)
    for name in registry.datasets:
        attempt(registry.dataset, name)
    for name in registry.commands:
        attempt(registry.command, name)
    return registry, problems
