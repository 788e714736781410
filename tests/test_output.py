"""The output folder: whose file is whose, what is replaced, kept, named, pruned and refused."""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from aigc_content import ledger as ledger_module
from aigc_content import store as store_module
from aigc_content.errors import OutputError, StoreError
from aigc_content.ledger import Ledger, Lock

JOB = {"count": 4, "export": ["text", "book"]}
OTHER = {"name": "others", "count": 3, "export": ["text"]}


def test_a_file_edited_by_hand_is_kept_named_and_fails_the_build(light):
    light.build(JOB)
    edited = light.out / "words" / "words-000002.txt"
    edited.write_text("mine\n")
    for _ in range(2):
        result = light.build(JOB)
        assert result.changes.kept == ["words/words-000002.txt"]
        assert result.status == 1
        assert not result.unchanged or not result.changes.written
        assert edited.read_text() == "mine\n"
    changed = light.build(JOB | {"params": {"letters": "xyz"}})
    assert changed.changes.kept == ["words/words-000002.txt"]
    assert edited.read_text() == "mine\n"


def test_force_overwrites_a_file_edited_by_hand(light):
    light.build(JOB)
    before = light.tree()
    (light.out / "words" / "words-000002.txt").write_text("mine\n")
    light.build(JOB)
    result = light.build(JOB, force=True)
    assert (result.status, result.changes.written) == (0, ["words/words-000002.txt"])
    assert light.tree() == before
    assert light.build(JOB).unchanged


def test_a_file_edited_and_put_back_is_the_builds_again(light):
    light.build(JOB)
    file = light.out / "words" / "words-000002.txt"
    original = file.read_bytes()
    file.write_text("mine\n")
    light.build(JOB)
    file.write_bytes(original)
    assert light.build(JOB).status == 0
    result = light.build(JOB | {"params": {"letters": "xyz"}})
    assert result.status == 0
    assert file.read_bytes() != original


def test_a_file_that_was_there_before_the_first_build_is_kept(light):
    (light.out / "words").mkdir(parents=True)
    (light.out / "words" / "words-000001.txt").write_text("mine\n")
    (light.out / "gallery.html").write_text("my page\n")
    result = light.build(JOB)
    assert sorted(result.changes.kept) == ["gallery.html", "words/words-000001.txt"]
    assert (light.out / "gallery.html").read_text() == "my page\n"


def test_files_of_a_removed_job_are_named_and_go_only_with_prune(light):
    light.build(JOB, OTHER)
    gone = sorted(name for name in light.tree() if name.startswith("others/"))
    for _ in range(2):
        result = light.build(JOB)
        assert result.changes.orphaned == gone
        assert result.status == 0
        assert (light.out / "others").is_dir()
    result = light.build(JOB, prune=True)
    assert sorted(result.changes.pruned) == gone
    assert not (light.out / "others").exists()
    fresh = light.folder / "fresh"
    light.build(JOB, out=fresh)
    assert light.tree() == light.tree(fresh)
    assert light.build(JOB, prune=True).unchanged


def test_an_orphan_edited_by_hand_is_released_and_never_pruned(light):
    light.build(JOB, OTHER)
    mine = light.out / "others" / "others-000001.txt"
    mine.write_text("mine\n")
    result = light.build(JOB, prune=True)
    assert result.changes.released == ["others/others-000001.txt"]
    assert result.status == 0
    assert mine.read_text() == "mine\n"
    assert light.build(JOB, prune=True).changes.released == []


def test_a_job_that_comes_back_takes_its_files_over(light):
    light.build(JOB, OTHER)
    times = light.times()
    light.build(JOB)
    result = light.build(JOB, OTHER)
    assert result.made == 0
    assert result.status == 0
    for name, time in light.times().items():
        if name.startswith(("words/", "others/")):
            assert time == times[name]


def test_pages_of_a_gallery_that_became_shorter_are_removed_without_asking(light):
    light.build({"count": 120})
    assert "gallery/data-0001.js" in light.tree()
    light.build({"count": 20}, prune=True)
    fresh = light.folder / "fresh"
    light.build({"count": 20}, out=fresh)
    assert light.tree() == light.tree(fresh)


def test_without_the_hosts_folder_the_manifest_says_what_is_ours(light):
    light.build(JOB)
    shutil.rmtree(light.out / ".aigc")
    edited = light.out / "words" / "words-000002.txt"
    edited.write_text("mine\n")
    changed = JOB | {"params": {"letters": "xyz"}}
    result = light.build(changed)
    assert result.changes.kept == ["words/words-000002.txt"]
    fresh = light.folder / "fresh"
    light.build(changed, out=fresh)
    ours = light.tree()
    assert ours.pop("words/words-000002.txt") == b"mine\n"
    assert ours.items() < light.tree(fresh).items()


