"""The command line as a whole: start, help, errors, exit statuses, streams."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from aigc_content import __version__
from aigc_content.cli import main
from aigc_content.cli.app import COMMANDS, hoist

Run = Callable[..., "subprocess.CompletedProcess[str]"]

NOISY = "from pathlib import Path\nPath({mark!r}).write_text('imported')\n"
FAULTY = """\
from aigc_content import *
from aigc_content.hookspecs import hookimpl, GeneratorSpec, CommandSpec, DatasetSpec
from pydantic import field_validator
import typer


class FaultyParams(Params):
    word: str = "a"

    @field_validator("word")
    @classmethod
    def check(cls, value):
        return {{}}["missing"]


class Thing(AssetModel):
    value: int


class Faulty(Generator[FaultyParams, Thing]):
    def generate(self, request):
        return Thing(value=1)

    def verify(self, asset, params):
        return Verdict(True)


app = typer.Typer()


@app.command()
def hello(name: str = "you"):
    "Say hello."
    print("hello", name)


def bring(source, out):
    (out / "data.txt").write_text((source / "raw.txt").read_text().upper())


@hookimpl
def aigc_generators():
    return [GeneratorSpec("faulty", "", "{module}:Faulty")]


@hookimpl
def aigc_commands():
    return [CommandSpec("hello", "Say hello.", "{module}:app")]


@hookimpl
def aigc_datasets():
    return [DatasetSpec("raw", "raw data", "{module}:bring")]
