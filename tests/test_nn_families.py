"""The model families: each learns something small, and draws the same in integers as in training."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import islice
from math import prod

import numpy as np
import pytest
import torch

from aigc_content.errors import ModelError
from aigc_content.nn import codes, data, sampling, tokens, writing
from aigc_content.nn.autoencoder import Autoencoder
from aigc_content.nn.fitconfig import FitConfig
from aigc_content.nn.gan import GAN, Loss
from aigc_content.nn.gru import gru
from aigc_content.nn.lstm import lstm
from aigc_content.nn.operations import Condition, Embed, Linear, Norm
from aigc_content.nn.pictures import Pictures, decode, decoder, noise
from aigc_content.nn.program import Program
from aigc_content.nn.run import Network
from aigc_content.nn.tokenizer import Tokenizer
from aigc_content.nn.train import fit
from aigc_content.nn.transformer import transformer
from aigc_content.nn.twin import Twin
from aigc_content.nn.vae import VAE
from aigc_content.nn.vaegan import VAEGAN
from aigc_content.rng import Stream

SIDE, CLASSES, LATENT = 8, 2, 6
SIZES = (decoder(LATENT, CLASSES, SIDE, (8, 6)), LATENT, CLASSES, SIDE)
CONFIG = FitConfig(steps=120, learning_rate=5e-3, warmup_steps=5, ema=0.9)
LEVELS = (4, 3)


def bars(count: int, seed: int) -> Pictures:
    """Label 0: an upright bar; 1: a level one; at any place."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(CLASSES, size=count)
    images = np.zeros((count, 1, SIDE, SIDE), np.float32)
    for image, label, place in zip(images, labels, rng.integers(1, SIDE - 2, size=count), strict=True):
        image[(0, slice(None), slice(place, place + 2)) if label == 0 else (0, slice(place, place + 2))] = 1
    return Pictures(torch.from_numpy(images), torch.from_numpy(labels))


POOL = bars(256, 0)


def batches(step: int):
    def make(chosen: list[int], rng: np.random.Generator) -> Pictures:
        return Pictures(POOL.images[chosen], POOL.labels[chosen])

    return data.epochs(range(len(POOL)), 32, 0, make)(step)


def upright(images: torch.Tensor) -> torch.Tensor:
    """How far columns differ more than rows, (B,)."""
    rows = images[:, 0].mean(dim=2).var(dim=1)
    columns = images[:, 0].mean(dim=1).var(dim=1)
    return columns - rows


def trained(name: str) -> tuple[Twin, torch.Tensor]:
    """The part of a family that draws, after a short training, and pictures of labels 0 and 1 in turn."""
    torch.manual_seed(0)
    labels = torch.arange(64) % 2
    if name == "vae":
        net = VAE(*SIZES, beta=0.5, rise=20, matching=0.1)
        longer = CONFIG.model_copy(update={"steps": 180})  # after 120 processors differ in whether labels are learned
        fit(net, batches, lambda _, batch: net.loss(batch), longer, say=lambda line: None)
        return net.decoder, net.draw(labels)
    if name == "vae-gan":
        joint = VAEGAN(*SIZES)
        fit(joint, batches, joint.players(), CONFIG, say=lambda line: None)
        return joint.vae.decoder, joint.draw(labels)
    raise AssertionError(name)


@pytest.mark.parametrize("name", ["vae", "vae-gan"])
def test_a_family_of_pictures_learns_its_labels_and_runs_in_integers(name: str) -> None:
    twin, images = trained(name)
    bias = upright(images.detach())
    assert float(bias[::2].mean()) > float(bias[1::2].mean()) + 0.005, name
    same_in_integers(twin)


def same_in_integers(twin: Twin) -> None:
    labels = torch.arange(6) % 2
    latent = noise(6, LATENT, labels)
    with torch.no_grad():
        logits = decode(twin, latent, labels)[:, 0] * 256
    inputs = {"latent": latent.numpy().astype(np.int8), "label": labels[:, None].numpy()}
    assert (Network(SIZES[0], twin.export())(inputs)[..., 0] == logits.numpy()).all()


