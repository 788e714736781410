"""What emitted sprites show: read by the witness of `sprites.py`, beside held-out real pictures.

    python benchmarks/sprite_tags.py --data DIR --features FILE [--times 2] [--seed 1]

Of each held-out monster, item and tile the class and, where it has one, the tag is asked for ``--times`` times by a
build; the witness reads what came out. It is trained apart from the reader that proves, and from no drawn picture.
DIR and FILE are those of `sprites.py`, which trains the witness, too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from aigc_sprites import model as m
from aigc_sprites.data.dataset import load_set
from aigc_sprites.data.words import NOT_LEARNED
from figures import heading, percent, table
from sprite_blind import built
from sprite_metrics import Real
from sprite_witness import Shown

KINDS = ("monster", "item", "tile")
SOME_FAILED = 1
Asked = tuple[str, int]
"""A label and the value of the condition ``word``."""


def emitted(asked: Counter[Asked], seed: int, folder: Path) -> Shown:
    """Sprites of a build, as many of each label and word as are asked for and find a proof."""
    jobs, order = [], []
    for place, ((label, word), count) in enumerate(sorted(asked.items())):
        kind, _, name = label.partition("/")
        tag = m.WORDS[word].partition("/")[2] if word < len(m.WORDS) else None
        params = {"kind": kind, "type": name, **({"tag": tag} if tag else {})}
        jobs.append({"name": f"job{place}", "generator": "sprites", "count": count, "params": params})
        order.append((f"job{place}", label, word))
    recipe = folder / "recipe.yaml"
    recipe.write_text(json.dumps({"version": 1, "seed": seed, "jobs": jobs}))
    command = [sys.executable, "-m", "aigc_content.cli", "build", recipe, "--out", folder / "out"]
    if subprocess.run(command, check=False).returncode not in (0, SOME_FAILED):
        raise SystemExit("the build failed")
    pictures, labels, words = [], [], []
    for job, label, word in order:
        own = built(folder / "out", job)
        pictures += own
        labels += [label] * len(own)
        words += [word] * len(own)
    return Shown(np.stack(pictures), tuple(labels), np.array(words), tuple(map(str, range(len(labels)))))


def _can_be_asked(label: str, word: int) -> bool:
    return label.partition("/")[0] in KINDS and (word >= len(m.WORDS) or m.WORDS[word] not in NOT_LEARNED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="data set, as `aigc data import rltiles` writes it")
    parser.add_argument("--features", type=Path, required=True, help="file of the witness, as `sprites.py` keeps it")
    parser.add_argument("--epochs", type=int, default=40, help="of the witness")
    parser.add_argument("--times", type=int, default=2, help="sprites for each held-out picture")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    sprites = load_set(options.data)
    print(heading("Tags of emitted sprites", seed=options.seed, times=options.times, data=sprites.sha256[:12]))
    real = Real(sprites, options.features, options.epochs, 1)
    both = zip(real.held.labels, real.held.words.tolist(), strict=True)
    held = real.held.take([place for place, one in enumerate(both) if _can_be_asked(*one)])
    asked = Counter(list(zip(held.labels, held.words.tolist(), strict=True)) * options.times)
    with tempfile.TemporaryDirectory(prefix="aigc-sprites-") as folder:
        made = emitted(asked, options.seed, Path(folder))
    classes, tags = [], []
    for name, shown in (("real, held out", held), ("emitted", made)):
        kinds = np.array([label.partition("/")[0] for label in shown.labels])
        right, tagged = real.witness.reads(shown), shown.words < len(m.WORDS)
        read = real.witness.reads_word(shown)
        classes.append((name, *(_share(right[kinds == kind]) for kind in KINDS)))
        tags.append((name, _share(read[tagged]), *(_share(read[tagged & (kinds == kind)]) for kind in KINDS)))
    print(f"{len(made)} of {sum(asked.values())} were made; the others found no proof.\n")
    print(table(("class read as asked", *(f"{kind}s" for kind in KINDS)), classes))
    print(table(("tag read as asked", "all", *(f"{kind}s" for kind in KINDS)), tags))


def _share(found: np.ndarray) -> str:
    return percent(int(found.sum()), len(found))


if __name__ == "__main__":
    main()
