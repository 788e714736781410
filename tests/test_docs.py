"""The documents say what the code does: commands, hooks, recipe keys and params, and links that lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import indent

import pytest
from aigc_levels.game import parse_game, shipped_game
from aigc_levels.params import LevelParams
from aigc_levels.plugin import aigc_exporters

from aigc_content import hookspecs
from aigc_content.cli.app import COMMANDS
from aigc_content.plan import make_plan
from aigc_content.plugins import discover
from aigc_content.recipe import JOB_KEYS, load_recipe, parse_recipe

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def page(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def test_every_command_stands_in_the_readme() -> None:
    for name in COMMANDS:
        assert re.search(rf"`aigc {name}\b|`{name}`", page("README.md")), name


def test_every_hook_is_documented() -> None:
    for name in vars(hookspecs):
        if name.startswith("aigc_"):
            assert f"`{name}`" in page("docs/plugins.md"), name


def test_every_key_of_a_job_is_documented() -> None:
    for key in JOB_KEYS:
        assert re.search(rf"^ +(- )?{key}:", page("docs/recipes.md"), re.MULTILINE), key


def test_every_param_and_exporter_of_levels_is_documented() -> None:
    text = page("docs/levels.md")
    for name in LevelParams.model_fields:
        assert f"`{name}`" in text, name
    for spec in aigc_exporters():
        assert f"| `{spec.name}` |" in text, spec.name


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text("utf-8")):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target


def blocks(path: Path) -> list[str]:
    """The examples of a page that are a recipe, or the params of a job of one."""
    found = re.findall(r"^```yaml\n(.*?)^```", path.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    whole = [text for text in found if text.startswith("version: 1")]
    job = "version: 1\njobs:\n- name: a\n  generator: levels\n"
    return whole + [job + indent(text, "  ") for text in found if text.startswith("params:")]


@pytest.mark.parametrize("path", [path for path in PAGES if blocks(path)], ids=lambda path: path.name)
def test_recipes_in_documents_are_valid(path: Path) -> None:
    for text in blocks(path):
        assert make_plan(parse_recipe(text.encode(), path, path.name), discover()).jobs


def test_the_game_in_the_documents_is_the_shipped_one() -> None:
    (text,) = re.findall(r"^```yaml\n(format: 1.*?)^```", page("docs/games.md"), re.MULTILINE | re.DOTALL)
    assert parse_game(text.encode(), "games.md") == shipped_game("dungeon")


def test_example_recipes_are_valid() -> None:
    for recipe in [*sorted((ROOT / "examples").glob("*.yaml")), ROOT / "examples" / "make" / "levels.yaml"]:
        assert make_plan(load_recipe(recipe), discover()).jobs
