"""``aigc plugins``: list, check."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(rich_markup_mode=None, add_completion=False, no_args_is_help=True)


@app.callback()
def plugins() -> None:
    """List and check plugins.

    \b
    Examples:
      aigc plugins list
      aigc plugins check levels
    """


@app.command("list")
def list_plugins(as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object.")] = False) -> None:
    """List generators, exporters, data sets and commands, with the plugin that brings each."""
    from aigc_content.cli.output import note, print_json, print_table
    from aigc_content.plugins import discover

    registry = discover()
    rows = [("generator", name, spec.summary, info) for name, (spec, info) in sorted(registry.generators.items())]
    rows += [
        ("exporter", f"{owner}: {name}", spec.summary, info)
        for (owner, name), (spec, info) in sorted(registry.exporters.items())
    ]
    rows += [("dataset", name, spec.summary, info) for name, (spec, info) in sorted(registry.datasets.items())]
    rows += [("command", name, spec.summary, info) for name, (spec, info) in sorted(registry.commands.items())]
    if as_json:
        entries = [
            {"kind": kind, "name": name, "summary": summary, "plugin": info.name, "version": info.version}
            for kind, name, summary, info in rows
        ]
        broken = [{"plugin": item.plugin.name, "reason": item.reason} for item in registry.broken]
        print_json({"brought": entries, "broken": broken})
        return
    print_table(
        [(kind, name, summary, f"{info.name} {info.version}") for kind, name, summary, info in rows],
        ("kind", "name", "summary", "plugin"),
    )
    for item in registry.broken:
        note(f"disabled: {item.plugin.name} {item.plugin.version}: {item.reason}")


@app.command()
def check(
    name: Annotated[str, typer.Argument(help="A generator, such as levels.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False,
) -> int:
    """Examine a generator: schema, same bytes, honest verdicts, light import, clear errors, speed.

    Exit status 1 when a check fails.
    """
    from aigc_content.cli.output import print_json
    from aigc_content.testing import check_generator, table

    checks = check_generator(name)
    if as_json:
        print_json([{"name": item.name, "passed": item.passed, "detail": item.detail} for item in checks])
    else:
        print(table(checks))
    return 0 if all(item.passed for item in checks) else 1
