"""Exported files, opened by the real Tiled and compared pixel by pixel."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from aigc_levels import export
from aigc_levels.game import shipped_game
from aigc_levels.level import Level
from aigc_levels.params import LevelParams
from PIL import Image

from aigc_content import File

ROWS = (
    "##############  ",
    "#<...+...e...#  ",
    "#..~~#...$...#  ",
    "#..~~#..^....#  ",
    "######+#####D###",
    "     #..k.#....#",
    "     #....#..>.#",
    "     ###########",
)
MOVES = "EEEEESWSSEEWWNNEEEEEESSSE"


@pytest.fixture
def level() -> Level:
    rules = shipped_game("dungeon").rules
    return Level.from_grid(rules, rules.parse_rows(ROWS), MOVES, salt=5)


PARAMS = LevelParams(width=16, height=8)


def write(files: list[File], folder: Path, name: str) -> None:
    for file in files:
        (folder / (file.name if file.shared else name + file.name)).write_bytes(file.data)


def test_text_is_the_map(level: Level) -> None:
    (file,) = export.text(level, PARAMS, "caves-000001")
    assert file.data.decode() == "\n".join(ROWS) + "\n"


def test_png_says_that_it_is_generated(level: Level) -> None:
    (file,) = export.png(level, PARAMS, "caves-000001")
    picture = Image.open(BytesIO(file.data))
    assert picture.size == (16 * 16, 8 * 16)
    assert picture.text["DigitalSourceType"].endswith("trainedAlgorithmicMedia")  # type: ignore[attr-defined]


def test_tiled_map_is_complete_and_its_tiles_exist(level: Level) -> None:
    files = {file.name: file for file in export.tiled(level, PARAMS, "caves-000001")}
    made = json.loads(files[".tmj"].data)
    tileset = json.loads(files["tileset.tsj"].data)
    ground, objects, entities = made["layers"]
    assert len(ground["data"]) == len(objects["data"]) == 16 * 8
    assert min(ground["data"]) >= 1
    assert max(ground["data"] + objects["data"]) <= tileset["tilecount"]
    kinds = [thing["type"] for thing in entities["objects"]]
    assert sorted(kinds) == ["door", "enemy", "exit", "hazard", "key", "loot", "start"]
    assert made["nextobjectid"] == len(kinds) + 1
    properties = {item["name"]: item["value"] for item in made["properties"]}
    assert properties["winningMoves"] == MOVES
    assert files["tileset.png"].shared
    assert files["tileset.tsj"].shared


def test_overlay_follows_the_moves(level: Level) -> None:
    svg = export.preview(level, PARAMS).overlay.decode()
    assert 'viewBox="0 0 256 128"' in svg
    assert svg.count(",") == 2 * (len(MOVES) + 1)


needs_tiled = pytest.mark.skipif(
    shutil.which("tmxrasterizer") is None and "CI" not in os.environ, reason="Debian package tiled is not installed"
)


@needs_tiled
def test_real_tiled_draws_the_same_pixels(level: Level, tmp_path: Path) -> None:
    write(list(export.tiled(level, PARAMS, "one")), tmp_path, "one")
    out = tmp_path / "one.png"
    subprocess.run(
        ["tmxrasterizer", "--hide-layer", "entities", str(tmp_path / "one.tmj"), str(out)],
        check=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    theirs = np.asarray(Image.open(out).convert("RGB"))
    ours = np.asarray(Image.open(BytesIO(export.picture(level, PARAMS))).convert("RGB"))
    assert theirs.shape == ours.shape
    assert (theirs == ours).all()


@needs_tiled
def test_real_tiled_converts_the_map(level: Level, tmp_path: Path) -> None:
    write(list(export.tiled(level, PARAMS, "one")), tmp_path, "one")
    subprocess.run(
        ["tiled", "--export-map", "csv", str(tmp_path / "one.tmj"), str(tmp_path / "one.csv")],
        check=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    rows = (tmp_path / "one_ground.csv").read_text().splitlines()
    made = json.loads((tmp_path / "one.tmj").read_text())
    ground = [gid - 1 for gid in made["layers"][0]["data"]]
    assert [int(cell) for row in rows for cell in row.split(",") if cell] == ground


def test_designers_own_tileset(level: Level, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sheet = np.zeros((8, 8 * 12, 3), np.uint8)
    for index in range(12):
        sheet[:, index * 8 : index * 8 + 8] = index * 20
    Image.fromarray(sheet).save(tmp_path / "mine.png")
    names = [tile.name for tile in level.rules.tiles]
    lines = "".join(f"  {name}: {index}\n" for index, name in enumerate(names))
    (tmp_path / "mine.yaml").write_text(f"image: mine.png\ntile_size: 8\ntiles:\n{lines}")
    params = LevelParams(width=16, height=8, tileset="mine.yaml")  # type: ignore[arg-type]
    pixels = np.asarray(Image.open(BytesIO(export.picture(level, params))).convert("RGB"))
    assert (pixels[::8, ::8, 0] == level.grid * 20).all()
