"""The generator's mechanics on networks that have learned nothing, and what the shipped ones make."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from aigc_digits import proof
from aigc_digits.conformance import four, pixels_of
from aigc_digits.digit import Digit, rows_of
from aigc_digits.evaluation import draw
from aigc_digits.generator import PROVERS, Digits, cleaned
from aigc_digits.measure import bright_ink, ink, thickness
from aigc_digits.model import CLASSES, DECODER, EXAMPLES, FAMILIES, FORMAT, LATENT, LEVELS, SIDE, DigitModel
from aigc_digits.params import DigitParams, Family
from aigc_digits.proof import copies, read, verify_digit
from pydantic import ValidationError

from aigc_content import Model, ModelError, Request, Stream
from aigc_content.nn import modelfile
from aigc_content.testing import check_generator


def untrained(folder: Path, family: str) -> Digits:
    """A generator with random networks."""
    import torch

    from aigc_content.nn.gru import gru
    from aigc_content.nn.pictures import decoder
    from aigc_content.nn.tokens import token_decoder
    from aigc_content.nn.twin import Twin

    torch.manual_seed(0)
    networks = {"network": decoder(LATENT, CLASSES, SIDE, (16, 8))}
    if family == "gru":
        networks = {
            "network": gru(prod(LEVELS), 49, CLASSES, 16, 16),
            "decoder": token_decoder(LEVELS, SIDE, (16, 8)),
        }
    tensors = Twin(networks["network"]).export()
    if "decoder" in networks:
        tensors |= {DECODER + name: value for name, value in Twin(networks["decoder"]).export().items()}
    plain = {name: program.to_json() for name, program in networks.items()}
    modelfile.save(folder, {"format": FORMAT, "family": family, **plain}, tensors)
    generator = Digits({"family": Model(family, folder, "", "CC0-1.0", ())})
    generator.open()
    return generator


@pytest.fixture(scope="module", params=["gan", "gru"])
def generator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Digits:
    return untrained(tmp_path_factory.mktemp("untrained"), request.param)


def requests(count: int, **asked: Any) -> list[Request[DigitParams]]:
    params = DigitParams.model_validate(asked)
    return [Request(params, Stream(f"test {place}")) for place in range(count)]


def test_alone_and_in_a_batch_is_the_same(generator: Digits) -> None:
    asked = requests(9, digit=4)
    assert generator.generate_batch(asked) == [generator.generate(request) for request in asked]


def test_digit_is_the_one_asked_for_or_any(generator: Digits) -> None:
    def labels(**asked: Any) -> set[int]:
        return {made.label for made in generator.generate_batch(requests(12, **asked)) if isinstance(made, Digit)}

    assert labels(digit=6) == {6}
    assert len(labels()) > 3


def test_temperature_changes_the_picture(generator: Digits) -> None:
    tame, wild = (generator.generate_batch(requests(4, digit=2, temperature=value)) for value in (0.2, 2.0))
    assert tame != wild


def test_what_an_untrained_network_draws_proves_nothing(generator: Digits) -> None:
    params = DigitParams(family=generator.model.family)  # type: ignore[arg-type]
    made = generator.generate_batch([Request(params, Stream(f"noise {place}")) for place in range(8)])
    for asset in made:
        assert isinstance(asset, Digit)
        assert generator.verify(asset, params).constraint == "reading"


def test_only_the_models_that_are_needed_are_asked_for() -> None:
    asked = Digits.models_for(DigitParams(family="vae"))
    assert set(asked) == {"family", *PROVERS}
    assert asked["family"] is Digits.models["vae"]


def test_a_model_of_the_users_own_is_drawn_with_and_proven(tmp_path: Path) -> None:
    untrained(tmp_path, "gru")
    params = DigitParams.model_validate({"model": str(tmp_path), "digit": 4, "confidence": 0})
    assert Digits.models_for(params)["family"] == tmp_path
    asset = Digit.model_validate({**four(), "family": "gru"})
    assert verify_digit(asset, params).passed
    config, tensors = modelfile.load(tmp_path)
    known = {EXAMPLES: copies().code(bright_ink(asset.pixels[None]))}
    modelfile.save(tmp_path, config, tensors | known)
    proof.examples.cache_clear()
    assert verify_digit(asset, params).constraint == "copy"
    negative = asset.model_copy(update={"rows": rows_of(255 - asset.pixels)})
    assert verify_digit(negative, params).constraint == "copy"
    DigitModel(tmp_path).draw(np.array([1]), [Stream("with examples")])


@pytest.mark.parametrize(
    "codes", [np.zeros((15, 3), np.uint8), np.zeros((16, 3), np.int32), np.zeros((16, 0), np.uint8)]
)
def test_broken_bits_of_own_digits_are_refused(tmp_path: Path, codes: np.ndarray) -> None:
    untrained(tmp_path, "gan")
    config, tensors = modelfile.load(tmp_path)
    modelfile.save(tmp_path, config, tensors | {EXAMPLES: codes})
    with pytest.raises(ModelError, match="M005") as caught:
        proof.examples(tmp_path)
    assert caught.value.where == str(tmp_path)


def test_model_and_family_are_not_given_together(tmp_path: Path) -> None:
    untrained(tmp_path, "gan")
    with pytest.raises(ValidationError, match="either model or family"):
        DigitParams.model_validate({"model": str(tmp_path), "family": "gan"})


def test_dark_ink_on_bright_paper_is_read_and_cleaned_as_its_negative() -> None:
    pixels = pixels_of(four())
    assert (read(np.stack([pixels, 255 - pixels])).argmax(axis=1) == 4).all()
    spoilt = pixels.copy()
    spoilt[1, 1] = 250
    both = cleaned(np.stack([spoilt, 255 - spoilt]))
    assert (both == np.stack([pixels, 255 - pixels])).all()


def test_families_are_those_of_the_models() -> None:
    assert set(get_args(Family)) == set(FAMILIES)


def test_cleaning_takes_specks_and_faint_pixels_and_keeps_strokes() -> None:
    image = np.zeros((1, SIDE, SIDE), dtype=np.uint8)
    image[0, 4:24, 13:15] = 200  # a stroke
    image[0, 10, 20:23] = 255  # a speck
    image[0, 2, :] = 20  # a shade
    wanted = np.zeros_like(image)
    wanted[0, 4:24, 13:15] = 200
    assert (cleaned(image) == wanted).all()


@pytest.mark.parametrize("width", [1, 2, 3])
def test_thickness_is_the_width_of_a_stroke(width: int) -> None:
    pixels = np.zeros((SIDE, SIDE), dtype=np.uint8)
    pixels[4:24, 10 : 10 + width] = 255
    assert abs(thickness(pixels) - width) < 0.4
    assert ink(pixels) == 20 * width


def test_conformance() -> None:
    assert [check for check in check_generator("digits") if not check.passed] == []


@pytest.mark.parametrize("network", [None, 3, {"format": "program-9", "ops": []}])
def test_broken_configuration_names_the_folder(tmp_path: Path, network: object) -> None:
    untrained(tmp_path, "gan")
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config | {"network": network}), "utf-8")
    with pytest.raises(ModelError, match="M003") as caught:
        DigitModel(tmp_path)
    assert caught.value.where == str(tmp_path)


def test_every_label_gets_a_digit(tmp_path: Path) -> None:
    untrained(tmp_path, "gan")
    model, labels = DigitModel(tmp_path), np.arange(103) % 10
    drawn = draw(model, labels, "some")
    assert len(drawn) == 103
    assert (draw(model, labels[:7], "some") == drawn[:7]).all()


@pytest.mark.parametrize("guidance", ["much", -1, 11, None])
def test_broken_guidance_names_the_folder(tmp_path: Path, guidance: object) -> None:
    untrained(tmp_path, "gru")
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config | {"guidance": guidance}), "utf-8")
    with pytest.raises(ModelError, match="guidance") as caught:
        DigitModel(tmp_path)
    assert caught.value.where == str(tmp_path)


def test_guidance_changes_what_a_family_writes_and_no_batch(tmp_path: Path) -> None:
    plain = untrained(tmp_path, "gru").model
    config = json.loads((tmp_path / "config.json").read_text("utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config | {"guidance": 2.5}), "utf-8")
    guided, labels = DigitModel(tmp_path), np.arange(6)

    def drawn(model: DigitModel, part: slice) -> np.ndarray:
        return model.draw(labels[part], [Stream(f"guided {place}") for place in range(6)][part])

    assert (drawn(plain, slice(6)) != drawn(guided, slice(6))).any()
    assert (drawn(guided, slice(6))[2:4] == drawn(guided, slice(2, 4))).all()
