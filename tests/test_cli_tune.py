"""``aigc tune``: what it finds, what it survives, and what a space file may hold."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest

from aigc_content.cli import main
from aigc_content.cli.space import read_space
from aigc_content.nn.search import Choice, OtherSearch, Range, Search
from aigc_content.plugins import discover

TOYS = Path(__file__).resolve().parent / "toy_trainers"
SPACE = "x: {low: -5, high: 5}\nsize: {low: 1, high: 9}\nshape: [[1, 2], [3]]\nnotes: notes.txt\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIGC_PLUGINS_DIR", str(TOYS))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.txt").write_text("good")
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "space.yaml").write_text(SPACE)
    return tmp_path


def words(trials: int, *options: str, generator: str = "hill") -> list[str]:
    start = ["tune", generator, "--data", "data.txt", "--space", "space.yaml", "--out", "search"]
    return [*start, "--trials", str(trials), *options]


def rows(folder: Path) -> list[list[str]]:
    lines = (folder / "search" / "report.md").read_text().split("## All trials")[1].strip().splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_search_reports_and_its_best_options_train(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(4, "--workers", "2")) == 0
    table = rows(folder)
    assert [row[0] for row in table] == ["0", "1", "2", "3"]
    assert table[0][1:3] == ["complete", "-5"]
    assert table[0][-1] == "the defaults"
    report = (folder / "search" / "report.md").read_text()
    assert "The largest `height` was sought in 4 trials: 4 complete" in report
    assert "| defaults | 0 | -5 |" in report
    for picture in ("history.png", "importance.png"):
        assert (folder / "search" / picture).read_bytes().startswith(b"\x89PNG")
        assert f"]({picture})" in report
    best = max(float(row[2]) for row in table)
    text = (folder / "search" / "best.yaml").read_text()
    assert f": height {best:g}" in text.splitlines()[0]
    assert 'notes: "../notes.txt"' in text
    assert main(["train", "hill", "--data", "data.txt", "--config", "search/best.yaml", "--out", "model"]) == 0
    capsys.readouterr()
    assert main(["evaluate", "hill", "--data", "data.txt", "--model", "model"]) == 0
    assert float(capsys.readouterr().out.split()[1]) == pytest.approx(best, rel=1e-4)

    assert main(words(4)) == 0
    assert "trial" not in capsys.readouterr().err.replace("trials", "")
    assert main(words(5)) == 0
    assert [row[0] for row in rows(folder)] == ["0", "1", "2", "3", "4"]
    assert rows(folder)[:4] == table
    assert sorted(path.name for path in (folder / "search" / "trials").iterdir())[-1] == "0004.log"
    (folder / "space.yaml").write_text(SPACE.replace("high: 9", "high: 8"))
    assert main(words(6)) == 2
    assert "O021: the search that lies here cannot go on: size was " in capsys.readouterr().err


def test_trials_that_fail_are_named_and_the_others_count(folder: Path) -> None:
    (folder / "space.yaml").write_text("kind: [round, broken, deadly]\nx: [4.0, -10.0]\nsize: [3, 9]\n")
    assert main(words(7, "--workers", "2")) == 0
    notes = {row[-1] for row in rows(folder)}
    states = [row[1] for row in rows(folder)]
    assert states.count("failed") >= 1
    failed = notes - {"", "the defaults"}
    assert failed <= {"ZeroDivisionError: 1 / 0", "its process ended with status 7"}
    logs = [path.read_text() for path in (folder / "search" / "trials").glob("*.log")]
    assert any("ZeroDivisionError" in log for log in logs) == any("1 / 0" in note for note in failed)


@pytest.mark.parametrize(
    ("space", "data", "code"),
    [
        ("x: [1.0, 2.0]", "bad", "I003"),
        ("x: [1.0, 2.0]\nkind: broken", "good", "X010"),
        ("x: [1.0, 2.0]\nkind: deadly", "good", "X010"),
    ],
)
def test_what_fails_with_the_defaults_ends_the_search(
    folder: Path, space: str, data: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "space.yaml").write_text(space)
    (folder / "data.txt").write_text(data)
    assert main(words(2)) == (3 if code == "X010" else 2)
    assert code in capsys.readouterr().err
    assert not (folder / "search" / "report.md").exists()


@pytest.mark.skipif(os.name == "nt", reason="signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_stopped_search_goes_on_without_losing_a_trial(folder: Path, number: signal.Signals) -> None:
    log = folder / "log.txt"
    (folder / "space.yaml").write_text(f"x: {{low: -5, high: 5}}\nseconds: 0.5\nlog: {log}\n")
    command = [sys.executable, "-m", "aigc_content.cli", *words(4, "--workers", "2")]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder)
    end = time.monotonic() + 90
    while not log.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(number)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else -number)
    assert "Traceback" not in printed
    assert main(words(4)) == 0
    table = rows(folder)
    assert len(table) == 4
    assert [row[-1] for row in table].count("the defaults") == 1
    assert all(row[1] == "complete" for row in table)
    study = optuna.load_study(study_name="tune", storage=f"sqlite:///{folder / 'search' / 'study.db'}")
    assert not [trial for trial in study.trials if trial.state == optuna.trial.TrialState.RUNNING]


@pytest.mark.parametrize(
    ("text", "place", "code", "message"),
    [
        ("xx: {low: 1, high: 2}", "1:1", "G001", "did you mean 'x'?"),
        ("x: {low: 1, high: 2}\nsizes: 3", "2:1", "G001", "did you mean 'size'?"),
        ("x: {low: 1, high: 20}", "1:19", "G003", "x is 20"),
        ("size: {low: 1, high: 2.5}", "1:22", "G003", "integer"),
        ("kind: [round, stepp]", "1:15", "G003", "did you mean 'steep'?"),
        ("shape: [[1], [a]]", "1:15", "G003", "integer"),
        ("x: {low: 1, hihg: 2}", "1:13", "R020", "did you mean 'high'?"),
        ("x: {low: 1}", "1:4", "R020", "'high'"),
        ("x: {low: 3, high: 2}", "1:19", "R020", "low below high"),
        ("x: {low: 0, high: 2, log: true}", "1:10", "R020", "above 0"),
        ("x: {low: 1, high: 2, log: 1}", "1:27", "R020", "true or false"),
        ("x: {low: '1', high: 2}", "1:10", "R020", "low is text"),
        ("x: {low: 1, high: 2, step: 3}", "1:28", "R020", "step is 3"),
        ("size: {low: 1, high: 9, step: 0.5}", "1:31", "R020", "whole number"),
        ("x: []", "1:4", "R020", "empty"),
        ("x: [1, 2, 1]", "1:11", "R020", "twice"),
        ("x: [3]", "1:1", "R020", "nothing to search"),
        ("[x]", "1:1", "R003", "a mapping"),
        ("x: {low: 1, high: 2", "2:1", "R004", "YAML"),
    ],
)
def test_mistake_in_a_space_is_named_with_its_place(
    folder: Path, text: str, place: str, code: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "space.yaml").write_text(text + "\n")
    assert main(words(1)) == 2
    printed = capsys.readouterr().err
    assert f"space.yaml:{place}: {code}" in printed
    assert message in printed
    assert not (folder / "search").exists()


def test_space_is_read_as_the_options_take_it(folder: Path) -> None:
    text = "x: {low: 1, high: 2}\nsize: {low: 1.0, high: 9, step: 2}\nshape: [[1, 2], [3]]\nkind: [steep]\n"
    (folder / "space.yaml").write_text(text)
    found = read_space(Path("space.yaml"), discover().trainer("hill").config_type, "hill")
    assert found.space == {"x": Range(1.0, 2.0), "size": Range(1, 9, step=2), "shape": Choice(([1, 2], [3]))}
    assert not found.space["x"].whole
    assert found.space["size"].whole
    assert found.fixed == {"kind": "steep"}
    assert found.defaults == {"x": 4.0, "size": 3, "shape": [1, 2]}


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (["--space", "gone.yaml"], "I004", "gone.yaml"),
        (["--data", "gone"], "I001", "--data"),
        (["--held-out", "gone"], "I001", "--held-out"),
        (["--out", "taken"], "O011", "is no search"),
        (["--trials", "0"], "U002", "--trials"),
    ],
)
def test_wrong_option_is_named(
    folder: Path, change: list[str], code: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "taken").mkdir()
    (folder / "taken" / "mine.txt").write_text("mine")
    assert main([*words(1), *change]) == 2
    printed = capsys.readouterr().err
    assert code in printed
    assert message in printed


def test_trainer_without_objective_cannot_be_tuned(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words(1, generator="aimless")) == 2
    assert "trainer of aimless: P010" in capsys.readouterr().err


@pytest.mark.parametrize("package", ["optuna", "matplotlib"])
def test_missing_package_is_named_with_its_remedy(
    folder: Path, package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == package else find(name))
    assert main(words(1)) == 2
    printed = capsys.readouterr().err
    assert f"M010: needs the package '{package}'" in printed
    assert "pip install 'aigc-content[train]'" in printed


def search(path: Path, **options: object) -> Search:
    space = {"rate": Range(1e-4, 1e-1, log=True), "kind": Choice(("a", "b"))}
    settings = {"maximize": False, "defaults": {"rate": 0.5, "kind": "b"}} | options
    return Search(path, space, {"data": "d"}, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", [None, "burned down"])
def test_trial_that_is_killed_while_its_end_is_noted_runs_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str | None
) -> None:
    first = search(tmp_path / "study.db")
    number, options, defaults = first.ask()
    assert defaults
    monkeypatch.setattr(first._study, "tell", lambda *_, **__: None)  # the moment before it is told
    if reason is None:
        first.complete(number, 1.0)
    else:
        first.fail(number, reason)
    first.close()
    again = search(tmp_path / "study.db")
    assert again.outcomes() == []
    other, same, defaults = again.ask()
    assert (same, defaults) == (options, True)
    again.complete(other, 2.0)
    (outcome,) = again.outcomes()
    assert (outcome.number, outcome.value, outcome.defaults, outcome.reason) == (other, 2.0, True, "")
    again.close()


def test_default_outside_of_the_space_is_tried_as_it_is(tmp_path: Path) -> None:
    found = search(tmp_path / "study.db")
    number, options, defaults = found.ask()
    assert (number, options, defaults) == (0, {"kind": "b"}, True)
    found.complete(number, 1.0)
    _, options, defaults = found.ask()
    assert not defaults
    assert 1e-4 <= options["rate"] <= 1e-1
    found.close()


def test_bad_trial_is_given_up_by_its_held_out_loss(tmp_path: Path) -> None:
    for maximize in (False, True):
        found = search(tmp_path / f"{maximize}.db", maximize=maximize)
        for place in range(5):
            number, _, _ = found.ask()
            assert not found.report(number, 10, 1.0 + place / 100)
            found.complete(number, 1.0)
        number, _, _ = found.ask()
        assert not found.report(number, 10, 0.5)
        assert found.report(number, 20, 0.4) is False
        found.complete(number, 1.0)
        number, _, _ = found.ask()
        assert found.report(number, 10, 3.0)
        found.prune(number)
        assert found.outcomes()[-1].state == "pruned"
        found.close()


def test_search_over_something_else_is_told(tmp_path: Path) -> None:
    search(tmp_path / "study.db").close()
    with pytest.raises(OtherSearch) as caught:
        Search(tmp_path / "study.db", {}, {"data": "e"}, maximize=False, defaults={})
    assert caught.value.args[0] == {"data": "d"}
    (tmp_path / "broken.db").write_bytes(b"no database at all, not at all" * 40)
    with pytest.raises(OSError, match="database"):
        search(tmp_path / "broken.db")


def test_ranges_and_choices_know_what_they_hold() -> None:
    assert Range(1, 9, step=2).holds(3)
    assert not Range(1, 9, step=2).holds(4)
    assert not Range(1, 9).holds(2.0)
    assert not Range(1, 9).holds(True)
    assert Range(0.0, 1.0).holds(1)
    assert not Range(0.0, 1.0).holds(1.5)
    assert Choice(([1, 2],)).holds([1, 2])
    assert not Choice(("1",)).holds(1)
