"""A build proven again, made again, and assets taken out of it."""

from __future__ import annotations

import json

import pytest

from aigc_content.errors import OutputError, SchemaError, UsageError
from aigc_content.keep import keep
from aigc_content.make import own_file
from aigc_content.verify import verify

JOBS = [
    {"count": 5, "params": {"fail_percent": 40}, "export": ["text", "alphabet", "book"]},
    {"name": "others", "count": 3},
]


def problems(result):
    return [(problem.what, problem.where) for problem in result.problems]


def edit_manifest(out, change):
    lines = [json.loads(line) for line in (out / "manifest.jsonl").read_text().splitlines()]
    change(lines)
    (out / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_sound_build_is_proven(light):
    light.build(*JOBS)
    result = verify(light.out)
    assert (result.assets, result.files, result.unfilled, result.status) == (8, 20, 0, 0)
    again = verify(light.out, rebuild=True, executor="inline")
    assert (again.rebuilt, again.problems) == (8, [])


def test_a_changed_and_a_missing_file_are_named(light):
    light.build(*JOBS)
    (light.out / "words" / "words-000002.txt").write_text("other\n")
    (light.out / "words" / "alphabet.txt").unlink()
    result = verify(light.out)
    assert problems(result) == [("missing", "words/alphabet.txt"), ("bytes", "words/words-000002.txt")]
    assert result.status == 1


def test_a_false_proof_is_found_even_when_its_digest_is_right(light):
    from aigc_content.canonical import sha256

    light.build(*JOBS)
    path = light.out / "words" / "words-000003.word.json"
    data = own_file(json.loads(path.read_text()) | {"proof": 99})
    path.write_bytes(data)

    def change(lines):
        lines[2]["files"][0]["sha256"] = sha256(data)

    edit_manifest(light.out, change)
    assert problems(verify(light.out)) == [("proof", "words-000003")]
    assert ("rebuild", "words/words-000003.word.json") in problems(verify(light.out, rebuild=True, executor="inline"))


def test_an_asset_that_is_none_or_repeats_another_is_found(light):
    light.build(*JOBS)
    words = light.out / "words"
    (words / "words-000002.word.json").write_bytes((words / "words-000001.word.json").read_bytes())
    (words / "words-000003.word.json").write_text("{}")
    found = problems(verify(light.out))
    assert ("repeat", "words-000002") in found
    assert ("asset", "words-000003") in found


def test_a_manifest_that_names_a_file_elsewhere_is_not_followed(light):
    light.build(*JOBS)
    (light.folder / "secret").write_text("secret")

    def change(lines):
        lines[0]["files"][1]["path"] = "../secret"

    edit_manifest(light.out, change)
    assert ("missing", "../secret") in problems(verify(light.out))


@pytest.mark.parametrize("text", ["{}\n", "no json\n", "[]\n", "\n"])
def test_a_damaged_manifest_is_told_with_its_line(light, text):
    light.build(*JOBS)
    with (light.out / "manifest.jsonl").open("a") as file:
        file.write(text)
    with pytest.raises(SchemaError) as caught:
        verify(light.out)
    assert caught.value.code == "V001"
    assert caught.value.where.endswith("manifest.jsonl:9")


def test_a_folder_without_manifest_is_told(tmp_path):
    with pytest.raises(SchemaError):
        verify(tmp_path)


def test_a_changed_input_file_is_told(light):
    (light.folder / "a.txt").write_text("abc")
    light.build({"count": 2, "params": {"word_list": "a.txt"}})
    assert verify(light.out).status == 0
    (light.folder / "a.txt").write_text("abcd")
    assert problems(verify(light.out)) == [("input", "words")]
    (light.folder / "a.txt").unlink()
    assert problems(verify(light.out)) == [("input", "words")]


def test_unfilled_slots_are_counted(light):
    light.build({"count": 4, "params": {"letters": "ab", "length": 1}, "max_attempts": 8})
    result = verify(light.out, rebuild=True, executor="inline")
    assert (result.assets, result.unfilled, result.rebuilt, result.status) == (2, 2, 2, 0)


def test_kept_assets_leave_with_their_shared_files_and_their_origin(light):
    light.build(*JOBS)
    to = light.folder / "mine"
    files = keep(light.out, ["words-000003", "words-000001"], to)
    assert {file.relative_to(to).as_posix() for file in files} == {
        "words-000001.word.json",
        "words-000001.txt",
        "words-000001.up.txt",
        "words-000003.word.json",
        "words-000003.txt",
        "words-000003.up.txt",
        "alphabet.txt",
        "book.txt",
    }
    assert verify(to, base=light.folder).problems == []
    keep(light.out, ["words-000002"], to)
    keep(light.out, ["words-000002"], to)
    lines = [json.loads(line) for line in (to / "manifest.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == ["words-000003", "words-000001", "words-000002"]
    original = json.loads((light.out / "manifest.jsonl").read_text().splitlines()[2])
    for line in (lines[0], original):
        line["files"] = None
    assert lines[0] == original


def test_keeping_overwrites_nothing_and_copies_nothing_by_halves(light):
    light.build(*JOBS)
    to = light.folder / "mine"
    to.mkdir()
    (to / "words-000002.txt").write_text("mine\n")
    with pytest.raises(OutputError) as caught:
        keep(light.out, ["words-000001", "words-000002"], to)
    assert caught.value.code == "O007"
    assert [path.name for path in to.iterdir()] == ["words-000002.txt"]
    with pytest.raises(OutputError):
        keep(light.out, ["words-000001"], light.out / "kept")
    (light.out / "words" / "words-000001.txt").write_text("edited\n")
    with pytest.raises(OutputError):
        keep(light.out, ["words-000001"], light.folder / "other")
    assert not (light.folder / "other").exists()


def test_only_assets_of_the_build_can_be_kept(light):
    light.build({"count": 4, "params": {"letters": "ab", "length": 1}, "max_attempts": 8})
    with pytest.raises(UsageError) as caught:
        keep(light.out, ["words-00001"], light.folder / "mine")
    assert "words-000001" in caught.value.remedy
    with pytest.raises(UsageError) as caught:
        keep(light.out, ["words-000004"], light.folder / "mine")
    assert "duplicate" in caught.value.found
