"""Dependency file and stamp, with the real Make and Ninja."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aigc_content.depfile import depfile


def test_one_rule_with_the_target_as_given_and_a_rule_without_recipe_for_each_file(tmp_path):
    files = [tmp_path / "recipe.yaml", tmp_path / "games" / "my.yaml", Path("/usr/share/tiles.png")]
    text = depfile("./out/../stamp", files, tmp_path).decode()
    assert text == (
        "./out/../stamp: recipe.yaml games/my.yaml /usr/share/tiles.png\n"
        "recipe.yaml:\ngames/my.yaml:\n/usr/share/tiles.png:\n"
    )


def test_what_the_tools_would_read_otherwise_is_escaped(tmp_path):
    text = depfile("a b", [tmp_path / "x #1 $y.yaml", tmp_path / "x #1 $y.yaml"], tmp_path).decode()
    assert text == "a\\ b: x\\ \\#1\\ $$y.yaml\nx\\ \\#1\\ $$y.yaml:\n"


def test_a_stamp_is_touched_on_every_success_and_on_no_failure(light):
    stamp = light.folder / "made" / "stamp"
    light.build({"count": 3}, stamp=stamp)
    times = light.times()
    first = stamp.stat().st_mtime_ns
    assert light.build({"count": 3}, stamp=stamp).unchanged
    assert stamp.stat().st_mtime_ns > first
    assert light.times() == times
    second = stamp.stat().st_mtime_ns
    (light.out / "words" / "words-000001.word.json").write_text("mine\n")
    assert light.build({"count": 3}, stamp=stamp).status == 1
    assert stamp.stat().st_mtime_ns == second


def test_an_equal_dependency_file_is_not_written_again(light):
    path = light.folder / "out.d"
    light.build({"count": 2}, depfile=path)
    first = path.stat().st_mtime_ns
    light.build({"count": 2}, depfile=path)
    assert path.stat().st_mtime_ns == first


NAMES = ["letters.txt", "my letters #1.txt"]


@pytest.fixture
def game(light):
    """A folder with a recipe that names a file whose name needs escaping, and a way to run a tool in it."""
    (light.folder / NAMES[1]).write_text("abcdef\n")
    job = {"name": "words", "generator": "light", "count": 3, "params": {"word_list": NAMES[1]}, "export": ["text"]}
    (light.folder / "recipe.yaml").write_text(json.dumps({"version": 1, "jobs": [job]}, indent=1))

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=light.folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return light.folder, run


AIGC = f"{sys.executable} -m aigc_content.cli build recipe.yaml --out out --executor inline"


def check(folder: Path, run, tool: str, idle: str) -> None:
    run(tool)
    word = folder / "out" / "words" / "words-000001.txt"
    first = word.read_text()
    assert idle in run(tool)
    recipe = folder / "recipe.yaml"
    recipe.write_text(recipe.read_text() + "# a comment\n")
    assert idle not in run(tool)
    assert idle in run(tool)
    assert word.read_text() == first
    (folder / NAMES[1]).write_text("uvwxyz\n")
    assert idle not in run(tool)
    assert word.read_text() != first
    assert idle in run(tool)


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_runs_the_build_when_a_file_it_read_has_changed_and_settles(game):
    folder, run = game
    (folder / "Makefile").write_text(f"stamp:\n\t{AIGC} --stamp stamp --depfile stamp.d\n-include stamp.d\n")
    check(folder, run, "make", "'stamp' is up to date")


@pytest.mark.skipif(not shutil.which("make"), reason="needs make")
def test_make_goes_on_when_an_input_file_was_removed(game):
    folder, run = game
    (folder / "Makefile").write_text(f"stamp:\n\t{AIGC} --stamp stamp --depfile stamp.d\n-include stamp.d\n")
    run("make")
    (folder / NAMES[1]).rename(folder / NAMES[0])
    recipe = folder / "recipe.yaml"
    recipe.write_text(recipe.read_text().replace(NAMES[1], NAMES[0]))
    run("make")


@pytest.mark.skipif(not shutil.which("ninja"), reason="needs ninja")
def test_ninja_runs_the_build_when_a_file_it_read_has_changed_and_settles(game):
    folder, run = game
    (folder / "build.ninja").write_text(
        f"rule aigc\n  command = {AIGC} --stamp stamp --depfile stamp.d\n  depfile = stamp.d\n  deps = gcc\n"
        "build stamp: aigc\n"
    )
    check(folder, run, "ninja", "no work to do")
