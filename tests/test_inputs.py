"""Input files: found, capped, hashed, listed."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from pydantic import BaseModel

from aigc_content import inputs
from aigc_content.canonical import sha256
from aigc_content.errors import InputError
from aigc_content.inputs import InputFile, Inputs


class Wish(BaseModel):
    sketch: InputFile


def test_file_is_read_hashed_and_listed(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"abc")
    ledger = Inputs(tmp_path)
    file = ledger.open("a.txt")
    assert (file.name, file.data, file.sha256) == ("a.txt", b"abc", sha256(b"abc"))
    assert file.path == (tmp_path / "a.txt").resolve()
    assert ledger.open("./a.txt") is file
    assert [each.path for each in ledger] == [file.path]
    assert ledger.digests() == [sha256(b"abc")]


def test_name_in_a_model_is_resolved_against_the_ledger(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("abc")
    ledger = Inputs(tmp_path)
    wish = Wish.model_validate({"sketch": "a.txt"}, context={"inputs": ledger})
    assert wish.sketch.text() == "abc"
    assert wish.model_dump(mode="json") == {"sketch": "a.txt"}
    assert wish.model_dump(mode="json", context={"digests": True}) == {"sketch": {"sha256": sha256(b"abc")}}
    assert len(ledger.digests()) == 1


def test_sibling_is_relative_to_the_file_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "games").mkdir()
    (tmp_path / "games" / "game.yaml").write_text("tileset: tiles.png")
    (tmp_path / "games" / "tiles.png").write_bytes(b"png")
    ledger = Inputs(tmp_path)
    assert ledger.open("games/game.yaml").sibling("tiles.png").data == b"png"
    assert len(ledger.digests()) == 2


def test_file_travels_to_a_worker_with_its_content(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("abc")
    file = Inputs(tmp_path).open("a.txt")
    (tmp_path / "a.txt").unlink()
    assert pickle.loads(pickle.dumps(file)).data == b"abc"


@pytest.mark.parametrize("name", ["gone.txt", ".", "", "a\0b"])
def test_what_is_no_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError) as caught:
        Inputs(tmp_path).open(name)
    assert caught.value.code == "I001"


def test_file_above_the_cap_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"12345")
    with pytest.raises(InputError) as caught:
        Inputs(tmp_path).open("a.txt", cap=4)
    assert caught.value.code == "I002"


def test_text_that_is_not_utf8_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"one\ntwo \xff")
    with pytest.raises(InputError) as caught:
        Inputs(tmp_path).open("a.txt").text()
    assert caught.value.code == "I003"
    assert caught.value.where.endswith("a.txt:2")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("abc")
    (tmp_path / "a.txt").chmod(0)
    with pytest.raises(InputError) as caught:
        Inputs(tmp_path).open("a.txt")
    assert caught.value.code == "I004"


def test_device_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        Inputs(tmp_path).open("/dev/zero")
    assert caught.value.code == "I001"
    assert inputs.MAX_BYTES == 16 << 20
