"""Train the sprite network: `aigc train sprites --data DIR`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field

from aigc_content import Trainer, TrainRun, write_card
from aigc_content.nn import data, modelfile
from aigc_content.nn.fitconfig import FitConfig
from aigc_content.nn.unet import UNet, UNetConfig
from aigc_sprites import model as m
from aigc_sprites import reader
from aigc_sprites.coloring import levels_of
from aigc_sprites.copies import bits_of, pack
from aigc_sprites.craft import seam
from aigc_sprites.data.dataset import SIDE, SpriteSet, load_set
from aigc_sprites.data.words import SLOTS
from aigc_sprites.draw import FORMAT, LEARNED, SpriteModel
from aigc_sprites.palette import oklab
from aigc_sprites.sheet import sheet
from aigc_sprites.tokens import (
    CLEAR,
    FIRST,
    FORMS,
    HIDDEN,
    LEVELS,
    MATERIALS,
    Ramps,
    Tokens,
    colors_of,
    encode,
    form_of,
    unlit,
)

if TYPE_CHECKING:
    from torch import Tensor, nn

    from aigc_content.nn.unet_train import UNet as TrainedUNet

MEASURED = (("form_30", m.FORM, 0.3), ("form_60", m.FORM, 0.6), ("form_90", m.FORM, 0.9), ("light_60", m.LIGHT, 0.6))
"""Name, stage and hidden share of what is measured on held-out pictures."""
_MOVED = 2  # pixels that creatures and items are moved by at most
_ALIKE = 12  # so many pictures of one drawing at most are learned from
_WHOLE = 1000  # pixels that a tile shows at least
_SEAM = 1300  # thousandths of the steps of light inside a tile that those over its border may have
_SHARE_UNTOLD, _SHARE_NOTHING, _SHARE_ALTERED = 0.25, 0.1, 0.4
_SHARE_LIGHT, _SHARE_LIT = 0.35, 0.3
_MEASURED = 300
_BATCH = 50


class SpriteConfig(FitConfig):
    """How to train the sprite network.

    Attributes:
        network: ``painter``, which draws, or ``reader``, which tells what a picture shows.
        batch: pictures of a step.
        channels, down, up: sizes of the network (`aigc_content.nn.unet.UNetConfig`).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    network: Literal["painter", "reader"] = "painter"
    batch: int = Field(default=32, ge=1, le=4096)
    ema: float = Field(default=0.998, ge=0, lt=1)
    channels: tuple[int, ...] = (32, 80, 128, 160)
    down: tuple[tuple[int, ...], ...] = ((), (1,), (1, 2), (1, 2))
    up: tuple[tuple[int, ...], ...] = ((1,), (1, 1), (1, 1))


@dataclass(frozen=True, eq=False)
class Drawing:
    """One picture to learn from.

    Attributes:
        tokens: (32, 32).
        ramps: its colors.
        label: one of `aigc_sprites.model.LABELS`.
        word: condition.
        group: the drawing that it is one version of.
        beneath: what lies beneath it, (32, 32); None where that is free.
    """

    tokens: Tokens
    ramps: Ramps
    label: str
    word: int
    group: str = ""
    beneath: Tokens | None = None

    @property
    def slot(self) -> str:
        """Of a layer; of anything else empty."""
        kind, _, name = self.label.partition("/")
        return name if kind == "layer" else ""


NOT_ASKED = -100
"""A target that is none."""


@dataclass(frozen=True, eq=False)
class Batch:
    """``planes`` (B, 4, 32, 32), ``told`` (B, K), ``targets`` of forms and of light (2, B, 32, 32) or `NOT_ASKED`."""

    planes: npt.NDArray[np.int64]
    told: m.Told
    targets: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.told)


