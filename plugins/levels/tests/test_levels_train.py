"""Training on a user's own maps, from nothing and from a model; and what cannot be learned from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from aigc_levels import maps
from aigc_levels import model as m
from aigc_levels.draw import LevelModel
from aigc_levels.game import shipped_game
from aigc_levels.train import LevelConfig, LevelTrainer

from aigc_content import InputError, TrainRun
from aigc_content.models import inspect

GAME = shipped_game("dungeon")


@pytest.fixture
def own_maps(tmp_path: Path) -> Path:
    """Two dozen small rooms with a pillar, an enemy and an exit at places that differ."""
    folder = tmp_path / "maps"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index in range(24):
        grid = np.full((10, 12), "#")
        grid[1:-1, 1:-1] = "."
        for char in "#e>$+~":
            grid[int(rng.integers(2, 8)), int(rng.integers(2, 10))] = char
        (folder / f"room{index:02d}.txt").write_text("\n".join("".join(row) for row in grid) + "\n")
    return folder


def train(data: Path, out: Path, base: Path | None = None, steps: int = 150) -> Path:
    out.mkdir()
    config = LevelConfig(steps=steps, cells=1024, channels=(16, 16), down=((1,), (1,)), up=((1,),), threads=1)
    LevelTrainer().train(TrainRun(config=config, data=data, out=out, base=base))
    return out


def test_trained_model_is_whole_and_has_a_card(own_maps: Path, tmp_path: Path) -> None:
    model = inspect(train(own_maps, tmp_path / "model"))
    assert model.license == "LicenseRef-your-maps"
    net = LevelModel(model.path)
    assert net.templates.shape[1] == len(m.NAMES)
    card = (model.path / "README.md").read_text()
    assert "your maps" in card
    assert "structure_loss_60" in card
    figures = LevelTrainer().evaluate(model.path, own_maps)
    assert 0 < float(figures["structure_loss_60"]) < 1.2


def test_training_goes_on_from_a_model(own_maps: Path, tmp_path: Path) -> None:
    first = train(own_maps, tmp_path / "first", steps=150)
    second = train(own_maps, tmp_path / "second", base=first)
    held = maps.load_maps(own_maps, GAME, "train")
    from aigc_levels.train import held_out_losses

    before, after = (held_out_losses(LevelModel(model).net, held) for model in (first, second))
    assert float(after["structure_loss_60"]) < float(before["structure_loss_60"]) + 0.05


def test_folder_without_maps_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        maps.load_maps(tmp_path, GAME, "train")
    assert caught.value.code == "L030"


def test_map_with_a_strange_character_names_line_and_column(own_maps: Path) -> None:
    (own_maps / "room00.txt").write_text("\n".join(["#" * 9] * 8 + ["#?#######"]))
    with pytest.raises(InputError) as caught:
        maps.load_maps(own_maps, GAME, "train")
    assert "room00.txt:9:2" in str(caught.value)


def test_held_out_maps_are_not_learned_from(own_maps: Path) -> None:
    learned = {item.name for item in maps.load_maps(own_maps, GAME, "train")}
    held = {item.name for item in maps.load_maps(own_maps, GAME, "held-out")}
    assert learned.isdisjoint(held)
    assert len(learned) + len(held) == 24


def test_hidden_cells_are_the_targets(own_maps: Path) -> None:
    items = maps.load_maps(own_maps, GAME, "train")[:4]
    batch = maps.hide(items, np.random.default_rng(0), rate=0.5, stage=m.STRUCTURE_STAGE, told=True)
    hidden = batch.planes[:, 0] == m.STRUCTURE_MASK
    assert ((batch.targets[:, 0] >= 0) == hidden).all()
    for index, item in enumerate(items):
        rows, columns = item.structure.shape
        seen = batch.planes[index, 0, :rows, :columns]
        known = ~hidden[index, :rows, :columns]
        assert (seen[known] == item.structure[known]).all()
        assert (batch.planes[index, 1, :rows, :columns] == m.OBJECT_MASK).all()
