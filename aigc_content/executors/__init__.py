"""Run tasks somewhere: in this process, in worker processes, later on other machines.

An executor knows nothing about what a task does. It takes tasks one at a time, holds few of them at once, and
gives results in the order in which they end; nothing that a build makes depends on that order.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

from aigc_content.errors import InternalError, UsageError, did_you_mean
from aigc_content.make import Bench
from aigc_content.plan import Job

NAMES = ("processes", "inline")


class Task(Protocol):
    """A piece of work that travels to a worker by pickle."""

    @property
    def job(self) -> int:
        """Place of its job in the plan; the worker is told the job before its first task."""

    @property
    def size(self) -> int:
        """How many items it does; its pieces' sizes add up to it."""

    def prepare(self, bench: Bench) -> None:
        """What is done once a worker and so does not count as the task's time."""

    def run(self, bench: Bench) -> Any:
        """Do it; the value travels back by pickle."""

    def pieces(self) -> list[Any]:
        """Smaller tasks that do the same; itself alone when there are none."""

    def describe(self) -> str:
        """What it does, for a message."""


@dataclass(frozen=True)
class Result:
    """A task that was done.

    Attributes:
        task: it, or a piece of it.
        value: what its ``run`` returned.
        seconds: how long that took.
    """

    task: Task
    value: Any
    seconds: float


class Executor(Protocol):
    """Runs tasks; a context manager that leaves no worker behind.

    Attributes:
        workers: how many tasks may run at the same time.
    """

    workers: int

    def run(self, tasks: Iterable[Task | None]) -> Iterator[Result]:
        """Run tasks as they come and give their results as they end.

        Args:
            tasks: asked for the next one only when it can be started soon. ``None`` stands for "none until another
                result has been seen".

        Raises:
            AigcError: what a task raised.
            InternalError: X003, a task ended its worker again and again; X004, a task raised something else, or
                ``tasks`` waits for a result that will never come.
        """

    def __enter__(self) -> Executor:
        """Start nothing yet: a worker starts with its first task."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End all workers, in the middle of a task if there is one."""


def check_executor(name: str, workers: int | None) -> None:
    """Look at what a command asks for, before anything else is done.

    Raises:
        UsageError: U010, there is no executor of that name, or fewer than one worker is asked for.
    """
    if workers is not None and workers < 1:
        raise UsageError("U010", f"{workers} workers cannot make anything", where="--workers", allowed="1 or more")
    if name not in NAMES:
        raise UsageError(
            "U010",
            f"there is no executor {name!r}",
            where="--executor",
            allowed=", ".join(NAMES),
            remedy=did_you_mean(name, NAMES),
        )


def open_executor(name: str, workers: int | None, root: Path, jobs: Mapping[int, Job]) -> Executor:
    """The executor of that name.

    Args:
        name: one of `NAMES`.
        workers: most worker processes; None for the number of processors that this process may use.
        root: folder of the candidate store.
        jobs: the jobs that tasks name, by their place in the plan.

    Raises:
        UsageError: as `check_executor`.
    """
    check_executor(name, workers)
    if name == "inline":
        from aigc_content.executors.inline import Inline

        return Inline(root, jobs)
    from aigc_content.executors.processes import Processes

    return Processes(root, jobs, workers or processors())


def processors() -> int:
    """How many processors this process may use, a container's share of them included."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        share = -(-int(quota) // int(period))
    except (OSError, ValueError, ZeroDivisionError):  # no container, or no limit
        return count
    return max(1, min(count, share))


def starved() -> InternalError:
    """X004 for a source of tasks that waits for a result although nothing is being done."""
    return InternalError("X004", "tasks wait for a result that no task will give")
