"""The fold: index order, duplicates, rejections, failures; any order of arrival gives the same."""

from __future__ import annotations

import dataclasses
import random

import pytest

from aigc_content.select import Accepted, Failed, Selection, Wanted
from aigc_content.store import Candidate


def candidate(slot, attempt, mark="", constraint=""):
    digest = f"{slot.index:04x}{attempt:04x}" * 8
    marks = tuple(mark) if len(mark) > 1 and mark.isupper() else (mark,) if mark else ()
    return Candidate(slot.key, attempt, constraint, fingerprints=marks, digest="" if constraint else digest)


MARKS = ["a", "b", "c", "d", "e", "AB", "BC", "CD", "ACE", "F", "GH", "HA", "x", "y", "z"]


@pytest.fixture
def job(light):
    def make(**changes):
        return dataclasses.replace(light.plan({"count": 4, "max_attempts": 3}).jobs[0], **changes)

    return make


def fold(job, world, order):
    """Run a fold whose candidates come from ``world[index][attempt - 1]``, slots arriving in ``order``."""
    selection = Selection(job)
    decisions = []
    arriving = [(index, 1) for index in order]
    while arriving:
        index, first = arriving.pop(0)
        slot = job.slot(index)
        made = []
        for attempt in range(first, job.max_attempts + 1):
            mark, constraint = world[index][attempt - 1]
            made.append(candidate(slot, attempt, mark, constraint))
            if made[-1].passed:
                break
        selection.add(index, made)
        while (step := selection.step()) is not None:
            if isinstance(step, Wanted):
                arriving.append((step.slot.index, step.attempt))
            else:
                decisions.append(step)
    assert selection.finished
    return [
        (step.slot.index, step.candidate.attempt)
        if isinstance(step, Accepted)
        else (step.slot.index, step.constraint, dict(step.constraints), step.message)
        for step in decisions
    ]


def world(rng, count, attempts, marks):
    return {
        index: [(rng.choice(marks), rng.choice(["", "", "unlucky", "proof"])) for _ in range(attempts)]
        for index in range(1, count + 1)
    }


def test_a_slot_takes_its_first_attempt_that_passes(job):
    found = fold(job(), {i: [("", "unlucky"), (f"m{i}", ""), ("", "")] for i in range(1, 5)}, [1, 2, 3, 4])
    assert found == [(1, 2), (2, 2), (3, 2), (4, 2)]


def test_a_fingerprint_of_a_lower_slot_is_not_repeated(job):
    marks = {1: "a", 2: "a", 3: "b", 4: "a"}
    found = fold(job(), {i: [(marks[i], ""), (f"m{i}", ""), ("", "")] for i in range(1, 5)}, [4, 3, 2, 1])
    assert found == [(1, 1), (2, 2), (3, 1), (4, 2)]


def test_a_slot_without_attempts_left_fails_with_its_most_frequent_constraint(job):
    worlds = {i: [(f"m{i}", "")] * 3 for i in range(1, 5)}
    worlds[2] = [("", "unlucky"), ("m1", ""), ("m1", "")]
    found = fold(job(), worlds, [1, 2, 3, 4])
    assert found[1] == (2, "duplicate", {"unlucky": 1, "duplicate": 2}, "repeats words-000001")


def test_an_id_rejects_as_many_candidates_as_it_stands_there(job):
    worlds = {i: [(f"m{i}{a}", "") for a in range(3)] for i in range(1, 5)}

    def second(times):
        return fold(job(reject=("words-000002",) * times), worlds, [1, 2, 3, 4])[1]

    assert second(1) == (2, 2)
    assert second(2) == (2, 3)
    assert second(3) == (2, "rejected", {"rejected": 3}, "the recipe rejects it")


def test_an_id_rejects_only_what_would_have_been_taken(job):
    worlds = {i: [(f"m{i}{a}", "") for a in range(3)] for i in range(1, 5)}
    worlds[2] = [("", "unlucky"), ("m2", ""), ("n2", "")]
    assert fold(job(reject=("words-000002",)), worlds, [1, 2, 3, 4])[1] == (2, 3)


def test_a_digest_rejects_that_asset(job):
    worlds = {i: [(f"m{i}{a}", "") for a in range(3)] for i in range(1, 5)}
    for digits in (8, 12, 64):
        found = fold(job(reject=(("00030001" * 8)[:digits],)), worlds, [1, 2, 3, 4])
        assert found == [(1, 1), (2, 1), (3, 2), (4, 1)]


def test_what_is_rejected_does_not_come_back_in_another_slot(job):
    worlds = {i: [("same", ""), (f"m{i}", ""), ("", "proof")] for i in range(1, 5)}
    before = fold(job(), worlds, [1, 2, 3, 4])
    after = fold(job(reject=("words-000001",)), worlds, [1, 2, 3, 4])
    assert before == [(1, 1), (2, 2), (3, 2), (4, 2)]
    assert after == [(1, 2), (2, 2), (3, 2), (4, 2)]


def test_the_result_does_not_depend_on_the_order_of_arrival_nor_on_the_count(job):
    rng = random.Random(3)
    for _ in range(50):
        worlds = world(rng, 12, 4, MARKS)
        reject = tuple(rng.sample([f"words-{i:06d}" for i in range(1, 13)], 2))
        long = job(count=12, max_attempts=4, reject=reject)
        expected = fold(long, worlds, range(1, 13))
        for _ in range(5):
            order = rng.sample(range(1, 13), 12)
            assert fold(long, worlds, order) == expected
        assert fold(dataclasses.replace(long, count=7), worlds, range(1, 8)) == expected[:7]


def test_what_will_be_refused_is_asked_for_before_the_fold_comes_to_it(job):
    selection = Selection(job())
    slots = list(job().slots())
    for slot in slots[2:]:
        selection.add(slot.index, [candidate(slot, 1, "same")])
    selection.add(1, [candidate(slots[0], 1, "same")])
    assert isinstance(selection.step(), Accepted)
    assert selection.step() == Wanted(slots[2], 2)
    assert selection.step() == Wanted(slots[3], 2)
    assert selection.step() is None


def test_a_candidate_is_asked_for_once(job):
    selection = Selection(job())
    first = job().slot(1)
    assert selection.step() is None
    selection.add(1, [candidate(first, 1, constraint="unlucky")])
    assert selection.step() == Wanted(first, 2)
    assert selection.step() is None
    selection.add(1, [candidate(first, 2, "x")])
    assert isinstance(selection.step(), Accepted)
    assert selection.step() is None


def test_a_failure_tells_how_often_each_constraint_failed(job):
    selection = Selection(job(count=1))
    slot = job().slot(1)
    made = [candidate(slot, attempt, constraint="unlucky") for attempt in (1, 2, 3)]
    selection.add(1, made)
    failed = selection.step()
    assert isinstance(failed, Failed)
    assert (failed.attempts, failed.constraint, failed.constraints) == (3, "unlucky", {"unlucky": 3})
