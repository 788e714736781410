"""Quality and speed of the levels plugin: a thousand levels through `aigc build`, checked and compared.

    python benchmarks/levels.py --data DIR --count 1000 --seed 1

DIR holds the training data as `aigc data import` writes it. What each figure means is in benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import building
import draws
import independent
import level_metrics as lm
import numpy as np
import patterns
import recipes
from figures import heading, percent, table
from level_metrics import Grid, NamedGrid
from nearest import nearest

PARTS = ("validity", "draws", "copies", "patterns", "shape")
SMALL = 4
"""Levels of each job in the small build that start-up is told from."""


@dataclass(frozen=True)
class Run:
    """One run of this benchmark.

    Attributes:
        recipe, out: what was built, and where.
        work: folder for further builds.
        slots: the build's slots.
        texts: the emitted levels' text, in order.
        grids: the same as tile codes.
        train, test: maps to learn from, and maps that neither training nor the choice of settings saw.
        seed, workers, draws, halvings, matched: as on the command line.
        picture: where to draw the expressive range.
        model: a model folder in place of the shipped one.
    """

    recipe: Path
    out: Path
    work: Path
    slots: Sequence[building.Slot]
    texts: Sequence[str]
    grids: Sequence[Grid]
    train: Sequence[NamedGrid]
    test: Sequence[NamedGrid]
    seed: int
    workers: int
    draws: int
    halvings: int
    matched: int
    picture: Path
    model: Path | None


def speed(count: int, seed: int, workers: int, work: Path, model: Path | None) -> str:
    """Build the small recipe twice (the first warms caches up) and the whole one once; the build stays."""
    small = recipes.write(recipes.asked(SMALL * len(recipes.JOBS), seed, model), work / "small.yaml")
    building.build(small, work / "warm", workers)
    few = building.build(small, work / "small", workers)
    whole = recipes.write(recipes.asked(count, seed, model), work / "levels.yaml")
    many = building.build(whole, work / "levels", workers)
    more = count - SMALL * len(recipes.JOBS)
    rows = [
        (f"{count} levels, start-up included", f"{count / many:.1f}", f"{many:.1f} s"),
        ("without start-up", f"{more / (many - few):.1f}", f"{many - few:.1f} s for {more} more"),
    ]
    return table(
        (f"levels of 32x24, proven and exported (Tiled, PNG, text), {workers} workers", "a second", "time"),
        rows,
    )


def validity(run: Run) -> str:
    """The independent check of every emitted level, and how the levels came about."""
    faults: Counter[str] = Counter()
    sound = 0
    for slot in run.slots:
        if slot.stem is not None:
            found = independent.check_files(slot.stem, slot.params)
            sound += not found.faults
            faults.update(f"{slot.job}: {fault}" for fault in found.faults)
            if found.path != slot.metrics["path_length"] and found.winnable:
                faults[f"{slot.job}: another path length than the manifest says"] += 1
    emitted = sum(slot.stem is not None for slot in run.slots)
    rows = [
        ("emitted levels that the independent check finds winnable and as asked", percent(sound, emitted)),
        ("levels asked for that were emitted", percent(emitted, len(run.slots))),
    ]
    text = table(("validity", "share"), rows)
    text += "".join(f"- FAULT, {number} times: {fault}\n" for fault, number in faults.most_common(10))
    return f"{text}\n{_rates(run.slots)}\n{_control(run.slots)}"


def _rates(slots: Sequence[building.Slot]) -> str:
    """How many attempts passed at each stage, by job."""
    rows: list[tuple[str | int, ...]] = []
    for name in ["all", *dict.fromkeys(slot.job for slot in slots)]:
        here = [slot for slot in slots if name in ("all", slot.job)]
        attempts = sum(slot.attempts for slot in here)
        made = Counter(str(slot.metrics["stage"]) for slot in here if slot.stem is not None)
        passed = np.cumsum([made["first"], made["remasked"], made["repaired"]])
        shares = [f"{100 * part / attempts:.1f} %" for part in passed]
        rows.append((name, attempts, *shares, sum(slot.stem is None for slot in here)))
    stages = ("as first drawn", "after <= 2 re-masks", "after repair")
    return table(("all that was asked, of all attempts", "attempts", *stages, "unfilled"), rows)


def _control(slots: Sequence[building.Slot]) -> str:
    """Measured difficulty beside the asked."""
    rows: list[tuple[str | float | int, ...]] = []
    for name in dict.fromkeys(slot.job for slot in slots):
        here = [slot for slot in slots if slot.job == name and slot.stem is not None]
        asked = here[0].params.get("difficulty") if here else None
        if asked is not None:
            got = np.array([slot.metrics["difficulty"] for slot in here])
            rows.append((name, asked, float(got.mean()), float(np.abs(got - asked).mean()), len(here)))
    return table(("difficulty", "asked", "mean", "mean error", "levels"), rows)


def copies(run: Run) -> str:
    """Duplicates, novelty beside that of test maps, variety."""
    train = [item.grid for item in run.train]
    like = [item.grid for item in run.test if lm.is_like(item.grid)]
    ours, real = nearest(run.grids, train), nearest(like, train)
    own = nearest(run.grids, run.grids, itself=True)
    closest = int(ours.far.argmin())
    known = lm.known_windows(train)
    copied, usual = (f"{lm.copied_share(grids, known):.2%}".replace("%", " %") for grids in (run.grids, like))
    rows = [
        ("duplicates, symmetries counted", f"{lm.duplicates(run.grids)} of {len(run.grids)}"),
        ("nearest training map: median / 5th percentile / least", lm.spread(ours.far)),
        (f"the same of {len(like)} test maps of {lm.LIKE}", lm.spread(real.far)),
        ("nearest other level: median / 5th percentile / least", lm.spread(own.far)),
        ("mean difference of two levels, all cells", f"{lm.pairwise(run.grids):.1%}".replace("%", " %")),
        ("8x8 windows that a training map holds", copied),
        ("the same of those test maps", usual),
    ]
    names = [slot.stem.name for slot in run.slots if slot.stem is not None]
    near = run.train[int(ours.which[closest])].name
    return table(("novelty and variety (void left out)", "value"), rows) + f"\nNearest: {names[closest]} to {near}.\n"


def pattern_kl(run: Run) -> str:
    """Pattern KL to test maps: at the test maps' own sizes, and of the asked levels of 32x24."""
    test = [item.grid for item in run.test]
    train = [item.grid for item in run.train]
    rng = np.random.default_rng(run.seed)
    matched = _matched([grid.shape for grid in test], run, "any")
    others: dict[str, Sequence[Grid]] = {"training maps": train, "levels": matched[0]}
    others["levels of the style rooms"] = _matched([grid.shape for grid in test], replace(run, matched=1), "rooms")[0]
    for place, more in enumerate(matched[1:], 2):
        others[f"levels, set {place}"] = more
    for name in patterns.CONTEXTS:
        chain = patterns.Chain(train, name)
        others[f"Markov chain ({name})"] = [chain.draw(grid.shape, rng) for grid in test]
    others["shuffled cells"] = patterns.shuffled(test, rng)
    others["uniform random"] = patterns.uniform(test, rng)
    text = _kl_table(
        "all test maps, levels of the same sizes and the style any, told nothing else", test, others, run
    )
    like = [place for place, grid in enumerate(test) if lm.is_like(grid)]
    part = {name: [grids[i] for i in like] for name, grids in others.items() if len(grids) == len(test)}
    sizes = f"test maps of {lm.LIKE}"
    here = {
        "training maps": [grid for grid in train if lm.is_like(grid)],
        "asked levels of 32x24": list(run.grids),
        **part,
    }
    return text + "\n" + _kl_table(f"{sizes}, with the asked levels of 32x24 too", [test[i] for i in like], here, run)


