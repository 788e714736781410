"""Networks exported to ONNX: onnxruntime gives what the same network gives in float, bounds kept, nothing rounded.

The measure is the largest difference over the largest magnitude of the reference's result; 1e-4 is allowed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aigc_content.cli import main
from aigc_content.models import Model, inspect
from aigc_content.nn import modelfile, networks
from aigc_content.nn.program import (
    GRU,
    LSTM,
    Attention,
    Condition,
    Conv,
    Embed,
    Input,
    Linear,
    Norm,
    PoolMean,
    Pop,
    Positions,
    Program,
    Push,
    Quantize,
    Reshape,
    SpaceToDepth,
    TransposedConv,
    Upsample,
)
from aigc_content.nn.run import Network
from aigc_content.nn.unet import UNet, UNetConfig

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
torch = pytest.importorskip("torch")
ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests")]
from floatnet import FloatUNet  # noqa: E402
from test_nn_unet import random_tensors  # noqa: E402

from aigc_content.nn import unet_train  # noqa: E402
from aigc_content.nn.onnx import to_bytes  # noqa: E402
from aigc_content.nn.quant import Rounded  # noqa: E402
from aigc_content.nn.twin import Twin  # noqa: E402

DUNGEON = ROOT / "plugins" / "levels" / "aigc_levels" / "weights" / "dungeon"
CARD = "---\nname: toy\nlicense: MIT\ndatasets: [maps, tunes]\n---\n"
SMALL = UNetConfig(
    planes=(4, 3), conditions=(3, 5), outputs=6, channels=(16, 24, 32), down=((1,), (2,), (1, 2)), up=((1,), (1,))
)
Arrays = dict[str, np.ndarray]


def stored(folder: Path, plan: UNetConfig | Program, tensors: Mapping[str, Any]) -> Model:
    folder.mkdir()
    modelfile.save(folder, {"network": plan.to_json()}, dict(tensors))
    (folder / "README.md").write_text(CARD)
    return inspect(folder)


def session(data: bytes) -> Any:
    onnx.checker.check_model(onnx.load_from_string(data), full_check=True)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def apart(found: np.ndarray, reference: np.ndarray) -> float:
    assert found.shape == reference.shape
    assert found.dtype == np.float32
    assert reference.std() > 0.3  # of nat: a result that says something
    return float(np.abs(found - reference).max() / np.abs(reference).max())


def cells(config: UNetConfig, batch: int, height: int, width: int) -> Arrays:
    rng = np.random.default_rng(height * 100 + width)
    planes = [rng.integers(0, size, (batch, height, width)) for size in config.planes]
    told = [rng.integers(0, size, batch) for size in config.conditions]
    return {"planes": np.stack(planes, axis=1), "conditions": np.stack(told, axis=1)}


# The U-Net


@pytest.mark.parametrize("shape", [(1, 24, 32), (3, 8, 12)])
def test_shipped_level_model_gives_what_its_float_run_gives(shape: tuple[int, int, int]) -> None:
    config, tensors = modelfile.load(DUNGEON)
    sizes = UNetConfig.from_json(config["network"])
    given = cells(sizes, *shape)
    found = session(to_bytes(inspect(DUNGEON))).run(["logits"], given)[0]
    with torch.inference_mode():
        inputs = (torch.from_numpy(given[name]) for name in ("planes", "conditions"))
        reference = FloatUNet(sizes, tensors, clamped=True).forward(*inputs).permute(0, 2, 3, 1).numpy() / 256
    assert apart(found, reference) < 1e-4


def float_unet(config: UNetConfig, tensors: Arrays, given: Arrays, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """The training module without rounding: it knows padding, which `FloatUNet` does not."""
    monkeypatch.setattr(unet_train, "ste_round", lambda x: x)
    monkeypatch.setattr(Rounded, "rounding", False)
    net = unet_train.UNet(config)
    net.restore(tensors)
    height, width = given["planes"].shape[2:]
    step = 1 << (config.levels - 1)
    pads = ((0, 0), (0, -height % step), (0, -width % step))
    planes = np.pad(given["planes"], ((0, 0), *pads))
    inside = np.pad(np.ones((len(planes), height, width), np.float32), pads)
    with torch.inference_mode():
        logits = net(*(torch.from_numpy(part) for part in (planes, given["conditions"], inside)))
    whole: np.ndarray = logits.permute(0, 2, 3, 1).numpy()[:, :height, :width]
    return whole


@pytest.mark.parametrize("shape", [(1, 16, 24), (2, 13, 21), (1, 5, 4), (3, 1, 1)])
def test_any_size_is_padded_as_in_integers(
    tmp_path: Path, shape: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors = random_tensors(SMALL, "onnx")
    for name, tensor in tensors.items():
        if name.endswith(".w"):
            tensor[:, 0] = (
                64  # as in every trained row, the largest weight: the training module takes it over exactly
            )
    given = cells(SMALL, *shape)
    found = session(to_bytes(stored(tmp_path / "toy", SMALL, tensors))).run(None, given)[0]
    reference = float_unet(SMALL, tensors, given, monkeypatch)
    assert apart(found, reference) < 1e-4
    integer = UNet(SMALL, tensors)(given["planes"], given["conditions"]) / 256
    assert np.abs(integer - reference).mean() < 0.2 * reference.std()  # the same network, but for rounding


# Programs


def block(heads: int = 4, size: int = 8, causal: bool = True) -> tuple[Any, ...]:
    return Norm(), Attention(heads, size, causal), Norm(), Linear(96), Linear(32, "add")


PROGRAMS = {
    "pictures from noise": Program(
        (
            Input("noise", (32,)),
            Linear(64, "set"),
            Condition("label", (4, 3), 64),
            Quantize(rectified=True),
            Linear(4 * 4 * 16),
            Reshape((4, 4, 16)),
            TransposedConv(8),
            TransposedConv(8, "signed"),
            Conv(1, "set"),
        )
    ),
    "language": Program(
        (Embed("tokens", 50, 32), Positions(64), *block(), *block(), Norm(), Linear(50, "set")),
    ),
    "masked tokens": Program(
        (
            Embed("tokens", 20, 32),
            Embed("kinds", 4, 32),
            Condition("label", (4,), 32),
            *block(causal=False),
            Quantize(),
            Linear(20, "set"),
        )
    ),
    "gated": Program((Embed("tokens", 50, 24), Quantize(), GRU(32), GRU(20), Linear(50, "set"))),
    "long short-term": Program(
        (Condition("label", (4,), 24), Embed("tokens", 50, 24), Quantize(), LSTM(32), Linear(50, "set"))
    ),
    "grid": Program(
        (
            Embed("tokens", 6, 16, (None, None)),
            Condition("label", (4,), 16),
            Push(),
            Quantize(),
            SpaceToDepth(),
            Conv(32, "set"),
            Norm(),
            Conv(32, "rectified", 3, 2),
            Conv(32, "add", 1),
            Quantize(),
            Linear(32, "signed"),
            TransposedConv(16, "set"),
            Pop(),
            Push(),
            Quantize(),
            PoolMean(),
            Linear(16, "add"),
            Pop(),
            Norm(),
            TransposedConv(16, "set"),
            Norm(),
            Linear(6, "set"),
        )
    ),
    "changes of shape": Program(
        (
            Input("picture", (4, 6, 8)),
            Upsample(),
            Conv(12, "signed"),
            Conv(12, "set"),
            Upsample("r"),
            Reshape((16 * 24 * 12,), "r"),
            Reshape((8, 48, 12), "r"),
            Norm(),
            Conv(12, "add"),
            Quantize(rectified=True),
            PoolMean(),
            Linear(5, "set"),
        )
    ),
}


def trained(program: Program) -> Arrays:
    """Tensors of a network with random weights, whose activations often meet their bounds."""
    torch.manual_seed(1)
    tensors = Twin(program).export()
    for name in tensors:
        if name.endswith(".m") and f"{name.removesuffix('.m')}.w" not in tensors:
            tensors[name] = tensors[name] * np.float32(2)
    return tensors


def sample(program: Program, batch: int, length: int) -> Arrays:
    rng = np.random.default_rng(batch)
    given: Arrays = {}
    for name, spec in program.inputs.items():
        free = 2 * length if len(spec.shape) > 1 else length
        shape = (batch, *(free if side is None else side for side in spec.shape))
        noise = np.clip(np.rint(rng.normal(0, 60, shape)), -127, 127).astype(np.int8)
        given[name] = noise if spec.kind == "values" else rng.integers(0, 3, shape)
    return given


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_gives_what_its_float_run_gives(tmp_path: Path, name: str) -> None:
    program = PROGRAMS[name]
    tensors = trained(program)
    twin = Twin(program)
    twin.restore(tensors)
    twin.rounding = False
    run = session(to_bytes(stored(tmp_path / "toy", program, tensors)))
    for batch, length in ((1, 2), (3, 16)):
        given = sample(program, batch, length)
        plain = {key: value.astype(np.float32) if value.dtype == np.int8 else value for key, value in given.items()}
        found = run.run(["result"], plain)[0]
        with torch.inference_mode():
            reference = twin({key: torch.from_numpy(value) for key, value in given.items()}).numpy()
        assert apart(found, reference) < 1e-4
        integer = Network(program, tensors)(given) / 256
        assert np.abs(integer - reference).mean() < 0.1 * reference.std()  # the same network, but for rounding


def test_cell_of_long_short_term_memory_is_bounded() -> None:
    """A cell that counts up passes 8, where the integer run holds it; ONNX's own operator would not."""
    program = Program((Input("values", (None, 1)), LSTM(1), Linear(1, "set")))
    one = np.ones(1, np.float32)
    tensors: Arrays = {
        "1.lstm.x.w": np.array([[10], [10], [10], [10]], np.int8),
        "1.lstm.x.b": np.array([2000, 2000, 0, 0], np.int32),  # enter and keep; what enters has the input's sign
        "1.lstm.x.m": np.full(4, 2, np.float32),
        "1.lstm.h.w": np.zeros((4, 1), np.int8),
        "1.lstm.h.b": np.array([0, 0, 0, 2000], np.int32),
        "1.lstm.h.m": np.full(4, 2, np.float32),
        "2.linear.w": np.array([[64]], np.int8),
        "2.linear.b": np.zeros(1, np.int32),
        "2.linear.m": one,
    }
    from aigc_content.nn.onnx.graph import Graph
    from aigc_content.nn.onnx.operations import build

    graph = Graph()
    build(graph, program, tensors)
    values = np.concatenate([np.full(30, 100, np.int8), np.full(8, -100, np.int8)])[None, :, None]
    found = session(graph.to_bytes({})).run(None, {"values": values.astype(np.float32)})[0]
    integer = Network(program, tensors)({"values": values}) / 256
    assert integer[0, -1, 0] < 0.5 * integer.max()  # eight steps down from 8 are enough
    assert np.abs(found - integer).max() < 0.02 * integer.max()


