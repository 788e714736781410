"""Commands that make something, as a user runs them, with the example plugin."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest

from aigc_content.cli import main

RECIPE = """\
version: 1
seed: 3
jobs:
  - name: towns
    generator: names
    count: 6
    params: {min_length: 5}
    sweep: {boldness: [0, 5]}
    export: [csv]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names_plugin: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "towns.yaml").write_text(RECIPE)
    return tmp_path


def data(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def build(*words: str) -> int:
    return main(["build", "towns.yaml", "--executor", "inline", *words])


def test_build_then_build_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build() == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("12 assets: 12 made, 0 reused;")
    assert f"gallery: {Path('out/towns/gallery.html')}" in printed.out
    assert (folder / "out/towns/towns-boldness-5/names.csv").read_text().startswith("id,name\n")
    assert build("--explain") == 0
    printed = capsys.readouterr()
    assert "towns[boldness=0]: all 6 slots are as before" in printed.out
    assert "nothing to do: 12 assets are up to date" in printed.out
    assert printed.err == ""


def test_json_is_one_object_and_nothing_else(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build("--json", "--explain") == 0
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out
    result = json.loads(printed.out)
    assert (result["status"], result["total"], result["made"], result["failed"]) == (0, 12, 12, {})
    assert result["reasons"][0]["what"] == "new"
    (folder / "result.json").write_text(printed.out)
    assert main(["validate", "result.json", "--schema", "build-1"]) == 0
    assert main(["verify", "out/towns", "--json"]) == 0
    (folder / "result.json").write_text(capsys.readouterr().out.partition("valid\n")[2])
    assert main(["validate", "result.json", "--schema", "verify-1"]) == 0


def test_dry_run_writes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build("--dry-run") == 0
    assert capsys.readouterr().out == "would make 12 of 12 assets; nothing was written\n"
    assert not (folder / "out").exists()
    assert build() == 0
    capsys.readouterr()
    assert build("--dry-run") == 0
    assert capsys.readouterr().out.startswith("nothing to do: 12 assets are up to date\n")


def test_prune_tells_what_it_dropped(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert build() == 0
    (folder / "towns.yaml").write_text(RECIPE.replace("[0, 5]", "[0]"))
    assert build("--prune") == 0
    told = re.search(
        r"removed from the store: (\d+) candidates that no asset needs, ([\d,]+) bytes", capsys.readouterr().err
    )
    assert told is not None
    assert int(told[1]) >= 6
    assert int(told[2].replace(",", "")) > 600
    assert build("--prune", "--json") == 0
    assert data(capsys)["dropped"] == 0


def test_recipe_from_standard_input(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(RECIPE.encode())))
    assert main(["build", "-", "--executor", "inline", "--out", "o", "--json"]) == 0
    assert data(capsys)["made"] == 12


def test_asset_that_cannot_be_made_ends_with_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--param", "start=qqq", "--executor", "inline"]
    assert main(["generate", "names", *words]) == 1
    assert "failed: 1 of 1 assets could not be made: start 1" in capsys.readouterr().err


def test_edited_file_is_kept_and_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build()
    table = folder / "out/towns/towns-boldness-0/names.csv"
    table.write_text("mine")
    assert build() == 1
    assert f"kept, because it was edited by hand (--force overwrites): {table.relative_to(folder)}" in (
        capsys.readouterr().err
    )
    assert table.read_text() == "mine"
    assert build("--force") == 0
    assert table.read_text() != "mine"


def test_generate_is_a_build_of_one_job(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--count", "3", "--seed", "5", "--param", "start=th", "--export", "csv", "--executor", "inline"]
    assert main(["generate", "names", *words]) == 0
    listed = (folder / "out/names/names/names.csv").read_text().splitlines()[1:]
    assert len(listed) == 3
    assert all(",Th" in line for line in listed)


def test_verify_validate_keep_and_gallery(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    build()
    capsys.readouterr()
    assert main(["verify", "out/towns", "--json"]) == 0
    assert data(capsys)["assets"] == 12
    asset = "out/towns/towns-boldness-0/towns-boldness-0-000001.name.json"
    assert main(["validate", asset, "out/towns/manifest.jsonl", "towns.yaml"]) == 0
    assert capsys.readouterr().out.count(": valid\n") == 3
    assert main(["keep", "out/towns", "towns-boldness-0-000001", "--to", "kept"]) == 0
    assert Path(capsys.readouterr().out.splitlines()[0]).is_file()
    assert main(["gallery", "out/towns"]) == 0
    assert Path(capsys.readouterr().out.strip()).is_file()
    Path(asset).write_text('{"name": "Xx", "syllables": []}')
    assert main(["verify", "out/towns"]) == 1
    assert "towns-boldness-0-000001" in capsys.readouterr().err
    Path(asset).write_text('{"name": "Xx"}')
    assert main(["validate", asset]) == 1
    assert "'syllables' is a required property" in capsys.readouterr().err


def test_validate_checks_a_recipe_with_its_generators(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "towns.yaml").write_text(RECIPE.replace("min_length: 5", "min_lenght: 5"))
    assert main(["validate", "towns.yaml"]) == 2
    assert "towns.yaml:7:14: G001" in capsys.readouterr().err


def test_train_evaluate_and_use_the_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "names.txt").write_text("Anna\nHanna\nJohanna\n")
    assert (
        main(["train", "names", "--data", "names.txt", "--out", "model", "--name", "anna", "--license", "MIT"]) == 0
    )
    assert "trained anna" in capsys.readouterr().err
    assert sorted(path.name for path in (folder / "model").iterdir()) == [
        "README.md", "config.json", "model.safetensors",
    ]  # fmt: skip
    assert main(["evaluate", "names", "--data", "names.txt", "--model", "model", "--json"]) == 0
    assert data(capsys)["figures"] == {"names": 3, "known_steps": 1.0}
    assert main(["models", "card", "model"]) == 0
    assert "license: MIT" in capsys.readouterr().out
    assert main(["train", "names", "--data", "names.txt", "--out", "model"]) == 2
    assert "O011" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "where", "code"),
    [
        (["--nam", "x"], "--nam: ", "G001"),
        (["--config", "c.yaml"], "c.yaml:2:1: ", "G001"),
        (["--config", "gone.yaml"], "gone.yaml: ", "I004"),
        (["stray"], "", "U005"),
        (["--name", "[1"], "--name", "R004"),
        (["--name", "[1]"], "--name: ", "G003"),
    ],
)
def test_wrong_option_of_a_trainer_is_named(
    folder: Path, options: list[str], where: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "names.txt").write_text("Anna\n")
    (folder / "c.yaml").write_text("name: a\nlicence: b\n")
    assert main(["train", "names", "--data", "names.txt", "--out", "model", *options]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(where)
    assert code in printed
    assert not (folder / "model").exists()


def test_command_line_overrides_the_config_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "names.txt").write_text("Anna\n")
    (folder / "c.yaml").write_text("name: a\nlicense: MIT\n")
    words = ["--data", "names.txt", "--out", "model", "--config", "c.yaml", "--name=b"]
    assert main(["train", "names", *words]) == 0
    assert "trained b" in capsys.readouterr().err
    assert "license: MIT" in (folder / "model" / "README.md").read_text()


def test_failed_training_leaves_nothing(folder: Path) -> None:
    (folder / "names.txt").write_text("no names: 123\n")
    assert main(["train", "names", "--data", "names.txt", "--out", "model"]) == 2
    assert {path.name for path in folder.iterdir()} == {"names.txt", "towns.yaml"}


def test_lists_are_data(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["plugins", "list"], ["models", "list"], ["schema", "list"], ["data", "list"]):
        assert main([*words, "--json"]) == 0
        json.loads(capsys.readouterr().out)
        assert main(words) == 0
        assert capsys.readouterr().out


def test_conformance_is_printed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "check", "names"]) == 0
    assert "all 13 checks passed" in capsys.readouterr().out
    assert main(["plugins", "check", "names", "--json"]) == 0
    assert all(check["passed"] for check in json.loads(capsys.readouterr().out))