def test_a_damaged_state_is_a_missing_one(light):
    light.build(JOB)
    before = light.tree()
    for damage in (b"", b"\0" * 100, b"{}"):
        (light.out / ".aigc" / "state").write_bytes(damage)
        result = light.build(JOB)
        assert (result.status, result.changes.written, result.made) == (0, [], 0)
        assert light.tree() == before


def test_a_change_that_keeps_size_and_time_right_after_a_build_is_seen(light, monkeypatch):
    monkeypatch.setattr(ledger_module, "_RACY_NS", 60 * 10**9)
    light.build(JOB)
    file = light.out / "words" / "words-000001.txt"
    info = file.stat()
    data = file.read_bytes()
    file.write_bytes(data[:-2] + b"!\n")
    os.utime(file, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert light.build(JOB).changes.kept == ["words/words-000001.txt"]


def test_a_touched_file_with_equal_bytes_is_unchanged(light):
    light.build(JOB)
    os.utime(light.out / "words" / "words-000001.txt", ns=(1, 1))
    result = light.build(JOB)
    assert result.unchanged
    assert (light.out / "words" / "words-000001.txt").stat().st_mtime_ns == 1


@pytest.mark.parametrize("place", ["words", ".aigc", "gallery"])
def test_a_link_that_leads_out_of_the_folder_is_refused(light, place):
    outside = light.folder / "outside"
    outside.mkdir()
    light.out.mkdir()
    (light.out / place).symlink_to(outside)
    with pytest.raises(OutputError) as caught:
        light.build(JOB)
    assert caught.value.code == "O004"
    assert list(outside.iterdir()) == []


def test_a_link_inside_the_folder_is_followed(light):
    light.build(JOB)
    (light.out / "words").rename(light.out / "elsewhere")
    (light.out / "words").symlink_to("elsewhere")
    assert light.build(JOB).status == 0


def test_a_link_in_place_of_a_file_is_kept_and_its_target_untouched(light):
    precious = light.folder / "precious"
    precious.write_text("precious\n")
    light.build(JOB)
    link = light.out / "words" / "words-000001.txt"
    link.unlink()
    link.symlink_to(precious)
    assert light.build(JOB).changes.kept == ["words/words-000001.txt"]
    light.build(JOB, force=True)
    assert not link.is_symlink()
    assert precious.read_text() == "precious\n"


def test_prune_does_not_follow_a_link_out_of_the_folder(light):
    light.build(JOB, OTHER)
    (light.out / "others").rename(light.folder / "moved")
    (light.out / "others").symlink_to(light.folder / "moved")
    result = light.build(JOB, prune=True)
    assert not any(name.startswith("others/") for name in result.changes.pruned)
    assert len(list((light.folder / "moved").iterdir())) == 6


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_in_place_of_a_file_and_the_reverse_are_refused(light, force):
    light.build(JOB)
    file = light.out / "words" / "words-000001.txt"
    file.unlink()
    file.mkdir()
    with pytest.raises(OutputError) as caught:
        light.build(JOB, force=force)
    assert caught.value.code == "O005"
    shutil.rmtree(light.out)
    light.out.mkdir()
    (light.out / "words").write_text("a file\n")
    with pytest.raises(OutputError) as caught:
        light.build(JOB, force=force)
    assert caught.value.code == "O005"
    assert not (light.out / ".aigc" / "store").exists(), "it is told before anything is made"


def test_names_that_differ_in_case_alone_are_refused(light):
    with pytest.raises(OutputError) as caught:
        light.build({"count": 1, "params": {"exports": "case"}, "export": ["shout", "text"]})
    assert caught.value.code == "O003"


def test_an_output_folder_that_is_a_file_is_refused(light):
    light.out.write_text("a file\n")
    with pytest.raises(OutputError) as caught:
        light.build(JOB)
    assert caught.value.code == "O002"
    assert light.out.read_text() == "a file\n"


def test_the_second_of_two_builds_says_who_holds_the_folder(light):
    with Lock(light.out / ".aigc"):
        with pytest.raises(OutputError) as caught:
            light.build(JOB)
        assert caught.value.code == "O001"
        assert f"process {os.getpid()} on {socket.gethostname()}, since 2" in caught.value.found
        light.build(JOB, dry_run=True)
    light.build(JOB)


def test_a_lock_ends_with_its_process(light):
    code = (
        "import os, sys; from pathlib import Path; from aigc_content.ledger import Lock\n"
        "Lock(Path(sys.argv[1])).__enter__(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, light.out / ".aigc"], check=False)
    assert json.loads((light.out / ".aigc" / "lock").read_text())["pid"] != os.getpid()
    assert light.build(JOB).status == 0


def cut_off(light, monkeypatch, *jobs):
    """A build that ends in the middle of putting its files in place."""
    calls = 0
    real = os.replace

    def replace(source, target):
        nonlocal calls
        if "words" in str(target) and "store" not in str(target):
            calls += 1
            if calls == 7:
                raise KeyboardInterrupt
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        with pytest.raises(KeyboardInterrupt):
            light.build(*jobs)


@pytest.mark.parametrize("built_before", [True, False])
def test_after_a_build_that_was_cut_off_the_journal_says_what_is_ours(light, monkeypatch, built_before):
    if built_before:
        light.build(JOB | {"params": {"letters": "xyz"}})
    cut_off(light, monkeypatch, JOB)
    third = JOB | {"params": {"letters": "uvw"}}
    assert Ledger(light.out).interrupted
    assert light.build(third).status == 0
    fresh = light.folder / "fresh"
    light.build(third, out=fresh)
    assert light.tree() == light.tree(fresh)
    assert not Ledger(light.out).interrupted


def test_files_of_a_build_that_was_cut_off_can_be_pruned_by_another_recipe(light, monkeypatch):
    cut_off(light, monkeypatch, JOB)
    placed = sorted(light.tree())
    assert placed
    other = {"name": "others", "count": 2}
    assert light.build(other).changes.orphaned == placed
    assert sorted(light.build(other, prune=True).changes.pruned) == placed
    fresh = light.folder / "fresh"
    light.build(other, out=fresh)
    assert light.tree() == light.tree(fresh)


def test_a_disk_that_fills_stops_the_build_and_the_next_one_completes_it(light, monkeypatch):
    jobs = [JOB, OTHER]
    fresh = light.folder / "fresh"
    light.build(*jobs, out=fresh)
    expected = light.tree(fresh)
    real = store_module._write

    def filled(out, left):
        """Build on a disk that takes so many files more; whether it was full."""

        def write(path, data, durable):
            nonlocal left
            left -= 1
            if left < 0:
                Path(path).write_bytes(data[: len(data) // 2])
                raise OSError(errno.ENOSPC, "No space left on device")
            real(path, data, durable)

        with monkeypatch.context() as patch:
            patch.setattr(store_module, "_write", write)
            try:
                light.build(*jobs, out=out)
            except StoreError as error:
                return error.code == "T001"
        return False

    place = 0
    while filled(out := light.folder / f"out-{place}", place):
        assert light.tree(out).items() <= expected.items()
        assert light.build(*jobs, out=out).status == 0
        assert light.tree(out) == expected
        assert list((out / ".aigc" / "tmp").iterdir()) == []
        assert list((out / ".aigc" / "blobs").iterdir()) == []
        place += 4
    assert place > 20


def test_the_hosts_folder_is_kept_out_of_version_control(light):
    light.build(JOB)
    assert (light.out / ".aigc" / ".gitignore").read_text() == "*\n"


def test_the_state_knows_recent_files_may_still_change(tmp_path, monkeypatch):
    file = tmp_path / "file"
    file.write_text("x")
    book = Ledger(tmp_path)
    book.current("file")
    assert book.entry("file").mtime_ns == 0
    monkeypatch.setattr(ledger_module, "_RACY_NS", -1)
    assert book.entry("file").mtime_ns == file.stat().st_mtime_ns


def test_an_edit_while_the_build_still_runs_is_seen(light, monkeypatch):
    from aigc_content import output

    file = light.out / "words" / "words-000002.txt"
    flush = output._flush

    def edit_and_flush(*arguments):
        file.write_text("mine\n")
        flush(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(output, "_flush", edit_and_flush)
        light.build(JOB)
    assert light.build(JOB).changes.kept == ["words/words-000002.txt"]
    assert file.read_text() == "mine\n"


def test_an_edit_just_before_its_file_is_replaced_is_kept(light, monkeypatch):
    light.build(JOB)
    file = light.out / "words" / "words-000002.txt"
    intend = Ledger.intend

    def edit_and_intend(self, files):
        intend(self, files)
        file.write_text("mine\n")

    with monkeypatch.context() as patch:
        patch.setattr(Ledger, "intend", edit_and_intend)
        result = light.build(JOB | {"params": {"letters": "xyz"}})
    assert result.changes.kept == ["words/words-000002.txt"]
    assert file.read_text() == "mine\n"
