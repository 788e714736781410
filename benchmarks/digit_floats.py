"""A digit model whose networks run in float without rounding: the same drawings, to tell what rounding costs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from aigc_digits.model import DigitModel

from aigc_content.nn import modelfile, networks
from aigc_content.nn.kernels import Int32
from aigc_content.nn.networks import Stored
from aigc_content.nn.program import Program
from aigc_content.nn.quant import RESIDUAL_SCALE
from aigc_content.nn.twin import Twin

Array = npt.NDArray[Any]
Seen = dict[str, Array]


class FloatNetwork:
    """A stored program in float, called as `aigc_content.nn.run.Network` is; only the result is rounded, to 1/256.

    A step runs all positions so far again: slow, and the same function.
    """

    def __init__(self, stored: Stored) -> None:
        assert isinstance(stored.plan, Program)
        self.program = stored.plan
        self._twin = Twin(stored.plan)
        self._twin.restore(stored.tensors)
        self._twin.rounding = False

    def __call__(self, inputs: Mapping[str, Array]) -> Int32:
        """As `aigc_content.nn.run.Network`."""
        with torch.inference_mode():
            result = self._twin(
                {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in inputs.items()}
            )
            whole: Int32 = (result * RESIDUAL_SCALE).round().to(torch.int32).numpy()
        return whole

    def start(self, batch: int) -> Seen:
        """Nothing seen yet."""
        return {}

    def step(self, inputs: Mapping[str, Array], state: Seen) -> Int32:
        """As `aigc_content.nn.run.Network.step`."""
        for name, value in inputs.items():
            if None in self.program.inputs[name].shape:
                before = [state[name]] if name in state else []
                state[name] = np.concatenate([*before, value[:, None]], axis=1)
            else:
                state[name] = value
        return self(state)[:, -1]


class FloatModel(DigitModel):
    """A digit model in float: the same labels, streams, latents and sampling, so that its drawings pair.

    Args:
        folder: model folder, as `aigc train digits` writes it.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        config, tensors = modelfile.load(folder)
        self._network = FloatNetwork(networks.read(config, tensors))  # type: ignore[assignment]
        if self._decoder is not None:
            self._decoder = FloatNetwork(networks.read(config, tensors, "decoder"))  # type: ignore[assignment]
