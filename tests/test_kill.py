"""Killed, interrupted, robbed of a worker, out of disk: run again, and the bytes are those of a calm build.

``benchmarks/kill.py`` does the same two hundred times, at random moments.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aigc_content.errors import InternalError

ROOT = Path(__file__).resolve().parent.parent
SLOW = {"milliseconds": 30, "fail_percent": 20}


def benchmark():
    spec = importlib.util.spec_from_file_location("kill_benchmark", ROOT / "benchmarks" / "kill.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["kill_benchmark"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_killed_at_random_moments_and_run_again_gives_the_same_bytes(tmp_path):
    kill = benchmark()
    recipe, other = tmp_path / "light.yaml", tmp_path / "other" / "light.yaml"
    other.parent.mkdir()
    recipe.write_text(kill.light_recipe("abcdef"))
    other.write_text(kill.light_recipe("uvwxyz"))
    rounds = kill.Rounds(tmp_path / "rounds", recipe, other, ["inline"], seed=time.time_ns())
    for number in range(4):
        rounds.round(number)


@pytest.fixture
def started(light):
    """Start ``aigc build`` of a slow light recipe; wait until candidates are stored."""
    recipe = light.folder / "light.yaml"

    def start(count: int = 60, **params):
        job = {"name": "words", "generator": "light", "count": count, "params": SLOW | params, "export": ["text"]}
        recipe.write_text(json.dumps({"version": 1, "jobs": [job]}))
        command = [sys.executable, "-m", "aigc_content.cli", "build", recipe, "--out", light.out, "--workers", "2"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        end = time.monotonic() + 60
        while not stored(light.out):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end
            time.sleep(0.01)
        return process, {"count": count, "params": SLOW | params, "export": ["text"]}

    return start


def stored(out: Path) -> int:
    return len(list((out / ".aigc").glob("store/*/*[0-9]")))


def test_control_c_ends_a_build_quickly_with_130_and_loses_nothing(light, started):
    process, job = started(count=80)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert time.monotonic() - start < 5
    assert "Traceback" not in errors
    finished = stored(light.out)
    assert not (light.out / "manifest.jsonl").exists()
    fresh = light.folder / "fresh"
    result = light.build(job, title="light")
    assert result.reused > 0
    assert result.reused <= finished
    light.build(job, title="light", out=fresh)
    assert light.tree() == light.tree(fresh)


def test_a_worker_that_is_killed_costs_nothing_but_time(light):
    job = {"count": 30, "export": ["text"]}
    light.build(job)
    mark = str(light.folder / "mark")
    out = light.folder / "crashed"
    result = light.build(job | {"params": {"crash_mark": mark}}, out=out, executor="processes", workers=2)
    assert result.status == 0
    assert os.path.exists(mark)
    words = {name: data for name, data in light.tree().items() if name.endswith(".word.json")}
    crashed = {name: data for name, data in light.tree(out).items() if name.endswith(".word.json")}
    assert crashed == words


def test_a_slot_that_kills_every_worker_is_named_and_the_rest_is_kept(light):
    job = {"count": 24, "params": {"crash_percent": 12}}
    with pytest.raises(InternalError) as caught:
        light.build(job, executor="processes", workers=2)
    assert caught.value.code == "X003"
    assert "making words-0000" in caught.value.found
    assert " to " not in caught.value.found
    assert "killed by signal 9" in caught.value.found


def test_two_builds_at_once_do_not_mix(light, started):
    process, _ = started()
    process.send_signal(signal.SIGSTOP)
    second = subprocess.run(process.args, capture_output=True, text=True, check=False)
    process.send_signal(signal.SIGCONT)
    assert second.returncode == 2
    assert f"process {process.pid} on " in second.stderr
    assert process.wait(60) == 0


def test_no_worker_outlives_its_build(started):
    process, _ = started(count=100)
    workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert workers
    process.kill()
    process.communicate()
    end = time.monotonic() + 5
    while any(b"executors.worker" in command(worker) for worker in workers):
        assert time.monotonic() < end
        time.sleep(0.02)


def command(process: str) -> bytes:
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""
