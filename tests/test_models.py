"""Model folders: identity, license, and what is never loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from aigc_content.errors import ModelError
from aigc_content.models import ModelRef, inspect, read_config, resolve, write_card
from aigc_content.weights import check_safetensors


@pytest.fixture
def model(tmp_path: Path) -> Path:
    save_file({"w": np.arange(6, dtype=np.int8).reshape(2, 3)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text('{"family": "toy"}')
    (tmp_path / "README.md").write_text("---\nname: toy\nlicense: MIT\ndatasets: [a, b]\n---\n# Toy\n")
    return tmp_path


def refuse(folder: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        inspect(folder)
    return caught.value


def test_model_is_identified(model: Path) -> None:
    found = inspect(model)
    assert (found.name, found.license, found.trained_on) == ("toy", "MIT", ("a", "b"))
    span = check_safetensors(model / "model.safetensors")["w"]
    assert (span.dtype, span.shape, span.stop - span.start) == ("I8", (2, 3), 6)


def test_digest_follows_weights_and_configuration_not_the_card(model: Path) -> None:
    before = inspect(model).digest
    (model / "README.md").write_text("---\nlicense: MIT\n---\nbetter words\n")
    assert inspect(model).digest == before
    (model / "config.json").write_text('{"family": "other"}')
    assert inspect(model).digest != before


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "README.md"])
def test_missing_file_is_named(model: Path, name: str) -> None:
    (model / name).unlink()
    assert refuse(model).code == "M001"


@pytest.mark.parametrize("card", ["# no front matter", "---\nname: x\n---\n", "---\n: : :\n---\n", "---\n- a\n---\n"])
def test_card_without_license_is_refused(model: Path, card: str) -> None:
    (model / "README.md").write_text(card)
    assert refuse(model).code == "M004"


@pytest.mark.parametrize("text", ["[1]", "{", "\udcff"])
def test_broken_configuration_is_refused(model: Path, text: str) -> None:
    (model / "config.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ModelError) as caught:
        read_config(model)
    assert caught.value.code == "M003"


def test_model_of_a_package_is_found_without_importing_it(names_plugin: Path) -> None:
    import sys

    from aigc_content.plugins import discover

    discover()
    sys.modules.pop("aigc_names.generator", None)
    assert resolve(ModelRef("aigc_names", "model")).license == "Apache-2.0"
    assert "aigc_names.generator" not in sys.modules


def test_model_of_a_missing_package_is_named() -> None:
    with pytest.raises(ModelError) as caught:
        resolve(ModelRef("no_such_package_here", "weights"))
    assert caught.value.code == "M001"


def test_a_card_is_read_as_it_was_written(model: Path) -> None:
    write_card(
        model,
        name="tiny",
        license="CC0-1.0",
        datasets=["hand-made"],
        text="\nDraws nothing.\n",
        figures={"loss": 0.5},
        measured="of nothing",
    )
    found = inspect(model)
    assert (found.name, found.license, found.trained_on) == ("tiny", "CC0-1.0", ("hand-made",))
    text = (model / "README.md").read_text("utf-8")
    table = "| figure (of nothing) | value |\n| --- | --- |\n| loss | 0.5 |\n"
    assert text.count("# tiny") == 1
    assert text.endswith(f"# tiny\n\nDraws nothing.\n\n{table}")
