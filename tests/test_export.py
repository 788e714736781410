"""From accepted assets to files: names, records, blobs, previews."""

from __future__ import annotations

import json

import pytest

from aigc_content.canonical import sha256
from aigc_content.errors import InternalError, StoreError
from aigc_content.export import (
    OWN,
    PREVIEW,
    Chosen,
    Exported,
    ExportTask,
    JobExportTask,
    Part,
    check_name,
    parts_of,
    read_parts,
    record_name,
    write_parts,
)
from aigc_content.make import Bench, MakeTask, own_file
from aigc_content.store import Store

EXPORTS = ["text", "alphabet", "book"]


@pytest.fixture
def bench(light):
    job = light.plan({"count": 3, "export": EXPORTS}).jobs[0]
    bench = Bench(Store(light.folder / ".aigc"), {0: job})
    MakeTask(0, tuple(job.slots()), (1, 1, 1)).run(bench)
    return bench


def chosen(bench) -> tuple[Chosen, ...]:
    return tuple(Chosen(slot.id, slot.key, 1) for slot in bench.jobs[0].slots())


def test_every_part_is_made_stored_and_recorded(bench):
    job = bench.jobs[0]
    names = tuple(parts_of(job))
    assert names == (OWN, PREVIEW, "text@1", "alphabet@1")
    task = ExportTask(0, chosen(bench), (names,) * 3)
    results = task.run(bench)
    for item, parts in zip(task.chosen, results, strict=True):
        candidate = bench.store.candidate(item.key, 1)
        (own,) = parts[OWN].files
        assert own == Exported(f"words/{item.id}.word.json", candidate.digest, "light/word-1")
        assert bench.store.blob(own.sha256).read_bytes() == own_file(candidate.asset)
        for part in parts.values():
            for file in part.files:
                assert sha256(bench.store.blob(file.sha256).read_bytes()) == file.sha256
        assert parts[PREVIEW].media_type == "image/svg+xml"
        assert parts[PREVIEW].overlay.startswith("<svg")
        assert read_parts(bench.store.exported(record_name(job, item))) == parts
    shared = {parts["alphabet@1"].files[1] for parts in results}
    assert shared == {Exported("words/alphabet.txt", sha256(b"abcdefghij\n"), "", "alphabet", True)}


def test_a_part_added_later_joins_the_record(bench):
    first = chosen(bench)[:1]
    ExportTask(0, first, ((OWN,),)).run(bench)
    (parts,) = ExportTask(0, first, (("text@1",),)).run(bench)
    assert parts.keys() == {OWN, "text@1"}


def test_a_job_exporter_gets_all_assets_in_order(bench):
    part = JobExportTask(0, "book", chosen(bench)).run(bench)
    (file,) = part.files
    assert (file.path, file.shared, file.exporter) == ("words/book.txt", True, "book")
    lines = bench.store.blob(file.sha256).read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["words-000001", "words-000002", "words-000003"]


def test_a_candidate_that_has_vanished_is_told(bench):
    with pytest.raises(StoreError) as caught:
        ExportTask(0, (Chosen("words-000009", "00" * 32, 1),), ((OWN,),)).run(bench)
    assert (caught.value.code, caught.value.where) == ("T003", "words-000009")


def test_a_record_survives_json():
    parts = {"a": Part((Exported("x/y", "0" * 64, "s", "e", True),), "image/png", "<svg/>"), "b": Part(())}
    assert read_parts(json.loads(json.dumps(write_parts(parts)))) == parts
    assert read_parts(None) == {}


UNSAFE = ["", "/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/.", "nul", "CON.txt", "com1.tmj", "x.", "x "]
UNSAFE += [f"a{letter}b" for letter in '\0\n\\:?*"|<>'] + ["x" * 201, "a/" + "ä" * 101]


@pytest.mark.parametrize("name", UNSAFE)
def test_unsafe_names_are_refused(name):
    with pytest.raises(InternalError) as caught:
        check_name(name, "job caves")
    assert caught.value.code == "X006"


@pytest.mark.parametrize("name", ["tileset.png", "tiles/a b.png", "ü.txt", ".gdignore", "comic.txt", "x" * 200])
def test_safe_names_pass(name):
    assert check_name(name, "") == name


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ([b"bytes"], "must give aigc_content.File objects"),
        (None, "TypeError"),
    ],
)
def test_an_exporter_that_gives_something_else_is_a_fault_of_its_plugin(bench, monkeypatch, result, message):
    import light

    monkeypatch.setattr(light, "text", lambda *arguments: result)
    with pytest.raises(InternalError) as caught:
        ExportTask(0, chosen(bench)[:1], (("text@1",),)).run(bench)
    assert caught.value.code == "X005"
    assert message in caught.value.found
    assert "asset words-000001" in caught.value.where


def test_a_preview_of_an_unknown_kind_is_a_fault_of_its_plugin(bench, monkeypatch):
    from aigc_content.generator import Preview

    monkeypatch.setattr(bench.jobs[0].target, "preview", lambda *_: Preview("text/x-script", b""))
    with pytest.raises(InternalError) as caught:
        ExportTask(0, chosen(bench)[:1], ((PREVIEW,),)).run(bench)
    assert caught.value.code == "X005"


def test_a_generator_without_preview_has_none(bench, monkeypatch):
    monkeypatch.setattr(bench.jobs[0].target, "preview", lambda *_: None)
    (parts,) = ExportTask(0, chosen(bench)[:1], ((PREVIEW,),)).run(bench)
    assert parts[PREVIEW] == Part(())
