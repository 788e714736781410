"""Weights that somebody forged or damaged: each is refused by one message, quickly and in little memory."""

from __future__ import annotations

import json
import os
import pickle
import struct
import time
import tracemalloc
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from aigc_content.cli import main
from aigc_content.errors import ModelError
from aigc_content.models import inspect
from aigc_content.nn import modelfile, networks

CARD = "---\nname: toy\nlicense: MIT\n---\n# Toy\n"
SECONDS, BYTES = 1.0, 32 << 20


class Bomb:
    """A pickle of it would run code if anything opened it."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, ("opened",)


def frame(header: Any, data: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(start: Any, end: Any, shape: Any = None, dtype: str = "I8") -> dict[str, Any]:
    return {"dtype": dtype, "shape": [end - start] if shape is None else shape, "data_offsets": [start, end]}


def floats(dtype: str, data: bytes) -> bytes:
    size = {"F16": 2, "BF16": 2, "F32": 4, "F64": 8}[dtype]
    return frame({"scale": tensor(0, len(data), [len(data) // size], dtype)}, data)


FRAMES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "0 bytes long"),
    "too short": (b"1234567", "7 bytes long"),
    "pickle": (pickle.dumps(Bomb(), 0) + b" " * 600, "its header claims"),
    "pickle of protocol 4": (pickle.dumps({"w": Bomb()}, 4), "its header claims"),
    "zip archive as torch.save makes it": (b"PK\x03\x04\x14\x00\x00\x00" + b"\0" * 500, "its header claims"),
    "header of 2**60 bytes": (frame({}, length=1 << 60), "its header claims 1152921504606846976 bytes"),
    "header of 2**64-1 bytes": (frame({}, length=(1 << 64) - 1), "its header claims"),
    "header above its limit": (frame(b" " * (1 << 21)), "its header claims 2097152 bytes"),
    "header of no JSON": (frame(b"not json"), "its header is broken"),
    "header of no UTF-8": (frame(b'{"\xff": 1}'), "its header is broken"),
    "header of UTF-16": (frame("{}".encode("utf-16")), "its header is broken"),
    "header is a list": (frame(b"[]"), "its header is broken"),
    "tensor is a number": (frame(b'{"w": 1}'), "its header is broken"),
    "tensor without fields": (frame({"w": {}}), "its header is broken"),
    "deep nesting": (frame(b"[" * 1_000_000), "no table of tensors"),
    "deep nesting in a tensor": (frame(b'{"w":' * 150_000), "no table of tensors"),
    "deep nesting, stretched": (frame(b"        [" * 100_000), "nested too deeply"),
    "million empty lists": (frame(b"[" + b"[]," * 349_000 + b"[]]"), "no table of tensors"),
    "empty lists, stretched": (frame(b"[" + b"[],      " * 110_000 + b"[]]"), "its header is broken"),
    "million numbers": (frame(b'{"w": [' + b"0," * 500_000 + b"0]}"), "its header is broken"),
    "number of a million digits": (frame(b'{"w": ' + b"9" * 1_000_000 + b"}"), "its header is broken"),
    "huge exponent": (frame(b'{"w": {"dtype":"I8","shape":[1],"data_offsets":[0,1e999]}}', b"1"), "no whole number"),
    "offset NaN": (frame(b'{"w": {"dtype":"I8","shape":[1],"data_offsets":[0,NaN]}}', b"1"), "no whole number"),
    "offset with a fraction": (frame({"w": tensor(0.0, 1.0, [1])}, b"1"), "no whole number"),
    "offset true": (frame({"w": tensor(False, True, [1])}, b"1"), "not whole numbers"),
    "offset negative": (frame({"w": tensor(-4, 0, [4])}, b"1234"), "not whole numbers"),
    "offset beyond 64 bits": (frame({"w": tensor(1 << 70, (1 << 70) + 4, [4])}, b"1234"), "not whole numbers"),
    "offsets outside the file": (frame({"w": tensor(0, 400)}, b"1234"), "tensors end at byte"),
    "offsets overlap": (frame({"w": tensor(0, 4), "v": tensor(2, 6)}, b"123456"), "overlap or leave holes"),
    "offsets leave a hole": (frame({"w": tensor(0, 2), "v": tensor(3, 6)}, b"123456"), "overlap or leave holes"),
    "offsets begin late": (frame({"w": tensor(1, 4)}, b"1234"), "overlap or leave holes"),
    "offsets the wrong way": (frame({"w": tensor(4, 0, [0])}, b"1234"), "has -4 bytes"),
    "three offsets": (frame({"w": {**tensor(0, 4), "data_offsets": [0, 2, 4]}}, b"1234"), "its header is broken"),
    "truncated": (frame({"w": tensor(0, 4)}, b"123"), "tensors end at byte"),
    "bytes behind the end": (frame({"w": tensor(0, 4)}, b"12345"), "tensors end at byte"),
    "shape is text": (frame({"w": tensor(0, 4, "abcd")}, b"1234"), "its header is broken"),
    "shape of other size": (frame({"w": tensor(0, 4, [5])}, b"1234"), "'w' has 4 bytes, not those of I8 [5]"),
    "shape whose product overflows": (frame({"w": tensor(0, 0, [1 << 33, 1 << 33])}), "'w' has 0 bytes"),
    "shape of many sides": (frame({"w": tensor(0, 1, [1] * 5000)}, b"1"), "not whole numbers"),
    "dtype of other size": (frame({"w": tensor(0, 4, [4], "F32")}, b"1234"), "'w' has 4 bytes, not those of F32 [4]"),
    "dtype unknown": (frame({"w": tensor(0, 4, [4], "PICKLE")}, b"1234"), "dtype 'PICKLE' of 'w' is not known"),
    "name twice": (
        frame(b'{"w":%s,"w":%s}' % ((json.dumps(tensor(0, 2)).encode(),) * 2), b"12"),
        "a name occurs twice",
    ),
    "field twice": (
        frame(b'{"w":{"dtype":"I8","dtype":"U8","shape":[2],"data_offsets":[0,2]}}', b"12"),
        "a name occurs twice",
    ),
}

NOT_FINITE = {
    "NaN in float32": floats("F32", struct.pack("<3f", 1.0, float("nan"), 2.0)),
    "infinity in float32": floats("F32", struct.pack("<2f", 1.0, float("-inf"))),
    "NaN in float16": floats("F16", struct.pack("<2e", 1.0, float("nan"))),
    "NaN in bfloat16": floats("BF16", b"\x80\x3f\xc0\x7f"),
    "NaN in float64": floats("F64", struct.pack("<2d", 1.0, float("nan"))),
    "NaN at the end of 8 MiB": floats("F32", b"\0" * ((8 << 20) - 4) + struct.pack("<f", float("nan"))),
}


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "toy"
    folder.mkdir()
    save_file({"w": np.arange(6, dtype=np.int8)}, folder / "model.safetensors")
    (folder / "config.json").write_text("{}")
    (folder / "README.md").write_text(CARD)
    return folder


def refused(examine: Callable[[Path], object], folder: Path) -> ModelError:
    """The error that a hostile folder ends in, within its bounds of time and memory."""
    began = time.process_time()
    with pytest.raises(ModelError) as caught:
        examine(folder)
    assert time.process_time() - began < SECONDS
    tracemalloc.start()  # slows things down, so time is taken without it
    try:
        with pytest.raises(ModelError):
            examine(folder)
        assert tracemalloc.get_traced_memory()[1] < BYTES
    finally:
        tracemalloc.stop()
    assert caught.value.remedy
    assert caught.value.where.startswith(str(folder))
    assert len(str(caught.value)) < 1000
    return caught.value


@pytest.mark.parametrize("examine", [inspect, modelfile.load, networks.check])
@pytest.mark.parametrize("name", FRAMES)
def test_broken_frame_is_refused(model: Path, name: str, examine: Callable[[Path], object]) -> None:
    data, reason = FRAMES[name]
    (model / "model.safetensors").write_bytes(data)
    error = refused(examine, model)
    assert error.code == "M002"
    assert error.where == str(model / "model.safetensors")
    assert reason in error.found
    assert not Path("opened").exists()


@pytest.mark.parametrize("examine", [modelfile.load, networks.check])
@pytest.mark.parametrize("name", NOT_FINITE)
def test_number_that_is_not_finite_is_refused(model: Path, name: str, examine: Callable[[Path], object]) -> None:
    (model / "model.safetensors").write_bytes(NOT_FINITE[name])
    error = refused(examine, model)
    assert (error.code, error.found) == ("M005", "tensor 'scale' holds NaN or infinity")


def test_type_that_numpy_lacks_is_refused(model: Path) -> None:
    (model / "model.safetensors").write_bytes(floats("BF16", b"\x80\x3f\x80\x3f"))
    assert refused(modelfile.load, model).code == "M005"


def test_weights_of_8_gib_are_refused_unread(model: Path) -> None:
    with (model / "model.safetensors").open("wb") as file:
        file.truncate(8 << 30)  # a hole, which takes no space
    assert "8589934592 bytes long" in refused(inspect, model).found


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pkl"])
def test_pickle_instead_of_weights_is_named_and_never_opened(model: Path, name: str) -> None:
    (model / "model.safetensors").unlink()
    (model / name).write_bytes(pickle.dumps(Bomb()))
    error = refused(inspect, model)
    assert error.code == "M002"
    assert f"{name} can hold a pickle" in error.found
    assert not Path("opened").exists()


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"[" * 1_000_000, "cannot be read"),
        (b'{"a":' * 300_000, "cannot be read"),
        (b" " * (3 << 20), "longer than 2,097,152 bytes"),
        (b'{"a": ' + b"9" * 1_000_000 + b"}", "cannot be read"),
        (b"\xff\xfe{\0}\0", "cannot be read"),
    ],
    ids=["nested lists", "nested objects", "long", "long number", "UTF-16"],
)
def test_hostile_configuration_is_refused(model: Path, text: bytes, found: str) -> None:
    (model / "config.json").write_bytes(text)
    for examine in (inspect, modelfile.load):
        error = refused(examine, model)
        assert (error.code, error.where) == ("M003", str(model / "config.json"))
        assert found in error.found


@pytest.mark.parametrize(
    "network",
    [
        {"format": "unet-1"},
        {"format": "unet-1", "planes": [2], "conditions": [], "outputs": 2, "channels": [], "down": [], "up": []},
        {
            "format": "unet-1",
            "planes": [2],
            "conditions": [],
            "outputs": 2,
            "channels": [8],
            "down": [[1 << 40]],
            "up": [],
        },
        {
            "format": "unet-1",
            "planes": [2],
            "conditions": [-1],
            "outputs": 2,
            "channels": [8],
            "down": [[1]],
            "up": [],
        },
        {
            "format": "unet-1",
            "planes": [2],
            "conditions": [],
            "outputs": 2,
            "channels": [8, 8],
            "down": [[1]],
            "up": [],
        },
    ],
    ids=["nothing", "no level", "huge dilation", "negative", "level without blocks"],
)
def test_hostile_network_is_refused(model: Path, network: dict[str, Any]) -> None:
    (model / "config.json").write_text(json.dumps({"network": network}))
    assert refused(networks.check, model).code == "M003"


def test_network_of_impossible_size_is_refused_without_making_it(model: Path) -> None:
    huge = 1 << 40
    network = {"planes": [huge], "conditions": [huge], "outputs": huge, "channels": [huge], "down": [[1]], "up": []}
    (model / "config.json").write_text(json.dumps({"network": {"format": "unet-1", **network}}))
    error = refused(networks.check, model)
    assert (error.code, error.found) == ("M005", "tensor 'plane0.t' is missing")


@pytest.mark.parametrize(
    "front",
    [
        "[" * 50_000,
        "a: &a [1,1,1,1,1,1,1,1,1]\n"
        + "".join(f"{c}: &{c} [{','.join([f'*{b}'] * 9)}]\n" for b, c in pairwise("abcdefghi")),
        "license: !!python/object/apply:os.mkdir [opened]\n",
        "license: MIT\n" + "x: 1\n" * 300_000,
    ],
    ids=["nesting", "aliases", "tag", "long"],
)
def test_hostile_card_is_refused(model: Path, front: str) -> None:
    (model / "README.md").write_text(f"---\n{front}\n---\n")
    error = refused(inspect, model)
    assert (error.code, error.where) == ("M004", str(model / "README.md"))
    assert not Path("opened").exists()


@pytest.mark.parametrize("listed", ["[]", "{", '{"sha256": {}}', '{"sha256": 3}', "[" * 50_000, " " * (1 << 17)])
def test_broken_digests_are_refused(model: Path, listed: str) -> None:
    (model / "digests.json").write_text(listed)
    for examine in (inspect, modelfile.load):
        assert refused(examine, model).code == "M006"


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_file_with_another_digest_is_refused(model: Path, name: str) -> None:
    from aigc_content.models import write_digests

    write_digests(model)
    assert inspect(model).name == "toy"
    modelfile.load(model)
    if name == "config.json":
        (model / name).write_text('{"family": "other"}')
    else:
        save_file({"w": np.arange(7, dtype=np.int8)}, model / name)
    for examine in (inspect, modelfile.load):
        error = refused(examine, model)
        assert (error.code, error.where) == ("M006", str(model / name))


def test_command_line_gives_one_message(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (model / "model.safetensors").write_bytes(FRAMES["pickle"][0])
    assert main(["models", "card", str(model)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"{model / 'model.safetensors'}: M002: ")
    assert len(printed.err.splitlines()) == 3
