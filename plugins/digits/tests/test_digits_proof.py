"""What proves a digit: the classifier, the stand-in for the training digits, and the verdict made of both."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aigc_digits import classifier as reading
from aigc_digits.classifier import NO_DIGIT, UNITS, Classifier, evaluate_classifier, train_classifier
from aigc_digits.conformance import four, material
from aigc_digits.copies import BITS, LIMIT, Copies, centered, changed, train_copies
from aigc_digits.data import SIDE, DigitSet, Split
from aigc_digits.digit import Digit, rows_of
from aigc_digits.export import _NUMBERS
from aigc_digits.nothing import KINDS, LEARNED, nothing
from aigc_digits.params import DigitParams
from aigc_digits.proof import classifier, copies, verify_digit
from aigc_digits.train import DigitsConfig

from aigc_content import ModelError, TrainRun
from aigc_content.models import inspect

GLYPHS = np.array([[[char == "#" for char in line.split()[label]] for line in _NUMBERS] for label in range(10)])


def written(count: int, seed: int) -> Split:
    """Numbers in a font of 3 x 5 pixels, enlarged, moved, smeared and darkened at random."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, count).astype(np.uint8)
    images = np.zeros((count, SIDE, SIDE))
    for image, label in zip(images, labels, strict=True):
        glyph = GLYPHS[label].repeat(3, axis=0).repeat(4, axis=1)  # (15, 12)
        top, left = rng.integers(5, 9, 2)
        image[top : top + 15, left : left + 12] = glyph * rng.integers(120, 256, glyph.shape)
    smeared = (images + np.roll(images, 1, 1) + np.roll(images, 1, 2)) / 3
    return Split(smeared.astype(np.uint8), labels)


@pytest.fixture(scope="module")
def digits() -> DigitSet:
    return DigitSet("your digits", "CC0-1.0", "0" * 64, written(400, 0), written(40, 1), written(100, 2))


@pytest.fixture(scope="module")
def known(digits: DigitSet, tmp_path_factory: pytest.TempPathFactory) -> Copies:
    out = tmp_path_factory.mktemp("copies")
    train_copies(TrainRun(DigitsConfig(), out, out), digits)
    assert inspect(out).license == "CC0-1.0"
    return Copies(out)


def test_classifier_learns_and_writes_a_whole_model(digits: DigitSet, tmp_path: Path) -> None:
    config = DigitsConfig(steps=60, batch=64, learning_rate=3e-3, ema=0.9, threads=1)
    train_classifier(TrainRun(config, tmp_path, tmp_path), digits)
    assert inspect(tmp_path).trained_on == ("your digits",)
    figures = evaluate_classifier(tmp_path, digits)
    assert float(figures["accuracy"]) > 0.8
    assert f"| accuracy | {figures['accuracy']} |" in (tmp_path / "README.md").read_text()


def test_integer_classifier_is_what_was_trained() -> None:
    import torch

    from aigc_content.nn.run import Network
    from aigc_content.nn.twin import Twin

    torch.manual_seed(0)
    images = written(8, 5).images
    twin = Twin(reading.program())
    given = reading.as_activations(torch.from_numpy(images[:, None]).float() / 255)
    with torch.no_grad():
        trained = twin({reading.PIXELS: given}).numpy() * 256
    ran = Network(reading.program(), twin.export())({reading.PIXELS: (images >> 1).astype(np.int8)[..., None]})
    assert (ran == trained).all()


def test_shipped_classifier_reads_and_is_small() -> None:
    asset = four()
    shares = classifier()(Digit(**asset).pixels[None])
    assert shares.shape == (1, NO_DIGIT + 1)
    assert int(shares.sum()) <= UNITS
    assert asset["confidence"] > 0.9
    assert (reading_folder() / "model.safetensors").stat().st_size < 700_000


def test_pictures_without_a_digit_are_told_from_digits() -> None:
    import torch

    images, labels = written(60, 4).images, torch.from_numpy(written(60, 4).labels)
    draws = torch.Generator().manual_seed(0)
    for kind in KINDS:
        made = nothing(kind, torch.from_numpy(images[:, None]).float() / 255, labels, draws)
        assert made.shape == (60, 1, SIDE, SIDE)
        assert 0 <= float(made.min()) <= float(made.max()) <= 1
        shares = classifier()((made[:, 0] * 255).round().to(torch.uint8).numpy())
        if kind in LEARNED:
            assert (shares[:, :NO_DIGIT].max(axis=1) >= 9000).mean() < 0.2, kind


def reading_folder() -> Path:
    return Path(reading.__file__).parent / "weights" / "classifier"


def test_reading_alone_and_in_a_batch_is_the_same() -> None:
    images = written(300, 3).images
    together = classifier()(images)
    for place in (0, 255, 256, 299):
        assert (classifier()(images[place : place + 1])[0] == together[place]).all()


def test_every_training_digit_is_its_own_copy(known: Copies, digits: DigitSet) -> None:
    for split in (digits.train, digits.validation):
        assert {known.distance(image) for image in split.images} == {0}


