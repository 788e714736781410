"""From slots to candidates: pure, in any chunk, judged as they will be read back."""

from __future__ import annotations

import dataclasses
import json

import pytest

from aigc_content.canonical import sha256
from aigc_content.errors import InputError, InternalError
from aigc_content.generator import Infeasible, Verdict
from aigc_content.make import Bench, MakeTask, make_chunk, own_file
from aigc_content.store import Store


def opened(job):
    generator = job.target(job.models)
    generator.open()
    return generator


def make(job, slots=None, attempts=None, generator=None):
    slots = list(job.slots()) if slots is None else slots
    return list(make_chunk(generator or opened(job), job, slots, attempts or [1] * len(slots)))


def test_candidates_do_not_depend_on_the_chunk(light):
    job = light.plan({"count": 30, "params": {"fail_percent": 50, "wrong_percent": 10}}).jobs[0]
    slots, attempts = list(job.slots()), [1 + place % 3 for place in range(30)]
    together = make(job, slots, attempts)
    assert [(made.key, made.attempt) for made in together] == [
        (slot.key, attempt) for slot, attempt in zip(slots, attempts, strict=True)
    ]
    assert 0 < sum(made.passed for made in together) < 30
    for size in (1, 7):
        for start in range(0, 30, size):
            cut = slice(start, start + size)
            assert make(job, slots[cut][::-1], attempts[cut][::-1]) == together[cut][::-1]


def test_a_false_proof_fails_its_constraint(light):
    job = light.plan({"count": 3, "params": {"wrong_percent": 100}}).jobs[0]
    candidates = make(job)
    assert len(candidates) == 3
    assert {candidate.constraint for candidate in candidates} == {"proof"}
    assert all(candidate.asset is None and not candidate.fingerprints for candidate in candidates)


def test_the_digest_is_that_of_the_own_file(light):
    job = light.plan({"count": 1}).jobs[0]
    (candidate,) = make(job)
    data = own_file(candidate.asset)
    assert candidate.digest == sha256(data)
    assert json.loads(data) == candidate.asset
    assert data.endswith(b"\n}\n")


def test_the_own_file_has_sorted_keys_one_a_line():
    assert own_file({"b": [1, {"z": 0, "a": "ü"}], "a": 0.5}) == (
        b'{\n"a": 0.5,\n"b": [1,{"a":"\xc3\xbc","z":0}]\n}\n'
    )


@pytest.mark.parametrize(
    ("method", "result", "message"),
    [
        ("generate", lambda *_: {"text": "x"}, "generate returned dict, not Word or Infeasible"),
        ("generate_batch", lambda *_: [], "generate_batch returned 0 results for 1 request"),
        ("verify", lambda *_: True, "verify returned bool, not Verdict"),
        ("verify", lambda *_: Verdict(True, evidence={"x": object()}), "evidence holds something that is not plain"),
        ("measure", lambda *_: {"x": float("nan")}, "measure holds something that is not plain"),
        ("fingerprints", lambda *_: ["text"], "TypeError"),
        ("measure", lambda *_: 1 / 0, "ZeroDivisionError: division by zero"),
    ],
)
def test_what_a_plugin_must_not_do_is_told_with_its_place(light, method, result, message):
    job = light.plan({"count": 3}).jobs[0]
    generator = opened(job)
    setattr(generator, method, result)
    with pytest.raises(InternalError) as caught:
        make(job, generator=generator)
    assert caught.value.code == "X001"
    assert message in caught.value.found
    assert caught.value.where == "job words, slot words-000001, attempt 1"


def test_an_error_of_the_toolkits_own_kind_passes_through(light):
    job = light.plan({"count": 1}).jobs[0]
    generator = opened(job)

    def refuse(requests):
        raise InputError("I003", "bad picture")

    generator.generate_batch = refuse
    with pytest.raises(InputError):
        make(job, generator=generator)


def test_a_failed_batch_is_taken_apart_so_that_the_others_are_kept(light):
    job = light.plan({"count": 16, "params": {"raise_percent": 15}}, seed=2).jobs[0]
    kept = []
    with pytest.raises(InternalError):
        kept.extend(make_chunk(opened(job), job, list(job.slots()), [1] * 16))
    assert 0 < len(kept) < 16


def test_an_unnamed_failure_still_has_a_constraint(light):
    job = light.plan({"count": 1, "max_attempts": 1}).jobs[0]
    generator = opened(job)
    generator.generate = lambda request: Infeasible("")
    assert make(job, generator=generator)[0].constraint == "infeasible"


def test_a_generator_is_opened_once_and_its_failure_is_told(light, tmp_path):
    job = light.plan({"count": 1}).jobs[0]
    opens = []

    class Opening(job.target):
        def open(self):
            opens.append(1)

    class Broken(job.target):
        def open(self):
            raise ImportError("No module named 'torch'")

    bench = Bench(Store(tmp_path), {0: dataclasses.replace(job, target=Opening)})
    assert bench.generator(bench.jobs[0]) is bench.generator(bench.jobs[0])
    assert len(opens) == 1
    with pytest.raises(InternalError) as caught:
        bench.generator(dataclasses.replace(job, target=Broken))
    assert caught.value.code == "X002"
    assert "No module named 'torch'" in caught.value.found


def test_a_task_stores_what_it_makes_and_sends_back_outcomes_only(light, tmp_path):
    job = light.plan({"count": 2}).jobs[0]
    bench = Bench(Store(tmp_path), {0: job})
    task = MakeTask(0, tuple(job.slots()), (1, 1))
    outcomes = task.run(bench)
    assert all(outcome.asset is None for outcome in outcomes)
    assert [bench.store.candidate(outcome.key, 1).outcome() for outcome in outcomes] == outcomes
    assert [piece.slots for piece in task.pieces()] == [(slot,) for slot in job.slots()]
    assert sum(piece.size for piece in task.pieces()) == task.size