def _kl_table(title: str, test: Sequence[Grid], others: Mapping[str, Sequence[Grid]], run: Run) -> str:
    """Both window sizes, void as a tile of its own and void as wall."""
    columns: list[dict[str, patterns.Score]] = []
    change: tuple[Callable[[Grid], Grid], ...] = (lambda grid: grid, lm.void_as_wall)
    for seen in change:
        shown = {name: [seen(grid) for grid in grids] for name, grids in others.items()}
        for n in (2, 3):
            columns.append(patterns.scores([seen(grid) for grid in test], shown, n, run.seed, run.halvings))
    rows = [
        (name, *(f"{c[name].mean:.3f} ({c[name].excess:+.3f} ± {c[name].error:.3f})" for c in columns))
        for name in columns[0]
    ]
    head = (title, "n=2", "n=3", "n=2, void as wall", "n=3, void as wall")
    chains = [name for name in others if name.startswith("Markov chain")]
    for name in chains:
        of = [f"{c['levels'].excess / c[name].excess:.2f}" for c in columns]
        rows.append((f"excess of the levels / of the {name}", *of))
    best = [f"**{c['levels'].excess / min(c[name].excess for name in chains):.2f}**" for c in columns]
    rows.append(("**excess of the levels / of the better chain**", *best))
    void = [100 * np.mean([(grid == lm.VOID).mean() for grid in grids]) for grids in (test, *others.values())]
    shares = ", ".join(f"{name} {share:.0f} %" for name, share in zip(("test", *others), void, strict=True))
    return table(head, rows) + f"\nMean share of void: {shares}.\n"


