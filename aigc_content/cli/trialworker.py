"""The process of one trial of a search: train, tell held-out losses as it goes, evaluate.

A process for each trial: what one leaves behind in memory, or a crash, harms no other. It talks to its parent as
the workers of a build do, through what were its standard input and output, and ends when its parent does.
"""

from __future__ import annotations

import math
import os
import pickle
import queue
import signal
import sys
import threading
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from aigc_content.errors import AigcError, PluginError
from aigc_content.executors.worker import receive_bytes, send


@dataclass(frozen=True)
class TrialTask:
    """What a trial is to do.

    Attributes:
        generator: whose model.
        options: plain options of its trainer.
        base: folder against which file names in options are resolved.
        data: training data.
        held_out: data to evaluate on.
        folder: for the model; there, and empty.
    """

    generator: str
    options: Mapping[str, Any]
    base: Path
    data: Path
    held_out: Path
    folder: Path


class GivenUp(BaseException):
    """Ends a training whose trial is given up; no `Exception`, so that no trainer takes it for one of its own."""


def main() -> None:
    """Do one trial."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    incoming = os.fdopen(os.dup(0), "rb")
    outgoing = os.fdopen(os.dup(1), "wb")
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(incoming, answers), daemon=True).start()
    task = pickle.loads(answers.get())

    def report(step: int, loss: float) -> None:
        send(outgoing, ("report", step, loss))
        if pickle.loads(answers.get()):
            raise GivenUp

    try:
        message: tuple[Any, ...] = ("complete", _train(task, report))
    except GivenUp:
        message = ("given up",)
    except AigcError as error:
        message = ("failed", error)
    except BaseException as error:
        traceback.print_exc()
        message = ("raised", f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
    send(outgoing, message)
    sys.stdout.flush()
    os._exit(0)


def _listen(incoming: BinaryIO, answers: queue.SimpleQueue[bytes]) -> None:
    try:
        while (body := receive_bytes(incoming)) is not None:
            answers.put(body)
    finally:
        os._exit(0)


def _train(task: TrialTask, report: Any) -> float:
    """The objective."""
    from aigc_content.generator import TrainRun
    from aigc_content.inputs import Inputs
    from aigc_content.models import inspect
    from aigc_content.plugins import discover

    kind = discover().trainer(task.generator)
    config = kind.config_type.model_validate(task.options, context={"inputs": Inputs(task.base)})
    kind().train(TrainRun(config, task.data, task.folder, report=report))
    inspect(task.folder)
    figures = kind().evaluate(task.folder, task.held_out)
    value = figures.get(kind.objective)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        found = f"evaluate gives {kind.objective!r} as {value!r}"
        allowed = f"a finite number; its figures are {', '.join(figures)}"
        raise PluginError("P010", found, where=f"trainer of {task.generator}", allowed=allowed)
    return float(value)