@pytest.mark.parametrize("loss", ["hinge", "non-saturating", "wasserstein"])
def test_the_players_of_a_gan_pull_against_each_other(loss: Loss) -> None:
    torch.manual_seed(0)
    gan = GAN(*SIZES, loss=loss, augment=("translation",))
    before = {name: value.clone() for name, value in gan.state_dict().items()}
    critic, maker = gan.players()
    config = CONFIG.model_copy(update={"steps": 40, "learning_rate": 2e-3})
    fit(gan, batches, [critic], config, say=lambda line: None)
    moved = {name for name, value in gan.state_dict().items() if not torch.equal(value, before[name])}
    assert moved
    assert all(name.startswith("discriminator.") for name in moved)
    labels = POOL.labels[:64]

    def scores(images: torch.Tensor) -> float:
        with torch.no_grad():
            return float(gan.discriminator(images, labels).mean())

    fake = scores(gan.draw(labels).detach())
    assert scores(POOL.images[:64]) > fake + 0.3
    fit(gan, batches, [replace(maker, every=1)], config, say=lambda line: None)
    assert scores(gan.draw(labels).detach()) > fake + 0.1
    same_in_integers(gan.generator)


def test_a_discriminator_that_reads_makes_a_generator_that_is_read() -> None:
    torch.manual_seed(0)
    gan = GAN(*SIZES, reading=1.0)
    config = CONFIG.model_copy(update={"steps": 120, "learning_rate": 2e-3})
    fit(gan, batches, gan.players(), config, say=lambda line: None)
    labels = POOL.labels[:64]
    with torch.no_grad():
        for images in (POOL.images[:64], gan.draw(labels)):
            read = gan.discriminator.read(gan.discriminator.features(images)[-1]).argmax(dim=1)
            assert (read == labels).float().mean() > 0.9


@pytest.mark.parametrize("sparse", [0.0, 0.3])
def test_an_autoencoder_draws_by_a_sampler_over_its_codes(sparse: float) -> None:
    torch.manual_seed(0)
    net = Autoencoder(*SIZES, noise=0.1, sparse=sparse, activity=0.2 if sparse else 0.0)
    fit(net, batches, lambda _, batch: net.loss(batch), CONFIG, say=lambda line: None)
    with torch.no_grad():
        found = net.codes(POOL).numpy()
    sampler = codes.CodeSampler(codes.fit(found, POOL.labels.numpy(), parts=2))
    drawn = np.stack([sampler.draw(i % 2, Stream(f"code/{i}")) for i in range(400)])
    for label in (0, 1):
        own = np.clip(found[POOL.labels.numpy() == label], -127, 127)
        assert np.abs(drawn[label::2].mean(axis=0) - own.mean(axis=0)).max() < 12
    images = torch.sigmoid(decode(net.decoder, net.rectify(torch.from_numpy(drawn).float()), torch.arange(400) % 2))
    bias = upright(images.detach())
    assert float(bias[::2].mean()) > float(bias[1::2].mean()) + 0.01


def test_sparse_codes_are_sparse() -> None:
    shares = []
    for sparse in (0.0, 1.0):
        torch.manual_seed(0)
        net = Autoencoder(*SIZES, sparse=sparse, activity=0.1 if sparse else 0.0)
        fit(net, batches, lambda _, batch, net=net: net.loss(batch), CONFIG, say=lambda line: None)
        with torch.no_grad():
            shares.append(float((net.encode(POOL) > 0.25).float().mean()))
    assert shares[1] < shares[0] / 1.5, shares


def test_a_code_that_lies_alone_is_drawn_where_it_lies() -> None:
    many = np.random.default_rng(0).normal(size=(30, 2)) * 3
    alone = np.array([[90.0, -90.0]])
    fitted = codes.fit(np.concatenate([many, alone]), np.zeros(31, np.int64), parts=2)
    (lonely,) = np.flatnonzero(fitted[codes.SHARES][0] < 1 << 12)
    assert fitted[codes.MEANS][0, lonely].tolist() == [90 * codes.UNITS, -90 * codes.UNITS]
    assert fitted[codes.ROOTS][0, lonely].any(), "and has some spread of its label"


def test_a_sampler_refuses_what_does_not_fit() -> None:
    good = codes.fit(np.random.default_rng(0).normal(size=(40, 3)) * 20, np.arange(40) % 2, parts=1)
    for broken in (
        {name: value for name, value in good.items() if name != codes.ROOTS},
        good | {codes.MEANS: good[codes.MEANS].astype(np.int64)},
        good | {codes.ROOTS: good[codes.ROOTS][..., :2]},
        good | {codes.SHARES: good[codes.SHARES] * 0},
    ):
        with pytest.raises(ModelError, match="M005"):
            codes.CodeSampler(broken)


