"""The tutorial and the page of the digits plugin: every block is the code that runs, every command can be given."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from pathlib import Path
from textwrap import dedent, indent

import pytest
from aigc_digits.model import FAMILIES
from aigc_digits.params import DigitParams
from aigc_digits.plugin import aigc_exporters
from aigc_digits.train import DigitsConfig

from aigc_content.cli import main
from aigc_content.cli.space import read_space
from aigc_content.cli.trainer import read_config
from aigc_content.plan import make_plan
from aigc_content.plugins import discover
from aigc_content.recipe import parse_recipe

ROOT = Path(__file__).resolve().parent.parent
TUTORIAL, README = ROOT / "docs" / "tutorial-digits.md", ROOT / "plugins" / "digits" / "README.md"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SOURCE = re.compile(r"^From `([^`]+)`:$")


def quotations() -> list[tuple[str, str]]:
    """Each block of code of the tutorial, with the last line above it."""
    text = TUTORIAL.read_text("utf-8")
    found = [block for block in BLOCK.finditer(text) if block[1] in {"python", "toml"}]
    return [(text[: block.start()].rstrip().rpartition("\n")[2], block[2]) for block in found]


def fenced(path: Path, language: str) -> list[str]:
    return [block[2] for block in BLOCK.finditer(path.read_text("utf-8")) if block[1] == language]


def spans(path: Path) -> list[str]:
    """What stands between backticks in the text."""
    return re.findall(r"`([^`\n]+)`", BLOCK.sub("", path.read_text("utf-8")))


def commands(path: Path) -> list[list[str]]:
    """The words after ``aigc`` of each command of a page."""
    lines = [line for text in fenced(path, "sh") for line in text.splitlines()] + spans(path)
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("aigc ")]


EVERY = [(path, words) for path in (TUTORIAL, README) for words in commands(path)]


def is_defined(dotted: str) -> bool:
    """Whether there is a module of this name, or a class or function in one; imports none (most need torch)."""
    home = ROOT / "plugins" / "digits" if dotted.startswith("aigc_digits") else ROOT
    module, _, name = dotted.rpartition(".")
    owner = home / (module.replace(".", "/") + ".py")
    found = owner.is_file() and re.search(rf"^(class|def) {name}\b", owner.read_text("utf-8"), re.MULTILINE)
    return bool(found) or (home / (dotted.replace(".", "/") + ".py")).is_file()


def stands_in(block: str, text: str) -> bool:
    """Whether a block is whole lines of a text, at any depth."""
    return any("\n" + indent(dedent(block), " " * depth) in "\n" + text for depth in range(0, 24, 4))


@pytest.mark.parametrize(("above", "block"), quotations())
def test_block_is_the_code_of_the_file_named_above_it(above: str, block: str) -> None:
    source = SOURCE.match(above)
    assert source, f"no source above\n{block}"
    assert stands_in(block, (ROOT / source[1]).read_text("utf-8")), f"{source[1]} no longer has\n{block}"


def test_a_block_that_was_changed_is_noticed() -> None:
    for above, block in quotations():
        source = SOURCE.match(above)
        assert source
        text = (ROOT / source[1]).read_text("utf-8")
        assert not stands_in(block.rstrip()[:-1] + "\n", text)


@pytest.mark.parametrize("path", [TUTORIAL, README], ids=lambda path: path.name)
def test_files_modules_and_links_are_there(path: Path) -> None:
    for name in spans(path):
        if re.match(r"(aigc_content|plugins|docs|examples|tests)/", name):
            assert (ROOT / name).exists(), name
        elif re.fullmatch(r"aigc_\w+(\.\w+)+", name):
            assert is_defined(name), name
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text("utf-8")):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("words", [words for _, words in EVERY], ids=" ".join)
def test_command_can_be_given(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    name = words[:2] if words[0] in {"models", "plugins", "data"} else words[:1]
    assert main([*name, "--help"]) == 0
    told = re.findall(r"--[\w-]+", capsys.readouterr().out)
    if name != ["train"]:
        assert [word for word in words if word.startswith("--") and word not in told] == []
        return
    place, options = 2, list[str]()
    while place < len(words):  # what the command does not know is for the trainer
        if words[place] not in told:
            options += words[place : place + 2]
        place += 2
    assert read_config(DigitsConfig, "digits", None, options)


def test_commands_name_what_there_is() -> None:
    registry = discover()
    for _, words in EVERY:
        if words[0] in {"generate", "train", "tune", "evaluate"}:
            assert words[1] in registry.generators
        if words[0] == "explain":
            assert main(words) == 0
        for option, value in pairwise(words):
            if option == "--export":
                assert registry.exporter_spec("digits", value)
            if option == "--param":
                key, _, given = value.partition("=")
                if key == "model":  # a folder that the page's own command writes
                    continue
                DigitParams.model_validate({key: int(given) if given.isdigit() else given})
    assert {words[0] for _, words in EVERY} >= {"data", "train", "evaluate", "models", "tune", "build", "verify"}


def test_recipe_can_be_planned() -> None:
    (text,) = [text for text in fenced(TUTORIAL, "yaml") if text.startswith("version: 1")]
    plan = make_plan(parse_recipe(text.encode(), TUTORIAL, TUTORIAL.name), discover())
    assert {f"out/numbers/{job.slug}/sheet.png" for job in plan.jobs} & set(spans(TUTORIAL))


def test_search_space_can_be_searched(tmp_path: Path) -> None:
    (text,) = [text for text in fenced(TUTORIAL, "yaml") if text.startswith("# space.yaml")]
    (tmp_path / "space.yaml").write_text(text, "utf-8")
    assert set(read_space(tmp_path / "space.yaml", DigitsConfig, "digits").space) == {"learning_rate", "loss"}


def test_first_trial_of_a_search_has_the_rate_of_its_family(tmp_path: Path) -> None:
    (tmp_path / "space.yaml").write_text("family: vae\nlearning_rate: {low: 1e-4, high: 1e-2}\n", "utf-8")
    assert read_space(tmp_path / "space.yaml", DigitsConfig, "digits").defaults == {"learning_rate": 2e-3}


def test_every_family_is_told_of() -> None:
    table = [line for line in TUTORIAL.read_text("utf-8").splitlines() if line.startswith("| `")]
    assert sorted(re.findall(r"`([^`]+)`", " ".join(table))) == sorted(FAMILIES)


def test_every_param_and_exporter_is_told_of() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", README.read_text("utf-8"), re.MULTILINE))
    assert rows == {*DigitParams.model_fields, *(spec.name for spec in aigc_exporters())}
    defaults = re.findall(r"^\| `(\w+)` \| .* \| `?([\w.]+)`? \|$", README.read_text("utf-8"), re.MULTILINE)
    for name, default in defaults:
        assert str(DigitParams.model_fields[name].default) in {default, f"{default}.0"}
    assert len(defaults) == len(DigitParams.model_fields) - 1  # a model has no default to name
