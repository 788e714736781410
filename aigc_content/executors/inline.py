"""Run every task in this process, one after the other: for tests, debuggers and small machines."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType

from aigc_content.executors import Result, Task, starved
from aigc_content.make import Bench
from aigc_content.plan import Job
from aigc_content.store import Store


class Inline:
    """An executor without workers.

    Args:
        root: folder of the candidate store.
        jobs: the jobs that tasks name.
    """

    workers = 1

    def __init__(self, root: Path, jobs: Mapping[int, Job]) -> None:
        self._bench = Bench(Store(root), dict(jobs))

    def run(self, tasks: Iterable[Task | None]) -> Iterator[Result]:
        """As `Executor.run`; what a task raises passes through unchanged."""
        for task in tasks:
            if task is None:
                raise starved()
            task.prepare(self._bench)
            start = time.perf_counter()
            value = task.run(self._bench)
            yield Result(task, value, time.perf_counter() - start)

    def __enter__(self) -> Inline:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None