def drawings(sprites: SpriteSet, places: Sequence[int]) -> list[Drawing]:
    """Those of the pictures that the network draws."""
    found = []
    walkers: dict[str, dict[str, int]] = {}
    for place in places:
        entry = sprites.entries[place]
        label = f"{entry.kind}/{entry.label}"
        whole = entry.kind != "tile" or int((sprites.images[place][..., 3] > 0).sum()) >= _WHOLE
        if entry.kind == "walker":
            walkers.setdefault(entry.name.rpartition("/")[0], {})[entry.label] = place
        elif label in m.LABELS and whole:
            tokens, ramps = encode(sprites.images[place])
            found.append(Drawing(tokens, ramps, label, m.word_of(entry.label, entry.tags), entry.group))
    for known in walkers.values():
        found += _walker(sprites, known)
    return found


def _walker(sprites: SpriteSet, known: Mapping[str, int]) -> Iterator[Drawing]:
    """One character: each facing over the one that looks down, each step over the one that stands."""
    tall, ramps = encode(np.concatenate([sprites.images[place] for place in known.values()]))
    shown = dict(zip(known, tall.reshape(-1, SIDE, SIDE), strict=True))
    group = sprites.entries[known["down"]].group
    for name, tokens in shown.items():
        facing = name.removesuffix(m.STEP)
        under = shown[facing] if facing != name else shown["down"]
        if name == "down" or not np.array_equal(tokens, under):
            yield Drawing(tokens, ramps, f"walker/{name}", len(m.WORDS), group, None if name == "down" else under)


def few_alike(found: Sequence[Drawing]) -> list[Drawing]:
    """At most `_ALIKE` pictures of each drawing, so that one in thirty colors does not count thirty times."""
    seen: Counter[tuple[str, str]] = Counter()
    kept = []
    for one in found:
        seen[one.label, one.group] += 1
        if seen[one.label, one.group] <= _ALIKE:
            kept.append(one)
    return kept


class Wardrobe:
    """Layers by slot, to dress what lies beneath another layer."""

    def __init__(self, all_drawings: Sequence[Drawing]) -> None:
        self.by_slot = {slot: [one for one in all_drawings if one.slot == slot] for slot in SLOTS}

    def beneath(self, slot: str, rng: np.random.Generator) -> Tokens:
        """A random figure as far as it is dressed before a slot, (32, 32); nothing beneath what is no layer."""
        under = np.zeros((SIDE, SIDE), dtype=np.uint8)
        if not slot:
            return under
        for other in SLOTS[: SLOTS.index(slot)]:
            known = self.by_slot[other]
            if known and (other == "base" or rng.random() < _WORN):
                worn = known[rng.integers(len(known))].tokens
                under = np.where(worn != CLEAR, worn, under)
        return under


_WORN = 0.5


def varied(drawing: Drawing, beneath: Tokens, rng: np.random.Generator) -> tuple[Tokens, str, int]:
    """A drawing, and for a walker what lies beneath it, moved and mirrored, in another light or shape.

    Returns:
        Both (2, 32, 32), the label, and the condition ``altered``.
    """
    kind, altered, label = drawing.label.partition("/")[0], 0, drawing.label
    both = np.stack([drawing.tokens, beneath if kind == "walker" else np.zeros_like(beneath)])
    if kind == "tile":
        if seam(levels_of(drawing.tokens)) <= _SEAM:
            both = np.roll(both, rng.integers(0, SIDE, 2).tolist(), (1, 2))
    elif kind != "layer":
        both = moved(both, *rng.integers(-_MOVED, _MOVED + 1, 2).tolist())
    if kind != "layer" and rng.random() < 0.5:
        both, label = both[..., ::-1], _MIRRORED.get(label, label)
    if rng.random() < _SHARE_ALTERED:
        altered += 2
        both = _reshaped(both, kind, rng)
    if rng.random() < _SHARE_ALTERED:
        altered += 1
        material, level = np.divmod(both.astype(np.int64) - FIRST, LEVELS)
        lit = both >= FIRST
        change = rng.integers(-2, 3, MATERIALS)
        level = np.clip(level + change[np.where(lit, material, 0)], 0, LEVELS - 1)
        both = np.where(lit, FIRST + material * LEVELS + level, both).astype(np.uint8)
    return (both if kind == "walker" else np.stack([both[0], beneath])), label, altered


