"""Sprites as a tileset of the levels plugin, through files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from aigc_sprites.conformance import pixels_of, slime
from aigc_sprites.palette_files import picture_pixels
from aigc_sprites.sprite import rows_of
from aigc_sprites.tileset import app, sprites_of
from typer.testing import CliRunner

from aigc_content import InputError, encode_png

BASE = """
image: base.png
tile_size: 16
tiles:
  floor: {variants: [0, 1]}
  enemy: {layer: object, under: floor, variants: [2], rules: []}
  wall: {mask4: [3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3]}
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A tileset of four plain tiles."""
    page = np.zeros((16, 64, 4), np.uint8)
    for place in range(4):
        page[:, place * 16 : place * 16 + 16] = (place * 60, 10, 20, 255)
    (tmp_path / "base.png").write_bytes(encode_png(page))
    path = tmp_path / "base.tileset.yaml"
    path.write_text(BASE, "utf-8")
    return path


def built(folder: Path, assets: dict[str, list[dict[str, Any]]]) -> Path:
    """The output of a build, as far as it matters."""
    lines = []
    folder.mkdir()
    for job, sprites in assets.items():
        (folder / job).mkdir()
        for place, sprite in enumerate(sprites):
            path = f"{job}/{job}-{place}.sprite.json"
            (folder / path).write_text(json.dumps(sprite), "utf-8")
            lines.append(json.dumps({"job": job, "files": [{"path": path, "schema": "sprites/sprite-1"}]}))
    (folder / "manifest.jsonl").write_text("".join(f"{line}\n" for line in lines), "utf-8")
    return folder


def run(*words: str | Path) -> Any:
    return CliRunner().invoke(app, ["tileset", *map(str, words)])


def test_sprites_take_the_place_of_looks_job_by_job(tmp_path: Path, base: Path) -> None:
    out = built(tmp_path / "out", {"enemy": [slime(), slime()]})
    done = run(out, "--base", base, "--to", tmp_path / "art" / "mine.tileset.yaml")
    assert done.exit_code == 0
    told = yaml.safe_load((tmp_path / "art" / "mine.tileset.yaml").read_text("utf-8"))
    assert told["tile_size"] == 32
    assert told["tiles"]["enemy"] == {"layer": "object", "under": "floor", "variants": [4, 5]}
    assert told["tiles"]["floor"] == {"variants": [0, 1]}
    page = picture_pixels((tmp_path / "art" / told["image"]).read_bytes(), "")
    assert (page[:32, 32:64] == (60, 10, 20, 255)).all()
    assert (page[:32, 128:160, 3] > 0).sum() == (pixels_of(slime()) > 0).sum()
    before = (tmp_path / "art" / "mine.png").read_bytes()
    run(out, "--base", base, "--to", tmp_path / "art" / "mine.tileset.yaml")
    assert (tmp_path / "art" / "mine.png").read_bytes() == before


def test_levels_read_it(tmp_path: Path) -> None:
    levels = pytest.importorskip("aigc_levels.tileset")
    shipped = Path(levels.__file__).parent / "assets" / "dungeon.tileset.yaml"
    out = built(tmp_path / "out", {"enemy": [slime()], "floor": [slime()]})
    done = run(out, "--base", shipped, "--to", tmp_path / "mine.tileset.yaml")
    assert done.exit_code == 0
    from aigc_levels.params import LevelParams

    params = LevelParams.model_validate({"tileset": str(tmp_path / "mine.tileset.yaml")})
    assert params.tileset is not None


def refused(code: str, *words: str | Path) -> str:
    done = run(*words)
    assert isinstance(done.exception, InputError)
    assert done.exception.code == code
    assert done.exception.remedy
    return str(done.exception)


def test_what_cannot_be_a_tileset_is_refused(tmp_path: Path, base: Path) -> None:
    to = tmp_path / "new" / "mine.tileset.yaml"
    good = built(tmp_path / "good", {"enemy": [slime()]})
    assert "No such file" in refused("SPR012", tmp_path / "none", "--base", base, "--to", to)
    empty = built(tmp_path / "empty", {})
    assert "no sprites" in refused("SPR012", empty, "--base", base, "--to", to)
    other = built(tmp_path / "other", {"enemys": [slime()]})
    assert "did you mean" in refused("SPR013", other, "--base", base, "--to", to).lower()
    small = slime()
    small |= {"size": 16}
    small["figures"][0]["frames"][0]["cels"] = [rows_of(pixels_of(slime())[::2, ::2])]
    mixed = built(tmp_path / "mixed", {"enemy": [slime(), small]})
    assert "16 and 32 pixels" in refused("SPR012", mixed, "--base", base, "--to", to)
    base.write_text(BASE.replace("tile_size: 16", "tile_size: 24"), "utf-8")
    assert "no multiple" in refused("SPR013", good, "--base", base, "--to", to)
    base.write_text("tiles", "utf-8")
    assert "is no tileset" in refused("SPR013", good, "--base", base, "--to", to)
    assert not to.exists()


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = built(tmp_path / "out", {"enemy": [slime()]})
    to = tmp_path / "mine.tileset.yaml"
    to.write_text("before", "utf-8")
    (tmp_path / "mine.png").write_bytes(b"before")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    assert "No space left" in refused("SPR014", out, "--base", base, "--to", to)
    assert to.read_text("utf-8") == "before"
    assert (tmp_path / "mine.png").read_bytes() == b"before"
    assert not list(tmp_path.glob("*.part"))


def test_sprites_of_a_cast_are_all_taken(tmp_path: Path) -> None:
    cast = slime()
    cast["kind"] = "cast"
    cast["figures"].append({**cast["figures"][0], "name": "other"})
    assert len(sprites_of(built(tmp_path / "out", {"enemy": [cast]}))["enemy"]) == 2
