"""Quality and speed of the digits plugin: eight families beside each other, by integers and by floats.

    python benchmarks/digits.py --data DIR [--models DIR] [--count 10000] [--seed 1] [--parts families ...]

DIR holds the data set as `aigc data import digits` writes it. What each figure means is in benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, field
from functools import cached_property
from pathlib import Path

from integer import THREADS

os.environ.update(dict.fromkeys(THREADS, "1"))

import few_digits
import numpy as np
import throughput
from aigc_digits import proof
from aigc_digits.data import Bytes, DigitSet, load_digits
from aigc_digits.evaluation import draw
from aigc_digits.model import FAMILIES, DigitModel
from digit_quality import Labels, Novelty, Quality, Real, accuracy, right, taught
from figures import Cell, heading, percent, table

from aigc_content import Stream

BATCH = 100
"""Digits that are drawn at a time."""
TIMED = 3
FEW = 5000
"""At most so many digits are drawn with each model of the part ``diffaugment``."""


@dataclass(frozen=True, eq=False)
class Run:
    """One run of this benchmark.

    Attributes:
        data: folder of the data set.
        digits: the same, read.
        models: folder with a model folder for each family.
        families: those to measure, each of which has a model.
        count: digits to draw with each family.
        seed: of the choice of real digits, the drawings, and the network that learns from them.
        steps: of that network.
        repeats: timed turns of the part ``throughput``.
        few, seeds, keep: of the part ``diffaugment``: how to train, with how many seeds, and where.
        drawn: digits by family, filled as they are drawn.
    """

    data: Path
    digits: DigitSet
    models: Path
    families: Sequence[str]
    count: int
    seed: int
    steps: int
    repeats: int
    few: few_digits.Few
    seeds: int
    keep: Path
    drawn: dict[str, Bytes] = field(default_factory=dict)

    @cached_property
    def real(self) -> Real:
        """What drawn digits are held against."""
        return Real.of(self.digits, self.count, self.seed)

    def draw(self, family: str) -> Bytes:
        """As many digits of a family as are asked for, as drawn: none cleaned, none refused; (count, 28, 28)."""
        if family not in self.drawn:
            self.drawn[family] = draw(DigitModel(self.models / family), self.real.labels, self.name)
        return self.drawn[family]

    @property
    def name(self) -> str:
        """Of the streams."""
        return f"benchmark {self.seed}"


def families(run: Run) -> str:
    """How good, how varied, how new and how fast: each family beside real digits."""
    real, labels = run.real, run.real.labels
    read = accuracy(real.test.images, real.test.labels.astype(np.int64))
    good: list[tuple[Cell, ...]] = [
        (f"all {len(real.test.labels):,} test digits", _share(read), *["-"] * 6),
        (f"{run.count:,} training digits", *_quality(real.chosen.images, run)),
    ]
    new: list[tuple[Cell, ...]] = [(f"{run.count:,} test digits", *_novelty(real.tested.images, real), "-")]
    for family in run.families:
        images = run.draw(family)
        good.append((family, *_quality(images, run)))
        rate = digits_a_second(DigitModel(run.models / family), labels[:BATCH])
        new.append((family, *_novelty(images, real), f"{rate:,.0f}"))
        print(f"{family}: {good[-1][1:]} {new[-1][1:]}", file=sys.stderr, flush=True)
    first = f"{run.count:,} digits as drawn, held against as many test digits"
    measures = ("read as asked", "FID", "precision", "recall", "density", "coverage", "taught by them")
    news = ("equal to a training digit", "nearest: median / 5 % / least", "refused as copies", "drawn a second")
    return table((first, *measures), good) + "\n" + table(("the same, cleaned", *news), new)


def _quality(images: Bytes, run: Run) -> tuple[Cell, ...]:
    """Cells of the first table."""
    labels = run.real.labels
    read, *others = astuple(Quality.of(images, labels, run.real))
    learned = taught(images, labels, run.real.test, run.steps, run.seed)
    return (_share(read), *others, _share(learned))


def _novelty(images: Bytes, real: Real) -> tuple[Cell, ...]:
    """Cells of the second table."""
    found = Novelty.of(images, real)
    return f"{100 * found.copied:.2f} %", found.spread, f"{100 * found.refused:.2f} %"


def _share(value: float) -> str:
    return f"{100 * value:.2f} %"


def digits_a_second(model: DigitModel, labels: Labels) -> float:
    """How many digits a second of processor time a model draws; the least time of three, after one more."""
    least = float("inf")
    for turn in range(1 + TIMED):
        streams = [Stream(f"speed {turn}/{place}") for place in range(len(labels))]
        start = time.process_time()
        model.draw(labels, streams)
        if turn:
            least = min(least, time.process_time() - start)
    return len(labels) / least


def integer(run: Run) -> str:
    """What rounding costs: the same drawings by integers and in float."""
    from digit_floats import FloatModel

    labels = run.real.labels
    rows: list[tuple[Cell, ...]] = []
    for family in run.families:
        by_integers = run.draw(family)
        by_floats = draw(FloatModel(run.models / family), labels, run.name)
        hits = [right(images, labels) for images in (by_integers, by_floats)]
        gap = 100 * (hits[0].astype(np.float64) - hits[1])
        far = [run.real.frechet(images) for images in (by_integers, by_floats)]
        apart = np.abs(by_integers.astype(np.int64) - by_floats).mean()
        rows.append(
            (
                family,
                *(percent(int(hit.sum()), run.count) for hit in hits),
                f"{gap.mean():+.2f} ± {gap.std(ddof=1) / np.sqrt(run.count):.2f} points",
                *far,
                far[0] / far[1],
                f"{apart:.2f}",
            )
        )
        print(f"{family}: {rows[-1][1:]}", file=sys.stderr, flush=True)
    head = ("read as asked, integer", "float", "difference", "FID, integer", "float", "integer / float")
    return table((f"{run.count:,} paired digits as drawn", *head, "mean difference of a pixel"), rows)


def diffaugment(run: Run) -> str:
    """GANs of few digits, with DiffAugment and without."""
    count = min(run.count, FEW)
    real = Real.of(run.digits, count, run.seed)
    return few_digits.section(run.keep, run.data, run.few, range(run.seeds), real)


PARTS: dict[str, Callable[[Run], str]] = {
    "families": families,
    "integer": integer,
    "throughput": lambda run: throughput.section(run.models, run.repeats),
    "diffaugment": diffaugment,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="data set, as `aigc data import digits` writes it")
    parser.add_argument(
        "--models", type=Path, help="folder with a model folder for each family; else the shipped ones"
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure")
    parser.add_argument("--only", nargs="+", choices=FAMILIES, default=FAMILIES, help="these families")
    parser.add_argument("--count", type=int, default=10_000, help=f"digits of each family, a multiple of {BATCH}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=1500, help="of the network that learns from drawn digits")
    parser.add_argument("--repeats", type=int, default=10, help="timed turns of throughput")
    parser.add_argument("--pictures", type=int, default=500, help="training digits of diffaugment")
    parser.add_argument("--minutes", type=float, default=8.0, help="of each training of diffaugment")
    parser.add_argument("--gan-steps", type=int, default=0, help="of the same, in place of --minutes")
    parser.add_argument("--seeds", type=int, default=3, help="of diffaugment: two trainings each")
    parser.add_argument("--keep", type=Path, help="folder for the models of diffaugment; a stopped run goes on there")
    options = parser.parse_args()
    digits = load_digits(options.data)
    if options.count % BATCH or not 0 < options.count <= min(len(digits.test.labels), len(digits.train.labels)):
        parser.error(f"--count must be a multiple of {BATCH}, and there must be as many digits in the data set")
    models = options.models or Path(proof.__file__).parent / "weights"
    told = {"seed": options.seed, "count": options.count, "data": f"{digits.source} ({digits.sha256[:12]})"}
    print(heading("Digits", **told, models=str(options.models or "the shipped ones")))
    with tempfile.TemporaryDirectory(prefix="aigc-digits-") as temporary:
        run = Run(
            data=options.data,
            digits=digits,
            models=models,
            families=[family for family in options.only if (models / family).is_dir()],
            count=options.count,
            seed=options.seed,
            steps=options.steps,
            repeats=options.repeats,
            few=few_digits.Few(digits.sha256, options.pictures, options.minutes, options.gan_steps),
            seeds=options.seeds,
            keep=options.keep or Path(temporary),
        )
        if missing := [family for family in options.only if family not in run.families]:
            print(f"Left out, no model: {', '.join(missing)}.\n")
        for name in options.parts:
            print(PARTS[name](run), flush=True)


if __name__ == "__main__":
    main()
