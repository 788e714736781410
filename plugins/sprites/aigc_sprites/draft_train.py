"""Train the draft of a painter: `aigc train sprites --network draft --from PAINTER`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from aigc_content import ModelError, TrainRun
from aigc_content.nn import codes, data, losses, modelfile
from aigc_content.nn.pictures import as_activations
from aigc_content.nn.train import fit
from aigc_content.nn.twin import Twin
from aigc_content.nn.vae import REACH
from aigc_sprites import card, prior
from aigc_sprites import model as m
from aigc_sprites.data.dataset import SpriteSet
from aigc_sprites.data.words import SLOTS
from aigc_sprites.draft import CLASSES, CODE, LATENT, NAME, SIZES, TOLD, Drafter, class_of, likeliest, program
from aigc_sprites.examples import Drawing, drawings, few_alike, varied
from aigc_sprites.sprite import SIDE
from aigc_sprites.tokens import FIRST, FORMS, LEVELS, TOKENS, Tokens, form_of

if TYPE_CHECKING:
    from aigc_sprites.train import SpriteConfig

_FREE = 0.05  # nat a number of the code that cost nothing
_RISE, _RISE_STEPS = 0.2, 1000  # share of the steps in which the code's cost grows to all of it; where none are given
_LIGHT = 0.5  # weight of the light, of which a code can tell little
_UNTOLD = 0.3  # share of the pictures whose word is not told
_VIEWS, _PARTS = 6, 2  # of each picture whose codes are fitted; Gaussians a class
_FEW = 12  # pictures: the codes of a word with fewer lie as those of its label do
_NEAR = 0.5  # so much nearer to each other
_SPREAD, _SPREAD_LAYERS = 1.4, 1.9  # how much wider than those of the learned pictures codes are drawn
_ENCODER, _STORED = ("token.", "told.", "convolutions.", "head."), "encoder."
_PREFIX = f"{NAME}."
_NOTHING = np.zeros((SIDE, SIDE), np.uint8)


@dataclass(frozen=True, eq=False)
class Batch:
    """``tokens`` (B, 32, 32) and ``told`` (B, 3), int64."""

    tokens: Tensor
    told: Tensor

    def __len__(self) -> int:
        return len(self.told)


class Draft(nn.Module):
    """The encoder, which only trains, and the decoder."""

    steps: Tensor
    starts: Tensor

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.rise = max(1, int(steps * _RISE)) if steps else _RISE_STEPS
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.token, self.told = nn.Embedding(TOKENS, 12), nn.Embedding(sum(SIZES), 32)
        self.convolutions = nn.Sequential(
            nn.PixelUnshuffle(2),
            *(nn.Conv2d(48, 64, 3, padding=1), nn.LeakyReLU(0.2)),
            *(nn.Conv2d(64, 96, 3, stride=2, padding=1), nn.LeakyReLU(0.2)),
            *(nn.Conv2d(96, 128, 3, stride=2, padding=1), nn.LeakyReLU(0.2), nn.Flatten()),
        )
        self.head = nn.Linear(128 * 16 + 32, 2 * LATENT)
        self.decoder = Twin(program())
        self.register_buffer("starts", torch.tensor((0, *np.cumsum(SIZES[:-1]).tolist())))

    def encode(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the codes, (B, LATENT) each."""
        x = self.convolutions(self.token(batch.tokens).permute(0, 3, 1, 2))
        told = self.told(batch.told + self.starts).sum(dim=1)
        mean, spread = self.head(torch.cat([x, told], dim=1)).chunk(2, dim=1)
        return REACH * torch.tanh(mean / REACH), spread.clamp(-10, 4)

    def export(self) -> modelfile.Tensors:
        """All tensors by name; without the encoder no painter could learn to see drafts."""
        encoder = {name: value for name, value in self.state_dict().items() if name.startswith(_ENCODER)}
        return {**self.decoder.export(), **{f"{_STORED}{name}": value.numpy() for name, value in encoder.items()}}

    def restore(self, tensors: Mapping[str, npt.NDArray[Any]]) -> None:
        """Go on from a model folder's tensors, of which those of the encoder may be missing."""
        own = {name.removeprefix(_PREFIX): value for name, value in tensors.items() if name.startswith(_PREFIX)}
        self.decoder.restore({name: own[name] for name in program().tensors() if name in own})
        encoder = {
            name.removeprefix(_STORED): torch.from_numpy(value)
            for name, value in own.items()
            if name.startswith(_STORED)
        }
        self.load_state_dict({**self.state_dict(), **encoder})


