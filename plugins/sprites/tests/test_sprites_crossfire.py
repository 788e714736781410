"""The import of characters that walk in four directions."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from aigc_sprites import model as m
from aigc_sprites.data.crossfire import import_crossfire
from aigc_sprites.data.dataset import INFO, load_set
from aigc_sprites.examples import drawings
from aigc_sprites.tokens import MATERIALS
from PIL import Image

from aigc_content import InputError

FACINGS = ("up", "right", "down", "left")


def face(seed: int, size: int = 32) -> bytes:
    rng = np.random.default_rng(seed)
    pixels = np.zeros((size, size, 4), np.uint8)
    pixels[4:28, 8:24] = (*rng.integers(40, 250, 3), 255)
    y, x = rng.integers(4, 20, 2)
    pixels[y : y + 8, x : x + 8] = (*rng.integers(40, 250, 3), 255)
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Twenty who walk, one who stands, one without a back, one that is too large, one without facings."""
    folder = tmp_path / "usr" / "share" / "games" / "crossfire"
    folder.mkdir(parents=True)
    faces: dict[str, bytes] = {}
    animations = []
    for number in range(20):
        names = [f"walker{number}.1{turn}{step}" for turn in (1, 3, 5, 7) for step in (1, 2)]
        faces |= {name: face(number * 100 + place) for place, name in enumerate(names)}
        animations.append((f"walker{number}", 4, names))
    for name, places, size in (
        ("stander", (0, 1, 2, 3), 32),
        ("backless", (0, 1, 0, 3), 32),
        ("giant", (0, 1, 2, 3), 64),
    ):
        names = [f"{name}.{place}" for place in places]
        faces |= {one: face(9000 + int(one[-1]) + len(name), size) for one in names}
        animations.append((name, 4, names))
    animations.append(("spark", 1, ["stander.0", "stander.1"]))
    animations.append(("lost", 4, ["a", "b", "c", "d"]))
    text = "".join(
        f"anim {name}\nfacings {facings}\n" + "".join(f"{one}\n" for one in names) + "mina\n"
        for name, facings, names in animations
    )
    (folder / "animations").write_text(text, "latin-1")
    (folder / "crossfire.0").write_bytes(
        b"".join(f"IMAGE {len(data)} ./arch/{name}\n".encode() + data for name, data in faces.items())
    )
    return tmp_path


def test_characters_with_four_facings_are_taken(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    import_crossfire(source, out)
    sprites = load_set(out)
    assert sprites.license == "GPL-2.0-or-later"
    assert len(sprites.entries) == 21 * 8
    assert {entry.label for entry in sprites.entries} == {f"{one}{step}" for one in FACINGS for step in ("", "-step")}
    told = json.loads((out / INFO).read_text("utf-8"))["left_out"]
    assert told == {
        "a picture is missing": 1,
        "its back is its front": 1,
        "not 32 x 32 pixels": 1,
        "not four facings": 1,
    }
    learned, held = sprites.split()
    assert held
    assert not {sprites.entries[place].group for place in learned} & {sprites.entries[place].group for place in held}


def test_a_step_lies_over_who_stands_and_a_facing_over_who_looks_down(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    import_crossfire(source, out)
    sprites = load_set(out)
    places = [place for place, entry in enumerate(sprites.entries) if entry.name.startswith("walker3/")]
    found = {one.label: one for one in drawings(sprites, places)}
    assert set(found) == {f"walker/{one}{step}" for one in FACINGS for step in ("", m.STEP)}
    assert found["walker/down"].beneath is None
    assert np.array_equal(found["walker/left"].beneath, found["walker/down"].tokens)
    assert np.array_equal(found["walker/left-step"].beneath, found["walker/left"].tokens)
    assert len({one.ramps.tobytes() for one in found.values()}) == 1
    assert found["walker/down"].ramps.shape[0] == MATERIALS
    still = [place for place, entry in enumerate(sprites.entries) if entry.name.startswith("stander/")]
    assert not any(one.label.endswith(m.STEP) for one in drawings(sprites, still))


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        ("missing", "SPR021", "no crossfire.0"),
        ("cut", "SPR021", "cannot be read"),
        ("png", "SPR022", "no PNG picture"),
    ],
)
def test_broken_sources_are_refused(source: Path, tmp_path: Path, spoil: str, code: str, words: str) -> None:
    path = next(source.rglob("crossfire.0"))
    if spoil == "missing":
        path.unlink()
    elif spoil == "cut":
        path.write_bytes(b"nothing")
    else:
        path.write_bytes(path.read_bytes().replace(b"\x89PNG", b"NOPE"))
    with pytest.raises(InputError) as caught:
        import_crossfire(source, tmp_path)
    assert caught.value.code == code
    assert words in str(caught.value)
    assert caught.value.remedy
