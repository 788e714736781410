"""From accepted assets to files: names, records, blobs, previews."""

from __future__ import annotations

import json

import numpy as np
import pytest

from aigc_content import encode_png
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
from aigc_content.generator import Preview
from aigc_content.make import Bench, MakeTask, own_file
from aigc_content.plan import make_plan
from aigc_content.plugins import discover
from aigc_content.recipe import load_recipe
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


def test_an_exporter_may_ask_where_an_asset_comes_from(light):
    plan = light.plan({"count": 2, "export": ["source"], "params": {"letters": "abc"}})
    bench = Bench(Store(light.folder / ".aigc"), {0: plan.jobs[0]})
    MakeTask(0, tuple(plan.jobs[0].slots()), (1, 1)).run(bench)
    second = chosen(bench)[1:]
    (parts,) = ExportTask(0, second, (("source@1",),)).run(bench)
    told = json.loads(bench.store.blob(parts["source@1"].files[0].sha256).read_text())
    assert (told["id"], told["license"], told["models"]) == ("words-000002", "", [])
    recipe = light.folder / "again.yaml"
    recipe.write_text(told["recipe"])
    again = make_plan(load_recipe(recipe), discover()).jobs[0]
    assert again.slot(2).key == second[0].key
    assert again.count == 2


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
    files = (Exported("x/y", "0" * 64, "s", "e", True),)
    shown = Part(files, "image/png", "<svg/>", ("body",), ("#a04030",), (("ann", 1, 2, 3),))
    parts = {"a": shown, "b": Part(())}
    assert read_parts(json.loads(json.dumps(write_parts(parts)))) == parts
    assert read_parts(None) == {}


def test_a_record_from_before_there_were_layers_is_read():
    plain = {"files": [], "media_type": "image/png", "overlay": ""}
    assert read_parts({"preview": plain}) == {"preview": Part((), "image/png")}


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
    monkeypatch.setattr(bench.jobs[0].target, "preview", lambda *_: Preview("text/x-script", b""))
    with pytest.raises(InternalError) as caught:
        ExportTask(0, chosen(bench)[:1], ((PREVIEW,),)).run(bench)
    assert caught.value.code == "X005"


PNG = encode_png(np.zeros((2, 3), np.uint8), np.zeros((1, 4), np.uint8))
LARGER = encode_png(np.zeros((3, 3), np.uint8), np.zeros((1, 4), np.uint8))


def test_layers_of_a_preview_are_files_beside_it(bench, monkeypatch):
    shown = Preview(
        "image/apng", PNG, layers={"a": PNG, "../b": PNG}, colors=["#a04030"], captions=[("ann", 0, 2, 3)]
    )
    monkeypatch.setattr(bench.jobs[0].target, "preview", lambda *_: shown)
    (parts,) = ExportTask(0, chosen(bench)[:1], ((PREVIEW,),)).run(bench)
    made = parts[PREVIEW]
    assert [file.path.removeprefix("gallery/previews/words-000001") for file in made.files] == [
        ".apng",
        ".1.apng",
        ".2.apng",
    ]
    assert (made.layers, made.colors, made.captions) == (("a", "../b"), ("#a04030",), (("ann", 0, 2, 3),))


@pytest.mark.parametrize(
    ("media_type", "data", "wrong", "message"),
    [
        ("image/png", PNG, {"layers": {"body": LARGER}}, "layer 'body'"),
        ("image/png", PNG, {"layers": {"body": b""}}, "layer 'body'"),
        ("image/png", b"", {"layers": {"body": b""}}, "layer 'body'"),
        ("image/svg+xml", PNG, {"layers": {"body": PNG}}, "layer 'body'"),
        ("image/png", PNG, {"colors": ["red"]}, "color 'red'"),
        ("image/png", PNG, {"colors": ["#a04030;"]}, "color '#a04030;'"),
        ("image/png", PNG, {"captions": [("ann", 1, 2)]}, "caption"),
        ("image/png", PNG, {"captions": [("ann", 1, 2, 0.5)]}, "caption"),
        ("image/png", PNG, {"captions": [(b"ann", 1, 2, 3)]}, "caption"),
    ],
)
def test_a_preview_of_unsound_parts_is_refused(media_type, data, wrong, message):
    with pytest.raises(ValueError, match=message):
        Preview(media_type, data, **wrong)


def test_a_generator_without_preview_has_none(bench, monkeypatch):
    monkeypatch.setattr(bench.jobs[0].target, "preview", lambda *_: None)
    (parts,) = ExportTask(0, chosen(bench)[:1], ((PREVIEW,),)).run(bench)
    assert parts[PREVIEW] == Part(())
