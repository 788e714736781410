"""Training of the painter and the reader, a few steps on pictures made here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aigc_sprites import model as m
from aigc_sprites.copies import CODE_BYTES
from aigc_sprites.data.dataset import Entry, grouped, load_set, write_set
from aigc_sprites.draft import LATENT, class_of, likeliest
from aigc_sprites.draft_train import Redrafts
from aigc_sprites.draw import LEARNED, SpriteModel
from aigc_sprites.examples import drawings
from aigc_sprites.looks import LOOKS
from aigc_sprites.prior import Prior
from aigc_sprites.reader import Reader
from aigc_sprites.sheet import drawn
from aigc_sprites.tokens import HIDDEN
from aigc_sprites.train import SpriteConfig, SpriteTrainer

from aigc_content import InputError, ModelError, Stream, TrainRun
from aigc_content.models import inspect
from aigc_content.nn import modelfile

KINDS = {"layer", "monster", "item", "tile"}
LABELS = (("layer", "base"), ("layer", "body"), ("monster", "animal"), ("item", "weapon"), ("tile", "floor"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty pictures of five labels."""
    out = tmp_path_factory.mktemp("data")
    entries, pictures = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        kind, label = LABELS[seed % len(LABELS)]
        pixels = np.zeros((32, 32, 4), np.uint8)
        for _ in range(6):
            y, x = rng.integers(2, 22, 2)
            pixels[y : y + 8, x : x + 8] = (*rng.integers(30, 250, 3), 255)
        if kind == "tile":
            pixels[..., 3] = 255
        tags = ("robe",) if label == "body" else ()
        entries.append(Entry(f"{kind}/{seed}", kind, label, tags, "abcdefghij"[seed % 10] * (seed + 1)))
        pictures.append(pixels)
    images = np.stack(pictures)
    write_set(out, "made here", "CC0-1.0", list(grouped(entries, images).values()), images, {})
    return out


def trained(data: Path, out: Path, base: Path | None = None, **options: Any) -> Path:
    out.mkdir()
    config = SpriteConfig.model_validate(
        {"steps": 2, "batch": 4, "channels": [8, 12], "down": [[], [1]], "up": [[1]], "evaluate_steps": 1, **options}
    )
    SpriteTrainer().train(TrainRun(config, data, out, base))
    return out


def test_a_painter_is_whole_and_says_what_it_learned_from(data: Path, tmp_path: Path) -> None:
    out = trained(data, tmp_path / "painter")
    found = inspect(out)
    assert (found.name, found.license, found.trained_on) == ("sprites", "CC0-1.0", ("made here",))
    tensors = modelfile.load(out)[1]
    learned = len(load_set(data).split()[0])
    assert tensors[f"{LEARNED}codes"].shape == (learned, 2, CODE_BYTES)
    pictures = drawn(SpriteModel(out), ["monster/animal", "tile/floor"], 1)
    assert [picture.shape for picture in pictures] == [(32, 32, 4)] * 2
    assert (pictures[1][..., 3] == 255).mean() > 0.3
    assert list((out / "samples").glob("*.png"))
    figures = SpriteTrainer().evaluate(out, data)
    assert all(float(figures[name]) > 0 for name in ("form_30", "form_60", "form_90", "light_60"))
    again = trained(data, tmp_path / "again", base=out)
    assert "Continued from the model" in (again / "README.md").read_text("utf-8")
    looks = {name: centers for name, centers in tensors.items() if name.startswith(LOOKS)}
    assert len(looks) == 2 * len(KINDS)
    assert all(np.array_equal(modelfile.load(again)[1][name], centers) for name, centers in looks.items())


def test_the_same_seed_trains_the_same_painter(data: Path, tmp_path: Path) -> None:
    one, other = (trained(data, tmp_path / name, threads=1) for name in ("one", "other"))
    assert (one / "model.safetensors").read_bytes() == (other / "model.safetensors").read_bytes()
    third = trained(data, tmp_path / "third", threads=1, seed=1)
    assert (one / "model.safetensors").read_bytes() != (third / "model.safetensors").read_bytes()


