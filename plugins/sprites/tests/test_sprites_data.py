"""Importing tiles: what is taken, what is left out, which drawings are one, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from aigc_sprites.data.dataset import INFO, TENSORS, load_set
from aigc_sprites.data.rltiles import import_rltiles
from aigc_sprites.data.words import group_of, tags_of
from PIL import Image

from aigc_content import InputError


def drawing(seed: int, color: tuple[int, int, int] = (200, 40, 40)) -> np.ndarray:
    """A blob of a shape and with light of its own."""
    rng = np.random.default_rng(seed)
    pixels = np.zeros((32, 32, 4), np.uint8)
    for step in range(12):
        y, x = rng.integers(2, 24, 2)
        pixels[y : y + 6, x : x + 6] = (*(np.array(color) * (step + 1) // 12), 255)
    return pixels


def save(root: Path, name: str, pixels: np.ndarray) -> None:
    path = root / "crawl" / "source" / "rltiles" / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    save(tmp_path, "player/body/robe_red", drawing(1))
    save(tmp_path, "player/body/robe_blue", drawing(2, (40, 40, 200)))
    save(tmp_path, "player/body/coat_green", drawing(1, (40, 200, 40)))
    save(tmp_path, "player/hand1/long_sword2", drawing(3))
    save(tmp_path, "mon/animals/bear", drawing(4))
    save(tmp_path, "mon/animals/bear_again", drawing(4))
    save(tmp_path, "mon/animals/kenku", drawing(5))
    save(tmp_path, "mon/tentacles/arm", drawing(6))
    save(tmp_path, "mon/demons/large", np.zeros((48, 32, 4), np.uint8))
    save(tmp_path, "mon/demons/nothing", np.zeros((32, 32, 4), np.uint8))
    save(tmp_path, "item/potion/effervescent", drawing(7))
    save(tmp_path, "gui/cursor", drawing(8))
    return tmp_path


def imported(source: Path, out: Path) -> dict[str, object]:
    out.mkdir()
    import_rltiles(source, out)
    found: dict[str, object] = json.loads((out / INFO).read_text("utf-8"))
    return found


def test_layers_creatures_and_items_are_taken_and_the_rest_is_counted(source: Path, tmp_path: Path) -> None:
    info = imported(source, tmp_path / "out")
    sprites = load_set(tmp_path / "out")
    assert [(entry.kind, entry.label) for entry in sprites.entries] == [
        ("item", "potion"),
        ("monster", "animal"),
        ("layer", "body"),
        ("layer", "body"),
        ("layer", "body"),
        ("layer", "hand1"),
    ]
    assert info["left_out"] == {
        "the same picture again": 1,
        "owner unclear": 1,
        "not 32 x 32 pixels": 1,
        "almost empty": 1,
    }
    assert sprites.license == "CC0-1.0"
    assert (sprites.images[1] == drawing(4)).all()


def test_one_drawing_in_two_colors_is_one_group_and_so_are_pictures_of_one_name(source: Path, tmp_path: Path) -> None:
    imported(source, tmp_path / "out")
    groups = {entry.name.rpartition("/")[2]: entry.group for entry in load_set(tmp_path / "out").entries}
    assert groups["robe_red"] == groups["robe_blue"] == groups["coat_green"]


def test_groups_are_learned_from_or_held_out_as_a_whole(source: Path, tmp_path: Path) -> None:
    for seed in range(40):
        save(tmp_path, f"mon/undead/ghoul_{'abcdefghij'[seed % 10]}{seed}", drawing(100 + seed))
    imported(source, tmp_path / "out")
    sprites = load_set(tmp_path / "out")
    learned, held = ({sprites.entries[place].group for place in part} for part in sprites.split())
    assert learned
    assert not learned & held


@pytest.mark.parametrize(
    ("slot", "name", "tags"),
    [
        ("body", "robe_black_gold", ("robe",)),
        ("body", "leather_jacket3", ("leather",)),
        ("weapon", "artefact/urand_axe_of_woe", ("axe",)),
        ("wall", "lab-rock2", ("rock",)),
        ("hand1", "long_sword", ("sword",)),
        ("hand1", "swordfish", ()),
        ("head", "wizard_blue", ("hat",)),
        ("halo", "player", ()),
    ],
)
def test_words_of_names_become_tags(slot: str, name: str, tags: tuple[str, ...]) -> None:
    assert tags_of(slot, name) == tags


def test_colors_and_numbers_do_not_make_another_drawing() -> None:
    assert group_of("robe_black_gold2") == group_of("robe3") == "robe"
    assert group_of("red") == "red"


def test_folder_without_tiles_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="SPR021"):
        import_rltiles(tmp_path, tmp_path)


def test_broken_picture_is_named(source: Path, tmp_path: Path) -> None:
    path = tmp_path / "crawl" / "source" / "rltiles" / "mon" / "animals" / "bear.png"
    path.write_bytes(b"\x89PNG no picture")
    with pytest.raises(InputError, match="SPR022") as caught:
        import_rltiles(source, tmp_path)
    assert caught.value.where == str(path)


@pytest.mark.parametrize("damage", ["info", "tensors", "count", "format"])
def test_folder_that_was_not_imported_is_refused(damage: str, source: Path, tmp_path: Path) -> None:
    info = imported(source, tmp_path / "out")
    if damage == "tensors":
        (tmp_path / "out" / TENSORS).write_bytes(b"none")
    elif damage == "info":
        (tmp_path / "out" / INFO).unlink()
    else:
        spoilt = info | ({"format": "other"} if damage == "format" else {"entries": []})
        (tmp_path / "out" / INFO).write_text(json.dumps(spoilt), "utf-8")
    with pytest.raises(InputError, match="SPR020"):
        load_set(tmp_path / "out")
