"""Integer runs beside float runs of the same shapes: a part of `digits.py`, in processes of its own.

Each kind of kernel gets a process with one thread for every library. In it the runs of a shape take turns, and the
least time on the processor counts, so that other work on the machine weighs on all alike.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from figures import table
from integer import THREADS

from aigc_content.nn import modelfile, networks
from aigc_content.nn.modelfile import Tensors
from aigc_content.nn.program import GRU, Conv, Input, Linear, Positions, Program, TransposedConv

if TYPE_CHECKING:
    from torch import Tensor

KERNELS = ("auto", "plain")
"""Values of ``AIGC_KERNELS``: the compiled kernels that suit the machine, and those that need no compiler."""
BATCH = 64
INTEGER, FLOAT, LAST = "integer", "float", "float, channels last"

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Case:
    """A network to time.

    Attributes:
        name: for the table.
        program: its operations.
        tensors: trained integers; without them they are random.
        steps: positions; 0 where there are none.
        stepwise: position by position, with what was computed of earlier ones kept; else all at once.
    """

    name: str
    program: Program
    tensors: Tensors | None = None
    steps: int = 0
    stepwise: bool = False


def cases(models: Path) -> Iterator[Case]:
    """The digit networks of a folder of models, as far as they are there, and larger ones with random weights."""
    from aigc_content.nn.transformer import transformer

    for family, stepwise in (("transformer", False), ("transformer", True), ("gan", False), ("gru", True)):
        if (models / family).is_dir():
            stored = networks.read(*modelfile.load(models / family))
            assert isinstance(stored.plan, Program)
            steps = next((op.length for op in stored.plan.ops if isinstance(op, Positions)), 0)
            told = f", {_manner(steps, stepwise)}" if steps else ""
            yield Case(f"digits {family}{told}", stored.plan, stored.tensors, steps, stepwise)
    large = transformer(vocabulary=240, length=192, classes=10, width=192, layers=6, heads=6)
    for stepwise in (False, True):
        yield Case(f"transformer d=192, 6 layers, {_manner(192, stepwise)}", large, None, 192, stepwise)
    grid = (Conv(128), TransposedConv(64), Conv(64), Conv(16), Conv(3, "set"))
    convolutions = Program((Input("noise", (16, 16, 128)), *grid))
    yield Case("convolutions 128-64-16, 16 to 32 pixels", convolutions)
    recurrent = Program((Input("values", (None, 512)), GRU(512), Linear(8, "set")))
    yield Case("GRU h=512, 16 steps", recurrent, None, 16, stepwise=True)


def _manner(steps: int, stepwise: bool) -> str:
    return f"{steps} positions {'step by step' if stepwise else 'at once'}"


def inputs_of(case: Case, batch: int) -> Arrays:
    """Random inputs, as `aigc_content.nn.run.Network` takes them."""
    rng = np.random.default_rng(0)
    found: Arrays = {}
    for name, spec in case.program.inputs.items():
        shape = (batch, *(case.steps if size is None else size for size in spec.shape))
        if spec.kind == "tokens":
            found[name] = rng.integers(0, 10, shape)
        else:
            found[name] = np.clip(np.rint(rng.normal(0, 40, shape)), -127, 127).astype(np.int8)
    return found


def runs(case: Case, batch: int) -> dict[str, Callable[[], object]]:
    """The integer run and the float runs of a case, each of the whole batch."""
    import torch
    from barefloat import BareFloat, FloatState

    from aigc_content.nn.run import Network
    from aigc_content.nn.twin import Twin

    torch.manual_seed(0)
    given = inputs_of(case, batch)
    network = Network(case.program, Twin(case.program).export() if case.tensors is None else case.tensors)
    sequences = [name for name, spec in case.program.inputs.items() if None in spec.shape]
    integer_steps = [given | {name: given[name][:, step] for name in sequences} for step in range(case.steps)]

    def by_integers() -> object:
        if not case.stepwise:
            return network(given)
        state = network.start(batch)
        return [network.step(told, state) for told in integer_steps]

    def by_floats(last: bool) -> Callable[[], object]:
        net = BareFloat(case.program, last, case.steps)
        whole = {name: _tensor(value, last) for name, value in given.items()}
        steps = [whole | {name: whole[name][:, t : t + 1] for name in sequences} for t in range(case.steps)]

        def run() -> object:
            with torch.inference_mode():
                if not case.stepwise:
                    return net(whole)
                state = FloatState()
                return [net(told, state) for told in steps]

        return run

    found: dict[str, Callable[[], object]] = {INTEGER: by_integers, FLOAT: by_floats(False)}
    if any(isinstance(op, Conv) for op in case.program.ops):
        found[LAST] = by_floats(True)
    return found


def _tensor(values: npt.NDArray[Any], last: bool) -> Tensor:
    """Tokens as they are; activations over 40; pictures as (B, C, H, W)."""
    import torch

    if values.dtype != np.int8:
        return torch.from_numpy(values)
    floats = torch.from_numpy(values).float() / 40
    if floats.ndim == 4:
        floats = floats.permute(0, 3, 1, 2)
        return floats if last else floats.contiguous()
    return floats


def least(ways: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Least seconds on the processor of each; they take turns, after one turn that is not counted."""
    best = dict.fromkeys(ways, float("inf"))
    for turn in range(repeats + 1):
        for name, run in ways.items():
            start = time.process_time()
            run()
            if turn:
                best[name] = min(best[name], time.process_time() - start)
    return best


def timings(models: Path, repeats: int) -> dict[str, dict[str, float]]:
    """Least seconds by case and run, on one thread."""
    import torch

    torch.set_num_threads(1)
    return {case.name: least(runs(case, BATCH), repeats) for case in cases(models)}


def section(models: Path, repeats: int) -> str:
    """The table."""
    found = {}
    for kernels in KERNELS:
        environment = {**os.environ, **dict.fromkeys(THREADS, "1"), "AIGC_KERNELS": kernels}
        command = [sys.executable, __file__, "--models", str(models), "--repeats", str(repeats)]
        ended = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        found[kernels] = json.loads(ended.stdout)
    rows = []
    for name in found[KERNELS[0]]:
        row = [name]
        for kernels in KERNELS:
            own = found[kernels][name]
            floats = min(value for way, value in own.items() if way != INTEGER)
            row += [f"{1000 * floats:.2f}", f"{1000 * own[INTEGER]:.2f}", f"{floats / own[INTEGER]:.2f}"]
        rows.append(row)
    heads = [f"{head}{told}" for told in ("", ", plain") for head in ("float, ms", "integer, ms", "float / integer")]
    return table((f"batch {BATCH}, one thread", *heads), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="Print seconds by network and run as JSON; see digits.py.")
    parser.add_argument("--models", type=Path, required=True)
    parser.add_argument("--repeats", type=int, required=True)
    options = parser.parse_args()
    print(json.dumps(timings(options.models, options.repeats)))


if __name__ == "__main__":
    main()
