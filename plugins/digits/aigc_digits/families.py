"""How each family learns: from pictures to the tensors and the configuration of its model folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch import nn

from aigc_content import ModelError, TrainRun, encode_png
from aigc_content.nn import data, modelfile, writing
from aigc_content.nn.adapt import low_rank
from aigc_content.nn.augment import Change
from aigc_content.nn.autoencoder import Autoencoder
from aigc_content.nn.codes import fit as fit_codes
from aigc_content.nn.gan import GAN
from aigc_content.nn.gru import gru
from aigc_content.nn.lstm import lstm
from aigc_content.nn.modelfile import Tensors
from aigc_content.nn.pictures import Pictures, decoder
from aigc_content.nn.program import Program
from aigc_content.nn.tokenizer import Tokenizer
from aigc_content.nn.tokens import to_tokens, token_decoder
from aigc_content.nn.train import fit
from aigc_content.nn.trainlog import Parts
from aigc_content.nn.transformer import transformer
from aigc_content.nn.twin import Twin
from aigc_content.nn.vae import VAE
from aigc_content.nn.vaegan import VAEGAN
from aigc_digits.data import SIDE, Split
from aigc_digits.model import CLASSES, DECODED, DECODER, ENCODER, EXAMPLES, LATENT, LEVELS, WRITTEN

if TYPE_CHECKING:
    from aigc_digits.train import DigitsConfig

    Run: TypeAlias = TrainRun[DigitsConfig]

AUGMENT: tuple[Change, ...] = ("brightness", "translation", "cutout")
_WRITERS: dict[str, Callable[..., Program]] = {"gru": gru, "lstm": lstm, "transformer": transformer}
_CODES_A_GAUSSIAN = 400
_PARTS = 64  # in which many pictures are encoded
_BESIDE = (DECODER, ENCODER, EXAMPLES, "sampler.")  # tensors of other things than the first network
_WATCHED = 1000  # validation digits


def learn(run: Run, split: Split, validation: Split) -> tuple[dict[str, Any], Tensors, int]:
    """Train the family of the configuration: the networks of ``config.json``, the tensors, the number of steps.

    Args:
        run: what to train, and from where.
        split: digits to learn from.
        validation: digits that tell whether a family with a loss of its own still learns; may be none.
    """
    torch.manual_seed(run.config.seed)
    if run.config.family in DECODED:
        return _decoded(run, split, validation)
    return _written(run, split, validation)


def pictures_of(split: Split, size: int, seed: int) -> Callable[[int], Iterator[Pictures]]:
    """Preprocessing: batches of pictures from 0 to 1."""

    def make(chosen: list[int], rng: np.random.Generator) -> Pictures:
        return _pictures(Split(split.images[chosen], split.labels[chosen]))

    return data.epochs(range(len(split.labels)), size, seed, make)


def _pictures(split: Split) -> Pictures:
    images = torch.from_numpy(split.images[:, None]).float() / 255
    return Pictures(images, torch.from_numpy(split.labels.astype(np.int64)))


def _parts(split: Split) -> Iterator[Split]:
    """A split in pieces that fit the memory."""
    for images, labels in zip(
        np.array_split(split.images, _PARTS), np.array_split(split.labels, _PARTS), strict=True
    ):
        if len(labels):
            yield Split(images, labels)


def _held_out(loss: Callable[[Pictures], Parts], validation: Split) -> Callable[[nn.Module], float] | None:
    """Nats a validation digit; the module that is measured is the one that ``loss`` belongs to."""
    if not len(validation.labels):
        return None
    few = _pictures(Split(validation.images[:_WATCHED], validation.labels[:_WATCHED]))

    def measure(_: nn.Module) -> float:
        with torch.no_grad():
            return sum(float(total) / count for total, count in loss(few).values())

    return measure


def _decoded(run: Run, split: Split, validation: Split) -> tuple[dict[str, Any], Tensors, int]:
    """The families that turn a latent vector into a picture."""
    config = run.config
    program = decoder(LATENT, CLASSES, SIDE, config.channels)
    batches = pictures_of(split, config.batch, config.seed)
    sizes = (program, LATENT, CLASSES, SIDE)
    known = _known(run, program)
    if config.family == "gan":
        gan = GAN(*sizes, loss=config.loss, augment=AUGMENT if config.augment else (), reading=config.reading)
        _restore(gan.generator, known, config.rank)
        steps = fit(gan, batches, gan.players(), config, sample=_sheet(gan.draw), run=run)
        tensors = gan.generator.export()
    elif config.family == "vae-gan":
        joint = VAEGAN(*sizes)
        _restore(joint.vae.decoder, known, config.rank)
        steps = fit(joint, batches, joint.players(), config, sample=_sheet(joint.draw), run=run)
        tensors = joint.vae.decoder.export() | _sampler(joint, split, config.seed)
    elif config.family == "vae":
        vae = VAE(*sizes, rise=500)
        _restore(vae.decoder, known, config.rank)
        held = _held_out(vae.loss, validation)
        steps = fit(
            vae, batches, lambda _, batch: vae.loss(batch), config, held_out=held, sample=_sheet(vae.draw), run=run
        )
        tensors = vae.decoder.export() | _sampler(vae, split, config.seed)
    else:
        sparse = 1.0 if config.family == "sparse-autoencoder" else 0.0
        net = Autoencoder(*sizes, noise=0.2, sparse=sparse, activity=0.15 if sparse else 0.0)
        _restore(net.decoder, known, config.rank)
        held = _held_out(net.loss, validation)
        steps = fit(net, batches, lambda _, batch: net.loss(batch), config, held_out=held, run=run)
        tensors = net.decoder.export() | _sampler(net, split, config.seed)
    return {"network": program.to_json()}, tensors, steps


def _sampler(net: Autoencoder | VAE | VAEGAN, split: Split, seed: int) -> Tensors:
    """Gaussians over the codes of the pictures that an autoencoder learned from."""
    labels = split.labels.astype(np.int64)
    with torch.no_grad():
        codes = [net.codes(_pictures(part)).numpy() for part in _parts(split)]
    gaussians = max(1, min(24, len(labels) // CLASSES // _CODES_A_GAUSSIAN))
    return fit_codes(np.concatenate(codes), labels, gaussians, seed)


def _written(run: Run, split: Split, validation: Split) -> tuple[dict[str, Any], Tensors, int]:
    """The families that write a picture token by token: first the tokens, then who writes them."""
    config = run.config
    tokenizer = _tokenizer(run, split)
    known, held = _sequences(tokenizer, split), _sequences(tokenizer, validation)
    vocabulary = prod(LEVELS)
    twin = Twin(_WRITERS[config.family](vocabulary, known.tokens.shape[1], CLASSES))
    _restore(twin, _known(run, twin.program), config.rank)

    def make(chosen: list[int], rng: np.random.Generator) -> writing.Sequences:
        return writing.Sequences(known.tokens[chosen], known.labels[chosen])

    def losses(_: nn.Module, batch: writing.Sequences) -> Parts:
        return writing.loss(twin, batch, vocabulary, CLASSES)

    def held_out(_: nn.Module) -> float:
        few = writing.Sequences(held.tokens[:_WATCHED], held.labels[:_WATCHED])
        with torch.no_grad():
            total, count = losses(twin, few)["token"]
        return float(total) / count

    sequences = data.epochs(range(len(known)), config.batch, config.seed, make)
    steps = fit(twin, sequences, losses, config, held_out=held_out if len(held) else None, run=run)
    networks = {
        "network": twin.program.to_json(),
        "decoder": tokenizer.decoder.program.to_json(),
        "guidance": config.guidance,
    }
    decoder = {DECODER + name: value for name, value in tokenizer.decoder.export().items()}
    encoder = {ENCODER + name: value.numpy() for name, value in tokenizer.encoder.state_dict().items()}
    return networks, twin.export() | decoder | encoder, steps


def _sequences(tokenizer: Tokenizer, split: Split) -> writing.Sequences:
    """The tokens of all pictures of a split, (N, 49), and their labels."""
    with torch.no_grad():
        places = [tokenizer.places(_pictures(part).images).flatten(1, 2).numpy() for part in _parts(split)]
    cells = (SIDE // 4) ** 2
    rows = np.concatenate([np.zeros((0, cells, len(LEVELS))), *places]).astype(np.int64)
    tokens = to_tokens(rows, LEVELS)
    return writing.Sequences(torch.from_numpy(tokens), torch.from_numpy(split.labels.astype(np.int64)))


def _tokenizer(run: Run, split: Split) -> Tokenizer:
    """That of the model to continue from, whatever its family; else a new one."""
    config = run.config
    tokenizer = Tokenizer(token_decoder(LEVELS, SIDE, config.channels), LEVELS)
    if run.base is not None:
        stored, tensors = modelfile.load(run.base)
        if stored.get("decoder") == tokenizer.decoder.program.to_json():
            tokenizer.decoder.restore(_below(tensors, DECODER))
            weights = {name: torch.from_numpy(value) for name, value in _below(tensors, ENCODER).items()}
            tokenizer.encoder.load_state_dict(weights)
            return tokenizer
    first = config.model_copy(update={"minutes": config.tokenizer_minutes, "steps": config.tokenizer_steps})
    batches = pictures_of(split, config.batch, config.seed)
    fit(tokenizer, batches, lambda _, batch: tokenizer.loss(batch), first, run=run, name="tokenizer")
    return tokenizer


def _known(run: Run, program: Program) -> Tensors | None:
    """The tensors of the model to continue from; None where only its tokens are taken over.

    Raises:
        ModelError: M003, it is another network.
    """
    if run.base is None:
        return None
    stored, tensors = modelfile.load(run.base)
    if stored.get("network") != program.to_json():
        if "decoder" in stored and run.config.family in WRITTEN:
            return None
        found = f"is a network of the family {stored.get('family')!r} or of other channels"
        remedy = f"continue from a model of the family {run.config.family}, or train without --from"
        raise ModelError("M003", found, where=str(run.base), remedy=remedy)
    return {name: value for name, value in tensors.items() if not name.startswith(_BESIDE)}


def _restore(twin: Twin, known: Tensors | None, rank: int) -> None:
    """Go on from known tensors, wholly or by a change of low rank."""
    if known is not None:
        twin.restore(known)
        if rank:
            low_rank(twin, rank)


def _below(tensors: Tensors, prefix: str) -> Tensors:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


def _sheet(draw: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[nn.Module], bytes]:
    """A sample picture as training goes: ten of each digit."""

    def sample(_: nn.Module) -> bytes:
        torch.manual_seed(0)
        images = draw(torch.arange(CLASSES).repeat_interleave(10))[:, 0]
        pixels = (images * 255).round().to(torch.uint8).cpu().numpy()
        rows = pixels.reshape(CLASSES, 10, SIDE, SIDE).transpose(0, 2, 1, 3).reshape(CLASSES * SIDE, 10 * SIDE)
        return encode_png(rows[..., None].repeat(3, axis=2))

    return sample