def test_more_digits_can_be_known(known: Copies, digits: DigitSet) -> None:
    image = digits.test.images[0]
    assert known.distance(image) > 0
    assert known.distance(image, known.code(digits.test.images[:3])) == 0
    assert known.knows(digits.sha256)
    assert not known.knows("")


def test_centering_undoes_a_move() -> None:
    image = centered(written(1, 0).images[0])
    assert (centered(np.roll(image, (2, -3), (0, 1))) == image).all()


def test_near_copies_are_nearer_than_other_digits(known: Copies, digits: DigitSet) -> None:
    others = [known.distance(image) for image in digits.test.images[:30]]
    kinds = changed(digits.train.images[:20], np.random.default_rng(0))
    for name in ("noise, 10 %", "blur, 10 %", "fading, 10 %"):
        assert 2 * max(known.distance(image) for image in kinds[name]) < min(others), name


def test_digits_that_mnist_does_not_hold_are_no_copies() -> None:
    new = [copies().distance(image) for image in written(20, 7).images]
    assert min(new) > LIMIT


def test_changes_of_known_size_are_of_that_size() -> None:
    images = written(6, 9).images
    for name, copied in changed(images, np.random.default_rng(0)).items():
        if name.startswith(("noise", "waves", "blur")):
            apart = ((copied.astype(float) - images) ** 2).sum((1, 2)) / (images.astype(float) ** 2).sum((1, 2))
            percent = int(name.split()[-2])
            assert (np.sqrt(apart) < percent / 100 + 0.01).all(), name
            assert (np.sqrt(apart) > percent / 200).all(), name


def test_blank_picture_is_no_new_digit(known: Copies) -> None:
    assert known.distance(np.zeros((SIDE, SIDE), np.uint8)) == 0


def test_stand_in_keeps_bits_and_no_pictures() -> None:
    from aigc_content.nn.modelfile import load

    tensors = load(reading_folder().parent / "copies")[1]
    assert tensors["codes"].shape == (BITS // 8, 60_000)
    assert set(tensors) == {"basis", "medians", "deviations", "codes"}


def test_broken_stand_in_is_refused(tmp_path: Path, digits: DigitSet) -> None:
    from aigc_content.nn import modelfile

    train_copies(TrainRun(DigitsConfig(), tmp_path, tmp_path), digits)
    config, tensors = modelfile.load(tmp_path)
    modelfile.save(tmp_path, config, tensors | {"codes": tensors["codes"][1:]})
    with pytest.raises(ModelError, match="codes"):
        Copies(tmp_path)


def test_verdict_on_a_good_digit() -> None:
    verdict = verify_digit(Digit(**four()), DigitParams(digit=4))
    assert verdict.passed, verdict
    assert verdict.evidence["training_distance"] >= LIMIT


CONSTRAINTS = ("reading", "reading", "reading", "reading", "digit", "family")


@pytest.mark.parametrize(("place", "constraint"), list(enumerate(CONSTRAINTS)))
def test_broken_example_fails_for_its_own_reason(place: int, constraint: str) -> None:
    asset, params = material().broken[place]
    verdict = verify_digit(Digit.model_validate(asset), DigitParams.model_validate(params))
    assert (verdict.passed, verdict.constraint) == (False, constraint)


def test_doubtful_digit_is_refused() -> None:
    image, label, share = next(
        (image, int(shares.argmax()), int(shares.max()))
        for image in written(400, 7).images
        for shares in classifier()(image[None])
        if shares.argmax() != NO_DIGIT and shares.max() < 9_900
    )
    asset = Digit(label=label, family="gan", confidence=share / UNITS, rows=rows_of(image))
    assert verify_digit(asset, DigitParams(confidence=0.99)).constraint == "confidence"


def test_copy_is_refused(monkeypatch: pytest.MonkeyPatch, known: Copies, digits: DigitSet) -> None:
    from aigc_digits import proof

    monkeypatch.setattr(proof, "copies", lambda: known)
    readings = classifier()(digits.train.images)
    place = int(np.flatnonzero(readings.argmax(axis=1) != NO_DIGIT)[0])
    best = int(readings[place].argmax())
    rows = rows_of(digits.train.images[place])
    asset = Digit(label=best, family="gan", confidence=int(readings[place, best]) / UNITS, rows=rows)
    assert verify_digit(asset, DigitParams(confidence=0.0)).constraint == "copy"


def test_shipped_classifier_is_a_loadable_folder() -> None:
    model = inspect(reading_folder())
    Classifier(model.path)
    assert model.license == "CC-BY-SA-3.0"


def test_params_of_a_digit() -> None:
    for wrong in ({"digit": 10}, {"digit": True}, {"digit": "7"}, {"family": "dcgan"}, {"confidence": 1.0}):
        with pytest.raises(ValueError, match="validation error"):
            DigitParams.model_validate(wrong)
    asked: dict[str, Any] = {"digit": 0, "family": "gru", "temperature": 0.5}
    assert DigitParams.model_validate(asked).digit == 0
