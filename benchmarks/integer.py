"""The integer run beside a float run of the same model: time, and how many first drawings are as asked.

    python benchmarks/integer.py [--draws 5000] [--keep FILE] [--repeats 40] [--seed 1] [--model DIR]

Time: on the processor, so that other work on the machine does not count; one thread each, batch 8 of 32 x 24, the
runs take turns, least of the repeats. Drawings: the same levels with the same random numbers through the same
sampling code, once by integers and once by floats.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from floatnet import FloatUNet

    from aigc_content.nn.unet import UNet

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
BATCH = 8
LIMITS = {"auto": 0.6, "plain": 1.25}
"""Greatest ratio of integer to float time, by ``AIGC_KERNELS``."""

INTEGER, FLOAT, BARE = RUNS = ("integer", "float", "bare float")
"""The integer network; its float twin; and a twin without limits, which is another function and only a time."""


def networks(folder: Path) -> tuple[UNet, FloatUNet, FloatUNet]:
    """The integer network of a model folder, its float twin, and the bare one."""
    from aigc_levels.draw import LevelModel
    from floatnet import FloatUNet

    return (
        LevelModel(folder).net,
        FloatUNet.load(folder, clamped=True),
        FloatUNet.load(folder, clamped=False),
    )


def half_drawn() -> tuple[np.ndarray, np.ndarray]:
    """Planes and conditions of a batch: half of the structure hidden, nothing told but the size."""
    import numpy as np
    import recipes
    from aigc_levels import model as m

    shape = (BATCH, recipes.HEIGHT, recipes.WIDTH)
    rng = np.random.default_rng(1)
    structure = np.where(rng.random(shape) < 0.5, m.STRUCTURE_MASK, rng.integers(m.WALL, m.DOOR, shape))
    told = np.array([m.untold(name) for name in m.NAMES])
    known = {"rows": recipes.HEIGHT // 4, "columns": recipes.WIDTH // 4, "rate": m.RATES // 2}
    for name, value in {**known, "stage": m.STRUCTURE_STAGE}.items():
        told[m.INDEX[name]] = value
    return np.stack([structure, np.full(shape, m.OBJECT_MASK)], axis=1), np.tile(told, (BATCH, 1))


def timings(folder: Path, repeats: int) -> dict[str, float]:
    """Least seconds on the processor of a forward pass, by run; and the mean difference of the logits, in nat."""
    import numpy as np
    import torch

    torch.set_num_threads(1)
    planes, told = half_drawn()
    nets: dict[str, Callable[..., np.ndarray]] = dict(zip(RUNS, networks(folder), strict=True))
    logits = {name: net(planes, told) for name, net in nets.items()}
    least = dict.fromkeys(RUNS, float("inf"))
    for _ in range(repeats):
        for name, net in nets.items():
            start = time.process_time()
            net(planes, told)
            least[name] = min(least[name], time.process_time() - start)
    return {**least, "apart": float(np.abs(logits[FLOAT] - logits[INTEGER]).mean()) / 256}


def timings_by_kernels(folder: Path, repeats: int) -> dict[str, dict[str, float]]:
    """`timings` for each of `LIMITS`, in processes of their own with one thread for every library."""
    result = {}
    for kernels in LIMITS:
        environment = {**os.environ, **dict.fromkeys(THREADS, "1"), "AIGC_KERNELS": kernels}
        command = [sys.executable, __file__, "--child", "--model", str(folder), "--repeats", str(repeats)]
        ended = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        result[kernels] = json.loads(ended.stdout)
    return result


def time_table(found: Mapping[str, Mapping[str, float]]) -> str:
    """Milliseconds and ratios by kernels."""
    from figures import table

    rows = []
    for kernels, seconds in found.items():
        ms = [f"{1000 * seconds[name]:.2f}" for name in RUNS]
        ratios = [f"{seconds[INTEGER] / seconds[name]:.3f}" for name in (FLOAT, BARE)]
        rows.append((kernels, *ms, ratios[0], f"{LIMITS[kernels]}", ratios[1]))
    ratios = ["integer / float", "at most", "integer / bare float"]
    head = ("AIGC_KERNELS", *(f"{name}, ms" for name in RUNS), *ratios)
    apart = found["auto"]["apart"]
    return table(head, rows) + f"\nMean difference of the logits of integer and float: {apart:.4f} nat.\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=5000, help="paired first drawings; 0 for none")
    parser.add_argument("--repeats", type=int, default=40, help="timed passes of each run; 0 for none")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1, help="processes that draw; the times take one in any case")
    parser.add_argument("--keep", type=Path, help="file for the drawings; a run that was stopped goes on from there")
    parser.add_argument("--model", type=Path, help="a model folder in place of the shipped one")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(timings(options.model, options.repeats)))
        return
    import draws
    import paired
    import recipes
    from figures import heading

    recipe = recipes.asked(max(options.draws, len(recipes.JOBS)), options.seed, options.model)
    folder = draws.jobs_of(json.dumps(recipe))[0].models["dungeon"].path
    print(heading("Integers beside floats", seed=options.seed, repeats=options.repeats, model=str(folder)))
    if options.repeats:
        print(time_table(timings_by_kernels(folder, options.repeats)), flush=True)
    if options.draws:
        print(paired.draw_table(paired.all_pairs(recipe, options.workers, options.keep)))


if __name__ == "__main__":
    main()
