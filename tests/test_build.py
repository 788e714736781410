"""A whole build: what it writes, what it does the second time, what a change makes it do."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from aigc_content import File, Preview, encode_png
from aigc_content.errors import InternalError, OutputError, UsageError

EXPORTS = ["text", "alphabet", "book"]


def manifest(out: Path) -> list[dict]:
    return [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]


def test_each_asset_has_its_own_file_its_exports_and_a_manifest_line(light):
    result = light.build({"count": 5, "export": EXPORTS})
    assert (result.made, result.reused, result.status) == (5, 0, 0)
    tree = light.tree()
    for index in range(1, 6):
        stem = f"words/words-{index:06d}"
        assert {f"{stem}.word.json", f"{stem}.txt", f"{stem}.up.txt"} <= tree.keys()
        assert f"gallery/previews/words-{index:06d}.svg" in tree
    assert {"words/alphabet.txt", "words/book.txt", "gallery.html", "gallery/.gdignore"} <= tree.keys()
    lines = manifest(light.out)
    assert [line["id"] for line in lines] == [f"words-{index:06d}" for index in range(1, 6)]
    assert [file["path"] for file in lines[0]["files"]] == [
        "words/words-000001.word.json",
        "words/words-000001.txt",
        "words/words-000001.up.txt",
        "words/alphabet.txt",
        "words/book.txt",
    ]
    assert lines[0]["verdict"]["passed"] is True


def test_a_second_build_makes_nothing_and_keeps_every_time(light):
    job = {"count": 30, "export": EXPORTS, "params": {"log": str(light.log)}}
    light.build(job)
    times, calls = light.times(), light.logged("")
    result = light.build(job, executor="processes")
    assert result.unchanged
    assert (result.made, result.reused, result.status) == (0, 30, 0)
    assert light.times() == times
    assert light.logged("") == calls


def test_executors_and_numbers_of_workers_give_the_same_bytes(light):
    jobs = [
        {"count": 40, "params": {"fail_percent": 30, "letters": "abcd", "length": 3}, "export": EXPORTS},
        {"count": 20, "params": {"wrong_percent": 40}, "export": ["text"]},
    ]
    light.build(*jobs)
    first = light.tree()
    for workers in (1, 2, 5):
        out = light.folder / f"with-{workers}"
        light.build(*jobs, out=out, executor="processes", workers=workers)
        assert light.tree(out) == first


def test_a_longer_count_makes_only_the_new_and_keeps_the_beginning(light):
    params = {"letters": "abcde", "length": 2, "log": str(light.log)}
    light.build({"count": 10, "params": params, "export": ["text"]})
    before, times = light.tree(), light.times()
    exported = light.logged("export")
    result = light.build({"count": 15, "params": params, "export": ["text"]})
    assert (result.made, result.reused) == (5, 10)
    assert light.logged("export") == exported + 5
    after = light.tree()
    for name in before:
        if name.startswith("words/"):
            assert after[name] == before[name]
            assert light.times()[name] == times[name]


def test_no_asset_repeats_another_of_its_job(light):
    result = light.build({"count": 9, "params": {"letters": "abc", "length": 2}, "max_attempts": 200})
    assert result.status == 0
    words = {json.loads(data)["text"] for name, data in light.tree().items() if name.endswith(".word.json")}
    assert len(words) == 9


def test_slots_without_an_asset_are_reported_and_the_status_says_so(light):
    result = light.build({"count": 5, "params": {"letters": "ab", "length": 1}, "max_attempts": 6})
    assert result.failed == {"duplicate": 3}
    assert result.status == 1
    failed = [line for line in manifest(light.out) if not line["verdict"]["passed"]]
    assert len(failed) == 3
    assert failed[0]["verdict"]["constraint"] == "duplicate"
    assert failed[0]["files"] == []
    assert failed[0]["attempts"] == 6
    again = light.build({"count": 5, "params": {"letters": "ab", "length": 1}, "max_attempts": 6})
    assert again.unchanged
    assert again.failed == {"duplicate": 3}
    assert again.status == 1


def test_more_attempts_continue_from_the_stored_failures(light):
    params = {"fail_percent": 90, "log": str(light.log)}
    few = light.build({"count": 8, "params": params, "max_attempts": 3})
    assert few.failed
    tried = sum(int(line.split()[2]) for line in light.log.read_text().splitlines() if line.startswith("make"))
    light.log.unlink()
    more = light.build({"count": 8, "params": params, "max_attempts": 100})
    assert not more.failed
    tried += sum(int(line.split()[2]) for line in light.log.read_text().splitlines() if line.startswith("make"))
    assert tried == sum(line["attempts"] for line in manifest(light.out))
    fresh = light.folder / "fresh"
    light.build({"count": 8, "params": params, "max_attempts": 100}, out=fresh)
    assert light.tree(fresh) == light.tree()


def test_fewer_attempts_refuse_what_more_had_found(light):
    params = {"fail_percent": 80}
    light.build({"count": 12, "params": params, "max_attempts": 50})
    late = sum(line["attempts"] > 2 for line in manifest(light.out))
    assert light.build({"count": 12, "params": params, "max_attempts": 2}).failed == {"unlucky": late}


def test_a_rejected_asset_is_drawn_anew_and_the_others_stay(light):
    job = {"count": 6, "export": ["text"]}
    light.build(job)
    before = light.tree()
    light.build(job | {"reject": ["words-000003"]})
    after = light.tree()
    changed = {name for name in before if name.startswith("words/") and before[name] != after[name]}
    assert changed == {"words/words-000003.word.json", "words/words-000003.txt"}
    digest = next(line["digest"] for line in manifest(light.out) if line["id"] == "words-000003")
    result = light.build(job | {"reject": ["words-000003", digest[:10]]})
    assert result.status == 0
    third = light.tree()["words/words-000003.txt"]
    assert third not in (before["words/words-000003.txt"], after["words/words-000003.txt"])


def test_editing_an_input_file_makes_its_assets_again_and_only_those(light):
    letters = light.folder / "letters.txt"
    letters.write_text("klmno\n")
    jobs = [{"count": 4, "params": {"word_list": "letters.txt"}}, {"count": 4}]
    light.build(*jobs)
    before = light.tree()
    letters.write_text("pqrst\n")
    result = light.build(*jobs)
    assert (result.made, result.reused) == (4, 4)
    after = light.tree()
    assert all(before[name] == after[name] for name in before if name.startswith("words1/"))
    assert all(before[name] != after[name] for name in before if name.endswith(".word.json") and "words/" in name)


def test_adding_an_exporter_runs_that_one_alone(light):
    job = {"count": 4, "params": {"log": str(light.log)}}
    light.build(job | {"export": ["text"]})
    made, exported = light.logged("make"), light.logged("export")
    result = light.build(job | {"export": ["text", "alphabet"]})
    assert result.made == 0
    assert (light.logged("make"), light.logged("export")) == (made, exported)
    assert "words/words-000001.up.txt" in light.tree()


def test_removed_files_are_written_again(light):
    job = {"count": 4, "export": EXPORTS}
    light.build(job)
    before = light.tree()
    (light.out / "words" / "words-000002.txt").unlink()
    (light.out / "gallery" / "previews" / "words-000003.svg").unlink()
    (light.out / "gallery.html").unlink()
    result = light.build(job)
    assert result.made == 0
    assert sorted(result.changes.written) == [
        "gallery.html",
        "gallery/previews/words-000003.svg",
        "words/words-000002.txt",
    ]
    assert light.tree() == before


def test_a_picture_that_an_exporter_makes_anyway_is_the_preview(light):
    light.build({"count": 2, "export": ["picture"]})
    assert not any(name.startswith("gallery/previews/") for name in light.tree())


def test_layers_are_put_in_place_but_for_those_that_an_exporter_makes_anyway(light, monkeypatch):
    plan = light.plan({"count": 1})  # finds the plugin
    import light as plugin

    pictures = [encode_png(np.full((2, 2), index, np.uint8), np.eye(4, dtype=np.uint8) * 255) for index in range(3)]
    shown = Preview("image/png", pictures[0], layers={"low": pictures[1], "high": pictures[2]})
    monkeypatch.setattr(plan.jobs[0].target, "preview", lambda *_: shown)
    monkeypatch.setattr(plugin, "picture", lambda *_: [File("/low.png", pictures[1])])
    light.build({"count": 1, "export": ["picture"]})
    tree = light.tree()
    assert tree["words/words-000001/low.png"] == pictures[1]
    assert [name for name in tree if name.startswith("gallery/previews/")] == [
        "gallery/previews/words-000001.2.png",
        "gallery/previews/words-000001.png",
    ]
    assert (
        b'[["low","words/words-000001/low.png"],["high","gallery/previews/words-000001.2.png"]]'
        in (tree["gallery/data-0000.js"])
    )


def test_a_job_may_want_the_bytes_that_another_has_already_in_place(light):
    light.build({"count": 2, "export": ["alphabet"]})
    (light.out / "words" / "words-000001.up.txt").unlink()
    result = light.build({"count": 2, "export": ["alphabet"]}, {"count": 1, "export": ["alphabet"]})
    assert result.status == 0
    assert light.tree()["words1/alphabet.txt"] == light.tree()["words/alphabet.txt"]


def test_a_preview_stays_when_the_exporter_that_made_the_same_picture_goes(light):
    light.build({"count": 2, "export": ["picture"]})
    light.build({"count": 2}, prune=True)
    fresh = light.folder / "fresh"
    light.build({"count": 2}, out=fresh)
    assert light.tree() == light.tree(fresh)


def test_dry_run_writes_nothing_and_says_what_would_be_made(light):
    assert light.build({"count": 5}, dry_run=True).made == 5
    assert not light.out.exists()
    light.build({"count": 5})
    before = {path: path.stat().st_mtime_ns for path in light.out.rglob("*")}
    result = light.build({"count": 8}, dry_run=True)
    assert (result.made, result.reused, result.dry_run) == (3, 5, True)
    assert {path: path.stat().st_mtime_ns for path in light.out.rglob("*")} == before
    assert light.build({"count": 5}, dry_run=True).unchanged


def test_dry_run_counts_what_a_new_rejection_makes_again(light):
    job = {"count": 6, "params": {"letters": "abcdef", "length": 2}}
    light.build(job)
    digest = next(line["digest"] for line in manifest(light.out) if line["id"] == "words-000005")
    changed = job | {"reject": ["words-000003", digest[:12], "words-000003"]}
    foreseen = light.build(changed, dry_run=True)
    assert (foreseen.made, foreseen.reused, foreseen.status) == (2, 4, 0)
    assert light.build(changed).made == 2
    assert light.build(job, dry_run=True).made == 0
    assert light.build(job).made == 0


def test_dry_run_counts_attempts_that_are_known_to_fail(light):
    job = {"count": 5, "params": {"letters": "ab", "length": 1}, "max_attempts": 6}
    built = light.build(job)
    foreseen = light.build(job | {"export": ["text"]}, dry_run=True)
    assert (foreseen.made, foreseen.failed, foreseen.reused) == (0, built.failed, built.reused + built.made)
    assert foreseen.status == 1
    more = light.build(job | {"max_attempts": 200}, dry_run=True)
    assert (more.made, more.failed, more.status) == (3, {}, 0)


def test_gallery_and_manifest_agree_on_what_made_an_asset(light):
    light.build({"count": 1})
    assert manifest(light.out)[0]["digital_source_type"] == "algorithmicMedia"
    assert b'"source":"algorithmicMedia"' in light.tree()["gallery/data-0000.js"]


@pytest.mark.parametrize("options", [{"workers": 0}, {"executor": "proceses"}])
def test_a_wrong_executor_is_refused_also_when_there_is_nothing_to_do(light, options):
    light.build({"count": 1})
    with pytest.raises(UsageError, match="U010"):
        light.build({"count": 1}, **options)


def test_progress_ends_with_all_slots(light, monkeypatch):
    from aigc_content.build import BuildOptions, Progress, build_plan

    events = []
    build_plan(light.plan({"count": 20}), BuildOptions(light.out, executor="inline"), events.append)
    last = events[-1]
    assert isinstance(last, Progress)
    assert (last.last, last.total, last.accepted, last.made, last.exported) == (True, 20, 20, 20, 20)


def test_a_plugin_that_raises_is_named_with_slot_and_attempt_and_the_rest_is_kept(light):
    job = {"count": 40, "params": {"raise_percent": 15, "log": str(light.log)}}
    with pytest.raises(InternalError) as caught:
        light.build(job)
    assert caught.value.code == "X001"
    assert "'light' raised RuntimeError: no luck" in caught.value.found
    assert "slot words-0000" in caught.value.where
    assert "attempt 1" in caught.value.where
    stored = list((light.out / ".aigc" / "store").rglob("*-1"))
    assert stored
    with pytest.raises(InternalError) as again:
        light.build(job, executor="processes", workers=1)
    assert again.value.found == caught.value.found
    assert not (light.out / "manifest.jsonl").exists()


@pytest.mark.parametrize(
    ("exports", "mode", "kind", "code"),
    [
        (["text", "clash"], "", OutputError, "O003"),
        (["alphabet"], "disagree", OutputError, "O006"),
        (["escape"], "", InternalError, "X006"),
        (["escape"], "shared", InternalError, "X006"),
    ],
)
def test_exporters_that_collide_disagree_or_escape_are_refused(light, exports, mode, kind, code):
    with pytest.raises(kind) as caught:
        light.build({"count": 3, "export": exports, "params": {"exports": mode}})
    assert caught.value.code == code
    assert set(os.listdir(light.out)) == {".aigc"}
    assert not (light.folder / "escaped.txt").exists()


def test_the_bytes_do_not_depend_on_folder_locale_or_time_zone(light, monkeypatch):
    jobs = [{"count": 6, "export": EXPORTS}]
    light.build(*jobs)
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    monkeypatch.setenv("LC_ALL", "tr_TR.UTF-8")
    monkeypatch.setenv("PYTHONHASHSEED", "77")
    monkeypatch.chdir("/")
    other = light.folder / "a b" / "ü"
    mask = os.umask(0o077)
    try:
        light.build(*jobs, out=other, executor="processes", workers=2)
    finally:
        os.umask(mask)
    assert light.tree(other) == light.tree()