# The file


def test_file_says_what_it_came_from_and_is_the_same_each_time(tmp_path: Path) -> None:
    model = stored(tmp_path / "toy", SMALL, random_tensors(SMALL, "onnx"))
    data = to_bytes(model)
    assert data == to_bytes(model)
    loaded = onnx.load_from_string(data)
    assert {entry.key: entry.value for entry in loaded.metadata_props} == {
        "model": "toy",
        "network": "network",
        "digest": model.digest,
        "license": "MIT",
        "trained_on": "maps, tunes",
    }
    assert [(entry.domain, entry.version) for entry in loaded.opset_import] == [("", 15)]
    assert {entry.name for entry in loaded.graph.input} == {"planes", "conditions"}


def test_second_network_of_a_model_is_exported_by_its_name(tmp_path: Path) -> None:
    first, second = PROGRAMS["gated"], PROGRAMS["changes of shape"]
    tensors = {**trained(first), **{f"decoder.{name}": value for name, value in trained(second).items()}}
    folder = tmp_path / "toy"
    folder.mkdir()
    modelfile.save(folder, {"network": first.to_json(), "decoder": second.to_json()}, tensors)
    (folder / "README.md").write_text(CARD)
    networks.check(folder)
    loaded = onnx.load_from_string(to_bytes(inspect(folder), "decoder"))
    assert [entry.name for entry in loaded.graph.input] == ["picture"]
    del tensors["decoder.2.conv.w"]
    modelfile.save(folder, {"network": first.to_json(), "decoder": second.to_json()}, tensors)
    with pytest.raises(Exception, match=r"2\.conv\.w"):
        networks.check(folder)