def _matched(shapes: Sequence[tuple[int, ...]], run: Run, style: str) -> list[list[Grid]]:
    """Sets of levels of a style with the sizes of the test maps, in their order."""
    sizes = [(height, width) for height, width in shapes]
    sets = []
    for number in range(run.matched):
        asked = recipes.sized(sizes, run.seed + number, run.model, style)
        out = run.work / f"sized-{style}-{number}"
        recipe = recipes.write(asked, out.with_suffix(".yaml"))
        building.build(recipe, out, run.workers)
        made: dict[str, list[Grid]] = {}
        for slot in building.slots(recipe, out):
            if slot.stem is not None:
                made.setdefault(slot.job, []).append(lm.parse(slot.stem.with_suffix(".txt").read_text("utf-8")))
        missing = Counter(recipes.size_name(*size) for size in sizes) - Counter({k: len(v) for k, v in made.items()})
        if missing:
            raise RuntimeError(f"no level was made for {dict(missing)}")
        sets.append([made[recipes.size_name(*size)].pop(0) for size in sizes])
    return sets


def shape(run: Run) -> str:
    """The expressive range as a picture, and measures of shape beside those of test maps."""
    import picture
    import shapes

    real = shapes.shapes([item.grid for item in run.test if lm.is_like(item.grid)])
    ours = shapes.shapes(run.grids)
    made = [slot for slot in run.slots if slot.stem is not None]
    paths = np.array([(slot.metrics["path_length"], slot.metrics["openness"]) for slot in made], dtype=np.float64)
    graded = np.array(
        [(slot.params["difficulty"], slot.metrics["difficulty"]) for slot in made if "difficulty" in slot.params]
    )
    rooms = (0.0, 24.0, 0.0, 0.72)
    many, few = f"{len(ours)} levels", f"{len(real)} test maps"
    panels = [
        picture.Panel(many, "path length", "openness", paths, (0, 120, 0, 0.72)),
        picture.Panel(f"{len(graded)} levels", "difficulty asked", "measured", graded, (0, 1, 0, 1)),
        picture.Panel(many, "rooms", "openness", ours[:, :2], rooms),
        picture.Panel(few, "rooms", "openness", real[:, :2], rooms),
    ]
    picture.draw(panels, 2, run.picture)
    sizes = f"{few} of {lm.LIKE}"
    return shapes.shape_table({many: ours, sizes: real}) + f"\nExpressive range: {run.picture}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="imported data sets, or a folder of them")
    parser.add_argument("--count", type=int, default=1000, help="levels to build")
    parser.add_argument("--seed", type=int, default=1, help="of the recipes, the baselines and the halvings")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--draws", type=int, default=500, help="drawings to look at, as first drawn and after re-masks"
    )
    parser.add_argument("--matched", type=int, default=1, help="sets of levels with the test maps' sizes")
    parser.add_argument("--halvings", type=int, default=20, help="random halvings of the test maps")
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS, help="what to measure beside speed")
    parser.add_argument("--keep", type=Path, help="new folder for the builds; without it they are removed")
    parser.add_argument("--model", type=Path, help="a model folder in place of the shipped one")
    parser.add_argument("--picture", type=Path, default=Path("docs/images/expressive-range.png"))
    options = parser.parse_args()
    if options.count <= SMALL * len(recipes.JOBS):
        parser.error(f"--count must be above {SMALL * len(recipes.JOBS)}, the small build that start-up is told from")
    train, test = lm.load_maps(options.data, "train"), lm.load_maps(options.data, "test")
    data = f"{len(train)} training and {len(test)} test maps"
    model = str(options.model or "the shipped one")
    print(heading("Levels", seed=options.seed, levels=options.count, data=data, model=model))
    with tempfile.TemporaryDirectory(prefix="aigc-levels-") as temporary:
        work = options.keep or Path(temporary) / "work"
        work.mkdir(parents=True)
        print(speed(options.count, options.seed, options.workers, work, options.model), flush=True)
        slots = list(building.slots(work / "levels.yaml", work / "levels"))
        texts = [slot.stem.with_suffix(".txt").read_text("utf-8") for slot in slots if slot.stem is not None]
        run = Run(
            recipe=work / "levels.yaml",
            out=work / "levels",
            work=work,
            slots=slots,
            texts=texts,
            grids=[lm.parse(text) for text in texts],
            train=train,
            test=test,
            seed=options.seed,
            workers=options.workers,
            draws=options.draws,
            halvings=options.halvings,
            matched=options.matched,
            picture=options.picture,
            model=options.model,
        )
        parts: dict[str, Callable[[Run], str]] = {
            "validity": validity,
            "draws": lambda run: draws.rates(run.recipe.read_text("utf-8"), run.draws),
            "copies": copies,
            "patterns": pattern_kl,
            "shape": shape,
        }
        for name in options.parts:
            print(parts[name](run), flush=True)


if __name__ == "__main__":
    main()