def test_a_reader_is_trained_and_measured(data: Path, tmp_path: Path) -> None:
    out = trained(data, tmp_path / "reader", network="reader")
    assert inspect(out).name == "sprites-reader"
    pictures = load_set(data).images[:3]
    assert set(Reader(out).shares(pictures, ["tile"] * 3)[0]) == {"floor", "wall"}
    assert "monster_accuracy" in SpriteTrainer().evaluate(out, data)


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drafts of a network that has learned nothing fit, too."""
    monkeypatch.setattr("aigc_sprites.draw._FAR", len(m.SIZE_EDGES))
    monkeypatch.setattr("aigc_sprites.draw._WHOLE", 0)


@pytest.mark.usefixtures("lenient")
def test_a_draft_is_added_to_a_painter(data: Path, tmp_path: Path) -> None:
    painter = trained(data, tmp_path / "painter")
    assert SpriteModel(painter).plan(m.told("monster/animal"), Stream("plain"))[1] is None
    out = trained(data, tmp_path / "draft", base=painter, network="draft")
    before, after = (modelfile.load(folder)[1] for folder in (painter, out))
    assert all(np.array_equal(after[name], value) for name, value in before.items())
    card = (out / "README.md").read_text("utf-8")
    assert "masked diffusion U-Net" in card
    assert card.count("## Draft") == 1
    model = SpriteModel(out)
    told, draft = model.plan(m.told("monster/animal"), Stream("one"))
    assert draft is not None
    assert (draft.shape, draft.dtype) == ((32, 32, m.OUTPUTS), np.int32)
    found = m.describe(likeliest(draft), "monster/animal", len(m.WORDS))
    assert told[m.INDEX["size"]] == found[m.INDEX["size"]]
    assert not np.array_equal(draft, model.plan(m.told("monster/animal"), Stream("two"))[1])
    assert model.plan(m.told("walker/down"), Stream("one"))[1] is None
    assert model.plan(m.told("monster/animal", size=told[m.INDEX["size"]]), Stream("one"))[1] is not None
    assert model.plan(m.told("monster/animal"), Stream("one"), sizes=(12,))[1] is None, "no draft has this size"
    assert [picture.shape for picture in drawn(model, ["monster/animal", "layer/body"], 1)] == [(32, 32, 4)] * 2
    twice = trained(data, tmp_path / "twice", base=out, network="draft", seed=1)
    assert (twice / "README.md").read_text("utf-8").count("## Draft") == 1
    assert (modelfile.load(twice)[1]["draft.sampler.means"] != after["draft.sampler.means"]).any()


def test_a_painter_that_has_a_draft_learns_to_see_it(data: Path, tmp_path: Path) -> None:
    painter = trained(data, tmp_path / "painter")
    draft = trained(data, tmp_path / "draft", base=painter, network="draft")
    seeing = trained(data, tmp_path / "seeing", base=draft, steps=20, learning_rate=0.01)
    before, after = (modelfile.load(folder) for folder in (draft, seeing))
    assert all(
        np.array_equal(after[1][name], value) for name, value in before[1].items() if name.startswith("draft.")
    )
    assert after[0]["network"]["planes"] == [*m.PLANES, m.DRAFTED]
    tokens, blank = np.full((32, 32), HIDDEN, np.uint8), np.zeros((32, 32), np.uint8)
    told = m.told("monster/animal")
    planes = np.stack([m.planes_of(tokens, blank, told, *one) for one in ((None, 0), (blank, 0), (blank, 1))])
    found = SpriteModel(seeing).net(planes, np.stack([told] * 3))
    assert len({one.tobytes() for one in found}) == 3
    figures = SpriteTrainer().evaluate(seeing, data)
    assert float(figures["form_90_drafted"]) > 0
    assert "form_90_drafted" not in SpriteTrainer().evaluate(draft, data)
    assert [picture.shape for picture in drawn(SpriteModel(seeing), ["monster/animal", "tile/floor"], 1)] == [
        (32, 32, 4)
    ] * 2
    further = trained(data, tmp_path / "further", base=seeing, network="draft")
    assert SpriteModel(further).net.config == SpriteModel(seeing).net.config


@pytest.mark.usefixtures("lenient")
def test_a_prior_is_added_to_a_draft(data: Path, tmp_path: Path) -> None:
    draft = trained(data, tmp_path / "draft", base=trained(data, tmp_path / "painter"), network="draft")
    out = trained(data, tmp_path / "prior", base=draft, network="prior", steps=40, batch=64, learning_rate=0.01)
    card = (out / "README.md").read_text("utf-8")
    assert (card.count("## Draft"), card.count("## Prior")) == (1, 1)
    before, after = (modelfile.load(folder)[1] for folder in (draft, out))
    assert all(np.array_equal(after[name], value) for name, value in before.items())
    told = m.told("monster/animal")
    plain, chosen = (SpriteModel(folder).plan(told, Stream("one"))[1] for folder in (draft, out))
    assert plain is not None
    assert chosen is not None
    assert not np.array_equal(plain, chosen)
    prior = Prior(modelfile.load(out)[0]["prior"], after)
    place = class_of("monster/animal", len(m.WORDS))
    codes = np.random.default_rng(0).integers(-127, 128, (16, LATENT)).astype(np.int8)
    found = [prior.choose(codes, place, Stream(f"choice {number}")) for number in range(60)]
    assert 1 < len({one.tobytes() for one in found} & {code.tobytes() for code in codes}) <= 16
    prior._network = lambda _: np.eye(16, dtype=np.int32)[:, 3:4] * 20_000  # type: ignore[assignment]
    assert np.array_equal(prior.choose(codes, place, Stream("choice")), codes[3])
    seeing = trained(data, tmp_path / "seeing", base=out)
    assert "prior" in modelfile.load(seeing)[0]
    assert (seeing / "README.md").read_text("utf-8").count("## Prior") == 1
    again = trained(data, tmp_path / "again", base=seeing, network="draft")
    assert "prior" not in modelfile.load(again)[0], "it belonged to another draft"
    assert not any("prior" in name for name in modelfile.load(again)[1])
    assert "## Prior" not in (again / "README.md").read_text("utf-8")


def test_a_prior_needs_a_draft(data: Path, tmp_path: Path) -> None:
    painter = trained(data, tmp_path / "painter")
    for name, base in (("alone", None), ("undrafted", painter)):
        with pytest.raises(ModelError) as caught:
            trained(data, tmp_path / name, base=base, network="prior")
        assert caught.value.code == "SPR023"


def test_drafts_of_known_pictures_are_theirs(data: Path, tmp_path: Path) -> None:
    out = trained(data, tmp_path / "draft", base=trained(data, tmp_path / "painter"), network="draft")
    pictures = [one for one in drawings(load_set(data), range(40)) if one.label == "monster/animal"]
    tokens = np.stack([one.tokens for one in pictures[:4]])
    told = np.array([[m.SHOWN.index("monster/animal"), len(m.WORDS), 0]] * 4)
    redraft = Redrafts(*modelfile.load(out))
    found = redraft(tokens, told, np.random.default_rng(0))
    assert found.shape == (4, 32, 32)
    assert found.min() >= 0
    assert found.max() < m.DRAFTED - 1
    assert np.array_equal(found, redraft(tokens, told, np.random.default_rng(0)))
    assert not np.array_equal(found, redraft(tokens[::-1], told, np.random.default_rng(0)))


def test_a_draft_needs_a_painter(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        trained(data, tmp_path / "draft", network="draft")
    assert caught.value.code == "SPR023"


@pytest.mark.parametrize("spoil", ["draft.sampler.means", "draft.1.linear.w", "draft.prior.1.linear.w", "classes"])
def test_a_broken_draft_is_refused(data: Path, tmp_path: Path, spoil: str) -> None:
    draft = trained(data, tmp_path / "draft", base=trained(data, tmp_path / "painter"), network="draft")
    config, tensors = modelfile.load(trained(data, tmp_path / "prior", base=draft, network="prior"))
    if spoil == "classes":
        for name in ("shares", "means", "roots"):
            tensors[f"draft.sampler.{name}"] = tensors[f"draft.sampler.{name}"][1:]
    else:
        start = spoil.partition("1.")[0] + "1."
        del tensors[spoil if spoil in tensors else next(name for name in tensors if name.startswith(start))]
    modelfile.save(tmp_path, config, tensors)
    with pytest.raises(ModelError) as caught:
        SpriteModel(tmp_path)
    assert (caught.value.code, caught.value.where) == ("M005", str(tmp_path))


def test_what_is_no_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        trained(tmp_path, tmp_path / "out")
    assert caught.value.code == "SPR020"
    assert caught.value.where == str(tmp_path)