class Redrafts:
    """Drafts of pictures that are known, for a painter to learn to see them.

    Args:
        config, tensors: of the painter's model folder, which has a draft.
    """

    def __init__(self, config: Any, tensors: modelfile.Tensors) -> None:
        self._drafter = Drafter(config[NAME], tensors)
        self._net = Draft(0)
        self._net.restore(tensors)
        self._net.eval()

    def __call__(
        self, tokens: Tokens, told: npt.NDArray[np.int64], rng: np.random.Generator
    ) -> npt.NDArray[np.int64]:
        """What a network sees of the drafts of pictures (N, 32, 32) of which is told (N, 3), more or less loose."""
        loose = rng.integers(0, len(m.LOOSE), len(tokens))
        with torch.inference_mode():
            mean, spread = self._net.encode(Batch(torch.from_numpy(tokens.astype(np.int64)), torch.from_numpy(told)))
            wide = np.sqrt(spread.exp().numpy() + np.array(m.LOOSE)[loose, None] ** 2)
            noise = torch.from_numpy((rng.standard_normal(mean.shape) * wide).astype(np.float32))
            code = as_activations(mean + noise).numpy().astype(np.int8)
        shown = np.stack([likeliest(one) for one in self._drafter.decode(code, told)])
        return loose[:, None, None] * TOKENS + shown.astype(np.int64)


def _codes(mean: Tensor, spread: Tensor) -> Tensor:
    """Codes (B, LATENT) in activations, drawn."""
    return as_activations(mean + torch.randn_like(mean) * (spread / 2).exp())


def _losses(net: nn.Module, batch: Batch) -> dict[str, tuple[Tensor, int]]:
    """Nats a picture, in parts."""
    assert isinstance(net, Draft)
    mean, spread = net.encode(batch)
    logits = net.decoder({CODE: _codes(mean, spread), TOLD: batch.told})  # (B, 32, 32, OUTPUTS), in nat
    lit = batch.tokens >= FIRST
    forms = torch.from_numpy(form_of(batch.tokens.numpy().astype(np.uint8)).astype(np.int64))
    form = F.cross_entropy(logits[..., :FORMS].flatten(0, 2), forms.flatten(), reduction="sum")
    light = F.cross_entropy(logits[..., FORMS:][lit], (batch.tokens[lit] - FIRST) % LEVELS, reduction="sum")
    weight = min(1.0, int(net.steps) / net.rise)
    if net.training:
        net.steps += 1
    latent = losses.free_bits(losses.gaussian_kl(mean, spread), _FREE)
    count = len(batch)
    return {
        "form": (form, count),
        "light": (_LIGHT * light, count),
        "code": (weight * latent * count, count),
    }


def _batch(chosen: Sequence[Drawing], rng: np.random.Generator, *, plain: bool = False) -> Batch:
    """Pictures varied as for the painter; where ``plain``, moved and mirrored only, and all is told."""
    tokens: list[Tokens] = []
    told = []
    for one in chosen:
        while True:
            (shape, _), label, altered = varied(one, _NOTHING, rng)
            if not (plain and altered):
                break
        word = m.untold("word") if not plain and rng.random() < _UNTOLD else one.word
        tokens.append(shape)
        told.append((m.SHOWN.index(label), word, altered))
    return Batch(torch.from_numpy(np.stack(tokens).astype(np.int64)), torch.tensor(told))


def plain(some: Sequence[Drawing], views: int, rng: np.random.Generator) -> Batch:
    """Pictures, each seen several times, moved and mirrored only, of which all is told."""
    return _batch([one for one in some for _ in range(views)], rng, plain=True)


