"""Models pushed to and pulled from folders, S3 and other URLs: checked, and whole or not at all."""

from __future__ import annotations

import errno
import io
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from aigc_content import hub
from aigc_content.cli import main
from aigc_content.errors import AigcError
from aigc_content.models import FILES, Model, inspect

fsspec = pytest.importorskip("fsspec")
from fsspec.implementations.memory import MemoryFileSystem  # noqa: E402

CARD = "---\nname: toy\nlicense: MIT\n---\n# Toy\n"
NAMES = {*FILES, "digests.json"}
ROOT = Path(__file__).resolve().parent.parent
DUNGEON = ROOT / "plugins" / "levels" / "aigc_levels" / "weights" / "dungeon"


def make_model(folder: Path, seed: int = 1) -> Path:
    folder.mkdir(parents=True)
    save_file({"w": np.arange(6, dtype=np.int8) * seed}, folder / "model.safetensors")
    (folder / "config.json").write_text('{"family": "toy"}')
    (folder / "README.md").write_text(CARD)
    (folder / "notes.txt").write_text("stays at home")
    return folder


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return make_model(tmp_path / "toy")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a mistake writes into the current folder harms nothing."""
    monkeypatch.chdir(tmp_path_factory.mktemp("current"))


def refused(call: Callable[..., Model], *args: Any, **options: Any) -> AigcError:
    with pytest.raises(AigcError) as caught:
        call(*args, **options)
    assert caught.value.remedy
    assert "aigc-pu" not in str(caught.value)  # no temporary folder's name
    return caught.value


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# Folders


def test_push_and_pull_bring_the_same_model(model: Path, tmp_path: Path) -> None:
    there, back = tmp_path / "shelf" / "toy-1", tmp_path / "back"
    pushed = hub.push(model, str(there))
    assert names(there) == NAMES
    assert pushed == inspect(model)
    pulled = hub.pull(str(there), back, pinned=pushed.digest)
    assert (pulled.digest, pulled.path) == (pushed.digest, back)
    assert all((back / name).read_bytes() == (model / name).read_bytes() for name in FILES)
    assert names(tmp_path) == {"toy", "shelf", "back"}


def test_second_push_or_pull_of_the_same_model_is_done_already(model: Path, tmp_path: Path) -> None:
    for _ in range(2):
        hub.push(model, str(tmp_path / "there"))
        hub.pull(str(tmp_path / "there"), tmp_path / "back")
    assert names(tmp_path) == {"toy", "there", "back"}


def test_other_model_is_never_replaced(model: Path, tmp_path: Path) -> None:
    other = make_model(tmp_path / "other", seed=2)
    before = (other / "model.safetensors").read_bytes()
    assert refused(hub.push, model, str(other)).code == "O011"
    assert refused(hub.pull, str(model), other).code == "O011"
    assert (other / "model.safetensors").read_bytes() == before
    (tmp_path / "file").write_text("")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("")
    for taken in ("file", "full"):
        assert refused(hub.pull, str(model), tmp_path / taken).code == "O011"
    assert names(tmp_path) == {"toy", "other", "file", "full"}


def test_empty_folder_may_be_filled(model: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    hub.pull(str(model), tmp_path / "empty")
    assert names(tmp_path / "empty") == NAMES


def test_pinned_digest_is_kept(model: Path, tmp_path: Path) -> None:
    error = refused(hub.pull, str(model), tmp_path / "back", pinned="0" * 64)
    assert error.code == "M006"
    assert error.where == str(model)
    assert not (tmp_path / "back").exists()
    for short in ("abc", inspect(model).digest[:12], inspect(model).digest.upper()):
        assert refused(hub.pull, str(model), tmp_path / "back", pinned=short).code == "U012"


def spoil_digest(folder: Path) -> None:
    (folder / "config.json").write_text('{"family": "changed on the way"}')


def spoil_weights(folder: Path) -> None:
    (folder / "digests.json").unlink()
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-1])


def spoil_numbers(folder: Path) -> None:
    (folder / "digests.json").unlink()
    save_file({"m": np.array([1, np.nan], dtype=np.float32)}, folder / "model.safetensors")


def spoil_shapes(folder: Path) -> None:
    (folder / "digests.json").unlink()
    shutil.copy(DUNGEON / "config.json", folder / "config.json")


def spoil_license(folder: Path) -> None:
    (folder / "digests.json").unlink()
    (folder / "README.md").write_text("# Toy\n")


def spoil_format(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


@pytest.mark.parametrize(
    ("spoil", "code", "file"),
    [
        (spoil_digest, "M006", "config.json"),
        (spoil_weights, "M002", "model.safetensors"),
        (spoil_numbers, "M005", "model.safetensors"),
        (spoil_shapes, "M005", ""),
        (spoil_license, "M004", "README.md"),
        (spoil_format, "M002", ""),
    ],
)
def test_what_may_not_be_loaded_arrives_nowhere(
    model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    spoil: Callable[[Path], None],
    code: str,
    file: str,
) -> None:
    there = tmp_path / "there"
    hub.push(model, str(there))
    spoil(there)
    for words in (["pull", str(there), str(tmp_path / "back")], ["push", str(there), str(tmp_path / "back")]):
        assert main(["models", *words]) == 2
        printed = capsys.readouterr()
        assert printed.out == ""
        assert printed.err.startswith(f"{there / file}: {code}: ")
        assert names(tmp_path) == {"toy", "there"}


def test_card_may_be_corrected_but_not_on_the_way(model: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    hub.push(model, str(there))
    (there / "README.md").write_text(CARD + "corrected\n")
    error = refused(hub.pull, str(there), tmp_path / "back")
    assert (error.code, error.where) == ("M006", str(there / "README.md"))
    hub.push(there, str(tmp_path / "new"))
    assert hub.pull(str(tmp_path / "new"), tmp_path / "back").digest == inspect(model).digest


def test_folder_that_cannot_be_made_is_named(model: Path) -> None:
    error = refused(hub.pull, str(model), model / "config.json" / "back")
    assert (error.code, error.where) == ("O012", str(model / "config.json" / "back"))


def test_folders_above_a_target_are_made_and_unmade(model: Path, tmp_path: Path) -> None:
    deep = tmp_path / "models" / "deep"
    refused(hub.pull, str(model), deep / "toy", pinned="0" * 64)
    assert names(tmp_path) == {"toy"}
    hub.pull(str(model), deep / "toy")
    refused(hub.pull, str(model), deep / "other", pinned="0" * 64)
    assert names(deep) == {"toy"}


def test_full_disk_is_named(model: Path, tmp_path: Path) -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        opened = Path.open
        patch.setattr(Path, "open", lambda path, mode="r", *a: Full() if mode == "xb" else opened(path, mode, *a))
        error = refused(hub.pull, str(model), tmp_path / "back")
    assert error.code == "O012"
    assert "No space left" in error.found
    assert names(tmp_path) == {"toy"}


def test_file_that_is_too_large_is_not_fetched(model: Path, tmp_path: Path) -> None:
    with (model / "model.safetensors").open("ab") as file:
        file.truncate(5 << 30)  # a hole, which takes no space
    error = refused(hub.pull, str(model), tmp_path / "back")
    assert (error.code, error.where) == ("M012", str(model))
    assert error.found == "model.safetensors has 5,368,709,120 bytes"


def test_missing_place_is_named(model: Path, tmp_path: Path) -> None:
    assert refused(hub.pull, str(tmp_path / "gone"), tmp_path / "back").code == "M009"
    (tmp_path / "empty").mkdir()
    assert refused(hub.pull, str(tmp_path / "empty"), tmp_path / "back").code == "M001"
    assert refused(hub.pull, f"file://{tmp_path / 'gone'}", tmp_path / "back").code == "M009"
    assert refused(hub.push, model, f"file://{tmp_path / 'gone' / 'deep'}").code == "M009"
    assert names(tmp_path) == {"toy", "empty"}


@pytest.mark.parametrize("address", ["nope://bucket", "hf://caves", "hf://a/b/c", "hf://a/b@", "hf://"])
def test_address_that_means_nothing_is_refused(model: Path, tmp_path: Path, address: str) -> None:
    for error in (refused(hub.push, model, address), refused(hub.pull, address, tmp_path / "back")):
        assert (error.code, error.where) == ("M011", address)
        assert error.allowed


# URLs


class Flaky(MemoryFileSystem):
    """A file system in memory whose connection breaks off at one file."""

    protocol = "flaky"
    store: dict[str, Any] = {}
    pseudo_dirs = [""]
    breaks = ""

    def put_file(self, lpath: str, rpath: str, **options: Any) -> None:
        super().put_file(lpath, rpath, **options)
        if self.breaks and rpath.endswith(self.breaks):
            raise ConnectionResetError(104, "connection reset by peer")

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        if self.breaks and path.endswith(self.breaks) and mode == "rb":
            raise TimeoutError("timed out")
        return super()._open(path, mode, **options)


@pytest.fixture
def flaky() -> Iterator[type[Flaky]]:
    fsspec.register_implementation("flaky", Flaky, clobber=True)
    yield Flaky
    Flaky.store.clear()
    Flaky.breaks = ""


@pytest.mark.parametrize("file", sorted(NAMES))
def test_push_that_breaks_off_leaves_nothing(model: Path, flaky: type[Flaky], file: str) -> None:
    flaky.breaks = file
    error = refused(hub.push, model, "flaky://shelf/toy")
    assert (error.code, error.where) == ("M007", "flaky://shelf/toy")
    assert "connection reset" in error.found
    assert flaky.store == {}
    flaky.breaks = ""
    hub.push(model, "flaky://shelf/toy")
    assert len(flaky.store) == len(NAMES)


@pytest.mark.parametrize("file", sorted(NAMES))
def test_pull_that_breaks_off_leaves_nothing(model: Path, tmp_path: Path, flaky: type[Flaky], file: str) -> None:
    hub.push(model, "flaky://shelf/toy")
    flaky.breaks = file
    assert refused(hub.pull, "flaky://shelf/toy", tmp_path / "back").code == "M007"
    assert names(tmp_path) == {"toy"}
    flaky.breaks = ""
    hub.pull("flaky://shelf/toy/", tmp_path / "back")


def test_unfinished_push_is_not_taken_for_a_model(model: Path, flaky: type[Flaky]) -> None:
    hub.push(model, "flaky://shelf/toy")
    del flaky.store["flaky://shelf/toy/digests.json"]
    error = refused(hub.push, model, "flaky://shelf/toy")
    assert error.code == "O011"
    assert "unfinished" in error.found


# S3


@pytest.fixture(scope="module")
def s3() -> Iterator[Any]:
    """An S3 service on this machine, found as any other is: by the environment."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    with pytest.MonkeyPatch.context() as patch:
        host, port = server.get_host_and_port()
        patch.setenv("AWS_ENDPOINT_URL_S3", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "testing")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        system = fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False)
        system.mkdir("shelf")
        yield system
    server.stop()


