"""What DiffAugment is worth with few training digits: GANs with and without it, a part of `digits.py`.

Models are kept in a folder: a comparison that was stopped, or killed, goes on from there.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from aigc_digits.evaluation import draw
from aigc_digits.model import DigitModel
from aigc_digits.train import DigitsConfig, DigitsTrainer
from digit_quality import Real
from figures import table

from aigc_content import TrainRun
from aigc_content.nn.trainstate import SUFFIX, load_facts

SETTINGS = "settings.json"


@dataclass(frozen=True)
class Few:
    """How to train; the same for every model of a folder.

    Attributes:
        data: sha256 of the data set.
        pictures: training digits.
        minutes: of each training.
        steps: of each training; 0 goes by ``minutes``.
    """

    data: str
    pictures: int
    minutes: float
    steps: int


def begin(keep: Path, few: Few) -> None:
    """Write down in the folder how its models are trained, or compare with what stands there.

    Raises:
        ValueError: the folder's models were trained otherwise.
    """
    keep.mkdir(parents=True, exist_ok=True)
    path = keep / SETTINGS
    if not path.exists():
        path.write_text(json.dumps(asdict(few)) + "\n", "utf-8")
    found = json.loads(path.read_text("utf-8"))
    if found != asdict(few):
        raise ValueError(f"{keep} holds models trained by {found}, not {asdict(few)}; name another folder")


def trained(keep: Path, data: Path, few: Few, seed: int, augment: bool) -> tuple[Path, int]:
    """Train a model, go on with one, or find it finished: its folder, and the steps that it took.

    Raises:
        SystemExit: by Ctrl-C; what was learned so far is kept.
    """
    out = keep / f"{'with' if augment else 'without'}-{seed}"
    part, work = out.with_suffix(".part"), out.with_suffix(".work")
    if not out.exists():
        print(f"training {out}", file=sys.stderr, flush=True)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        work.mkdir(exist_ok=True)
        config = DigitsConfig(
            family="gan",
            pictures=few.pictures,
            minutes=few.minutes,
            steps=few.steps,
            augment=augment,
            seed=seed,
            threads=1,
            checkpoint_minutes=1,
        )
        DigitsTrainer().train(TrainRun(config, data, part, work=work))
        if not _facts(work)["done"]:
            raise SystemExit(f"{out} is not finished; the same command goes on")
        part.rename(out)
    return out, _facts(work)["step"]


def _facts(work: Path) -> dict[str, Any]:
    (state,) = work.glob(f"*{SUFFIX}")
    return load_facts(state)


def section(keep: Path, data: Path, few: Few, seeds: Sequence[int], real: Real) -> str:
    """Fréchet distances by seed, without DiffAugment and with it, and their ratios.

    Args:
        keep: folder of the models.
        data: data set, of which `Few.data` is the digest.
        few: how to train.
        seeds: one training without and one with each.
        real: what to hold as many drawn digits against.
    """
    begin(keep, few)
    rows: list[tuple[str | int | float, ...]] = []
    ratios = []
    for seed in seeds:
        pair = [trained(keep, data, few, seed, augment) for augment in (False, True)]
        drawn = [draw(DigitModel(model), real.labels, f"few {seed}") for model, _ in pair]
        without, augmented = map(real.frechet, drawn)
        ratios.append(augmented / without)
        rows.append((f"seed {seed}", *(steps for _, steps in pair), without, augmented, ratios[-1]))
        print(f"seed {seed}: FID {without:.3f} without, {augmented:.3f} with", file=sys.stderr, flush=True)
    rows.append(("**mean of the ratios**", "", "", "", "", f"**{np.mean(ratios):.3f}**"))
    long = f"{few.steps:,} steps" if few.steps else f"{few.minutes:g} minutes"
    figures = ("steps without", "steps with", "FID without DiffAugment", "FID with", "with / without")
    return (
        table((f"{few.pictures:,} training digits, {long}", *figures), rows)
        + f"\nFID of {len(real.labels):,} digits as drawn; models in {keep}.\n"
    )
