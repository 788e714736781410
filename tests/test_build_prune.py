"""``--prune`` and the store: what no slot needs goes, what one needs stays, whatever happens meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aigc_content.errors import OutputError, StoreError
from aigc_content.ledger import Lock

JOB = {"count": 6, "export": ["text", "book"], "params": {"fail_percent": 60}}
OTHER = JOB | {"params": {"fail_percent": 60, "length": 5}}


def records(out: Path) -> set[Path]:
    return {path for path in (out / ".aigc" / "store").rglob("*") if path.is_file()}


def candidates(paths: set[Path]) -> int:
    return sum(path.suffix != ".export" for path in paths)


def refuse_to_remove(out: Path, error: BaseException, patch: pytest.MonkeyPatch, *, after: int = 0) -> None:
    """Let nothing be removed from the store after some files."""
    unlink, left = os.unlink, iter(range(after))

    def refuse(path, **options):
        if str(path).startswith(str(out / ".aigc" / "store")) and next(left, None) is None:
            raise error
        unlink(path, **options)

    patch.setattr(os, "unlink", refuse)


def test_without_prune_going_back_makes_nothing(light):
    light.build(JOB)
    light.build(OTHER)
    assert light.build(JOB).made == 0


def test_prune_drops_what_no_slot_needs_and_counts_it(light):
    light.build(OTHER)
    old = records(light.out)
    size = sum(path.stat().st_size for path in old)
    result = light.build(JOB, prune=True)
    assert (result.dropped.candidates, result.dropped.size) == (candidates(old), size)
    assert candidates(old) > 6  # failed attempts go too
    assert records(light.out).isdisjoint(old)
    assert light.build(OTHER, dry_run=True).made == 6


def test_prune_keeps_what_the_build_needs_also_when_nothing_changed(light):
    light.build(JOB)
    needed = records(light.out)
    light.build(OTHER)
    light.build(JOB)
    times = light.times()
    result = light.build(JOB, prune=True)
    assert result.unchanged
    assert result.dropped.candidates > 0
    assert records(light.out) == needed
    assert light.times() == times
    again = light.build(JOB, prune=True)
    assert (again.unchanged, again.dropped.candidates, again.dropped.size) == (True, 0, 0)


def test_a_shorter_count_drops_the_slots_behind_it(light):
    light.build(JOB | {"count": 9})
    result = light.build(JOB, prune=True)
    assert result.dropped.candidates >= 3
    assert light.build(JOB | {"count": 9}, dry_run=True).made == 3


def test_prune_drops_nothing_while_another_build_holds_the_folder(light):
    light.build(OTHER)
    light.build(JOB)
    before = records(light.out)
    with Lock(light.out / ".aigc"), pytest.raises(OutputError, match="O001"):
        light.build(JOB, prune=True)
    assert records(light.out) == before
    light.build(JOB, prune=True, dry_run=True)
    assert records(light.out) == before


def test_a_prune_that_is_cut_short_is_finished_by_the_next(light, monkeypatch):
    light.build(JOB)
    needed, tree = records(light.out), light.tree()
    light.build(OTHER)
    with monkeypatch.context() as patch:
        refuse_to_remove(light.out, KeyboardInterrupt(), patch, after=4)
        with pytest.raises(KeyboardInterrupt):
            light.build(JOB, prune=True)
    assert records(light.out) > needed
    assert light.tree() == tree
    result = light.build(JOB, prune=True)
    assert result.unchanged
    assert result.dropped.candidates > 0
    assert records(light.out) == needed


def test_a_record_that_cannot_be_removed_is_named(light, monkeypatch):
    light.build(OTHER)
    refuse_to_remove(light.out, PermissionError(13, "Permission denied"), monkeypatch)
    with pytest.raises(StoreError, match="T002"):
        light.build(JOB, prune=True)
