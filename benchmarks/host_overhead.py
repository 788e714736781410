"""What the host costs: a build of light assets without exporters, against the bare generate-verify loop.

    python benchmarks/host_overhead.py [--items 2000] [--repeats 3]

Both run in one process (``inline``), one after the other, several times; the medians are compared. The host's time
holds everything: store, fold, own files, previews, manifest, gallery, and the flush to the disk. A second build of
the unchanged plan and one with two worker processes are timed as well.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
import time
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


def host(plan: Plan, out: Path, executor: str) -> float:
    start = time.perf_counter()
    build_plan(plan, BuildOptions(out, executor=executor, workers=2))
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    figures: dict[str, list[float]] = {"bare": [], "host": [], "second": [], "processes": []}
    folder = Path(tempfile.mkdtemp(prefix="aigc-overhead-"))
    try:
        for repeat in range(arguments.repeats):
            plan = plan_of(arguments.items)
            figures["bare"].append(bare(plan))
            figures["host"].append(host(plan, folder / f"inline-{repeat}", "inline"))
            figures["second"].append(host(plan, folder / f"inline-{repeat}", "inline"))
            figures["processes"].append(host(plan, folder / f"processes-{repeat}", "processes"))
    finally:
        shutil.rmtree(folder)
    seconds = {name: statistics.median(times) for name, times in figures.items()}
    overhead = (seconds["host"] - seconds["bare"]) / arguments.items * 1000
    result = {
        "items": arguments.items,
        "bare_ms_per_item": round(seconds["bare"] / arguments.items * 1000, 3),
        "host_ms_per_item": round(seconds["host"] / arguments.items * 1000, 3),
        "overhead_ms_per_item": round(overhead, 3),
        "ratio": round(seconds["host"] / seconds["bare"], 2),
        "two_processes_ms_per_item": round(seconds["processes"] / arguments.items * 1000, 3),
        "second_build_s": round(seconds["second"], 3),
        "limit_ms": LIMIT_MS,
    }
    print(json.dumps(result, indent=1))
    if overhead > LIMIT_MS:
        raise SystemExit(f"the host costs {overhead:.2f} ms an item, more than {LIMIT_MS}")


if __name__ == "__main__":
    main()