_MIRRORED = {
    f"walker/{one}{step}": f"walker/{other}{step}"
    for one, other in (("left", "right"), ("right", "left"))
    for step in ("", m.STEP)
}


def _reshaped(both: Tokens, kind: str, rng: np.random.Generator) -> Tokens:
    """Pictures (N, 32, 32) mirrored, turned, or one to three rows or columns taken out and others doubled."""
    if kind == "layer":
        if rng.random() < 0.3:
            both = both[..., ::-1]
        both = moved(both, *rng.integers(-2, 3, 2).tolist())
    elif kind != "walker" and rng.random() < 0.3:
        both = both[:, ::-1] if rng.random() < 0.5 else both.transpose(0, 2, 1)
    for axis in (1, 2):
        order = np.arange(SIDE)
        for _ in range(rng.integers(0, 4)):
            order = np.delete(order, rng.integers(0, SIDE))
            place = int(rng.integers(0, SIDE - 1))
            order = np.insert(order, place, order[place])
        both = np.take(both, order, axis=axis)
    return both


def moved(both: Tokens, dy: int, dx: int) -> Tokens:
    """Pictures (N, H, W) shifted together, as far as nothing that shows leaves them."""
    shown = (both != CLEAR).any(axis=0)
    rows, columns = (np.flatnonzero(shown.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return both
    dy = int(np.clip(dy, -rows[0], len(shown) - 1 - rows[-1]))
    dx = int(np.clip(dx, -columns[0], shown.shape[1] - 1 - columns[-1]))
    return np.roll(both, (dy, dx), (1, 2))


def hide(
    chosen: Sequence[Drawing],
    wardrobe: Wardrobe,
    rng: np.random.Generator,
    fixed: tuple[int, float] | None = None,
) -> Batch:
    """A batch with cells hidden; with a stage and a share given, nothing is varied and every condition is told."""
    planes, told = [], []
    targets = np.full((2, len(chosen), SIDE, SIDE), NOT_ASKED, dtype=np.int64)
    for place, drawing in enumerate(chosen):
        under = wardrobe.beneath(drawing.slot, rng) if drawing.beneath is None else drawing.beneath
        tokens, label, altered = drawing.tokens, drawing.label, 0
        if fixed is None:
            (tokens, under), label, altered = varied(drawing, under, rng)
        stage, share = fixed or (int(rng.random() < _SHARE_LIGHT), float(np.cos(rng.random() * np.pi / 2)))
        shown, hidden = _hidden(tokens, stage, share, rng, mixed=fixed is None)
        targets[stage, place][hidden] = _asked(tokens, stage)[hidden]
        conditions = m.describe(tokens, label, drawing.word)
        conditions[m.INDEX["altered"]], conditions[m.INDEX["stage"]] = altered, stage
        conditions[m.INDEX["rate"]] = m.rate_condition(int(hidden.sum()), hidden.size)
        if fixed is None:
            nothing = rng.random() < _SHARE_NOTHING
            for name in m.FREE:
                if nothing or rng.random() < _SHARE_UNTOLD:
                    conditions[m.INDEX[name]] = m.untold(name)
        told.append(conditions)
        planes.append(m.planes_of(shown, under, conditions))
    return Batch(np.stack(planes), np.stack(told), targets)


def _hidden(
    tokens: Tokens, stage: int, share: float, rng: np.random.Generator, *, mixed: bool
) -> tuple[Tokens, npt.NDArray[np.bool_]]:
    """A picture as it is seen in a stage, and which cells are hidden in it; mixed, some forms are lit already."""
    chosen = rng.random(tokens.shape) < share
    chosen.flat[rng.integers(chosen.size)] = True
    dull = unlit(form_of(tokens))
    if stage == m.LIGHT:
        chosen &= tokens >= FIRST
        return np.where(chosen, dull, tokens), chosen
    lit = rng.random() if mixed and rng.random() < _SHARE_LIT else 0.0
    seen = np.where(rng.random(tokens.shape) < lit, tokens, dull)
    return np.where(chosen, HIDDEN, seen).astype(np.uint8), chosen


def _asked(tokens: Tokens, stage: int) -> npt.NDArray[np.int64]:
    """The right answers of a stage, (H, W)."""
    return form_of(tokens) if stage == m.FORM else (tokens.astype(np.int64) - FIRST) % LEVELS


class SpriteTrainer(Trainer[SpriteConfig]):
    """Trains the network in float with rounding and writes its integers."""

    objective: ClassVar[str] = "form_60"

    def train(self, run: TrainRun[SpriteConfig]) -> None:
        """Train for the configured time and write the model folder.

        Raises:
            InputError: S020, the data cannot be used.
            ModelError: the model to continue from cannot be used.
        """
        sprites = load_set(run.data)
        if run.config.network == "reader":
            reader.train_reader(run, sprites)
        else:
            self._train_painter(run, sprites)

    def _train_painter(self, run: TrainRun[SpriteConfig], sprites: SpriteSet) -> None:
        import torch

        from aigc_content.nn.train import fit
        from aigc_content.nn.unet_train import UNet as TrainedUNet

        config = run.config
        known, held = (drawings(sprites, part) for part in sprites.split())
        learned = few_alike(known)
        torch.manual_seed(config.seed)
        sizes = UNetConfig(m.PLANES, tuple(m.CONDITIONS.values()), m.OUTPUTS, config.channels, config.down, config.up)
        net = TrainedUNet(sizes)
        if run.base is not None:
            stored, tensors = modelfile.load(run.base)
            net = TrainedUNet(UNetConfig.from_json(stored.get("network", {})))
            net.restore({name: value for name, value in tensors.items() if not name.startswith(LEARNED)})
        wardrobe = Wardrobe(learned)

        def make(chosen: list[Drawing], rng: np.random.Generator) -> Batch:
            return hide(chosen, wardrobe, rng)

        batches = data.epochs(learned, config.batch, config.seed, make)
        few = held[:: max(1, len(held) // _MEASURED)]
        measured = [
            hide(part, wardrobe, np.random.default_rng(1), (stage, 0.6))
            for stage in (m.FORM, m.LIGHT)
            for part in _parts(few)
        ]

        def held_out(trained: nn.Module) -> float:
            parts = [part for batch in measured for part in losses(trained, batch).values()]
            return sum(float(loss) for loss, _ in parts) / max(1, sum(count for _, count in parts))

        def sample(trained: nn.Module) -> npt.NDArray[np.uint8]:
            assert isinstance(trained, TrainedUNet)
            with TemporaryDirectory() as folder:
                _save(Path(folder), trained, known)
                return sheet(SpriteModel(Path(folder)), 6, seed=config.seed)

        steps = fit(net, batches, losses, config, held_out=held_out if held else None, sample=sample, run=run)
        _save(run.out, net, known)
        figures = held_out_losses(run.out, sprites)
        _write_card(run, sprites, len(learned), steps, figures)

    def evaluate(self, model: Path, data: Path) -> Mapping[str, int | float | str]:
        """Held-out cross-entropy in nat a hidden pixel, by share hidden.

        Raises:
            InputError: S020, the data cannot be used.
        """
        sprites = load_set(data)
        if modelfile.load(model)[0].get("format") == reader.FORMAT:
            return reader.evaluate_reader(model, sprites)
        return held_out_losses(model, sprites)


def _save(folder: Path, net: TrainedUNet, known: Sequence[Drawing]) -> None:
    config = {"format": FORMAT, "network": net.config.to_json()}
    modelfile.save(folder, config, net.export() | _learned(known))


def _parts(items: Sequence[Drawing]) -> Iterator[Sequence[Drawing]]:
    yield from (items[start : start + _BATCH] for start in range(0, len(items), _BATCH))


def _learned(learned: Sequence[Drawing]) -> modelfile.Tensors:
    """What the network learned from: label, colors to color others of the label with, bits to know a copy by."""
    codes = [bits_of(one.tokens != CLEAR, oklab(colors_of(one.ramps)[one.tokens, :3])[..., 0]) for one in learned]
    return {
        f"{LEARNED}colors": np.stack([one.ramps for one in learned]),
        f"{LEARNED}labels": np.array([m.LABELS.index(one.label) for one in learned], dtype=np.uint8),
        f"{LEARNED}materials": np.array([m.materials_of(one.tokens) for one in learned], dtype=np.uint8),
        f"{LEARNED}codes": pack(np.stack(codes)),
    }


def losses(net: nn.Module, batch: Batch) -> dict[str, tuple[Tensor, int]]:
    """Cross-entropy of the hidden pixels, summed."""
    import torch
    import torch.nn.functional as F

    planes, told, targets = (torch.from_numpy(part) for part in (batch.planes, batch.told, batch.targets))
    inside = torch.ones(planes.shape[0], SIDE, SIDE)
    logits = net(planes, told, inside)
    parts = {}
    for name, scores, wanted in zip(("form", "light"), (logits[:, :FORMS], logits[:, FORMS:]), targets, strict=True):
        asked = int((wanted != NOT_ASKED).sum())
        if asked:
            parts[name] = (F.cross_entropy(scores, wanted, ignore_index=NOT_ASKED, reduction="sum"), asked)
    return parts


def held_out_losses(folder: Path, sprites: SpriteSet) -> dict[str, int | float | str]:
    """Cross-entropy of the integer network on drawings that training never saw, in nat a hidden pixel."""
    learned, held = (drawings(sprites, part) for part in sprites.split())
    stored, tensors = modelfile.load(folder)
    own = {name: value for name, value in tensors.items() if not name.startswith(LEARNED)}
    with modelfile.loading(folder):
        net = UNet(UNetConfig.from_json(stored.get("network", {})), own)
    result: dict[str, int | float | str] = {"held_out_drawings": len(held)}
    wardrobe = Wardrobe(learned)
    for name, stage, rate in MEASURED:
        total, count = 0.0, 0
        for part in _parts(held):
            batch = hide(part, wardrobe, np.random.default_rng(1), (stage, rate))
            logits = net(batch.planes, batch.told) / 256.0
            answers = logits[..., :FORMS] if stage == m.FORM else logits[..., FORMS:]
            wanted = batch.targets[stage]
            scores = answers[wanted != NOT_ASKED]
            peak = scores.max(axis=1, keepdims=True)
            norm = np.log(np.exp(scores - peak).sum(axis=1)) + peak[:, 0]
            total += float((norm - scores[np.arange(len(scores)), wanted[wanted != NOT_ASKED]]).sum())
            count += len(scores)
        result[name] = round(total / max(count, 1), 4)
    return result


def _write_card(
    run: TrainRun[SpriteConfig],
    sprites: SpriteSet,
    learned: int,
    steps: int,
    figures: Mapping[str, int | float | str],
) -> None:
    config = run.config
    counts = ", ".join(
        f"{number:,} {kind}s" for kind, number in sorted(Counter(e.kind for e in sprites.entries).items())
    )
    write_card(
        run.out,
        name="walkers" if any(entry.kind == "walker" for entry in sprites.entries) else "sprites",
        license=sprites.license,
        datasets=[sprites.source],
        text=f"""
A masked diffusion U-Net over forms (clear, dark, four materials) and seven levels of light, trained with rounding and
stored as integers; it runs in `aigc_sprites.draw.SpriteModel`. It holds the colors of the pictures that it learned
from, and 512 bits of each to know a copy by, but none of the pictures.

- Data: {sprites.source} ({counts}; sha256 `{sprites.sha256}`); {learned:,} pictures were learned from, other drawings
  were held out.
- Training: {steps:,} steps of {config.batch} pictures, seed {config.seed}, learning rate
  {config.learning_rate:g}.{run.origin}
""",
        figures=figures,
        measured="drawings that training never saw, nat a hidden pixel",
    )