"""


@pytest.fixture
def faulty(tmp_path: Path) -> Path:
    """A folder with a plugin whose params crash, a command and a data set."""
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "faulty_plugin.py").write_text(FAULTY.format(module="faulty_plugin"))
    return folder


def test_version_imports_nothing_else() -> None:
    code = (
        "import sys; from aigc_content.cli import main; main(['--version'])\n"
        "assert not {'typer', 'rich', 'pluggy', 'pydantic', 'yaml', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"aigc {__version__}\n"


def test_help_loads_no_torch_and_no_plugin_class() -> None:
    code = (
        "import sys; from aigc_content.cli import main; main(['--help'])\n"
        "assert not {'torch', 'numpy', 'pydantic', 'aigc_levels.generator'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name, summary in COMMANDS.items():
        assert f"{name} " in done.stdout
        assert summary.split()[0] in done.stdout


def test_completion_loads_no_plugin(aigc: Run, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "noisy_plugin.py").write_text(NOISY.format(mark=str(mark)))
    variables = {"_AIGC_COMPLETE": "complete_bash", "COMP_WORDS": "aigc bu", "COMP_CWORD": "1"}
    done = aigc(AIGC_PLUGINS_DIR=str(tmp_path), **variables)
    assert done.stdout.split() == ["build"]
    assert not mark.exists()


def test_no_arguments_give_a_short_help_with_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    printed = capsys.readouterr().out
    assert "aigc build recipe.yaml" in printed
    assert len(printed.splitlines()) < 12


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"Usage: aigc {command} ")
    assert "\x1b" not in printed
    assert " ".join(COMMANDS[command].split()) in " ".join(printed.split())
    if command != "doctor":
        assert f"aigc {command} " in printed.split("Example", 1)[1]


@pytest.mark.parametrize("group", ["schema list", "schema show", "schema write", "plugins list", "plugins check"])
def test_every_subcommand_has_help(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*group.split(), "--help"]) == 0
    assert "\n  " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["biuld"], "U001", "did you mean 'build'?"),
        (["build"], "U002", "aigc build --help"),
        (["build", "a.yaml", "--foo"], "U002", "--foo"),
        (["build", "a.yaml", "--workers", "many"], "U002", "--workers"),
        (["build", "gone.yaml"], "R017", "gone.yaml"),
        (["explain", "R99"], "U003", "R99"),
        (["plugins", "check", "level"], "P001", "did you mean 'levels'?"),
        (["schema", "show", "recipe"], "S002", "did you mean 'recipe-1'?"),
        (["verify", "gone"], "V", "gone"),
        (["gallery", "gone"], "O013", "gone"),
        (["--plugins-dir", "gone", "plugins", "list"], "P007", "gone"),
        (["generate", "levels", "--param", "width"], "U005", "width"),
        (["generate", "levels", "--param", "a=1", "--param", "a=2"], "U006", "twice"),
        (["generate", "levels", "--count", "0"], "R008", "--count"),
        (["generate", "levels", "--seed", "-1"], "R008", "--seed"),
        (["generate", "levels", "--param", "widht=3"], "G001", "--param widht"),
        (["generate", "levels", "--export", "a", "--export", "a"], "R010", "--export"),
        (["train", "levels", "--data", "gone", "--out", "m"], "I001", "gone"),
        (["models", "card", "levels", "--role", "gone"], "U004", "gone"),
        (["data", "import", "gone", "--from", ".", "--out", "x"], "P001", "gone"),
    ],
)
def test_mistake_ends_with_2_and_one_message(
    words: list[str],
    code: str,
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIGC_PLUGINS_DIR", "")
    assert main(words) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert f"{code}" in printed.err
    assert message in printed.err
    assert "Traceback" not in printed.err
    assert list(tmp_path.iterdir()) == []


def test_fault_ends_with_3_and_says_where_to_report(aigc: Run, faulty: Path, tmp_path: Path) -> None:
    words = ["generate", "faulty", "--param", "word=x", "--plugins-dir", str(faulty)]
    done = aigc(*words, cwd=tmp_path)
    assert done.returncode == 3
    assert "--param: X007: generator 'faulty' raised KeyError while it checked its params: 'missing'" in done.stderr
    assert "tell the plugin's author" in done.stderr
    assert "Traceback" not in done.stderr
    done = aigc(*words, "--debug", cwd=tmp_path)
    assert done.returncode == 3
    assert 'return {}["missing"]' in done.stderr


def test_unexpected_fault_says_where_to_report(aigc: Run, faulty: Path, tmp_path: Path) -> None:
    done = aigc("data", "import", "raw", "--from", tmp_path, "--out", tmp_path / "new", "--plugins-dir", faulty)
    assert done.returncode == 3
    assert "X009: FileNotFoundError" in done.stderr
    assert "please report it" in done.stderr


def test_command_of_a_plugin_is_mounted(aigc: Run, faulty: Path) -> None:
    assert re.search(r"hello +Say hello\.", aigc("--plugins-dir", faulty, "--help").stdout)
    assert aigc("hello", "--name", "world", "--plugins-dir", faulty).stdout == "hello world\n"


def test_data_set_is_imported_whole_or_not_at_all(aigc: Run, faulty: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    words = ["data", "import", "raw", "--from", source, "--out", tmp_path / "imported", "--plugins-dir", faulty]
    assert aigc(*words).returncode == 3
    assert {path.name for path in tmp_path.iterdir()} == {"source", "plugins"}
    (source / "raw.txt").write_text("abc")
    assert aigc(*words).returncode == 0
    assert (tmp_path / "imported" / "data.txt").read_text() == "ABC"
    assert "O011" in aigc(*words).stderr


def test_broken_plugin_harms_only_itself(aigc: Run, faulty: Path) -> None:
    (faulty / "bad_plugin.py").write_text("raise SystemExit('no sound card')\n")
    done = aigc("plugins", "list", "--plugins-dir", faulty)
    assert done.returncode == 0
    assert "levels" in done.stdout
    assert "no sound card" in done.stderr
    done = aigc("doctor", "--plugins-dir", faulty)
    assert done.returncode == 1
    assert "plugin bad_plugin is disabled: SystemExit: no sound card" in done.stdout


def test_doctor_tells_of_a_name_claimed_twice(aigc: Run, faulty: Path) -> None:
    (faulty / "second.py").write_text((faulty / "faulty_plugin.py").read_text())
    done = aigc("doctor", "--plugins-dir", faulty)
    assert done.returncode == 1
    assert "P006" in done.stdout
    assert aigc("--help", "--plugins-dir", faulty).returncode == 0


def test_reader_that_goes_away_is_no_error() -> None:
    command = f"{sys.executable} -m aigc_content.cli schema show levels/level-1 | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_global_options_may_stand_anywhere() -> None:
    assert hoist(["build", "r.yaml", "--debug", "--plugins-dir", "d"]) == [
        "--debug", "--plugins-dir", "d", "build", "r.yaml",
    ]  # fmt: skip
    assert hoist(["x", "--plugins-dir=d", "--", "--debug"]) == ["--plugins-dir=d", "x", "--", "--debug"]
    assert hoist(["x", "--plugins-dir"]) == ["--plugins-dir", "x"]


def test_explain_prints_a_page_and_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "r001"]) == 0
    assert capsys.readouterr().out.startswith("## R001 unknown-key")
    assert main(["explain"]) == 0
    assert "R001  unknown-key" in capsys.readouterr().out


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_ends_with_130_and_keeps_what_is_finished(tmp_path: Path, names_plugin: Path) -> None:
    words = ["build", "-", "--out", str(tmp_path / "out"), "--workers", "1"]
    build = subprocess.Popen(
        [sys.executable, "-m", "aigc_content.cli", *words],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert build.stdin is not None
    build.stdin.write("version: 1\njobs: [{name: a, generator: names, count: 200000, max_attempts: 1000}]\n")
    build.stdin.close()
    waited = time.monotonic() + 60
    while not (tmp_path / "out" / ".aigc" / "lock").exists() and time.monotonic() < waited:
        time.sleep(0.05)
    time.sleep(0.5)
    os.killpg(build.pid, signal.SIGINT)
    assert build.wait(timeout=30) == 130
    assert build.stderr is not None
    printed = build.stderr.read()
    assert "running again goes on from there" in printed
    assert "Traceback" not in printed
