"""Sheets for a blind look at sprites: half of the pictures are held-out real ones, half come from a build.

    python benchmarks/sprite_blind.py sheet --data SPRITES --built OUT --job JOB --kind KIND [--seed 1] --to DIR
    python benchmarks/sprite_blind.py sheet --data SPRITES --given PAINTER --kind KIND [--seed 1] --to DIR
    python benchmarks/sprite_blind.py score --to DIR 3 5 9 ...

SPRITES is the data set, OUT a build whose job JOB drew sprites of KIND (``hero``, ``monster``, ``item``, ``tile``).
DIR gets ``sheet.png``, 64 numbered pictures in random order, and ``key.json``, which whoever judges must not see.
``score`` takes the numbers of those that the judge holds for made by a machine. Heroes stand beside real layers put
together at random, for the source has no heroes that are drawn as one: any of its clothes on any human body. (Of the
held-out clothes alone the same skirt comes twelve times, and tells by that.)

With ``--given`` nothing is made up: half of the pictures are held-out ones, the other half are others of them, each
encoded by the draft of PAINTER and drawn again from its code. What gives those away no better choice of codes mends.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
from aigc_sprites import model as m
from aigc_sprites.data.dataset import SpriteSet, load_set
from aigc_sprites.data.words import STACK
from aigc_sprites.draw import Canvas, SpriteModel
from aigc_sprites.examples import drawings
from aigc_sprites.schedule import schedule_of
from aigc_sprites.sprite import SIDE, Sprite
from aigc_sprites.tidy import smooth
from aigc_sprites.tokens import HIDDEN, colors_of
from PIL import Image, ImageDraw

from aigc_content import Stream
from aigc_content.nn import modelfile

COUNT, ACROSS, ZOOM = 64, 8, 4
_CELL, _LABEL = SIDE * ZOOM + 12, 14
_GROUND, _INK = (84, 92, 104), (235, 235, 235)
_WORN = {"base": 1.0, "body": 0.9, "legs": 0.8, "boots": 0.8, "hair": 0.6, "hand1": 0.8, "hand2": 0.5, "head": 0.4}

Pictures = list[npt.NDArray[np.uint8]]


def built(folder: Path, job: str) -> Pictures:
    """The first frame of each sprite of a job, RGBA (32, 32, 4)."""
    found = []
    for path in sorted((folder / job).glob("*.sprite.json")):
        sprite = Sprite.model_validate_json(path.read_bytes())
        found += [sprite.colors[sprite.flat(figure, figure.frames[0])] for figure in sprite.figures]
    return found


def real(sprites: SpriteSet, kind: str, rng: np.random.Generator) -> Pictures:
    """Held-out pictures of a kind, of each drawing one, and more where they are too few; heroes of random layers."""
    held = sprites.split()[1]
    if kind == "hero":
        return [_dressed(sprites, rng) for _ in range(COUNT // 2)]
    shown: dict[tuple[str, str], list[int]] = {}
    for place in rng.permutation(held).tolist():
        entry = sprites.entries[place]
        whole = kind != "tile" or bool((sprites.images[place][..., 3] > 0).all())
        if entry.kind == kind and whole:
            shown.setdefault((entry.label, entry.group), []).append(place)
    found = [places[number] for number in range(COUNT) for places in shown.values() if number < len(places)]
    return [sprites.images[place] for place in found[: max(COUNT // 2, len(shown))]]


def _dressed(sprites: SpriteSet, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    picture = np.zeros((SIDE, SIDE, 4), np.uint8)
    for slot in STACK:
        own = [p for p, entry in enumerate(sprites.entries) if (entry.kind, entry.label) == ("layer", slot)]
        own = [p for p in own if slot != "base" or sprites.entries[p].tags == ("human",)]
        if own and rng.random() < _WORN.get(slot, 0.3):
            layer = sprites.images[own[rng.integers(len(own))]]
            picture = np.where(layer[..., 3:] > 0, layer, picture)
    return picture


def given(sprites: SpriteSet, kind: str, folder: Path, rng: np.random.Generator) -> tuple[Pictures, Pictures]:
    """Held-out pictures that a painter gives back from their codes, in their own colors, and others as they are."""
    import torch
    from aigc_sprites import draft_train

    from aigc_content.nn.pictures import as_activations

    shown = {one.group: one for one in drawings(sprites, sprites.split()[1]) if one.label.startswith(f"{kind}/")}
    some = [list(shown.values())[place] for place in rng.permutation(len(shown))[:COUNT]]
    painter, net = SpriteModel(folder), draft_train.Draft(0)
    assert painter.drafter is not None
    net.restore(modelfile.load(folder)[1])
    net.eval()
    made, true = [], []
    for place, one in enumerate(some):
        if place % 2:
            true.append(colors_of(one.ramps)[one.tokens])
            continue
        told = torch.tensor([[m.SHOWN.index(one.label), one.word, 0]])
        with torch.inference_mode():
            mean, _ = net.encode(draft_train.Batch(torch.from_numpy(one.tokens[None].astype(np.int64)), told))
        code = as_activations(mean).numpy().astype(np.int8)
        draft = painter.drafter.decode(code, told.numpy())[0]
        hidden, conditions = np.full((SIDE, SIDE), HIDDEN, np.uint8), m.describe(one.tokens, one.label, one.word)
        schedule, rng_of = schedule_of(one.label, True), Stream(f"given {place}")
        canvas = Canvas(hidden, np.zeros_like(hidden), conditions, rng_of, 1.0, schedule, draft)
        painter.draw([canvas])
        made.append(colors_of(one.ramps)[smooth(canvas.tokens)])
    return made, true


def write(made: Pictures, true: Pictures, rng: np.random.Generator, folder: Path) -> None:
    """Half of both in random order.

    Raises:
        SystemExit: there are too few.
    """
    half = COUNT // 2
    if min(len(made), len(true)) < half:
        raise SystemExit(f"{len(made)} drawn and {len(true)} real pictures; {half} of both are needed")
    chosen = [(picture, False) for picture in (true[place] for place in rng.permutation(len(true))[:half])]
    chosen += [(picture, True) for picture in (made[place] for place in rng.permutation(len(made))[:half])]
    order = rng.permutation(COUNT)
    page = Image.new("RGB", (ACROSS * _CELL, COUNT // ACROSS * (_CELL + _LABEL)), _GROUND)
    draw = ImageDraw.Draw(page)
    for number, place in enumerate(order.tolist()):
        x, y = number % ACROSS * _CELL, number // ACROSS * (_CELL + _LABEL)
        picture = Image.fromarray(chosen[place][0]).resize((SIDE * ZOOM, SIDE * ZOOM), Image.Resampling.NEAREST)
        page.paste(picture, (x + 6, y + _LABEL), picture)
        draw.text((x + 6, y + 1), str(number + 1), fill=_INK)
    folder.mkdir(parents=True, exist_ok=True)
    page.save(folder / "sheet.png")
    key = [number + 1 for number, place in enumerate(order.tolist()) if chosen[place][1]]
    (folder / "key.json").write_text(json.dumps(key) + "\n", "utf-8")


def score(folder: Path, told: set[int]) -> str:
    """How many of all are told apart rightly."""
    key = set(json.loads((folder / "key.json").read_text("utf-8")))
    right = sum((number in told) == (number in key) for number in range(1, COUNT + 1))
    found = f"{len(told & key)} of {len(key)} made ones found"
    return f"{right} of {COUNT} told apart rightly ({100 * right / COUNT:.0f} %); {found}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("sheet", "score"))
    parser.add_argument("--data", type=Path)
    parser.add_argument("--built", type=Path)
    parser.add_argument("--job")
    parser.add_argument("--given", type=Path)
    parser.add_argument("--kind", choices=("hero", "monster", "item", "tile"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("numbers", type=int, nargs="*")
    options = parser.parse_intermixed_args()
    if options.what == "score":
        print(score(options.to, set(options.numbers)))
        return
    rng = np.random.default_rng(options.seed)
    sprites = load_set(options.data)
    if options.given is not None:
        made, true = given(sprites, options.kind, options.given, rng)
    else:
        made, true = built(options.built, options.job), real(sprites, options.kind, rng)
    write(made, true, rng, options.to)


if __name__ == "__main__":
    main()
