"""The same bytes everywhere: what each shipped model makes, by batch, order, threads, kernels and backends.

    python benchmarks/bits.py [--count 64] [--only digits levels]

Every setting runs in a process of its own, which makes `--count` assets with each generator and each of its example
params (those of ``aigc plugins check``) and prints digests. A table tells which settings gave those of the first.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from figures import heading, table

from aigc_content.canonical import digest
from aigc_content.generator import Request
from aigc_content.nn import fast_loops
from aigc_content.plugins import discover
from aigc_content.testing import open_generator, result_digest, slot_stream

GENERATORS = ("digits", "levels")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Setting:
    """How a process makes the assets.

    Attributes:
        name: for the table.
        batch: assets of one call.
        shuffled: in another order.
        env: of the process.
    """

    name: str
    batch: int = 64
    shuffled: bool = False
    env: dict[str, str] = field(default_factory=dict)


def settings() -> list[Setting]:
    """Those that the first promise names."""
    found = [Setting(f"batch {batch}", batch) for batch in (64, 1, 2, 3, 7)]
    found.append(Setting("order shuffled, batch 7", 7, True))
    found += [Setting(f"{count} threads", env=dict.fromkeys(THREADS, str(count))) for count in (1, 2)]
    found += [Setting(f"kernels {name}", env={"AIGC_KERNELS": name}) for name in ("plain", *fast_loops.supported())]
    found += [
        Setting(f"plain, OpenBLAS for {core}", env={"AIGC_KERNELS": "plain", "OPENBLAS_CORETYPE": core})
        for core in ("Nehalem", "Haswell", "SkylakeX")
    ]
    # Runs use no torch; these show that settings of torch, too, change nothing.
    found += [Setting(f"ATen {level}", env={"ATEN_CPU_CAPABILITY": level}) for level in ("default", "avx2", "avx512")]
    found.append(Setting("oneDNN for SSE4.1", env={"ONEDNN_MAX_CPU_ISA": "SSE41"}))
    found.append(
        Setting("another locale, zone and hash seed", env={"LC_ALL": "C", "TZ": "Asia/Tokyo", "PYTHONHASHSEED": "1"})
    )
    return found


def digests(count: int, batch: int, shuffled: bool, only: Sequence[str]) -> dict[str, str]:
    """By generator and params, what stands for the bytes of its assets."""
    registry, found = discover(), {}
    for name in only:
        target = registry.generator(name)
        for wish in target.conformance().params:
            params = target.params_type.model_validate(wish)
            generator = open_generator(target, params)
            requests = [Request(params, slot_stream(name, index)) for index in range(1, count + 1)]
            order = np.random.default_rng(0).permutation(count) if shuffled else np.arange(count)
            results = {}
            for start in range(0, count, batch):
                chosen = order[start : start + batch]
                made = generator.generate_batch([requests[i] for i in chosen])
                results.update(zip(chosen.tolist(), map(result_digest, made), strict=True))
            found[f"{name} {json.dumps(wish)}"] = digest([results[i] for i in range(count)])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=64, help="assets of each")
    parser.add_argument("--only", nargs="+", choices=GENERATORS, default=GENERATORS)
    parser.add_argument("--run", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        print(json.dumps(digests(options.count, *json.loads(options.run), options.only)))
        return
    print(heading("Bits", count=options.count))
    first: dict[str, str] = {}
    rows = []
    for setting in settings():
        command = [sys.executable, __file__, "--count", str(options.count), "--only", *options.only]
        command += ["--run", json.dumps([setting.batch, setting.shuffled])]
        start = time.perf_counter()
        ended = subprocess.run(
            command, env={**os.environ, **setting.env}, stdout=subprocess.PIPE, text=True, check=True
        )
        found = json.loads(ended.stdout)
        first = first or found
        same = sum(found[key] == first[key] for key in first)
        rows.append((setting.name, f"{same} of {len(first)}", f"{time.perf_counter() - start:.0f} s"))
        print(rows[-1], file=sys.stderr, flush=True)
    print(table((f"{options.count} assets of each of {len(first)} requests", "with the same bytes", "took"), rows))
    print("\n".join(f"- `{key}`: {value[:16]}" for key, value in first.items()))
    if any(not row[1].startswith(f"{len(first)} of") for row in rows):
        sys.exit(1)


if __name__ == "__main__":
    main()
