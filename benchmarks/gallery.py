"""How fast the gallery opens: 10,000 levels with 12 metrics, from the start of navigation to the first thumbnails.

Run it as ``python benchmarks/gallery.py [--levels N] [--runs N] [--keep DIR]``; it paints a pretended build, writes
its gallery, and opens it in headless Chromium from disk. The first run has a fresh profile and cold caches of the
browser. Printed are milliseconds as the page itself measures them (`performance.now`), and the sizes.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from gallery_kit.devtools import Page, chromium
from gallery_kit.samples import levels, write_build

from aigc_content.gallery import gallery_files

ACTIONS = {
    "filter by a range": "aigcGallery.setRange('m.openness', 0.3, 0.4)",
    "sort by a metric": "(aigcGallery.state.sort = 'm.nearest_training', aigcGallery.refilter())",
    "clear the filters": "aigcGallery.clearFilters()",
    "turn a page": "aigcGallery.setPage(1)",
    "mark a level": "aigcGallery.setMark(0, 'keep')",
    "show the scatter plot": "aigcGallery.setView('scatter')",
}


def first_thumbnails(page: Page, gallery: Path) -> tuple[float, float]:
    """Opens the page.

    Returns:
        milliseconds from the start of navigation until the pictures in sight are loaded, and how many of them the
        page's main thread computed; the rest is other processes, the disk, and waiting for a processor.
    """
    page.call("Performance.enable", timeDomain="threadTicks")
    before = _computed(page)
    page.open(gallery)
    return float(page.js("performance.getEntriesByName('thumbnails')[0].startTime")), _computed(page) - before


def _computed(page: Page) -> float:
    metrics = {metric["name"]: metric["value"] for metric in page.call("Performance.getMetrics")["metrics"]}
    return 1000 * float(metrics["TaskDuration"])


def measure_actions(page: Page) -> dict[str, float]:
    """Milliseconds from a call to the next frame on the screen."""
    frame = "new Promise((done) => requestAnimationFrame(() => setTimeout(done)))"
    return {
        name: float(
            page.js(
                f"(async () => {{ const start = performance.now(); {code}; await {frame};"
                " return performance.now() - start; })()"
            )
        )
        for name, code in ACTIONS.items()
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--levels", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--distinct", type=int, default=120, help="different pictures to paint")
    parser.add_argument("--keep", type=Path, help="leave the pretended build in this folder")
    asked = parser.parse_args()
    with TemporaryDirectory() as folder:
        out = asked.keep or Path(folder)
        write_build(out, asked.levels, failed=140, distinct=asked.distinct)
        items = [item for item, _ in levels(asked.levels, 1)]
        start = time.perf_counter()
        made = {name: len(data) for name, data in gallery_files(items, [], "levels")}
        seconds = time.perf_counter() - start
        print(
            f"{asked.levels:,} levels: {len(made)} files, {sum(made.values()) / 1e6:.1f} MB, made in {seconds:.2f} s"
        )
        print(f"index {made['gallery/data-index.js'] / 1e6:.2f} MB, page and scripts without data ", end="")
        print(f"{sum(size for name, size in made.items() if '/data-' not in name) / 1e3:.0f} kB")
        print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
        runs = []
        for _ in range(asked.runs):
            with chromium() as page:
                runs.append(first_thumbnails(page, out / "gallery.html"))
        times = [took for took, _ in runs]
        print(f"navigation to first thumbnails, fresh browser: median {statistics.median(times):.0f} ms ", end="")
        print(f"({min(times):.0f} to {max(times):.0f} ms, {asked.runs} runs), ", end="")
        print(f"of these {statistics.median(busy for _, busy in runs):.0f} ms computing")
        with chromium() as page:
            again = [first_thumbnails(page, out / "gallery.html")[0] for _ in range(asked.runs)]
            print(f"opened again in a warm browser: median {statistics.median(again):.0f} ms")
            for name, took in measure_actions(page).items():
                print(f"{name}: {took:.0f} ms")


if __name__ == "__main__":
    main()
