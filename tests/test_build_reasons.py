"""``--explain``: which part of the key changed."""

from __future__ import annotations

import pytest


def texts(result):
    return {reason.job: (reason.what, reason.slots, reason.text) for reason in result.reasons}


@pytest.mark.parametrize(
    ("change", "what", "slots", "text"),
    [
        ({}, "unchanged", 4, "all 4 slots are as before"),
        ({"count": 7}, "more", 3, "3 new slots: count 4 -> 7"),
        ({"count": 3}, "fewer", 1, "1 slots less: count 4 -> 3"),
        ({"params": {"length": 9}}, "changed", 4, "params.length 6 -> 9"),
        ({"params": {}}, "changed", 4, "params.length 6 -> default"),
        ({"params": {"length": 6, "letters": "xyz"}}, "changed", 4, 'params.letters default -> "xyz"'),
        ({"max_attempts": 30}, "retries", 0, "max_attempts 20 -> 30"),
        ({"reject": ["words-000002"]}, "rejects", 1, "+words-000002"),
        ({"export": ["text", "book"]}, "exports", 4, 'export ["text@1"] -> ["text@1","book@1"]'),
    ],
)
def test_a_change_is_named(light, change, what, slots, text):
    job = {"count": 4, "params": {"length": 6}, "export": ["text"]}
    light.build(job)
    for options in ({"dry_run": True}, {}):
        result = light.build(job | change, explain=True, **options)
        found = texts(result)["words"]
        assert found[:2] == (what, slots)
        assert text in found[2]


def test_the_first_build_is_all_new(light):
    assert texts(light.build({"count": 4}, explain=True)) == {"words": ("new", 4, "all 4 slots are new")}


def test_new_and_removed_jobs_are_named(light):
    light.build({"count": 4}, {"name": "old"})
    found = texts(light.build({"count": 4}, {"name": "young"}, explain=True))
    assert found["words"][0] == "unchanged"
    assert found["young"][0] == "new"
    assert found["old"][0] == "removed"


def test_another_seed_is_named(light):
    light.build({"count": 2}, seed=1)
    assert "seed 1 -> 2" in texts(light.build({"count": 2}, seed=2, explain=True))["words"][2]


def test_an_edited_input_file_is_named(light):
    (light.folder / "a.txt").write_text("abc")
    job = {"count": 2, "params": {"word_list": "a.txt"}}
    light.build(job)
    (light.folder / "a.txt").write_text("abcd")
    text = texts(light.build(job, explain=True))["words"][2]
    assert "input file a.txt" in text
    assert "params.word_list" not in text


def test_a_raised_revision_is_named(light, monkeypatch):
    light.build({"count": 2})
    monkeypatch.setattr(light.plan({"count": 2}).jobs[0].target, "revision", 2)
    assert "revision 1 -> 2" in texts(light.build({"count": 2}, explain=True))["words"][2]


def test_what_an_earlier_build_has_left_in_the_store_is_told(light):
    light.build({"count": 4})
    light.build({"count": 4, "params": {"length": 9}})
    result = light.build({"count": 5}, explain=True)
    assert texts(result)["words"][2].endswith("; but 4 of them are in the store from an earlier build")
    assert (result.made, result.reused) == (1, 4)