def test_command_writes_the_file_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = stored(tmp_path / "toy", SMALL, random_tensors(SMALL, "onnx"))
    target = tmp_path / "new" / "toy.onnx"
    words = ["models", "export", str(model.path), "--onnx", str(target)]
    for _ in range(2):
        assert main(words) == 0
        assert capsys.readouterr().err == f"exported toy (MIT) to {target}\n"
    assert [path.name for path in target.parent.iterdir()] == ["toy.onnx"]
    assert target.read_bytes() == to_bytes(model)
    target.write_text("mine")
    assert main(words) == 2
    assert "O011" in capsys.readouterr().err
    assert target.read_text() == "mine"


def test_export_needs_no_torch(tmp_path: Path) -> None:
    code = (
        "import sys; from aigc_content.cli import main\n"
        f"assert main(['models', 'export', 'levels', '--onnx', {str(tmp_path / 'x.onnx')!r}]) == 0\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_model_without_a_network_is_refused(
    tmp_path: Path, names_plugin: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "names.onnx"
    assert main(["models", "export", "names", "--onnx", str(target)]) == 2
    printed = capsys.readouterr().err
    assert "M013: has no network 'network' that can be exported" in printed
    assert "unet-1" in printed
    assert main(["models", "export", "levels", "--onnx", str(target), "--network", "decoder"]) == 2
    assert "remedy: name one with --network" in capsys.readouterr().err
    assert not target.exists()


def test_broken_network_is_refused_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = stored(tmp_path / "toy", SMALL, random_tensors(SMALL, "onnx"))
    config = json.loads((model.path / "config.json").read_text())
    config["network"]["outputs"] += 1
    (model.path / "config.json").write_text(json.dumps(config))
    assert main(["models", "export", str(model.path), "--onnx", str(tmp_path / "toy.onnx")]) == 2
    assert capsys.readouterr().err.startswith(f"{model.path}: M005: tensor 'head.b.w' is ")


def test_missing_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("graph", "unet", "operations"):
        monkeypatch.delitem(sys.modules, f"aigc_content.nn.onnx.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "onnx", None)
    assert main(["models", "export", "levels", "--onnx", str(tmp_path / "x.onnx")]) == 2
    printed = capsys.readouterr().err
    assert "M010" in printed
    assert "pip install 'aigc-content[onnx]'" in printed
