"""The measures of `benchmarks/digits.py`, on digits and networks small enough to know the answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from math import prod
from pathlib import Path

import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "benchmarks"))

import digit_quality as quality
import few_digits
import throughput
from aigc_digits.data import FORMAT as DATA
from aigc_digits.data import INFO, SIDE, TENSORS, DigitSet, Split, load_digits
from aigc_digits.model import CLASSES, DECODER, FORMAT, LATENT, LEVELS, DigitModel
from barefloat import BareFloat, FloatState
from digit_floats import FloatModel, FloatNetwork
from safetensors.numpy import save_file

from aigc_content import Stream
from aigc_content.nn import modelfile, networks
from aigc_content.nn.gru import gru
from aigc_content.nn.pictures import decoder
from aigc_content.nn.program import Program
from aigc_content.nn.run import Network
from aigc_content.nn.tokens import token_decoder
from aigc_content.nn.transformer import transformer
from aigc_content.nn.twin import Twin


def bars(count: int, seed: int) -> Split:
    """A label is the place of a bar on a grid of 2 x 5, of any darkness and a little noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, count).astype(np.uint8)
    images = rng.integers(0, 20, (count, SIDE, SIDE))
    for image, label in zip(images, labels, strict=True):
        top, left = 4 + 11 * (label // 5), 3 + 5 * (label % 5)
        image[top : top + 9, left : left + 3] += rng.integers(100, 236)
    return Split(images.astype(np.uint8), labels)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set as `aigc data import digits` writes it."""
    folder = tmp_path_factory.mktemp("data")
    splits = {"train": bars(300, 0), "validation": bars(20, 1), "test": bars(120, 2)}
    save_file(
        {f"{name}.{kind}": array for name, split in splits.items() for kind, array in vars(split).items()},
        folder / TENSORS,
    )
    (folder / INFO).write_text(
        json.dumps({"format": DATA, "source": "bars", "license": "CC0-1.0", "sha256": "0" * 64})
    )
    return folder


@pytest.fixture(scope="module")
def digits(data: Path) -> DigitSet:
    return load_digits(data)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A family that decodes and two that write, with random weights."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    cells, vocabulary = (SIDE // 4) ** 2, prod(LEVELS)
    programs = {
        "gan": decoder(LATENT, CLASSES, SIDE, (16, 8)),
        "gru": gru(vocabulary, cells, CLASSES, 16, 16),
        "transformer": transformer(vocabulary, cells, CLASSES, 16, 2, 2),
    }
    for family, program in programs.items():
        (folder / family).mkdir()
        config, tensors = {"format": FORMAT, "family": family, "network": program.to_json()}, Twin(program).export()
        if family != "gan":
            shown = token_decoder(LEVELS, SIDE, (16, 8))
            config["decoder"] = shown.to_json()
            tensors |= {DECODER + name: value for name, value in Twin(shown).export().items()}
        modelfile.save(folder / family, config, tensors)
    return folder


class TestQuality:
    def test_families_are_asked_for_the_labels_of_training_digits(self, digits: DigitSet) -> None:
        real = quality.Real.of(digits, 100, 1)
        assert len(real.labels) == len(real.features) == len(real.tested.labels) == 100
        known = {
            image.tobytes(): label for image, label in zip(digits.train.images, digits.train.labels, strict=True)
        }
        assert [known[image.tobytes()] for image in real.chosen.images] == real.labels.tolist()

    def test_test_digits_are_as_good_as_test_digits_and_noise_is_not(self, digits: DigitSet) -> None:
        real = quality.Real.of(digits, 100, 1)
        same = quality.Quality.of(real.tested.images, real.tested.labels.astype(np.int64), real)
        assert same.frechet < 1e-6
        assert (same.precision, same.recall, same.coverage) == (1, 1, 1)
        noise = np.random.default_rng(0).integers(0, 256, (100, SIDE, SIDE)).astype(np.uint8)
        other = quality.Quality.of(noise, real.labels, real)
        assert other.frechet > 1
        assert other.coverage < 0.5
        assert other.frechet == real.frechet(noise)

    def test_accuracy_is_the_share_that_is_read_as_asked(self, digits: DigitSet) -> None:
        images = digits.test.images
        read = quality.classifier()(images).argmax(axis=1)
        asked = np.where(np.arange(len(read)) % 4 == 0, (read + 1) % 10, read)
        assert quality.accuracy(images, asked) == 0.75

    def test_distance_is_that_of_the_nearest(self) -> None:
        images, known = bars(quality._BLOCK + 9, 3).images, bars(40, 4).images
        every = ((images[:, None].astype(np.float64) - known) ** 2).mean(axis=(2, 3))
        assert quality.distances(images, known) == pytest.approx(np.sqrt(every.min(axis=1)))
        assert quality.distances(known[:1] + 3, known).tolist() == [3]

    def test_copies_are_counted(self, digits: DigitSet) -> None:
        clean = Split(digits.train.images * (digits.train.images >= 24), digits.train.labels)
        real = quality.Real.of(DigitSet("", "", "", clean, clean, digits.test), 100, 1)
        images = np.concatenate([clean.images[:5], digits.test.images[:15]])
        found = quality.Novelty.of(images, real)
        assert found.copied == 0.25
        assert (found.distances == 0).sum() == 5
        assert found.spread.endswith(" / 0.0 / 0.0")

    def test_a_network_learns_what_it_is_taught(self, digits: DigitSet) -> None:
        images, labels = digits.train.images, digits.train.labels.astype(np.int64)
        right = quality.taught(images, labels, digits.test, 40, 0)
        assert right > 0.9
        assert right == quality.taught(images, labels, digits.test, 40, 0)
        assert quality.taught(images, (labels + 1) % 10, digits.test, 40, 0) < 0.1


class TestFloats:
    def test_float_drawings_pair_with_those_of_integers(self, models: Path) -> None:
        labels = np.arange(12) % CLASSES
        pair = [
            kind(models / "gan").draw(labels, [Stream(f"pair {place}") for place in range(12)])
            for kind in (DigitModel, FloatModel)
        ]
        apart = np.abs(pair[0].astype(np.int64) - pair[1])
        other = np.abs(pair[0].astype(np.int64) - pair[1][::-1])
        assert 0 < apart.mean() < other.mean() / 5

    @pytest.mark.parametrize("family", ["gru", "transformer"])
    def test_a_writer_in_float_is_the_one_in_integers_but_for_rounding(self, family: str, models: Path) -> None:
        stored = networks.read(*modelfile.load(models / family))
        assert isinstance(stored.plan, Program)
        tokens, label = np.random.default_rng(0).integers(0, 240, (3, 7)), np.array([[1], [2], [3]])
        floats, integers = FloatNetwork(stored), Network(stored.plan, stored.tensors)
        whole = floats({"tokens": tokens, "label": label})
        exact = integers({"tokens": tokens, "label": label})
        assert 0 < np.abs(whole - exact).mean() < 0.1 * np.abs(exact).mean()
        state = floats.start(3)
        steps = [floats.step({"tokens": tokens[:, step], "label": label}, state) for step in range(7)]
        assert np.abs(np.stack(steps, axis=1) - whole).max() <= 1


class TestThroughput:
    def test_every_network_is_there_with_its_models_and_without(self, models: Path, tmp_path: Path) -> None:
        names = [case.name for case in throughput.cases(models)]
        assert names[:2] == [f"digits transformer, 49 positions {how}" for how in ("at once", "step by step")]
        assert names[2:4] == ["digits gan", "digits gru, 49 positions step by step"]
        assert [case.name for case in throughput.cases(tmp_path)] == names[4:]

    @pytest.mark.parametrize("place", range(4))
    def test_both_runs_have_one_shape(self, place: int, models: Path) -> None:
        case = list(throughput.cases(models))[place]
        made = {name: run() for name, run in throughput.runs(case, 3).items()}
        results = {
            name: np.stack([np.asarray(step) for step in (found if isinstance(found, list) else [found])])
            for name, found in made.items()
        }
        shape = results.pop(throughput.INTEGER).shape
        assert results
        for found in results.values():
            assert found.size == prod(shape)
            assert np.isfinite(found).all()

    @pytest.mark.parametrize("family", ["gru", "transformer"])
    def test_a_bare_step_is_the_whole_run(self, family: str, models: Path) -> None:
        stored = networks.read(*modelfile.load(models / family))
        assert isinstance(stored.plan, Program)
        net = BareFloat(stored.plan, room=7)
        tokens, label = torch.randint(0, 240, (3, 7)), torch.tensor([[1], [2], [3]])
        state = FloatState()
        with torch.inference_mode():
            whole = net({"tokens": tokens, "label": label})
            steps = [net({"tokens": tokens[:, step : step + 1], "label": label}, state) for step in range(7)]
        assert torch.allclose(torch.cat(steps, dim=1), whole, atol=1e-5)

    def test_the_least_time_counts(self) -> None:
        work = {"little": lambda: sum(range(10_000)), "much": lambda: sum(range(1_000_000))}
        found = throughput.least(work, 3)
        assert 0 < found["little"] < found["much"] < 10


class TestFewDigits:
    FEW = few_digits.Few("0" * 64, 100, 1.0, 2)

    def test_models_are_trained_once_and_then_found(
        self, data: Path, digits: DigitSet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        real = quality.Real.of(digits, 100, 1)
        text = few_digits.section(tmp_path, data, self.FEW, [5], real)
        assert "| seed 5 | 2 | 2 | " in text
        assert capsys.readouterr().err.count("training") == 2
        cards = [(tmp_path / f"{which}-5" / "README.md").read_text() for which in ("with", "without")]
        assert all("100 digits of bars" in card for card in cards)
        assert few_digits.section(tmp_path, data, self.FEW, [5], real) == text
        assert "training" not in capsys.readouterr().err

    def test_models_that_were_trained_otherwise_are_refused(self, tmp_path: Path) -> None:
        few_digits.begin(tmp_path, self.FEW)
        few_digits.begin(tmp_path, self.FEW)
        with pytest.raises(ValueError, match="name another folder"):
            few_digits.begin(tmp_path, few_digits.Few("0" * 64, 100, 1.0, 3))


def test_command_prints_the_families_that_are_there(data: Path, models: Path) -> None:
    command = [
        sys.executable,
        str(Path(few_digits.__file__).with_name("digits.py")),
        "--data",
        str(data),
        "--models",
        str(models),
    ]
    command += [
        "--parts",
        "families",
        "integer",
        "--only",
        "gan",
        "vae",
        "transformer",
        "--count",
        "100",
        "--steps",
        "2",
    ]
    run = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "AIGC_KERNELS": "plain"}
    )
    assert "Left out, no model: vae." in run.stdout
    assert run.stdout.count("| gan | ") == run.stdout.count("| transformer | ") == 3
    assert "| all 120 test digits | " in run.stdout
