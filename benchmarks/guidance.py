"""What guidance does to a family that writes: label accuracy and variety, by the figures of its card.

python benchmarks/guidance.py --data DIR [--family transformer] [--values 0 0.5 1] [--count 1000]
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path

from aigc_digits import proof
from aigc_digits.data import load_digits
from aigc_digits.evaluation import evaluate
from aigc_digits.model import WRITTEN
from figures import heading, table

FIGURES = ("label_accuracy", "frechet", "frechet_floor", "precision", "recall", "density", "coverage")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--family", choices=WRITTEN, default="transformer")
    parser.add_argument("--values", type=float, nargs="+", default=[0.0, 0.5, 1.0])
    parser.add_argument("--count", type=int, default=1000)
    options = parser.parse_args()
    digits, shipped = load_digits(options.data), Path(proof.__file__).parent / "weights" / options.family
    print(heading("Guidance", family=options.family, count=options.count))
    rows = []
    for value in options.values:
        with tempfile.TemporaryDirectory(prefix="aigc-guidance-") as temporary:
            folder = Path(shutil.copytree(shipped, Path(temporary, "model")))
            config = json.loads((folder / "config.json").read_text("utf-8"))
            (folder / "config.json").write_text(json.dumps(config | {"guidance": value}), "utf-8")
            found = evaluate(folder, digits, options.count)
        rows.append((f"{value:g}", *(found[name] for name in FIGURES)))
    print(table(("guidance", *FIGURES), rows))


if __name__ == "__main__":
    main()
