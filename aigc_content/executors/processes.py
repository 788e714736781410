"""Run tasks in worker processes on this machine.

Each worker is a fresh Python (nothing is forked, so threads and torch are safe) that is talked to through two
pipes. It computes with one thread. A job is sent to a worker once. A worker that dies is replaced and its task
given to another; a task of several slots that ends two workers is cut into single ones, so that a batch too large
for the memory goes through, and a slot that really kills is named.

Not `multiprocessing`: its workers import the main module again (which costs the command line's imports in each,
and runs an unguarded script of a user's once more), and it starts a tracker process that nothing here needs.
"""

from __future__ import annotations

import os
import pickle
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from aigc_content.errors import AigcError, InternalError
from aigc_content.executors import Result, Task, starved
from aigc_content.executors.worker import receive_bytes, send, send_bytes
from aigc_content.plan import Job

WINDOW = 2
"""Tasks that one worker holds: the one it does, and the next, so that it never waits for its parent."""

_DEATHS = 3
_THREADS = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
_PATIENCE = 2.0  # seconds that a worker without a task is given to end by itself


@dataclass
class _Work:
    """A task and how many workers died of it."""

    task: Task
    deaths: int = 0


class Processes:
    """An executor with up to ``workers`` processes; each starts when there is a task for it.

    Args:
        root: folder of the candidate store.
        jobs: the jobs that tasks name.
        workers: most processes.
    """

    def __init__(self, root: Path, jobs: Mapping[int, Job], workers: int) -> None:
        self.workers = workers
        self._root = root
        self._jobs = jobs
        self._pickled: dict[int, bytes] = {}
        self._alive: list[_Worker] = []
        self._messages: queue.Queue[tuple[_Worker, bytes | None]] = queue.Queue()
        self._backlog: deque[_Work] = deque()

    def run(self, tasks: Iterable[Task | None]) -> Iterator[Result]:
        """As `Executor.run`."""
        source = iter(tasks)
        more = True
        while True:
            while (more or self._backlog) and self._has_room():
                work = self._backlog.popleft() if self._backlog else None
                if work is None:
                    task = next(source, _END)
                    if task is _END:
                        more = False
                        break
                    if task is None:
                        break
                    work = _Work(task)
                self._start(work)
            if not any(worker.pending for worker in self._alive):
                if more:
                    raise starved()
                return
            result = self._wait()
            if result is not None:
                yield result

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._alive:
            worker.hang_up()
        for worker in self._alive:
            worker.end(_PATIENCE if kind is None and not worker.pending else 0.0)
        self._alive.clear()

    def _has_room(self) -> bool:
        return len(self._alive) < self.workers or any(len(worker.pending) < WINDOW for worker in self._alive)

    def _start(self, work: _Work) -> None:
        worker = min(self._alive, key=lambda worker: len(worker.pending), default=None)
        if worker is None or (worker.pending and len(self._alive) < self.workers):
            worker = _Worker(self._root, self._messages)
            self._alive.append(worker)
        worker.pending.append(work)
        try:
            number = work.task.job
            if number not in worker.jobs:
                worker.say_bytes(self._job(number))
                worker.jobs.add(number)
            worker.say(("task", 0, work.task))
        except OSError:
            pass  # it has died; its reader tells, and the task goes to another

    def _job(self, number: int) -> bytes:
        if number not in self._pickled:
            job = self._jobs[number]
            try:
                self._pickled[number] = pickle.dumps(("job", number, job), protocol=pickle.HIGHEST_PROTOCOL)
            except Exception as error:
                raise InternalError(
                    "X004",
                    f"the params of generator {job.spec.name!r} cannot travel to a worker: {error}",
                    where=f"job {job.name}",
                    remedy="tell the plugin's author; `--executor inline` works meanwhile",
                ) from error
        return self._pickled[number]

    def _wait(self) -> Result | None:
        worker, body = self._next_message()
        if body is None:
            self._bury(worker)
            return None
        kind, _, value, seconds = pickle.loads(body)
        work = worker.pending.popleft()
        if kind == "failed":
            raise _failure(work.task, *value)
        return Result(work.task, value, seconds)

    def _next_message(self) -> tuple[_Worker, bytes | None]:
        while True:
            with suppress(queue.Empty):  # a wait without limit cannot be interrupted on every system
                return self._messages.get(timeout=1.0)

    def _bury(self, worker: _Worker) -> None:
        if worker not in self._alive:
            return
        self._alive.remove(worker)
        status = worker.end(_PATIENCE)
        if not worker.pending:
            return
        culprit = worker.pending.popleft()
        self._backlog.extend(worker.pending)
        culprit.deaths += 1
        pieces = culprit.task.pieces()
        if culprit.deaths == _DEATHS - 1 and len(pieces) > 1:
            self._backlog.extend(_Work(piece, deaths=1) for piece in pieces)
        elif culprit.deaths < _DEATHS:
            self._backlog.append(culprit)
        else:
            raise InternalError(
                "X003",
                f"a worker process ended {_DEATHS} times while {culprit.task.describe()} ({_ending(status)})",
                where=f"job {self._jobs[culprit.task.job].name}",
                remedy="look at the lines above; out of memory? then use fewer --workers",
            )


_END: Any = object()


class _Worker:
    """One process, its pipes, and the thread that reads from it."""

    def __init__(self, root: Path, messages: queue.Queue[tuple[_Worker, bytes | None]]) -> None:
        self.pending: deque[_Work] = deque()
        self.jobs: set[int] = set()
        self._gone = False
        code = f"import sys; sys.path[:] = {sys.path!r}; from aigc_content.executors.worker import main; main()"
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | dict.fromkeys(_THREADS, "1"),
            process_group=0 if os.name == "posix" else None,  # Ctrl-C on a terminal goes to the parent alone
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin: Any = self._process.stdin
        threading.Thread(target=self._listen, args=(self._process.stdout, messages), daemon=True).start()
        with suppress(OSError):
            self.say(str(root))

    def say(self, message: Any) -> None:
        """Send a message.

        Raises:
            OSError: the process is gone.
        """
        send(self._stdin, message)

    def say_bytes(self, body: bytes) -> None:
        """Send a message that is pickled already.

        Raises:
            OSError: the process is gone.
        """
        send_bytes(self._stdin, body)

    def hang_up(self) -> None:
        """Close the connection, upon which an idle process ends."""
        with suppress(OSError):
            self._stdin.close()

    def end(self, patience: float) -> int:
        """See to it that the process has ended; return its exit status."""
        self.hang_up()
        if patience:
            with suppress(subprocess.TimeoutExpired):
                return self._process.wait(patience)
        self._process.kill()
        return self._process.wait()

    def _listen(self, stream: BinaryIO, messages: queue.Queue[tuple[_Worker, bytes | None]]) -> None:
        body: bytes | None = b""
        while body is not None:
            try:
                body = receive_bytes(stream)
            except (OSError, ValueError):
                body = None
            messages.put((self, body))


def _failure(task: Task, known: AigcError | None, text: str, trace: str) -> AigcError:
    error = known or InternalError("X004", f"{task.describe()} failed: {text}")
    error.add_note(f"in the worker process:\n{trace}")
    return error


def _ending(status: int) -> str:
    return f"killed by signal {-status}" if status < 0 else f"exit status {status}"
