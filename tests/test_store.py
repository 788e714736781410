"""The store: whole or absent, damage found, no space told."""

from __future__ import annotations

import errno
import os
import subprocess

import pytest

from aigc_content import store as module
from aigc_content.errors import StoreError
from aigc_content.store import Candidate, Store, seal, unseal, write_whole

KEY = "ab" * 32


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / ".aigc")


def passed(attempt: int = 1) -> Candidate:
    return Candidate(
        KEY,
        attempt,
        evidence={"moves": 3},
        metrics={"share": 0.1, "name": "ü"},
        fingerprints=("00ff",),
        digest="cd" * 32,
        asset={"text": "\u2028", "n": 2**70, "x": [1.5, None, True]},
    )


def files(store: Store) -> list[str]:
    return sorted(path.relative_to(store.root).as_posix() for path in store.root.rglob("*") if path.is_file())


def test_a_candidate_comes_back_as_it_was(store):
    failure = Candidate(KEY, 2, "path_length", "12 of 30")
    for candidate in (passed(), failure):
        store.add(candidate)
        assert store.candidate(KEY, candidate.attempt) == candidate
    assert store.candidate(KEY, 3) is None
    assert passed().outcome().asset is None
    assert passed().outcome().metrics == passed().metrics


@pytest.mark.parametrize("damage", ["truncate", "flip", "empty", "zeros", "another"])
def test_a_damaged_candidate_counts_as_missing_and_is_replaced(store, damage):
    store.add(passed())
    path = store.root / files(store)[0]
    data = path.read_bytes()
    middle = len(data) // 2
    path.write_bytes(
        {
            "truncate": data[:middle],
            "flip": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
            "empty": b"",
            "zeros": bytes(len(data)),
            "another": seal({"key": KEY, "attempt": 7}),
        }[damage]
    )
    assert store.candidate(KEY, 1) is None
    store.add(passed())
    assert store.candidate(KEY, 1) == passed()


def test_every_bit_flip_and_every_length_of_a_record_is_found():
    data = seal({"a": 1})
    for place in range(len(data)):
        assert unseal(data[:place]) is None
        if place == 64:
            continue  # the line break between digest and body carries nothing
        for bit in range(8):
            assert unseal(data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]) is None


def test_a_damaged_blob_is_written_again(store):
    digest = store.add_blob(b"picture")
    store.blob(digest).write_bytes(b"pict")
    assert store.add_blob(b"picture") == digest
    assert store.blob(digest).read_bytes() == b"picture"


def test_cleaning_removes_temporary_files_and_unwanted_blobs(store):
    kept, gone = store.add_blob(b"kept"), store.add_blob(b"gone")
    (store.root / "tmp" / "77-1").write_bytes(b"half")
    store.clean()
    assert files(store) == sorted([f"blobs/{kept}", f"blobs/{gone}"])
    store.clean(keep_blobs=[kept])
    assert files(store) == [f"blobs/{kept}"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_a_failing_write_leaves_nothing_half_written(store, monkeypatch, number):
    store.add(passed())
    before = files(store)

    def fail(path, data, durable):
        with open(path, "xb") as file:
            file.write(data[:5])
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module, "_write", fail)
    with pytest.raises(StoreError) as caught:
        store.add(passed(attempt=2))
    assert caught.value.code == ("T002" if number == errno.EIO else "T001")
    assert files(store) == before


def test_a_full_disk_is_told_as_such(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a small file system")
    try:
        with pytest.raises(StoreError) as caught:
            write_whole(folder / "big", bytes(1 << 20), folder / "tmp")
        assert caught.value.code == "T001"
        assert not (folder / "big").exists()
        assert list((folder / "tmp").iterdir()) == []
    finally:
        subprocess.run(["umount", str(folder)], check=True)
