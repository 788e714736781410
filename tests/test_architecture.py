"""The host's shape: which module may import which, how long a file may be, what the host may never import."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HOST = ROOT / "aigc_content"
PLUGINS = sorted(path.parent.name for path in (ROOT / "plugins").glob("*/aigc_*/plugin.py"))

# Each module imports only from those that stand before it; a package counts as one.
ORDER = [
    "errors",
    "canonical",
    "png",
    "document",
    "rng",
    "weights",
    "models",
    "hub",
    "inputs",
    "written",
    "generator",
    "hookspecs",
    "plugins",
    "explain",
    "sweep",
    "recipe",
    "params",
    "plan",
    "store",
    "make",
    "executors",
    "select",
    "export",
    "manifest",
    "ledger",
    "output",
    "reasons",
    "depfile",
    "schedule",
    "gallery",
    "assemble",
    "build",
    "verify",
    "keep",
    "report",
    "schema",
    "testing",
    "cli",
]
NN_MAY_IMPORT = {"nn", "rng", "weights", "models", "errors"}


def host_files() -> list[Path]:
    return sorted(HOST.rglob("*.py"))


def unit(path: Path) -> str:
    return path.relative_to(HOST).parts[0].removesuffix(".py")


def imports(path: Path, *, typing_too: bool = False) -> Iterator[str]:
    """Full names of all modules that a file imports, at its top or inside a function."""
    for node in walk(ast.parse(path.read_text("utf-8")), typing_too):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def walk(node: ast.AST, typing_too: bool) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING" and not typing_too:
            continue
        yield child
        yield from walk(child, typing_too)


def host_units(path: Path) -> set[str]:
    names = (name.split(".") for name in imports(path))
    return {parts[1] for parts in names if parts[0] == "aigc_content" and len(parts) > 1}


def test_every_module_has_its_place_in_the_order() -> None:
    units = {unit(path) for path in host_files()} - {"__init__", "nn"}
    assert units == set(ORDER)


@pytest.mark.parametrize("path", host_files(), ids=lambda path: str(path.relative_to(HOST)))
def test_module_imports_only_from_those_above(path: Path) -> None:
    own = unit(path)
    if own in {"__init__", "nn"}:
        return
    for name in host_units(path) & set(ORDER):
        assert name == own or ORDER.index(name) < ORDER.index(own), f"{own} imports {name}"


def test_nn_imports_little_of_the_host() -> None:
    for path in sorted((HOST / "nn").rglob("*.py")):
        assert host_units(path) <= NN_MAY_IMPORT, path.name


def test_torch_is_imported_under_nn_only() -> None:
    for path in host_files():
        if unit(path) != "nn":
            heavy = {name.split(".")[0] for name in imports(path)} & {"torch", "numba"}
            assert not heavy, f"{path.name} imports {heavy}"


def test_host_imports_no_plugin_and_knows_none_by_name() -> None:
    for path in host_files():
        for name in imports(path, typing_too=True):
            assert name.split(".")[0] not in PLUGINS, f"{path.name} imports {name}"


@pytest.mark.parametrize("package", PLUGINS)
def test_plugin_imports_only_the_public_api(package: str) -> None:
    public = {"nn", "testing", "hookspecs"}
    exported = set(__import__("aigc_content").__all__) | {"__version__"}
    for path in sorted((ROOT / "plugins").glob(f"*/{package}/**/*.py")):
        for name in imports(path, typing_too=True):
            parts = name.split(".")
            if parts[0] == "aigc_content" and len(parts) > 1:
                assert parts[1] in public | exported, f"{path.name} imports {name}"
            assert parts[0] not in set(PLUGINS) - {package}, f"{path.name} imports {name}"


def test_no_file_is_longer_than_500_lines() -> None:
    places = ("aigc_content", "plugins", "examples", "tests", "benchmarks")
    files = [path for place in places for path in (ROOT / place).rglob("*.py")]
    long = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in files}
    assert not {name: lines for name, lines in long.items() if lines > 500}


def test_public_api_is_what_it_says() -> None:
    import aigc_content

    for name in aigc_content.__all__:
        assert getattr(aigc_content, name).__doc__, name


def test_importing_the_package_costs_nothing() -> None:
    code = "import sys, aigc_content; assert not {'pydantic', 'numpy', 'typer', 'yaml'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
