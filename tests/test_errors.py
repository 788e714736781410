"""Errors: every code has its page, every page its code; messages have their parts."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from aigc_content import errors
from aigc_content.errors import AigcError, BuildFailure, InternalError, RecipeError, did_you_mean, nearest
from aigc_content.explain import PAGES, all_pages, read_pages
from aigc_content.plugins import discover

HOST = Path(errors.__file__).parent
CODE = re.compile(r'"([A-Z]{1,4}[0-9]{3})"')
LETTERS = set("RPGIMSTOBVUX")


def used_codes(folder: Path) -> set[str]:
    return {code for path in folder.rglob("*.py") for code in CODE.findall(path.read_text("utf-8"))}


def test_every_code_of_the_host_has_its_page() -> None:
    assert used_codes(HOST) - set(read_pages(PAGES)) == set()


def test_every_page_of_the_host_has_its_code() -> None:
    assert set(read_pages(PAGES)) - used_codes(HOST) == set()


def test_host_codes_begin_with_a_known_letter() -> None:
    assert {code[0] for code in used_codes(HOST)} <= LETTERS


def test_pages_have_their_four_parts_and_are_written_once() -> None:
    headings = re.findall(r"^## ([A-Z]+[0-9]{3})", PAGES.read_text("utf-8"), re.MULTILINE)
    assert len(headings) == len(set(headings))
    for page in read_pages(PAGES).values():
        parts = re.findall(r"^\*\*(.*?)\.\*\*", page.text, re.MULTILINE)
        assert parts == ["What it says", "Why", "Example", "Fix"], page.code


def test_one_code_means_one_class() -> None:
    classes: dict[str, set[str]] = {}
    for path in HOST.rglob("*.py"):
        for name, code in re.findall(r'\b(\w+(?:Error|Failure))\(\s*"([A-Z][0-9]{3})"', path.read_text("utf-8")):
            classes.setdefault(code, set()).add(name)
    mixed = {code: names for code, names in classes.items() if len(names) > 1}
    assert set(mixed) <= {"R003"}, mixed


def test_plugin_may_document_its_own_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "tune_plugin"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "errors.md").write_text("## T900 no-drum\n\nText.\n\n## R001 stolen\n\nText.\n")
    monkeypatch.setenv("AIGC_PLUGINS_DIR", str(tmp_path))
    pages = all_pages(discover())
    assert pages["T900"].name == "no-drum"
    assert pages["R001"].name == "unknown-key"


def test_shipped_plugins_take_no_code_of_the_host() -> None:
    for pages in (HOST.parent / "plugins").glob("*/aigc_*/errors.md"):
        assert not set(read_pages(pages)) & set(read_pages(PAGES)), pages


def test_message_has_its_parts() -> None:
    error = RecipeError("R001", "unknown key 'x'", where="r.yaml:3:5", allowed="a, b", remedy="remove it")
    assert str(error) == "r.yaml:3:5: R001: unknown key 'x'\n  allowed: a, b\n  remedy: remove it"
    assert str(AigcError("U001", "no")) == "U001: no"


def test_error_travels_between_processes() -> None:
    error = RecipeError("R001", "found", where="w", allowed="a", remedy="r")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is RecipeError
    assert str(again) == str(error)


def test_exit_statuses() -> None:
    assert (RecipeError.exit_status, BuildFailure.exit_status, InternalError.exit_status) == (2, 1, 3)


def test_nearest_spelling() -> None:
    assert nearest("widht", ["width", "height"]) == "width"
    assert nearest("zzz", ["width"]) is None
    assert did_you_mean("widht", ["width"]) == "did you mean 'width'?"
    assert did_you_mean("zzz", ["width"], "remove it") == "remove it"
