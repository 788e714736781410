"""Training of the painter and the reader, a few steps on pictures made here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aigc_sprites.copies import CODE_BYTES
from aigc_sprites.data.dataset import Entry, grouped, load_set, write_set
from aigc_sprites.draw import LEARNED, SpriteModel
from aigc_sprites.looks import LOOKS
from aigc_sprites.reader import Reader
from aigc_sprites.sheet import drawn
from aigc_sprites.train import SpriteConfig, SpriteTrainer

from aigc_content import InputError, TrainRun
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


def test_what_is_no_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        trained(tmp_path, tmp_path / "out")
    assert caught.value.code == "SPR020"
    assert caught.value.where == str(tmp_path)