def test_model_travels_through_s3(model: Path, tmp_path: Path, s3: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "push", str(model), "s3://shelf/models/toy-1"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{inspect(model).digest}\n"
    assert printed.err == "pushed toy (MIT) to s3://shelf/models/toy-1\n"
    assert {path.rpartition("/")[2] for path in s3.ls("shelf/models/toy-1")} == NAMES
    words = ["models", "pull", "s3://shelf/models/toy-1/", str(tmp_path / "back"), "--digest", printed.out.strip()]
    assert main(words) == 0
    assert all((tmp_path / "back" / name).read_bytes() == (model / name).read_bytes() for name in FILES)


def test_second_push_to_s3_changes_nothing_and_another_model_is_refused(model: Path, tmp_path: Path, s3: Any) -> None:
    address = "s3://shelf/models/toy-2"
    hub.push(model, address)
    times = {entry["name"]: entry["LastModified"] for entry in s3.ls("shelf/models/toy-2", detail=True)}
    hub.push(model, address)
    error = refused(hub.push, make_model(tmp_path / "other", seed=2), address)
    assert (error.code, error.where) == ("O011", address)
    assert {entry["name"]: entry["LastModified"] for entry in s3.ls("shelf/models/toy-2", detail=True)} == times


def test_object_changed_on_s3_is_refused(model: Path, tmp_path: Path, s3: Any) -> None:
    hub.push(model, "s3://shelf/models/toy-3")
    other = make_model(tmp_path / "other", seed=2)
    s3.put_file(str(other / "model.safetensors"), "shelf/models/toy-3/model.safetensors")
    error = refused(hub.pull, "s3://shelf/models/toy-3", tmp_path / "back")
    assert (error.code, error.where) == ("M006", "s3://shelf/models/toy-3/model.safetensors")
    assert not (tmp_path / "back").exists()


def test_pickle_on_s3_is_named_and_not_fetched(model: Path, tmp_path: Path, s3: Any) -> None:
    for name in ("config.json", "README.md"):
        s3.put_file(str(model / name), f"shelf/pickled/{name}")
    s3.pipe_file("shelf/pickled/pytorch_model.bin", b"cos\nsystem\n(S'touch opened'\ntR.")
    error = refused(hub.pull, "s3://shelf/pickled", tmp_path / "back")
    assert (error.code, error.where) == ("M002", "s3://shelf/pickled")
    assert "pytorch_model.bin can hold a pickle" in error.found


def test_missing_bucket_is_named_and_not_made(model: Path, tmp_path: Path, s3: Any) -> None:
    assert refused(hub.pull, "s3://shelv/models/toy", tmp_path / "back").code == "M009"
    assert refused(hub.pull, "s3://shelf/models/gone", tmp_path / "back").code == "M009"
    error = refused(hub.push, model, "s3://shelv/models/toy")
    assert (error.code, error.remedy) == ("M009", "make the bucket, or the folder above it, first")
    assert s3.ls("") == ["shelf"]


def test_missing_credentials_and_service_are_told_apart(
    model: Path, tmp_path: Path, s3: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    assert refused(hub.push, model, "s3://shelf/toy").code == "M007"
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable)
    monkeypatch.setenv("HOME", str(tmp_path))
    error = refused(hub.pull, "s3://shelf/toy", tmp_path / "back")
    assert error.code == "M008"
    assert "redentials" in error.found


def test_digests_are_those_of_the_files(model: Path, tmp_path: Path) -> None:
    from hashlib import sha256

    hub.push(model, str(tmp_path / "there"))
    listed = json.loads((tmp_path / "there" / "digests.json").read_text())
    assert listed == {"sha256": {name: sha256((model / name).read_bytes()).hexdigest() for name in sorted(FILES)}}


@pytest.mark.parametrize("command", ["list", "card", "push", "pull", "export"])
def test_command_has_help_and_is_documented(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", command, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"Usage: aigc models {command} ")
    assert f"aigc models {command}" in (ROOT / "docs" / "models.md").read_text("utf-8")
