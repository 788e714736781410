"""``aigc train``: killed or interrupted, run again, and the bytes are those of a calm training."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aigc_content.cli import main
from aigc_content.cli.training import digest_of_data, training
from aigc_content.errors import OutputError
from aigc_content.nn.trainstate import load_facts, save

TOYS = Path(__file__).resolve().parent / "toy_trainers"
QUICK = ["--steps", "40", "--threads", "1", "--evaluate-steps", "10", "--sample-steps", "15"]
SLOW = [*QUICK, "--checkpoint-minutes", "0.001", "--pause", "0.03"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIGC_PLUGINS_DIR", str(TOYS))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.txt").write_text("".join(f"{x / 10} {x * x / 100}\n" for x in range(-10, 11)))
    return tmp_path


def words(out: str, options: list[str]) -> list[str]:
    return ["train", "line", "--data", "data.txt", "--out", out, *options]


def tree(out: Path) -> dict[str, bytes]:
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def started(folder: Path, number: int) -> subprocess.Popen[str]:
    """A slow training in a process of its own, after its state has been written at step ``number`` or later."""
    command = [sys.executable, "-m", "aigc_content.cli", *words("model", SLOW)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder)
    state = folder / "model.training" / "state" / "net.fit.safetensors"
    end = time.monotonic() + 90
    while not state.exists() or load_facts(state)["step"] < number:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)
    return process


def test_killed_training_goes_on_to_the_same_bytes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    process = started(folder, 12)
    process.kill()
    process.communicate()
    assert not (folder / "model").exists()
    assert (folder / "model.training" / "model" / "model.safetensors").exists()
    assert main(words("model", SLOW)) == 0
    assert "going on from step " in capsys.readouterr().err
    assert main(words("calm", QUICK)) == 0
    assert tree(folder / "model") == tree(folder / "calm")
    assert {path.name for path in folder.iterdir()} == {"data.txt", "model", "calm"}
    samples = ["samples/step-000015.png", "samples/step-000030.png", "samples/step-000040.png"]
    assert [name for name in tree(folder / "model") if name.startswith("samples/")] == samples


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_saves_a_model_and_goes_on_to_the_same_bytes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    process = started(folder, 12)
    process.send_signal(signal.SIGINT)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on from model.training" in printed
    assert "Traceback" not in printed
    early = tree(folder / "model")
    assert "model.safetensors" in early
    assert main(["evaluate", "line", "--data", "data.txt", "--model", "model"]) == 0
    assert main(words("model", ["--steps", "41", *SLOW[2:]])) == 2
    assert (
        "O020: an unfinished training lies here that is not this one: steps was 40, is 41" in capsys.readouterr().err
    )
    (folder / "model" / "config.json").write_text('{"edited": "by hand"}')
    assert main(words("model", SLOW)) == 2
    assert "O011" in capsys.readouterr().err
    (folder / "model" / "config.json").write_bytes(early["config.json"])
    assert main(words("model", SLOW)) == 0
    assert main(words("calm", QUICK)) == 0
    assert tree(folder / "model") == tree(folder / "calm") != early
    assert {path.name for path in folder.iterdir()} == {"data.txt", "model", "calm"}


def identity(**options: Any) -> dict[str, Any]:
    return {"generator": "line", "config": {"steps": 5, **options}, "data": "a" * 64, "from": ""}


def fail(out: Path, state: str, **options: Any) -> None:
    """A training that fails, with a state of that name or before there is any."""

    def begin() -> None:
        with training(out, identity(**options)) as work:
            (work.model / "config.json").write_text("{}")
            if state:
                save(work.state / state, {}, {"done": False})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        begin()


def test_what_is_not_the_same_training_is_refused(tmp_path: Path) -> None:
    fail(tmp_path / "model", "net.fit.safetensors", width=8, game={"sha256": "b" * 64})
    for other, message in (
        (identity(width=9, game={"sha256": "b" * 64}), "width was 8, is 9"),
        (identity(width=8, game={"sha256": "c" * 64}), "game was "),
        (identity(width=8, game={"sha256": "b" * 64}) | {"data": "b" * 64}, "the data are others"),
        (identity(width=8, game={"sha256": "b" * 64}) | {"from": "1"}, "it began from another model"),
    ):
        with pytest.raises(OutputError, match=message) as caught, training(tmp_path / "model", other):
            pass
        assert caught.value.code == "O020"


def test_failure_before_the_first_state_leaves_nothing(tmp_path: Path) -> None:
    fail(tmp_path / "model", "")
    assert list(tmp_path.iterdir()) == []


def test_two_trainings_of_one_model_do_not_mix(tmp_path: Path) -> None:
    out = tmp_path / "model"
    with pytest.raises(OutputError) as caught, training(out, identity()), training(out, identity()):
        pass
    assert caught.value.code == "O001"


def test_folder_of_another_kind_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "model.training").mkdir()
    (tmp_path / "model.training" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"run\.json"), training(tmp_path / "model", identity()):
        pass
    assert (tmp_path / "model.training" / "notes.txt").read_text() == "mine"


def test_digest_of_data_is_of_names_and_contents(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    for place, order in ((first, "xy"), (second, "yx")):
        (place / "inner").mkdir(parents=True)
        for name in order:
            (place / "inner" / name).write_text(name)
    assert digest_of_data(first) == digest_of_data(second)
    (second / "inner" / "x").rename(second / "inner" / "z")
    assert digest_of_data(first) != digest_of_data(second)
    assert digest_of_data(first / "inner" / "x") != digest_of_data(first / "inner" / "y")


def test_tensorboard_gets_curves(folder: Path) -> None:
    pytest.importorskip("tensorboard")
    assert main([*words("model", QUICK), "--tensorboard", "board"]) == 0
    assert any(path.name.startswith("events.out.tfevents") for path in (folder / "board").iterdir())


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes a package look as if it were not installed."""
    find = importlib.util.find_spec

    def hide(package: str) -> None:
        monkeypatch.setitem(sys.modules, package, None)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == package else find(name))

    return hide


@pytest.mark.parametrize(
    ("package", "options", "extra"),
    [("tensorboard", ["--tensorboard", "board"], "tensorboard"), ("torch", [], "train")],
)
def test_missing_package_is_named_with_its_remedy(
    folder: Path,
    without: Callable[[str], None],
    package: str,
    options: list[str],
    extra: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    without(package)
    assert main([*words("model", QUICK), *options]) == 2
    printed = capsys.readouterr().err
    assert f"M010: needs the package '{package}'" in printed
    assert f"pip install 'aigc-content[{extra}]'" in printed
    assert {path.name for path in folder.iterdir()} == {"data.txt"}