def _sampler(net: Draft, learned: Sequence[Drawing], seed: int) -> modelfile.Tensors:
    """How codes of each label and word are drawn."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    own: dict[int, list[npt.NDArray[np.float32]]] = {}
    with torch.inference_mode():
        for one in learned:
            seen = _codes(*net.encode(plain([one], _VIEWS, rng))).numpy()
            for place in {class_of(one.label, len(m.WORDS)), class_of(one.label, one.word)}:
                own.setdefault(place, []).append(seen)
    found = []
    for place in range(CLASSES):
        some = own.get(place, [])
        if len(some) < (1 if place < len(m.SHOWN) else _FEW):
            others = own.get(_label_of(place)) or [seen for one in own.values() for seen in one]
            some = [_lent(some, np.concatenate(others))]
        found.append(np.concatenate(some))
    classes = np.repeat(np.arange(CLASSES), [len(some) for some in found])
    return _spread(codes.fit(np.concatenate(found), classes, _PARTS, seed))


def _label_of(place: int) -> int:
    """The class of codes of the label that a class belongs to; its own, where it is a label's."""
    if place < len(m.SHOWN):
        return place
    family = m.WORDS[place - len(m.SHOWN)].partition("/")[0]
    return next(number for number, shown in enumerate(m.SHOWN) if shown.partition("/")[2] == family)


def _lent(some: Sequence[npt.NDArray[np.float32]], others: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Codes of what few pictures show: about these as those of others lie about their middle, but nearer."""
    if not some:
        return others
    return np.concatenate([*some, np.mean(some, axis=(0, 1)) + _NEAR * (others - others.mean(axis=0))])


def _spread(sampler: modelfile.Tensors) -> modelfile.Tensors:
    """Codes lie wider than those of the learned pictures, so that what is drafted is not one of these."""
    families = [shown.partition("/")[0] for shown in m.SHOWN]
    families += ["layer" if word.partition("/")[0] in SLOTS else "" for word in m.WORDS]
    factors = np.array([_SPREAD_LAYERS if one == "layer" else _SPREAD for one in families])
    roots = np.rint(sampler[codes.ROOTS] * factors[:, None, None, None]).astype(np.int32)
    return {**sampler, codes.ROOTS: roots}


def train_draft(run: TrainRun[SpriteConfig], sprites: SpriteSet) -> None:
    """Train a draft for a painter, and write the painter's folder with it.

    Raises:
        ModelError: SPR023, there is no painter to draft for.
    """
    config = run.config
    if run.base is None:
        raise ModelError("SPR023", "a draft belongs to a painter", remedy="name the painter's folder with --from")
    stored, tensors = modelfile.load(run.base)
    known, held = ([one for one in drawings(sprites, part) if one.label in m.SHOWN] for part in sprites.split())
    learned = few_alike(known)
    torch.manual_seed(config.seed)
    net = Draft(config.steps)
    if NAME in stored:
        net.restore(tensors)

    def held_out(trained: nn.Module) -> float:
        batch = _batch(held, np.random.default_rng(1), plain=True)
        with torch.random.fork_rng():
            torch.manual_seed(1)
            return sum(float(total) / count for total, count in _losses(trained, batch).values())

    batches = data.epochs(learned, config.batch, config.seed, _batch)
    steps = fit(net, batches, _losses, config, held_out=held_out if held else None, run=run)
    net.eval()
    own: dict[str, Any] = net.export() | _sampler(net, learned, config.seed)
    config_of = {**stored, NAME: program().to_json()}
    config_of.pop(prior.NAME, None)
    kept = {name: value for name, value in tensors.items() if not name.startswith(_PREFIX)}
    modelfile.save(run.out, config_of, kept | {f"{_PREFIX}{name}": value for name, value in own.items()})
    with torch.inference_mode():
        figures = {"loss": round(held_out(net), 1)} if held else {}
    text = f"""
A variational autoencoder that says of a whole picture, from one code, what each pixel may be. Stored are both its
halves and how codes lie: {_PARTS} Gaussians for each label and tag.
{card.training(run, sprites, f"{len(learned):,} pictures were learned from", steps)}"""
    measured = "drawings that training never saw, nat a picture, light at half weight"
    card.add(run, sprites, card.DRAFT, text, figures, measured)
