"""The root of the command line: its table of commands, loaded one at a time, and the way errors leave it."""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from aigc_content.errors import AigcError, InternalError, UsageError, did_you_mean

COMMANDS = {
    "build": "Make the assets of a recipe.",
    "generate": "Make assets without writing a recipe.",
    "verify": "Prove every asset of a build again, from what lies in its folder and nothing else.",
    "validate": "Check files against their schemas; a recipe also against its generators.",
    "keep": "Take assets out of a build and make them source files.",
    "gallery": "Print where the page is that shows a build.",
    "schema": "List, show and write JSON Schemas.",
    "plugins": "List and check plugins.",
    "models": "List, show, push, pull and export models.",
    "data": "List and import training data.",
    "train": "Train a generator's model.",
    "tune": "Search for the best options of a trainer.",
    "evaluate": "Measure a model on data that training never saw.",
    "doctor": "Say what is installed, broken or missing.",
    "explain": "Explain an error code.",
}
"""The host's commands: name to summary; each is ``aigc_content.cli.NAME:app``."""

EXAMPLES = """\
aigc - generate game content in bulk: proven, reproducible, plugin-based

  aigc build recipe.yaml                          make everything that the recipe asks for
  aigc generate levels --count 5 --out try        make five levels with default parameters
  aigc plugins list                               what can be generated, and how it is exported
  aigc explain R001                               what an error code means and how to mend it

`aigc --help` lists all commands, `aigc COMMAND --help` explains one.
"""

REPORT = "this is a fault of aigc_content or of a plugin; please report it with the recipe and `aigc doctor`"


class LazyGroup(TyperGroup):
    """A group whose commands are imported when they are called; plugins' commands come after the host's."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The host's commands in table order, then plugins' by name (not while a shell completes)."""
        if ctx.resilient_parsing:
            return list(COMMANDS)
        return [*COMMANDS, *sorted(_plugin_commands())]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import one command; None when there is none of that name."""
        if cmd_name in COMMANDS:
            command = get_command(import_module(f"aigc_content.cli.{cmd_name}").app)
        elif cmd_name.startswith("-") or ctx.resilient_parsing:
            return None
        else:
            from aigc_content.plugins import discover

            registry = discover()
            if cmd_name not in registry.commands:
                near = did_you_mean(cmd_name, [*COMMANDS, *registry.commands], "`aigc --help` lists them")
                raise UsageError("U001", f"there is no command {cmd_name!r}", remedy=near)
            command = get_command(registry.command(cmd_name))
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the table of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))
        extra = _plugin_commands()
        if extra:
            with formatter.section("Commands of plugins"):
                formatter.write_dl(sorted(extra.items()))


def _plugin_commands() -> dict[str, str]:
    from aigc_content.plugins import discover

    try:
        return {name: spec.summary for name, (spec, _) in discover().commands.items()}
    except AigcError:
        return {}


app = typer.Typer(cls=LazyGroup, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=True)


@app.callback(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
def root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", "-V", help="Print the version and exit.")] = False,
    plugins_dir: Annotated[
        Path | None, typer.Option(help="Folder with plugins as loose files; also AIGC_PLUGINS_DIR.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Generate game content in bulk: proven, reproducible, plugin-based.

    \b
    Examples:
      aigc build recipe.yaml                    make everything that the recipe asks for
      aigc generate levels --count 5 --out try  make five levels
      aigc explain R001                         what an error code means

    Exit status: 0 done, 1 some assets failed, 2 a mistake in what was asked, 3 an internal fault, 130 Ctrl-C.
    """
    if version:
        from aigc_content import __version__

        print(f"aigc {__version__}")
        raise typer.Exit(0)
    if context.invoked_subcommand is None and not context.resilient_parsing:
        print(EXAMPLES, end="")
        raise typer.Exit(0)


def run(args: list[str]) -> int:
    """Run the command line; print errors as messages; return the exit status."""
    args = hoist(args)
    _use_plugins_dir(args)
    debug = "--debug" in args[: args.index("--")] if "--" in args else "--debug" in args
    try:
        status = get_command(app).main(args, prog_name="aigc", standalone_mode=False)
        sys.stdout.flush()
    except BaseException as error:
        status = _ended(error, debug)
    return status if isinstance(status, int) else 0


def hoist(args: list[str]) -> list[str]:
    """Move the options that every command takes (``--debug``, ``--plugins-dir``) to the front."""
    front: list[str] = []
    rest: list[str] = []
    words = iter(args)
    for word in words:
        if word == "--":
            rest.extend([word, *words])
        elif word == "--debug" or word.startswith("--plugins-dir="):
            front.append(word)
        elif word == "--plugins-dir":
            front.extend([word, *([value] if (value := next(words, None)) is not None else [])])
        else:
            rest.append(word)
    return front + rest


def _use_plugins_dir(args: list[str]) -> None:
    """Tell this process and its workers of ``--plugins-dir`` before Typer acts on an eager ``--help``."""
    for place, word in enumerate(args):
        if word.startswith("--plugins-dir="):
            folder = word.partition("=")[2]
        elif word == "--plugins-dir" and place + 1 < len(args):
            folder = args[place + 1]
        else:
            continue
        os.environ["AIGC_PLUGINS_DIR"] = str(Path(folder).absolute())


def _ended(error: BaseException, debug: bool) -> int:
    """Print what an exception has to say; return the exit status."""
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return 130
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 0
    if isinstance(error, BrokenPipeError):
        return _quiet()
    if isinstance(error, AigcError):
        return _report(error, debug)
    if hasattr(error, "format_message"):  # Typer's own errors about the command line
        return _usage(error)
    return _report(_internal(error), debug)


def _report(error: AigcError, debug: bool) -> int:
    if debug:
        traceback.print_exception(error, file=sys.stderr)
    print(error, file=sys.stderr)
    return error.exit_status


def _internal(error: BaseException) -> InternalError:
    text = " ".join(str(error).split())[:300]
    found = f"{type(error).__name__}: {text}" if text else type(error).__name__
    internal = InternalError("X009", found, remedy=f"{REPORT}; `--debug` shows where")
    internal.__cause__ = error
    return internal


def _usage(error: Any) -> int:
    message = error.format_message()
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        print(message, file=sys.stderr)
        return 2
    path = context.command_path if context else "aigc"
    found = " ".join(message.rstrip(".").split())
    usage = UsageError("U002", found, remedy=f"`{path} --help` shows what it takes")
    print(usage, file=sys.stderr)
    return usage.exit_status


def _quiet() -> int:
    """Whoever read our output has gone (``aigc ... | head``): end without a word."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0
