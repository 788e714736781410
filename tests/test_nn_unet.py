"""The integer U-Net: the same bits in every batch, thread count, kernel and process, and in training."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from aigc_content.errors import ModelError
from aigc_content.nn import kernels, unet
from aigc_content.nn.unet import Tensors, UNet, UNetConfig
from aigc_content.rng import Stream

CONFIG = UNetConfig(
    planes=(4, 3),
    conditions=(3, 5),
    outputs=6,
    channels=(16, 24, 32),
    down=((1,), (2,), (1, 2)),
    up=((1,), (1,)),
)
GOLDEN = "a1c23041722f39036e69f055b59ae816024eb8aadd0073f069846389f4d30f26"


def random_tensors(config: UNetConfig, name: str) -> Tensors:
    """A network of random integers that makes use of the whole range; no torch, no floats but powers of two."""
    stream = Stream(name)
    tensors: Tensors = {}

    def layer(key: str, inputs: int, outputs: int, size: int = 1, residual: bool = False) -> None:
        columns = size * size * inputs
        w = stream.integers(129, outputs * columns) - 64
        tensors[f"{key}.w"] = w.reshape(outputs, columns).astype(np.int8)
        tensors[f"{key}.b"] = (stream.integers(20001, outputs) - 10000).astype(np.int32)
        shift = 5 + columns.bit_length() // 2 - (8 if residual else 0)
        wobble = 1 + stream.integers(64, outputs) / 64
        tensors[f"{key}.m"] = (wobble * 2.0**-shift).astype(np.float32)

    def scale(key: str, channels: int) -> None:
        tensors[f"{key}.m"] = ((1 + stream.integers(64, channels) / 64) / 512).astype(np.float32)

    def table(key: str, rows: int, channels: int) -> None:
        values = stream.integers(20001, rows * channels) - 10000
        tensors[f"{key}.t"] = values.reshape(rows, channels).astype(np.int32)

    widths = config.channels
    for index, size in enumerate(config.planes):
        table(f"plane{index}", size, widths[0])
    for level, width in enumerate(widths):
        table(f"cond{level}", sum(config.conditions), width)
        scale(f"leave{level}", width)
        if level:
            layer(f"enter{level}", 4 * widths[level - 1], width, residual=True)
            layer(f"merge{level}", width, widths[level - 1], residual=True)
    for key, level, _ in config.blocks():
        scale(f"{key}.q", widths[level])
        layer(f"{key}.a", widths[level], widths[level], 3)
        layer(f"{key}.b", widths[level], widths[level], residual=True)
    scale("pool.q", widths[-1])
    layer("pool.a", widths[-1], widths[-1])
    layer("pool.b", widths[-1], widths[-1], residual=True)
    layer("head.a", widths[0], widths[0])
    layer("head.b", widths[0], config.outputs, residual=True)
    return tensors


def inputs(batch: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    stream = Stream(f"inputs {height} {width}")
    planes = np.stack(
        [
            np.stack([stream.integers(size, height * width).reshape(height, width) for size in CONFIG.planes])
            for _ in range(batch)
        ]
    )
    told = np.stack([np.array([stream.integer(size) for size in CONFIG.conditions]) for _ in range(batch)])
    return planes, told


def digest_of_run() -> str:
    net = UNet(CONFIG, random_tensors(CONFIG, "golden"))
    hasher = hashlib.sha256()
    for shape in ((1, 8, 8), (3, 24, 32), (2, 13, 21), (64, 8, 12)):
        hasher.update(np.ascontiguousarray(net(*inputs(*shape)), dtype="<i4").tobytes())
    return hasher.hexdigest()


@pytest.fixture(scope="module")
def net() -> UNet:
    return UNet(CONFIG, random_tensors(CONFIG, "golden"))


def test_golden_digest_holds_on_this_machine() -> None:
    assert digest_of_run() == GOLDEN


def test_network_is_not_degenerate(net: UNet) -> None:
    logits = net(*inputs(2, 24, 32))
    assert logits.std() > 50
    assert len(np.unique(logits)) > 500


@pytest.mark.parametrize("batch", [1, 3, 64])
def test_batch_size_changes_no_bit(net: UNet, batch: int) -> None:
    planes, told = inputs(64, 12, 12)
    alone = np.concatenate([net(planes[i : i + 1], told[i : i + 1]) for i in range(batch)])
    together = net(planes[:batch], told[:batch])
    assert (alone == together).all()


@pytest.mark.parametrize("cells", [1, 144 * 5])
def test_a_large_batch_is_cut_without_effect(net: UNet, cells: int, monkeypatch: pytest.MonkeyPatch) -> None:
    planes, told = inputs(12, 12, 12)
    whole = net(planes, told)
    monkeypatch.setattr(unet, "_CELLS", cells)
    assert (net(planes, told) == whole).all()


@pytest.mark.parametrize("token", [-1, 4])
def test_a_token_that_does_not_exist_is_refused(net: UNet, token: int) -> None:
    planes, conditions = np.zeros((1, 2, 8, 8), np.int64), np.zeros((1, 2), np.int64)
    planes[0, 0, 3, 3] = token
    with pytest.raises(IndexError, match="plane 0 has tokens that are not within 0 and 3"):
        net(planes, conditions)


def test_sizes_that_are_no_multiple_of_four_are_padded_without_effect(net: UNet) -> None:
    planes, told = inputs(3, 13, 21)
    whole = net(planes, told)
    assert whole.shape == (3, 13, 21, CONFIG.outputs)
    assert (net(planes[1:2], told[1:2]) == whole[1:2]).all()


SETTINGS = [
    {"AIGC_KERNELS": "plain"},
    {"AIGC_KERNELS": "auto"},
    {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "AIGC_KERNELS": "plain"},
    {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "AIGC_KERNELS": "plain"},
    {"OPENBLAS_CORETYPE": "Nehalem", "AIGC_KERNELS": "plain"},
    {"OPENBLAS_CORETYPE": "Haswell", "AIGC_KERNELS": "plain"},
    {"NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F", "AIGC_KERNELS": "plain"},
    {"NUMBA_CPU_NAME": "generic", "AIGC_KERNELS": "auto"},
    {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "Asia/Tokyo"},
]


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: " ".join(f"{k}={v}" for k, v in setting.items()))
def test_fresh_process_gives_the_same_bits(setting: dict[str, str]) -> None:
    code = "import sys; sys.path.insert(0, 'tests'); import test_nn_unet; print(test_nn_unet.digest_of_run())"
    result = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **setting}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == GOLDEN


TORCH_SETTINGS = [
    {"ATEN_CPU_CAPABILITY": "default"},
    {"ATEN_CPU_CAPABILITY": "avx2"},
    {"ONEDNN_MAX_CPU_ISA": "SSE41"},
    {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    {"OMP_NUM_THREADS": "2"},
]


@pytest.mark.parametrize("setting", TORCH_SETTINGS, ids=lambda s: " ".join(f"{k}={v}" for k, v in s.items()))
@pytest.mark.parametrize("onednn", [True, False])
def test_torch_products_give_the_same_bits(setting: dict[str, str], onednn: bool) -> None:
    """The kernels' sums, made by torch in float32 and, where weights are small, by ``_int_mm``: the same numbers."""
    pytest.importorskip("torch")
    code = (
        "import sys; sys.path.insert(0, 'tests'); import torch, test_nn_unet; "
        f"torch.backends.mkldnn.enabled = {onednn}; print(test_nn_unet.torch_sums_agree())"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **setting}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "True"