def test_levels_in_training_are_those_of_the_run() -> None:
    raw = torch.randn(50, 4, len(LEVELS)) * 3
    places = tokens.round_levels(raw, LEVELS)
    found = tokens.to_tokens(places.numpy().astype(np.int64), LEVELS)
    assert found.min() >= 0
    assert found.max() < prod(LEVELS)
    assert (tokens.to_values(found, LEVELS) == tokens.level_values(places, LEVELS).numpy()).all()
    assert tokens.to_values(np.arange(prod(LEVELS)), LEVELS).max() == tokens.SPAN


def test_a_tokenizer_rebuilds_pictures() -> None:
    torch.manual_seed(0)
    net = Tokenizer(tokens.token_decoder(LEVELS, SIDE, (16, 8)), LEVELS, channels=8)
    before = float(net.loss(POOL)["picture"][0].detach())
    fit(net, batches, lambda _, batch: net.loss(batch), CONFIG, say=lambda line: None)
    assert float(net.loss(POOL)["picture"][0].detach()) < before / 3


WRITERS = {"gru": gru, "lstm": lstm, "transformer": transformer}


@pytest.mark.parametrize("name", WRITERS)
def test_a_family_that_writes_learns_a_rule_and_draws_it(name: str) -> None:
    torch.manual_seed(0)
    vocabulary, length = 4, 8
    start = torch.arange(64) % vocabulary
    labels = torch.arange(64) // 32 % 2
    rows = (start[:, None] + torch.arange(length) * (labels[:, None] + 1)) % vocabulary  # counts by label + 1
    twin = Twin(WRITERS[name](vocabulary, length, 2, width=16))
    pool = writing.Sequences(rows, labels)

    def forever(step: int):
        while True:
            yield pool

    config = CONFIG.model_copy(update={"steps": 150})
    fit(twin, forever, lambda _, batch: writing.loss(twin, batch, vocabulary, 2), config, say=lambda line: None)
    told = np.arange(20) % 2
    streams = [Stream(f"write/{i}") for i in range(20)]
    network = Network(twin.program, twin.export())
    drawn = writing.write(network, told, streams, length, vocabulary, 2)
    steps = (drawn[:, 1:] - drawn[:, :-1]) % vocabulary
    assert (steps == (told + 1)[:, None]).mean() > 0.95
    again = [Stream(f"write/{i}") for i in range(20)]
    guided = writing.write(network, told, again, length, vocabulary, 2, guidance=1.5)
    steps = (guided[:, 1:] - guided[:, :-1]) % vocabulary
    assert (steps == (told + 1)[:, None]).mean() > 0.95
    for guidance, together in ((0.0, drawn), (1.5, guided)):
        for i in (3, 11):
            one = [Stream(f"write/{i}")]
            alone = writing.write(network, told[i : i + 1], one, length, vocabulary, 2, guidance=guidance)
            assert (alone[0] == together[i]).all()


def test_guidance_goes_beyond_what_the_label_says() -> None:
    """A network that knows nothing but a little of its label is sure of it when guided."""
    program = Program((Embed("tokens", 3, 4), Condition("label", (3,), 4), Norm(), Linear(2, "set")))
    tensors = {name: np.zeros(spec.shape, spec.dtype) for name, spec in program.tensors().items()}
    names = [place.name for place in program.places]
    tensors[f"{names[1]}.t"][:2, :2] = [[400, 0], [0, 400]]
    tensors[f"{names[1]}.t"][2] = [280, 280, 0, 0]
    tensors[f"{names[2]}.m"][:] = 1
    tensors[f"{names[3]}.w"][:, :2] = [[1, 0], [0, 1]]
    tensors[f"{names[3]}.m"][:] = 1
    network, told = Network(program, tensors), np.arange(200) % 2

    def right(guidance: float) -> float:
        streams = [Stream(f"guided/{i}") for i in range(200)]
        return float((writing.write(network, told, streams, 1, 2, 2, guidance=guidance)[:, 0] == told).mean())

    assert 0.4 < right(0) < 0.75
    assert right(20) > 0.9


def test_what_runs_needs_no_torch() -> None:
    code = "import sys; from aigc_content.nn import codes, run, tokens, writing; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_latents_of_training_and_run_are_alike() -> None:
    torch.manual_seed(0)
    trained_ = noise(400, 50, torch.zeros(1)).numpy().ravel()
    run = np.concatenate([sampling.latents(Stream(f"z/{i}"), 50) for i in range(400)])
    quantiles = [1, 10, 25, 50, 75, 90, 99]
    assert np.abs(np.percentile(trained_, quantiles) - np.percentile(run, quantiles)).max() <= 4
    assert list(islice(iter(batches(3)), 1))
