"""Quality of the sprites plugin: its painter beside real pictures, a GAN, a VAE and layers put together at random.

    python benchmarks/sprites.py --data DIR --model PAINTER [--gan FILE] [--vae FILE] [--features FILE]
                                 [--count 450] [--seed 1]

DIR holds the data set as `aigc data import rltiles` writes it, PAINTER is a model folder, the rivals' files are those
of `sprite_rivals.py`. What each figure means is in benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from integer import THREADS

if __name__ == "__main__":
    os.environ.update(dict.fromkeys(THREADS, "1"))

import numpy as np
import sprite_rivals
import torch
from aigc_sprites import model as m
from aigc_sprites import sheet
from aigc_sprites.data.dataset import SpriteSet, load_set
from aigc_sprites.draw import Canvas, SpriteModel
from aigc_sprites.schedule import schedule_of
from aigc_sprites.sprite import SIDE
from aigc_sprites.tokens import HIDDEN
from figures import Cell, heading, percent, table
from sprite_metrics import DIMENSIONS, Real, Scores, Space, copied, mean_of, places_of
from sprite_witness import COLORS, Pictures, Shown, formed

from aigc_content import Stream

KINDS = ("layer", "monster", "item", "tile")
FLOOR, CLEANED, MIXED = "real, learned from (the floor)", "the same, cleaned", "random real layers"
HELD = "real, held out"
ENCODED = f"""Real pictures are shown as encoded: tokens in ramps of their own, at most {COLORS} colors, as drawn
ones are painted, so that the number of colors tells nothing. Drawn ones are cleaned as the generator cleans them;
none is refused.
"""
_AT_ONCE = 30  # pictures that the painter draws at a time
_EPOCHS = 40
_TAGGED = 4  # pictures drawn at least for each held-out one that shows a tag
_NOTHING = np.zeros((SIDE, SIDE), np.uint8)
_ALL_HIDDEN = np.full((SIDE, SIDE), HIDDEN, np.uint8)

Drawer = Callable[[Sequence[str], int], list[Pictures]]
"""Draws a picture (32, 32, 4) of each label, by a seed."""


@dataclass(frozen=True, eq=False)
class Run:
    """One run of this benchmark.

    Attributes:
        sprites: the data set.
        painter: the model.
        rivals: files by name.
        file: of the witness.
        count: pictures to draw of each kind.
        seed: of all that is random.
    """

    sprites: SpriteSet
    painter: SpriteModel
    rivals: dict[str, Path]
    file: Path
    count: int
    seed: int

    @cached_property
    def drawers(self) -> dict[str, Drawer]:
        """All that draws, by name."""
        found: dict[str, Drawer] = {"painter": self.draw}
        for name, path in self.rivals.items():
            found[name] = self._rival(path)
        return found

    def draw(self, labels: Sequence[str], seed: int) -> list[Pictures]:
        """By the painter, which is told nothing but the label."""
        found: list[Pictures] = []
        for start in range(0, len(labels), _AT_ONCE):
            found += sheet.drawn(self.painter, labels[start : start + _AT_ONCE], seed * 1_000_000 + start)
        return found

    def draw_words(self, labels: Sequence[str], words: Sequence[int], seed: int) -> list[Pictures]:
        """By the painter, which is told a word, too."""
        found: list[Pictures] = []
        for start in range(0, len(labels), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            canvases = []
            for i, (label, word) in enumerate(zip(labels[part], words[part], strict=True)):
                rng = Stream(f"word {seed} {start} {i}")
                told, draft = self.painter.plan(m.told(label, word=int(word)), rng.child("asked"))
                schedule = schedule_of(label, draft is not None, word < len(m.WORDS))
                canvases.append(Canvas(_ALL_HIDDEN.copy(), _NOTHING, told, rng, 1.0, schedule, draft))
            self.painter.draw(canvases)
            found += [sheet.colored(self.painter, canvas.tokens, canvas.told, canvas.rng) for canvas in canvases]
        return found

    def _rival(self, path: Path) -> Drawer:
        def draw(labels: Sequence[str], seed: int) -> list[Pictures]:
            tokens = sprite_rivals.drawn(path, labels, seed)
            return [
                sheet.colored(self.painter, formed(one, label), m.told(label), Stream(f"rival {seed} {place}"))
                for place, (one, label) in enumerate(zip(tokens, labels, strict=True))
            ]

        return draw


def readings(run: Run, real: Real) -> str:
    """How often the witness is right about pictures that it never saw."""
    rows: list[tuple[Cell, ...]] = []
    for kind in KINDS:
        own = real.held.of_kind(kind)
        right = real.witness.reads(own)
        classes = len({label for label in m.SHOWN if label.startswith(f"{kind}/")})
        rows.append((kind, classes, percent(int(right.sum()), len(own))))
    return table(("the witness on held-out pictures", "classes", "read right"), rows)


def quality(run: Run, real: Real, kind: str, drawn: dict[str, Shown]) -> str:
    """The table of one kind; what was drawn for it is added to ``drawn``."""
    rng = np.random.default_rng([run.seed, KINDS.index(kind)])
    held = real.held.of_kind(kind)
    size = min(len(held), run.count)
    sets = max(1, run.count // size)
    held = held.take(np.sort(rng.permutation(len(held))[:size]))
    asked = list(held.labels) * sets
    names = tuple(f"drawn {place}" for place in range(len(asked)))
    for name, drawer in run.drawers.items():
        pictures = np.stack(drawer(asked, run.seed))
        drawn[f"{kind} {name}"] = Shown(pictures, tuple(asked), np.tile(held.words, sets), names)
        _say(f"{kind}: {len(asked)} drawn by {name}")
    scores: dict[str, list[tuple[Scores, Scores]]] = {}
    far = {HELD: real.near.distances(held)}
    nets = len(real.witness.nets)
    pixels: dict[tuple[str, int, int], float] = {}
    for net in range(nets):
        unseen = real.witness.unseen(net)
        kinds = np.array([label.startswith(f"{kind}/") for label in real.learned.labels])
        space = Space.of(real.witness, net, real.learned.take(np.flatnonzero(kinds & unseen)))
        for place in range(sets):
            for name, made in _sets(real, kind, held, unseen, place, drawn, rng):
                known = pixels.get((name, place, net % 2))  # pixels are the same for all networks
                pair = Scores.of(held, made, space, (run.seed * nets + net) * 1000 + place, known)
                pixels[name, place, net % 2] = pair[0].pixels
                scores.setdefault(name, []).append(pair)
                if net == 0:
                    old = far.get(name, np.zeros(0, np.int64))
                    far[name] = np.concatenate([old, real.near.distances(made)])
        _say(f"{kind}: measured by network {net + 1} of {nets}")
    count = f"n = {size} beside {size} held out, sets: {sets}"
    measures = ("FID", "/ floor", "precision", "recall", "density", "coverage", "told apart by features", "1-NN")
    found: list[list[tuple[Cell, ...]]] = []
    for sort in (0, 1):
        by_name = {name: [pair[sort] for pair in pairs] for name, pairs in scores.items()}
        floor = mean_of(by_name[FLOOR], nets)[0]
        found.append([(name, *_cells(own, floor, nets)) for name, own in by_name.items()])
    look, matter = found
    rows = [
        (*row, f"{100 * mean_of([pair[1] for pair in scores[name]], nets)[0].pixels:.0f} %", *_novelty(far[name]))
        for name, row in zip(scores, matter, strict=True)
    ]
    rows.append((HELD, *["-"] * (len(measures) + 1), *_novelty(far[HELD])))
    first = table((f"**{kind}**, {count}", *measures, "by pixels", "copies", "nearest, median"), rows)
    return first + "\n" + table((f"{kind}, by look", *measures), look)


def _sets(
    real: Real,
    kind: str,
    held: Shown,
    unseen: np.ndarray,
    place: int,
    drawn: dict[str, Shown],
    rng: np.random.Generator,
) -> Iterator[tuple[str, Shown]]:
    """One set of each row, of the labels of the held-out pictures."""
    places = places_of(held.labels, real.learned, unseen, rng)
    yield FLOOR, real.learned.take(places)
    yield CLEANED, real.cleaned.take(places)
    if kind == "layer":
        anywhere = [int(rng.choice(np.flatnonzero(np.array(real.learned.labels) == label))) for label in held.labels]
        yield MIXED, real.learned.take(anywhere)
    for name, shown in drawn.items():
        if name.startswith(f"{kind} "):
            yield name.partition(" ")[2], shown.take(range(place * len(held), (place + 1) * len(held)))


def _cells(found: Sequence[Scores], floor: Scores, nets: int) -> tuple[Cell, ...]:
    mean, spread = mean_of(found, nets)
    return (
        f"{mean.frechet:.3g} ± {spread:.1g}",
        f"{mean.frechet / floor.frechet:.2f}",
        f"{mean.precision:.2f}",
        f"{mean.recall:.2f}",
        _share(mean.density, floor.density),
        _share(mean.coverage, floor.coverage),
        *(f"{100 * value:.0f} %" for value in (mean.linear, mean.neighbor)),
    )


def _share(value: float, floor: float) -> str:
    return f"{value:.2f} ({100 * value / floor:.0f} %)" if floor else f"{value:.2f}"


def _novelty(distances: np.ndarray) -> tuple[Cell, ...]:
    return percent(*copied(distances)), f"{np.median(distances):.0f}" if len(distances) else "-"


def tags(run: Run, real: Real, drawn: dict[str, Shown]) -> str:
    """Whether the witness reads what was asked for: classes and slots, and tags."""
    rows: list[tuple[Cell, ...]] = [(HELD, *(_right(real.witness.reads(real.held.of_kind(kind))) for kind in KINDS))]
    for name in run.drawers:
        rows.append((name, *(_right(real.witness.reads(drawn[f"{kind} {name}"])) for kind in KINDS)))
    tagged = real.held.take(np.flatnonzero(real.held.words < len(m.WORDS)))
    times = max(_TAGGED, run.count // len(tagged))
    asked, words = list(tagged.labels) * times, np.tile(tagged.words, times)
    names = tuple(f"drawn {place}" for place in range(len(asked)))
    shown = {HELD: tagged}
    for name, told in (("painter", words), ("painter, not told", np.full(len(words), m.untold("word")))):
        pictures = np.stack(run.draw_words(asked, told.tolist(), run.seed))
        shown[name] = Shown(pictures, tuple(asked), words, names)
        _say(f"tags: {len(asked)} drawn by {name}")
    slots = sorted(set(tagged.of_kind("layer").labels))
    by_kind, by_slot = [], []
    for name, one in shown.items():
        right, labels = real.witness.reads_word(one), np.array(one.labels)
        kinds = np.array([label.partition("/")[0] for label in one.labels])
        by_kind.append((name, _right(right), *(_right(right[kinds == kind]) for kind in KINDS)))
        by_slot.append((name, *(_right(right[labels == slot]) for slot in slots)))
    first = table(("read as asked, among those of its kind", *(f"{kind}s" for kind in KINDS)), rows)
    head = ("tag read as asked, among those of its slot or class", "all", *(f"{kind}s" for kind in KINDS))
    slot_head = ("tag of a layer read as asked", *(slot.partition("/")[2] for slot in slots))
    return first + "\n" + table(head, by_kind) + "\n" + table(slot_head, by_slot)


def _right(found: np.ndarray) -> str:
    return percent(int(found.sum()), len(found))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="data set, as `aigc data import rltiles` writes it")
    parser.add_argument("--model", type=Path, required=True, help="model folder of the painter")
    parser.add_argument("--gan", type=Path, help="file of `sprite_rivals.py gan`")
    parser.add_argument("--vae", type=Path, help="file of `sprite_rivals.py vae`")
    parser.add_argument("--features", type=Path, help="file where the witness is kept, trained if there is none")
    parser.add_argument("--epochs", type=int, default=_EPOCHS, help="of the witness")
    parser.add_argument("--count", type=int, default=450, help="pictures of each kind, drawn by each")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    sprites = load_set(options.data)
    rivals = {"GAN": options.gan, "VAE": options.vae}
    told = {"seed": options.seed, "count": options.count, "data": f"{sprites.source} ({sprites.sha256[:12]})"}
    print(heading("Sprites", **told, dimensions=DIMENSIONS))
    print(ENCODED)
    with tempfile.TemporaryDirectory(prefix="aigc-sprites-") as temporary:
        run = Run(
            sprites=sprites,
            painter=SpriteModel(options.model),
            rivals={name: path for name, path in rivals.items() if path is not None},
            file=options.features or Path(temporary) / "witness.pt",
            count=options.count,
            seed=options.seed,
        )
        drawn: dict[str, Shown] = {}
        real = Real(sprites, run.file, options.epochs, options.seed)
        print(readings(run, real), flush=True)
        for kind in KINDS:
            print(quality(run, real, kind, drawn), flush=True)
        print(tags(run, real, drawn))


if __name__ == "__main__":
    main()
