"""Executors: same results, bounded and lazy; workers that die, are interrupted or lose their parent."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from aigc_content.errors import InputError, InternalError, UsageError
from aigc_content.executors import open_executor
from aigc_content.make import Bench

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Job:
    """What an executor needs to know of a job."""

    name: str
    payload: bytes = b""


@dataclass(frozen=True)
class Sum:
    """A task with a number of items; each fault on order."""

    numbers: tuple[int, ...]
    fault: str = ""
    mark: str = ""
    job: int = 0

    @property
    def size(self) -> int:
        return len(self.numbers)

    def prepare(self, bench: Bench) -> None:
        if self.fault == "slow start":
            time.sleep(0.3)

    def run(self, bench: Bench):
        if self.fault == "value":
            raise ValueError("not a number")
        if self.fault == "input":
            raise InputError("I001", "no file", where="here", remedy="look")
        if self.fault == "print":
            print("noise on standard output")
        if self.fault == "once" and not Path(self.mark).exists():
            Path(self.mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "big" and self.size > 1:
            os._exit(77)
        if self.fault == "always" and 13 in self.numbers:
            os._exit(77)
        if self.fault == "sleep":
            Path(self.mark).write_text(str(os.getpid()))
            time.sleep(60)
        if self.fault == "threads":
            return os.environ["OMP_NUM_THREADS"]
        if self.fault == "pid":
            return os.getpid()
        return sum(self.numbers)

    def pieces(self):
        return [Sum((number,), self.fault, self.mark, self.job) for number in self.numbers]

    def describe(self) -> str:
        return f"adding {self.numbers}"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    # the task's class must have one name here and in the worker
    monkeypatch.setitem(sys.modules, "test_executors", sys.modules[__name__])
    for kind in (Job, Sum):
        monkeypatch.setattr(kind, "__module__", "test_executors")

    def go(tasks, name="processes", workers=2, jobs=None):
        with open_executor(name, workers, tmp_path, jobs or {0: Job("sums"), 1: Job("more")}) as executor:
            return list(executor.run(iter(tasks)))

    return go


@pytest.mark.parametrize("name", ["inline", "processes"])
def test_every_task_gives_its_result(run, name):
    results = run([Sum((n, n + 1), job=n % 2) for n in range(20)], name)
    assert sorted(result.value for result in results) == [2 * n + 1 for n in range(20)]
    assert {result.task.numbers[0] for result in results} == set(range(20))


@pytest.mark.parametrize("name", ["inline", "processes"])
def test_what_a_task_prepares_is_not_counted_as_its_time(run, name):
    assert run([Sum((1,), "slow start")], name)[0].seconds < 0.25


def test_no_worker_starts_without_a_task(run, monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", None)
    assert run([]) == []


def test_no_more_workers_start_than_there_are_tasks(run):
    assert len({result.value for result in run([Sum((1,), "pid")], workers=8)}) == 1


@pytest.mark.parametrize(("name", "most"), [("inline", 1), ("processes", 4)])
def test_tasks_are_asked_for_when_they_can_be_started_soon(tmp_path, run, name, most):
    asked = 0

    def tasks():
        nonlocal asked
        for number in range(12):
            asked += 1
            yield Sum((number,))

    with open_executor(name, 2, tmp_path, {0: Job("sums")}) as executor:
        for done, _ in enumerate(executor.run(tasks())):
            assert asked <= done + 1 + most


def test_a_source_may_wait_for_results(tmp_path, run):
    results = []

    def tasks():
        yield Sum((1,))
        while not results:
            yield None
        yield Sum((results[0].value + 1,))

    with open_executor("processes", 2, tmp_path, {0: Job("sums")}) as executor:
        for result in executor.run(tasks()):
            results.append(result)
    assert [result.value for result in results] == [1, 2]


@pytest.mark.parametrize("name", ["inline", "processes"])
def test_a_source_that_waits_for_nothing_is_a_fault(run, name):
    with pytest.raises(InternalError) as caught:
        run([None], name)
    assert caught.value.code == "X004"


def test_workers_compute_with_one_thread_and_may_print(run, capfd):
    assert [result.value for result in run([Sum((1,), "threads"), Sum((1,), "print")], workers=1)] == ["1", 1]
    assert "noise on standard output" in capfd.readouterr().err


def test_an_error_of_the_toolkit_comes_back_as_it_was(run):
    with pytest.raises(InputError) as caught:
        run([Sum((1,), "input")])
    assert (caught.value.code, caught.value.where, caught.value.remedy) == ("I001", "here", "look")
    assert "in the worker process" in caught.value.__notes__[0]


def test_any_other_error_is_a_fault_with_the_workers_traceback(run):
    with pytest.raises(InternalError) as caught:
        run([Sum((1,), "value")])
    assert caught.value.code == "X004"
    assert "ValueError: not a number" in caught.value.found
    assert "in run" in caught.value.__notes__[0]


def test_a_worker_that_dies_once_is_replaced_and_nothing_is_missing(run, tmp_path):
    tasks = [Sum((n,), "once", str(tmp_path / "mark")) for n in range(10)]
    assert sorted(result.value for result in run(tasks)) == list(range(10))


def test_a_task_too_large_for_a_worker_is_cut(run):
    results = run([Sum((1, 2, 3), "big"), Sum((4,))])
    assert sorted(result.value for result in results) == [1, 2, 3, 4]


def test_an_item_that_kills_every_worker_is_named(run):
    with pytest.raises(InternalError) as caught:
        run([Sum((11, 12, 13, 14), "always"), *(Sum((n,)) for n in range(6))])
    assert caught.value.code == "X003"
    assert "adding (13,)" in caught.value.found
    assert "exit status 77" in caught.value.found


def test_a_job_is_sent_to_a_worker_once(run, monkeypatch):
    jobs = {0: Job("sums", bytes(1 << 20))}
    sizes = []
    dumps = pickle.dumps
    monkeypatch.setattr(pickle, "dumps", lambda *a, **k: sizes.append(len(dumps(*a, **k))) or dumps(*a, **k))
    run([Sum((n,)) for n in range(20)], jobs=jobs)
    assert sum(size > 1 << 20 for size in sizes) == 1


def test_large_tasks_and_results_do_not_block_each_other(run):
    numbers = tuple(range(60_000))
    assert len(run([Sum(numbers, job=n % 2) for n in range(6)])) == 6


def test_an_unknown_executor_is_a_users_mistake(tmp_path):
    with pytest.raises(UsageError) as caught:
        open_executor("proceses", None, tmp_path, {})
    assert "processes" in caught.value.remedy
    with pytest.raises(UsageError):
        open_executor("processes", 0, tmp_path, {})


PARENT = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from test_executors import Job, Sum
from aigc_content.executors import open_executor
with open_executor("processes", 1, Path({root!r}), {{0: Job("sums")}}) as executor:
    try:
        for result in executor.run(iter([Sum((1,), "sleep", {mark!r})])):
            pass
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.fixture
def sleeper(tmp_path):
    """A process whose worker sleeps for a minute; gives it and the worker's process id."""
    mark = tmp_path / "mark"
    code = PARENT.format(tests=str(Path(__file__).parent), root=str(tmp_path), mark=str(mark))
    parent = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True)
    wait_for(lambda: mark.exists() and mark.read_text())
    yield parent, int(mark.read_text())
    parent.kill()
    parent.communicate()


def wait_for(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_worker_ends_at_once_when_its_parent_is_killed(sleeper):
    parent, worker = sleeper
    assert alive(worker)
    parent.kill()
    parent.wait()
    wait_for(lambda: not alive(worker), 5)


def test_control_c_ends_parent_and_worker_quickly_and_quietly(sleeper):
    parent, worker = sleeper
    start = time.monotonic()
    parent.send_signal(signal.SIGINT)
    _, errors = parent.communicate(timeout=10)
    assert parent.returncode == 130
    assert errors == ""
    assert time.monotonic() - start < 3
    assert not alive(worker)


def test_control_c_does_not_reach_a_worker(sleeper):
    parent, worker = sleeper
    os.kill(worker, signal.SIGINT)
    time.sleep(0.2)
    assert alive(worker)
    assert os.getpgid(worker) != os.getpgid(parent.pid)
