"""What the host costs: a build of light assets without exporters, against the bare generate-verify loop.

    python benchmarks/host_overhead.py [--items 2000] [--repeats 3] [--folder DIR]

Both run in one process (``inline``), one after the other, several times; the best of each count, because what
else runs on the machine can only add. The host's time holds everything: store, fold, own files, previews, manifest,
gallery, and the flush to the disk. Processor time is given beside it: it says what the host itself costs on a machine
that is busy. A second build of the unchanged plan and one with two worker processes are timed too.

On ext4, take a ``--folder`` beside which nothing has been removed in the last minutes: making a file next to
thousands of files that were just removed takes ten times as long (their inodes are not reused so soon).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["AIGC_PLUGINS_DIR"] = str(Path(__file__).parent.parent / "tests" / "light_plugin")

from aigc_content.build import BuildOptions, build_plan
from aigc_content.generator import Infeasible, Request
from aigc_content.plan import Plan, make_plan
from aigc_content.plugins import discover
from aigc_content.recipe import parse_recipe
from aigc_content.rng import Stream

LIMIT_MS = 2.0


def plan_of(items: int) -> Plan:
    text = f"{{version: 1, jobs: [{{name: words, generator: light, count: {items}, params: {{fail_percent: 10}}}}]}}"
    return make_plan(parse_recipe(text.encode(), Path.cwd() / "light.yaml", "light.yaml"), discover())


def bare(plan: Plan) -> float:
    start = time.perf_counter()
    for job in plan.jobs:
        generator = job.target(job.models)
        generator.open()
        for slot in job.slots():
            for attempt in range(1, job.max_attempts + 1):
                request = Request(job.params, Stream(slot.stream).child(str(attempt)))
                asset = generator.generate_batch([request])[0]
                if not isinstance(asset, Infeasible) and generator.verify(asset, job.params).passed:
                    break
    return time.perf_counter() - start


def processor_time() -> float:
    now = os.times()
    return now.user + now.system


def host(plan: Plan, out: Path, executor: str) -> float:
    start = time.perf_counter()
    build_plan(plan, BuildOptions(out, executor=executor, workers=2))
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=None, help="where to build; the system's temporary folder")
    arguments = parser.parse_args()
    wall: dict[str, list[float]] = {}
    busy: dict[str, list[float]] = {}

    def timed(name: str, run: Callable[[], float]) -> None:
        before = processor_time()
        wall.setdefault(name, []).append(run())
        busy.setdefault(name, []).append(processor_time() - before)

    folder = Path(tempfile.mkdtemp(prefix="aigc-overhead-", dir=arguments.folder))
    try:
        for repeat in range(arguments.repeats):
            plan = plan_of(arguments.items)
            out = folder / f"inline-{repeat}"
            timed("bare", lambda plan=plan: bare(plan))
            timed("host", lambda plan=plan, out=out: host(plan, out, "inline"))
            timed("second", lambda plan=plan, out=out: host(plan, out, "inline"))
            out = folder / f"processes-{repeat}"
            timed("processes", lambda plan=plan, out=out: host(plan, out, "processes"))
    finally:
        shutil.rmtree(folder)
    each = {name: min(times) / arguments.items * 1000 for name, times in wall.items()}
    each_busy = {name: min(times) / arguments.items * 1000 for name, times in busy.items()}
    overhead = each["host"] - each["bare"]
    result = {
        "items": arguments.items,
        "load_average": round(os.getloadavg()[0], 1),
        "bare_ms_per_item": round(each["bare"], 3),
        "host_ms_per_item": round(each["host"], 3),
        "overhead_ms_per_item": round(overhead, 3),
        "ratio": round(each["host"] / each["bare"], 2),
        "overhead_processor_ms_per_item": round(each_busy["host"] - each_busy["bare"], 3),
        "two_processes_ms_per_item": round(each["processes"], 3),
        "second_build_s": round(min(wall["second"]), 3),
        "limit_ms": LIMIT_MS,
    }
    print(json.dumps(result, indent=1))
    if overhead > LIMIT_MS:
        raise SystemExit(f"the host costs {overhead:.2f} ms an item, more than {LIMIT_MS}")


if __name__ == "__main__":
    main()
