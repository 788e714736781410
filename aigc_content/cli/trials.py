"""Run the trials of a search, several at a time, each in a process of its own."""

from __future__ import annotations

import os
import pickle
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from aigc_content.cli.trialworker import TrialTask
from aigc_content.errors import AigcError, InternalError
from aigc_content.executors.worker import receive_bytes, send
from aigc_content.nn.search import Search

_DIVERGED = "M020"


@dataclass
class Trials:
    """The trials of one call of ``aigc tune``.

    Attributes:
        search: says what to try.
        task: the task of a trial from its number and its searched options.
        wanted: trials of the whole search, those of earlier calls included.
        workers: most processes at a time.
        seconds: no trial starts later than this; None for no limit.
        ended: called with the number of each trial that has ended.
    """

    search: Search
    task: Callable[[int, Mapping[str, Any]], TrialTask]
    wanted: int
    workers: int
    seconds: float | None
    ended: Callable[[int], None]
    _alive: list[_Process] = field(default_factory=list)
    _messages: queue.Queue[tuple[_Process, bytes | None]] = field(default_factory=queue.Queue)

    def run(self) -> None:
        """Run trials until enough have ended or the time is over; those that run then come to their end.

        Raises:
            AigcError: the trial of the defaults failed for a reason that every trial has.
        """
        start = time.monotonic()
        done = len(self.search.outcomes())
        try:
            while True:
                in_time = self.seconds is None or time.monotonic() - start < self.seconds
                while in_time and len(self._alive) < self.workers and done + len(self._alive) < self.wanted:
                    self._start()
                if not self._alive:
                    return
                done += self._take(*self._messages.get())
        finally:
            for process in self._alive:
                process.kill()

    def _start(self) -> None:
        number, options, defaults = self.search.ask()
        task = self.task(number, options)
        shutil.rmtree(task.folder, ignore_errors=True)  # of a search that was killed
        task.folder.mkdir(parents=True)
        self._alive.append(_Process(number, defaults, task, self.workers, self._messages))

    def _take(self, process: _Process, body: bytes | None) -> bool:
        """Deal with one message; returns whether a trial has ended."""
        kind, *values = pickle.loads(body) if body is not None else ("died",)
        if kind == "report":
            give_up = self.search.report(process.number, *values)
            with suppress(OSError):  # it has died; its reader tells
                process.say(give_up)
            return False
        if process not in self._alive:
            return False  # the end of the stream, after its last message
        self._alive.remove(process)
        process.end()
        if kind == "complete":
            self.search.complete(process.number, values[0])
        elif kind == "given up":
            self.search.prune(process.number)
        else:
            self._fail(process, kind, values)
        self.ended(process.number)
        return True

    def _fail(self, process: _Process, kind: str, values: list[Any]) -> None:
        if kind == "failed":
            error: AigcError = values[0]
            reason = f"{error.code}: {error.found}"
        else:
            reason = values[0] if values else f"its process ended with status {process.status}"
            error = InternalError(
                "X010",
                f"trial {process.number} failed: {reason}",
                where=str(process.log),
                remedy="the log shows more; tell the plugin's author, or take options that need less memory",
            )
        if process.defaults and error.code != _DIVERGED:
            raise error
        self.search.fail(process.number, reason)


class _Process:
    """One trial's process, its pipes, and the thread that reads from it."""

    def __init__(
        self,
        number: int,
        defaults: bool,
        task: TrialTask,
        workers: int,
        messages: queue.Queue[tuple[_Process, bytes | None]],
    ) -> None:
        self.number, self.defaults = number, defaults
        self.status: int | None = None
        self.log = task.folder.with_suffix(".log")
        self._folder = task.folder
        code = f"import sys; sys.path[:] = {sys.path!r}; from aigc_content.cli.trialworker import main; main()"
        threads = str(max(1, (os.cpu_count() or 1) // workers))
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env={"OMP_NUM_THREADS": threads} | os.environ,
                process_group=0 if os.name == "posix" else None,  # Ctrl-C on a terminal goes to the parent alone
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin: Any = self._process.stdin
        threading.Thread(target=self._listen, args=(self._process.stdout, messages), daemon=True).start()
        with suppress(OSError):
            self.say(task)

    def say(self, message: Any) -> None:
        """Send a message."""
        send(self._stdin, message)

    def end(self) -> None:
        """Wait for its end and remove its model."""
        self._close()
        self.status = self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def kill(self) -> None:
        """End it now."""
        self._process.kill()
        self.end()

    def _close(self) -> None:
        with suppress(OSError):
            self._stdin.close()

    def _listen(self, stream: BinaryIO, messages: queue.Queue[tuple[_Process, bytes | None]]) -> None:
        with suppress(OSError, ValueError):
            while (body := receive_bytes(stream)) is not None:
                messages.put((self, body))
        messages.put((self, None))
        stream.close()
