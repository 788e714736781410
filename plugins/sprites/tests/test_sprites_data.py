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


def save(root: Path, name: str, pixels: np.ndarray, release: str = "crawl-1") -> None:
    path = root / release / "source" / "rltiles" / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    (root / release / "source" / "rltiles" / "player").mkdir(exist_ok=True)
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
    assert info["learned"] == {"item": 1, "monster": 1, "layer": 4}
    assert info["held_out"] == {}
    assert sprites.license == "CC0-1.0"
    assert (sprites.images[1] == drawing(4)).all()


@pytest.mark.parametrize(("folder", "release"), [("crawl-1", "crawl-1"), ("crawl-1/source/rltiles", "rltiles")])
def test_one_release_goes_by_the_name_of_its_folder(folder: str, release: str, source: Path, tmp_path: Path) -> None:
    imported(source / folder, tmp_path / "out")
    assert load_set(tmp_path / "out").source == f"Dungeon Crawl Stone Soup, rltiles ({release})"


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


def test_a_later_release_brings_what_the_earlier_ones_lack(source: Path, tmp_path: Path) -> None:
    save(tmp_path, "player/body/robe_red", drawing(1), "crawl-2")
    save(tmp_path, "mon/animals/bear", drawing(10), "crawl-2")
    info = imported(source, tmp_path / "out")
    sprites = load_set(tmp_path / "out")
    bears = [entry for entry in sprites.entries if entry.name == "mon/animals/bear"]
    assert [(bear.release, bear.group) for bear in bears] == [("crawl-1", "bear"), ("crawl-2", "bear")]
    assert info["left_out"]["the same picture again"] == 2  # type: ignore[index]
    assert sprites.source == "Dungeon Crawl Stone Soup, rltiles (crawl-1, crawl-2)"


def test_what_was_held_out_stays_so_when_a_release_is_added(source: Path, tmp_path: Path) -> None:
    def sides(out: Path) -> tuple[set[str], set[str]]:
        imported(source, out)
        sprites = load_set(out)
        learned, held = ({sprites.entries[place].name for place in part} for part in sprites.split())
        return learned, held

    for seed in range(40):
        save(tmp_path, f"mon/undead/ghoul{'abcdefghij'[seed % 10] * (seed + 1)}", drawing(100 + seed))
    before = sides(tmp_path / "one")
    for seed in range(40):
        save(tmp_path, f"mon/undead/lich{'abcdefghij'[seed % 10] * (seed + 1)}", drawing(200 + seed), "crawl-2")
    after = sides(tmp_path / "two")
    assert all(old < new for old, new in zip(before, after, strict=True)), "of both there are more, and none moved"


@pytest.mark.parametrize(
    ("name", "seed", "group"),
    [
        ("mon/demons/imp", 13, "imp"),
        ("mon/demons/devil", 11, "imp"),
        ("mon/demons/imp", 12, None),
        ("mon/undead/bat", 11, None),
    ],
    ids=["its name", "its shape", "a name and a shape of two", "the shape of another class"],
)
def test_a_later_drawing_joins_one_earlier_drawing_or_is_left_out(
    name: str, seed: int, group: str | None, source: Path, tmp_path: Path
) -> None:
    save(tmp_path, "mon/demons/imp", drawing(11))
    save(tmp_path, "mon/demons/fiend", drawing(12))
    save(tmp_path, name, drawing(seed, (40, 40, 200)), "crawl-2")
    imported(source, tmp_path / "out")
    found = [entry.group for entry in load_set(tmp_path / "out").entries if entry.release == "crawl-2"]
    assert found == ([group] if group else [])


def test_what_lies_in_no_folder_of_a_class_is_known_by_its_name(source: Path, tmp_path: Path) -> None:
    save(tmp_path, "mon/bear", drawing(20))
    save(tmp_path, "mon/vault/ooze_of_doom", drawing(21))
    save(tmp_path, "mon/quux", drawing(22))
    save(tmp_path, "UNUSED/monsters/wolf", drawing(23))
    save(tmp_path, "UNUSED/weapons/axe", drawing(24))
    info = imported(source, tmp_path / "out")
    aside = [entry for entry in load_set(tmp_path / "out").entries if entry.release == "crawl-1, aside"]
    assert [(entry.kind, entry.label, entry.tags) for entry in aside] == [
        ("monster", "animal", ("beast",)),
        ("item", "weapon", ("axe",)),
        ("monster", "animal", ("beast",)),
        ("monster", "jelly", ()),
    ]
    assert info["left_out"]["of no known class"] == 1  # type: ignore[index]


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


def test_folder_of_which_nothing_is_known_is_refused(tmp_path: Path) -> None:
    save(tmp_path, "mon/quux", drawing(1))
    with pytest.raises(InputError, match="SPR021"):
        import_rltiles(tmp_path, tmp_path)


def test_broken_picture_is_named(source: Path, tmp_path: Path) -> None:
    path = tmp_path / "crawl-1" / "source" / "rltiles" / "mon" / "animals" / "bear.png"
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
