"""How fast the integer kernels are, against plain ones and against float32 in torch, on one thread.

    python benchmarks/kernels.py [--batch 8] [--seconds 2]

Each row is one layer. All ways take turns within it and the shortest time of each on the processor counts, so that
other work on the machine weighs on all alike. GOP/s counts two operations for each product of a direct convolution,
whatever was saved.
Columns: plain and compiled kernels with requantization (and, last, adding to the residual stream), torch's
convolution in channels-last order with a rectifier, and the product of the same size alone, as `torch.mm`.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
import torch.nn.functional as F

from aigc_content.nn import fast, kernels

#         height, width, channels in, out, size, dilation
LAYERS = [
    *((24, 32, c, c, 3, d) for c in (64, 96, 128) for d in (1, 2, 4, 8)),
    *((24, 32, c, c, 1, 1) for c in (64, 96, 128)),
    (24, 32, 48, 48, 3, 1),
    (24, 32, 16, 16, 3, 1),
    (12, 16, 96, 96, 3, 1),
    (12, 16, 96, 96, 3, 2),
    (6, 8, 128, 128, 3, 1),
    (6, 8, 128, 128, 3, 2),
    (6, 8, 128, 128, 3, 4),
]


def times(ways: dict[str, Callable[[], object]], seconds: float) -> dict[str, float]:
    """Shortest time of each on the processor, taking turns; the plain kernels get three turns."""
    best = {name: float("inf") for name in ways}
    end, turn = time.perf_counter() + seconds, 0
    while turn < 3 or time.perf_counter() < end:
        for name, run in ways.items():
            if turn < 3 or "plain" not in name:
                start = time.thread_time()
                run()
                best[name] = min(best[name], time.thread_time() - start)
        turn += 1
    return best


def layer(batch: int, height: int, width: int, c: int, n: int, size: int, dilation: int, seconds: float) -> None:
    rng = np.random.default_rng(0)
    x = np.clip(np.rint(rng.normal(0, 40, (batch, height, width, c))), -127, 127).astype(np.int8)
    w = np.clip(np.rint(rng.normal(0, 18, (n, size * size * c))), -64, 64).astype(np.int8)
    packed = fast.pack(w, np.zeros(n, dtype=np.int32))
    scale = np.full(n, 0.002, dtype=np.float32)
    residual = np.zeros((batch, height, width, n), dtype=np.int32)
    tx = torch.randn(batch, c, height, width).to(memory_format=torch.channels_last)
    tw = torch.randn(n, c, size, size).to(memory_format=torch.channels_last)
    bias, rows, columns = (
        torch.randn(n),
        torch.randn(batch * height * width, c * size * size),
        torch.randn(c * size**2, n),
    )
    best = times(
        {
            "plain": lambda: kernels.conv_requant(x, packed, size, dilation, scale, 0),
            "fast": lambda: fast.conv_requant(x, packed, size, dilation, scale, 0),
            "fast add": lambda: fast.conv_accumulate(residual, x, packed, size, dilation, scale),
            "conv2d": lambda: F.conv2d(tx, tw, bias, padding=dilation * (size // 2), dilation=dilation).relu_(),
            "sgemm": lambda: torch.mm(rows, columns),
        },
        seconds,
    )
    operations = 2 * batch * height * width * size * size * c * n
    cells = " ".join(f"{operations / t / 1e9:8.0f}" for t in best.values())
    ratios = f"{best['conv2d'] / best['fast']:9.1f} {best['sgemm'] / best['fast']:9.1f}"
    print(f"{height:3}x{width:<3} {c:4} {n:4} {size:4} {dilation:4} {cells} {ratios}", flush=True)


def maps(batch: int, seconds: float) -> None:
    """What is no convolution, in microseconds."""
    rng = np.random.default_rng(0)
    residual = rng.integers(-9999, 9999, (batch, 24, 32, 64)).astype(np.int32)
    scale = np.full(64, 0.01, dtype=np.float32)
    vector, coarse = np.ones((batch, 64), dtype=np.int32), np.ones((batch, 12, 16, 64), dtype=np.int32)
    runs: dict[str, Callable[[], object]] = {}
    for module, name in ((kernels, "plain"), (fast, "fast")):
        runs[f"quantize {name}"] = lambda module=module: module.quantize(residual, scale)  # type: ignore[misc]
        runs[f"add_vector {name}"] = lambda module=module: module.add_vector(residual, vector)  # type: ignore[misc]
        runs[f"upsample_add {name}"] = lambda module=module: module.upsample_add(residual, coarse)  # type: ignore[misc]
    print("  ".join(f"{name} {t * 1e6:.0f} us" for name, t in times(runs, seconds).items()))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=2.0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    start = time.perf_counter()
    name = fast.active()
    print(f"kernels {name}, ready after {time.perf_counter() - start:.2f} s; batch {args.batch}; GOP/s")
    heads = " ".join(f"{h:>8}" for h in ("plain", "fast", "fast add", "conv2d", "sgemm"))
    print(f"picture   in  out size step {heads} {'x conv2d':>9} {'x sgemm':>9}")
    with torch.no_grad():
        for shape in LAYERS:
            layer(args.batch, *shape, args.seconds)
    maps(args.batch, args.seconds)


if __name__ == "__main__":
    main()
