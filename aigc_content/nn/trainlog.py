"""What a training shows as it goes: a progress line, and TensorBoard where it is asked for."""

from __future__ import annotations

import io
import math
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from torch import Tensor

from aigc_content.errors import ModelError

Parts = dict[str, tuple[Tensor, int]]
"""A loss in parts: by name its sum and the number of terms in it."""

_FIRST, _PLAIN, _LIVE = 5.0, 30.0, 1.0  # seconds until the first line, between lines in a pipe, on a terminal
_CURVE = 10  # steps between points of TensorBoard's curves


class _Means:
    """Mean loss by part since it was last taken."""

    def __init__(self) -> None:
        self._sums: dict[str, tuple[Tensor, int]] = {}

    def add(self, parts: Parts) -> None:
        for name, (value, count) in parts.items():
            total, terms = self._sums.get(name, (0.0, 0))
            self._sums[name] = (value.detach().double() + total, terms + count)  # no wait for a GPU

    def values(self) -> dict[str, float]:
        return {name: float(total) / max(terms, 1) for name, (total, terms) in self._sums.items()}

    def clear(self) -> None:
        self._sums.clear()


class Log:
    """The log of one training; a context manager.

    Args:
        say: gets each line; standard error when None, where the line is renewed in place on a terminal.
        tensorboard: folder for TensorBoard, or None.
        step: of the run so far; what TensorBoard has of later steps is dropped.
    """

    def __init__(self, say: Callable[[str], None] | None, tensorboard: Path | None, step: int) -> None:
        self._live = say is None and sys.stderr.isatty()
        self._say = say or (lambda line: print(line, file=sys.stderr, flush=True))
        self._pending = ""
        self._line, self._curve = _Means(), _Means()
        self._began = time.monotonic()
        self._due = self._began + (_LIVE if self._live else _FIRST)
        self._samples = self._steps = 0
        self._writer: Any = None
        if tensorboard is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(tensorboard), purge_step=step + 1)

    def __enter__(self) -> Log:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end_line()
        if self._writer is not None:
            self._writer.close()

    def note(self, text: str) -> None:
        """Say something beside the progress line."""
        self._end_line()
        self._say(text)

    def add(self, parts: Parts) -> None:
        """Count the losses of one update."""
        self._line.add(parts)
        if self._writer is not None:
            self._curve.add(parts)

    def step(self, step: int, samples: int, rate: float, left: Callable[[float], float]) -> None:
        """Count a step; now and then print the progress line and write a point of the curves.

        Args:
            step: its number, from 1.
            samples: of its batch.
            rate: learning rate.
            left: seconds that are left when a step takes so many seconds.
        """
        self._samples += samples
        self._steps += 1
        if self._writer is not None and step % _CURVE == 0:
            self._write(step, {**_under("loss", self._curve.values()), "learning_rate": rate})
            self._curve.clear()
        now = time.monotonic()
        if now < self._due:
            return
        seconds = max(now - self._began, 1e-9)
        losses = "  ".join(f"{name} {value:.4f}" for name, value in self.means(step).items())
        speed = self._samples / seconds
        shown = f"{speed:,.0f}" if speed >= 10 else f"{speed:.1f}"
        line = f"step {step:,}  {losses}  {shown} samples/s  {_time(left(seconds / self._steps))} left"
        if self._live:
            print(f"\r{line}\x1b[K", end="", file=sys.stderr, flush=True)
            self._pending = line
        else:
            self._say(line)
        self._write(step, {"samples_per_second": speed})
        self._began, self._samples, self._steps = now, 0, 0
        self._due = now + (_LIVE if self._live else _PLAIN)
        self._line.clear()

    def means(self, step: int) -> Mapping[str, float]:
        """Mean loss by part since the last line.

        Raises:
            ModelError: M020, one of them is not a finite number.
        """
        means = self._line.values()
        for name, value in means.items():
            check_finite(f"the loss {name!r}", value, step)
        return means

    def held_out(self, step: int, value: float) -> None:
        """Note the loss on held-out data."""
        self.note(f"step {step:,}  held out {value:.4f}")
        self._write(step, {"held_out": value})

    def picture(self, step: int, png: bytes) -> None:
        """Hand a sample picture to TensorBoard."""
        if self._writer is not None:
            from PIL import Image

            pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
            self._writer.add_image("sample", pixels, step, dataformats="HWC")

    def _write(self, step: int, scalars: Mapping[str, float]) -> None:
        if self._writer is not None:
            for name, value in scalars.items():
                self._writer.add_scalar(name, value, step)

    def _end_line(self) -> None:
        if self._pending:
            print(file=sys.stderr, flush=True)
            self._pending = ""


def check_finite(name: str, value: float, step: int) -> None:
    """Refuse a number that shows that training has gone astray.

    Raises:
        ModelError: M020.
    """
    if not math.isfinite(value):
        raise ModelError(
            "M020",
            f"{name} is {value} at step {step:,}",
            allowed="a finite number",
            remedy="lower `learning_rate` or `clip`, or raise `warmup_steps`; look for bad samples in the data",
        )


def _under(group: str, values: Mapping[str, float]) -> dict[str, float]:
    return {f"{group}/{name}": value for name, value in values.items()}


def _time(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 1:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{seconds / 3600:.1f} h"
