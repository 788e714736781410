"""What a plugin tests: the promises (by the kit), and what is its own."""

from __future__ import annotations

from pathlib import Path

import aigc_names
import pytest
from aigc_names.export import csv
from aigc_names.generator import Name, NameParams, Names
from aigc_names.train import NameConfig, NameTrainer
from pydantic import ValidationError

from aigc_content import InputError, TrainRun
from aigc_content.testing import check_generator

DATA = Path(aigc_names.__file__).parent / "names.txt"


def test_conformance() -> None:
    assert [check for check in check_generator("names") if not check.passed] == []


def test_lengths_that_contradict_are_refused() -> None:
    with pytest.raises(ValidationError, match="min_length 9 is above max_length 4"):
        NameParams(min_length=9, max_length=4)


def test_wrong_syllables_prove_nothing() -> None:
    params = NameParams()
    assert Names().verify(Name(name="Aderin", syllables=("a", "de", "rin")), params).passed
    assert Names().verify(Name(name="Aderin", syllables=("ad", "rin")), params).constraint == "syllables"


def test_csv_has_a_line_for_each_name() -> None:
    (file,) = csv([(Name(name="Adal", syllables=("a", "dal")), "towns-000001")], NameParams(), "towns")
    assert file.data == b"id,name\ntowns-000001,Adal\n"


def test_shipped_model_is_what_training_makes(tmp_path: Path) -> None:
    NameTrainer().train(TrainRun(NameConfig(), DATA, tmp_path))
    shipped = DATA.parent / "model"
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / name).read_bytes() == (shipped / name).read_bytes()


def test_names_of_other_letters_are_refused(tmp_path: Path) -> None:
    data = tmp_path / "names.txt"
    data.write_text("R2-D2\n")
    with pytest.raises(InputError):
        NameTrainer().train(TrainRun(NameConfig(), data, tmp_path))