def torch_sums_agree() -> bool:
    import torch

    stream = Stream("torch")
    same = True
    for rows, columns, outputs in ((64, 576, 64), (1, 1152, 128), (200, 48, 10)):
        for extreme in (False, True):
            x = (stream.integers(255, rows * columns) - 127).reshape(rows, columns).astype(np.int8)
            w = (stream.integers(129, outputs * columns) - 64).reshape(outputs, columns).astype(np.int8)
            if extreme:
                x[:], w[:] = np.where(x < 0, -127, 127), np.where(w < 0, -64, 64)
            want = kernels.matmul(x, w, np.zeros(outputs, np.int32))
            tx, tw = torch.from_numpy(x), torch.from_numpy(w)
            same &= bool((torch.mm(tx.float(), tw.float().t()).to(torch.int32).numpy() == want).all())
            if rows > 16:
                same &= bool((torch._int_mm(tx, tw.t()).numpy() == want).all())
    return same


def test_training_forward_equals_the_integer_run() -> None:
    torch = pytest.importorskip("torch")
    from aigc_content.nn.unet_train import UNet as TrainedUNet

    torch.manual_seed(0)
    trained = TrainedUNet(CONFIG)
    planes, told = inputs(4, 16, 24)
    with torch.no_grad(), torch.backends.mkldnn.flags(enabled=True):
        logits = trained(torch.from_numpy(planes), torch.from_numpy(told), torch.ones(4, 16, 24))
    run = UNet(CONFIG, trained.export())(planes, told)
    assert (logits.permute(0, 2, 3, 1).numpy() * 256 == run).all()


def test_training_continues_from_the_integers() -> None:
    torch = pytest.importorskip("torch")
    from aigc_content.nn.unet_train import UNet as TrainedUNet

    tensors = random_tensors(CONFIG, "restore")
    for name, tensor in tensors.items():
        if name.endswith(".w"):
            tensor[:, 0] = 64  # as in every trained row, the largest weight
    trained = TrainedUNet(CONFIG)
    trained.restore(tensors)
    again = trained.export()
    assert again.keys() == tensors.keys()
    for name, tensor in tensors.items():
        if name.endswith(".w") or name.endswith(".t"):
            assert (again[name] == tensor).all(), name
        elif name.endswith(".m"):
            assert np.allclose(again[name], tensor, rtol=1e-5), name
        else:
            assert np.abs(again[name] - tensor).max() <= 1, name
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("head.b.w", lambda t: np.full_like(t, 65)),
        ("down0.0.a.b", lambda t: np.full_like(t, 1 << 24)),
        ("head.b.m", lambda t: np.full_like(t, np.nan)),
        ("leave0.m", lambda t: -t),
        ("plane0.t", lambda t: t[:-1]),
        ("merge1.w", lambda t: t.astype(np.int16)),
        ("pool.a.w", None),
    ],
)
def test_broken_weights_are_refused_by_name(name: str, spoil: object) -> None:
    tensors = random_tensors(CONFIG, "broken")
    if spoil is None:
        del tensors[name]
    else:
        tensors[name] = spoil(tensors[name])  # type: ignore[operator]
    with pytest.raises(ModelError) as caught:
        UNet(CONFIG, tensors)
    assert caught.value.code == "M005"
    assert name.rpartition(".")[0] in str(caught.value)
