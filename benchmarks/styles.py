"""Task adaptation: a trained family learns a style from 50 pictures, slanted, thick or inverted.

    python benchmarks/styles.py --data DIR [--family gan] [--ranks 0 8] [--minutes 2] [--keep DIR]

DIR holds MNIST as `aigc data import digits` writes it. What each figure means is in benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from aigc_digits import proof
from aigc_digits.copies import LIMIT
from aigc_digits.data import SIDE, Bytes, DigitSet, Split, import_digits, load_digits
from aigc_digits.evaluation import Features, draw
from aigc_digits.generator import cleaned
from aigc_digits.measure import bright_ink
from aigc_digits.model import CLASSES, DigitModel
from aigc_digits.train import DigitsConfig, DigitsTrainer
from digit_quality import Labels, distances, pupil
from figures import heading, percent, table

from aigc_content import TrainRun, encode_png
from aigc_content.nn import metrics

EXAMPLES = 50
JUDGED = 10_000
"""Training digits of each kind from which the judge of a style learns; the examples are not among them."""
SLANT = 0.45


def slanted(images: Bytes) -> Bytes:
    """Each row moved by 0.45 pixels for every row that it lies above the middle."""
    rows = [np.roll(images[:, y], round(SLANT * (SIDE / 2 - y)), axis=1) for y in range(SIDE)]
    return np.stack(rows, axis=1)


def thick(images: Bytes) -> Bytes:
    """Each pixel as bright as the brightest of its neighbors."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    shifted = [padded[:, y : y + SIDE, x : x + SIDE] for y in range(3) for x in range(3)]
    return np.maximum.reduce(shifted)


def inverted(images: Bytes) -> Bytes:
    """Dark ink on bright paper."""
    return 255 - images


STYLES: dict[str, Callable[[Bytes], Bytes]] = {"slanted": slanted, "thick": thick, "inverted": inverted}


def examples(digits: DigitSet, seed: int) -> tuple[Split, Split]:
    """As many training digits of each label as make `EXAMPLES`, and others from which the judge learns."""
    train = digits.train
    order = np.random.default_rng(seed).permutation(len(train.labels))
    each = [order[train.labels[order] == label][: EXAMPLES // CLASSES] for label in range(CLASSES)]
    chosen = np.stack(each, axis=1).ravel()
    others = np.setdiff1d(order, chosen)[: 2 * JUDGED]
    return Split(train.images[chosen], train.labels[chosen]), Split(train.images[others], train.labels[others])


def as_pictures(split: Split, folder: Path) -> None:
    """A user's folder of pictures, as `aigc data import digits` reads it."""
    grays = np.arange(256, dtype=np.uint8)[:, None].repeat(3, axis=1)
    for place, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
        path = folder / str(label) / f"{place:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode_png(image, grays))


def adapted(keep: Path, style: str, rank: int, few: Split, base: Path, options: argparse.Namespace) -> Path:
    """Train on the examples, or find what was trained before."""
    out = keep / f"{style}-rank-{rank}"
    if not out.is_dir():
        with tempfile.TemporaryDirectory() as temporary:
            pictures, data = Path(temporary, "pictures"), Path(temporary, "data")
            as_pictures(few, pictures)
            data.mkdir()
            import_digits(pictures, data)
            part = keep / f"{out.name}.part"
            part.mkdir(parents=True, exist_ok=True)
            config = DigitsConfig(
                family=options.family,
                minutes=options.minutes,
                steps=options.steps,
                learning_rate=options.rate,
                augment=options.family == "gan",
                rank=rank,
                threads=1,
            )
            DigitsTrainer().train(TrainRun(config, data, part, base=base))
            part.rename(out)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--family", default="gan")
    parser.add_argument("--ranks", type=int, nargs="+", default=[0, 8], help="of the change; 0 changes all weights")
    parser.add_argument("--styles", nargs="+", choices=STYLES, default=list(STYLES))
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--steps", type=int, default=0, help="in place of --minutes")
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--count", type=int, default=2000, help="digits drawn with each model")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for the models; what is there is not trained again")
    options = parser.parse_args()
    digits = load_digits(options.data)
    base = Path(proof.__file__).parent / "weights" / options.family
    print(heading("Styles", seed=options.seed, count=options.count, family=options.family))
    labels: Labels = np.arange(options.count) % CLASSES
    plain, (few, others) = draw(DigitModel(base), labels, f"styles {options.seed}"), examples(digits, options.seed)
    rows = []
    with tempfile.TemporaryDirectory(prefix="aigc-styles-") as temporary:
        for style in options.styles:
            change = STYLES[style]
            both = np.concatenate([others.images[:JUDGED], change(others.images[JUDGED:])])
            told = np.repeat(np.arange(2), JUDGED)
            judge = pupil(both, told, 400, options.seed)
            real = change(digits.test.images)
            sure = (judge(real).mean() + 1 - judge(digits.test.images).mean()) / 2
            shown = Features()(bright_ink(real[: options.count]))
            for rank in options.ranks:
                own = Split(change(few.images), few.labels)
                model = adapted(options.keep or Path(temporary), style, rank, own, base, options)
                drawn = draw(DigitModel(model), labels, f"styles {options.seed}")
                known, emitted = proof.examples(model), cleaned(drawn)
                bright = bright_ink(emitted)
                refused = np.array([proof.copies().distance(image, known) < LIMIT for image in bright])
                nearest = distances(emitted, own.images)
                rows.append(
                    (
                        style,
                        str(rank) if rank else "all weights",
                        f"{100 * sure:.2f} %",
                        percent(int(judge(plain).sum()), options.count),
                        percent(int(judge(drawn).sum()), options.count),
                        percent(int((proof.read(drawn).argmax(axis=1) == labels).sum()), options.count),
                        metrics.frechet_distance(shown, Features()(bright)),
                        percent(int(refused.sum()), options.count),
                        f"{np.median(nearest):.1f} / {nearest[~refused].min():.1f}",
                    )
                )
                print(rows[-1], file=sys.stderr, flush=True)
    head = (
        f"{EXAMPLES} pictures of a style",
        "rank of the change",
        "judge right on real test digits",
        "before: told as the style",
        "adapted: told as the style",
        "read as asked",
        "FID to test digits of the style",
        "refused as copies",
        "nearest example: median / least of those not refused",
    )
    print(table(head, rows))


if __name__ == "__main__":
    main()
