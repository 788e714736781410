"""Models on the Hugging Face hub: its own client, against a stand-in here and against no network at all."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from aigc_content import hub
from aigc_content.errors import AigcError, ModelError
from aigc_content.models import FILES, inspect

constants = pytest.importorskip("huggingface_hub.constants")
sys.path.insert(0, str(Path(__file__).parent))
from hub_kit.standin import TOKEN, Hub, serve  # noqa: E402

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "toy"
    folder.mkdir()
    save_file({"w": np.arange(6, dtype=np.int8)}, folder / "model.safetensors")
    (folder / "config.json").write_text('{"family": "toy"}')
    (folder / "README.md").write_text("---\nname: toy\nlicense: mit\n---\n# Toy\n")
    (folder / "notes.txt").write_text("stays at home")
    return folder


@pytest.fixture
def standin(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with serve() as held:
        monkeypatch.setenv("HF_ENDPOINT", held.url)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path_factory.mktemp("home") / "token"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield held


def refused(call: Callable[..., Any], *args: Any) -> AigcError:
    with pytest.raises(ModelError) as caught:
        call(*args)
    assert caught.value.remedy
    return caught.value


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def test_push_makes_a_private_repository_with_the_model_alone(model: Path, standin: Hub) -> None:
    hub.push(model, "hf://owner/toy")
    repository = standin.repositories["owner/toy"]
    assert repository.private
    files = repository.commits[repository.branches["main"]]
    assert set(files) == {*FILES, "digests.json"}
    assert {name: files[name] for name in FILES} == contents(model)


def test_pull_brings_back_what_was_pushed(model: Path, tmp_path: Path, standin: Hub) -> None:
    digest = hub.push(model, "hf://owner/toy").digest
    assert hub.pull("hf://owner/toy", tmp_path / "back", digest).digest == digest
    assert contents(tmp_path / "back") == contents(model)
    assert {path.name for path in (tmp_path / "back").iterdir()} == {*FILES, "digests.json"}
    assert {path.name for path in tmp_path.iterdir()} == {"toy", "back"}


def test_revisions_are_branches_and_commits(model: Path, tmp_path: Path, standin: Hub) -> None:
    hub.push(model, "hf://owner/toy@v1")
    save_file({"w": np.arange(7, dtype=np.int8)}, model / "model.safetensors")
    hub.push(model, "hf://owner/toy")
    first = standin.repositories["owner/toy"].branches["v1"]
    one, two = (hub.pull(f"hf://owner/toy@{name}", tmp_path / name).digest for name in ("v1", first))
    assert one == two != inspect(model).digest
    assert hub.pull("hf://owner/toy", tmp_path / "main").digest == inspect(model).digest


def test_repository_made_by_hand_is_pulled_without_its_other_files(model: Path, tmp_path: Path, standin: Hub) -> None:
    others = {"pytorch_model.bin": b"pickle", "onnx/model.onnx": b"", ".gitattributes": b""}
    standin.add("owner/toy", {**contents(model), **others})
    hub.pull("hf://owner/toy", tmp_path / "back")
    assert {path.name for path in (tmp_path / "back").iterdir()} == {*FILES, "digests.json"}
    assert not [request for request in standin.asked if "pytorch_model" in request]


def test_repository_of_pickles_is_refused_before_anything_is_fetched(
    model: Path, tmp_path: Path, standin: Hub
) -> None:
    files = contents(model)
    del files["model.safetensors"]
    standin.add("owner/toy", {**files, "pytorch_model.bin": b"pickle"})
    error = refused(hub.pull, "hf://owner/toy", tmp_path / "back")
    assert (error.code, error.where) == ("M002", "hf://owner/toy")
    assert "pytorch_model.bin can hold a pickle" in error.found
    assert not [request for request in standin.asked if "resolve" in request]


def test_too_large_file_is_refused_before_anything_is_fetched(model: Path, tmp_path: Path, standin: Hub) -> None:
    standin.add("owner/toy", {**contents(model), "config.json": b" " * (3 << 20)})
    assert refused(hub.pull, "hf://owner/toy", tmp_path / "back").code == "M012"
    assert not [request for request in standin.asked if "resolve" in request]


def test_changed_weights_are_refused(model: Path, tmp_path: Path, standin: Hub) -> None:
    hub.push(model, "hf://owner/toy")
    weights = bytearray((model / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    standin.add("owner/toy", {"model.safetensors": bytes(weights)})
    error = refused(hub.pull, "hf://owner/toy", tmp_path / "back")
    assert (error.code, error.where) == ("M006", "hf://owner/toy/model.safetensors")
    assert not (tmp_path / "back").exists()


def test_what_is_missing_or_closed_is_named(
    model: Path, tmp_path: Path, standin: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = tmp_path / "back"
    assert refused(hub.pull, "hf://owner/gone", back).code == "M009"
    hub.push(model, "hf://owner/toy")
    error = refused(hub.pull, "hf://owner/toy@v9", back)
    assert (error.code, error.found) == ("M009", "the repository has no revision 'v9'")
    standin.repositories["owner/toy"].gated = True
    assert refused(hub.pull, "hf://owner/toy", back).code == "M008"
    monkeypatch.delenv("HF_TOKEN")
    error = refused(hub.pull, "hf://owner/toy", back)
    assert error.code == "M009"
    assert "HF_TOKEN" in error.remedy
    error = refused(hub.push, model, "hf://owner/new")
    assert error.code == "M008"
    assert "hf auth login" in error.remedy
    assert "owner/new" not in standin.repositories
    assert not back.exists()


def test_hub_that_fails_is_named(model: Path, tmp_path: Path, standin: Hub) -> None:
    hub.push(model, "hf://owner/toy")
    standin.broken["/api/models"] = 418
    assert refused(hub.pull, "hf://owner/toy", tmp_path / "back").code == "M007"
    assert refused(hub.push, model, "hf://owner/toy").code == "M007"
    assert {path.name for path in tmp_path.iterdir()} == {"toy"}


def test_command_line_reaches_the_hub_that_the_environment_names(
    model: Path, tmp_path: Path, standin: Hub, aigc: Run
) -> None:
    variables = {"HF_ENDPOINT": standin.url, "HF_HOME": str(tmp_path / "home")}
    pushed = aigc("models", "push", model, "hf://owner/toy", **variables)
    assert (pushed.returncode, pushed.stderr) == (0, "pushed toy (mit) to hf://owner/toy\n")
    pulled = aigc("models", "pull", "hf://owner/toy", tmp_path / "back", **variables)
    assert (pulled.returncode, pulled.stderr) == (0, f"pulled toy (mit) into {tmp_path / 'back'}\n")
    assert pushed.stdout == pulled.stdout == f"{inspect(model).digest}\n"


@pytest.mark.parametrize(
    ("variables", "remedy"),
    [
        ({"HF_ENDPOINT": "http://hub.invalid"}, "check the network and HF_ENDPOINT"),
        ({"HF_HUB_OFFLINE": "1"}, "unset HF_HUB_OFFLINE"),
    ],
    ids=["no network", "offline by choice"],
)
def test_offline_is_one_clear_message(
    model: Path, tmp_path: Path, aigc: Run, variables: dict[str, str], remedy: str
) -> None:
    home = {"HF_HOME": str(tmp_path / "home")}
    done = aigc("models", "pull", "hf://owner/toy", tmp_path / "back", **variables, **home)
    assert (done.returncode, done.stdout) == (2, "")
    first, second = done.stderr.splitlines()
    assert first.startswith("hf://owner/toy: M007: cannot be reached: ")
    assert second == f"  remedy: {remedy}; nothing was changed, so run it again"
    done = aigc("models", "push", model, "hf://owner/toy", **variables, **home)
    assert done.returncode == 2
    assert "hf://owner/toy: M007: " in done.stderr
    assert not (tmp_path / "back").exists()
