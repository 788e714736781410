"""Programs: shapes follow from operations, mistakes are named with their place, JSON gives the same program."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aigc_content.errors import ModelError
from aigc_content.nn.operations import Condition, Conv, Embed, Input, Linear, PoolMean, Pop, Push, Quantize
from aigc_content.nn.program import OPERATIONS, InputSpec, Program
from aigc_content.nn.sequences import GRU, Attention, Positions

from .nn_programs import PROGRAMS

START = (Input("noise", (16,)), Linear(8, "set"))


@pytest.mark.parametrize("name", PROGRAMS)
def test_json_gives_the_same_program(name: str) -> None:
    text = json.dumps(PROGRAMS[name].to_json())
    assert Program.from_json(json.loads(text)) == PROGRAMS[name]
    assert "." not in text.replace("program-1", "")  # no floats


def test_every_operation_is_tried() -> None:
    tried = {op.kind for program in PROGRAMS.values() for op in program.ops}
    assert tried == set(OPERATIONS)


def test_shapes_inputs_and_tensors_follow() -> None:
    program = PROGRAMS["pictures"]
    assert program.result == (28, 28, 1)
    assert program.inputs == {"noise": InputSpec("values", (16,)), "label": InputSpec("tokens", (1,))}
    shapes = {name: spec.shape for name, spec in program.tensors().items()}
    assert shapes["2.condition.t"] == (10, 48)
    assert shapes["6.transposed_conv.w"] == (4 * 8, 9 * 8)
    assert shapes["8.conv.m"] == (1,)
    assert not program.stepwise


def test_sequences_of_any_length_can_be_run_step_by_step() -> None:
    assert {name for name, program in PROGRAMS.items() if program.stepwise} == {"gru", "lstm", "causal"}
    assert not Program((Embed("tokens", 9, 8, (49,)), Quantize(), GRU(4), Linear(9, "set"))).stepwise


def test_a_vector_is_added_to_every_cell_whichever_comes_first() -> None:
    rows = Embed("tokens", 9, 8)
    assert Program((Condition("label", (3,), 8), rows)).result == (None, 8)
    assert Program((rows, Condition("label", (3,), 8))).result == (None, 8)
    assert Program((Input("noise", (4,)), rows, Linear(8, "add"))).result == (None, 8)


@pytest.mark.parametrize(
    ("ops", "place", "found"),
    [
        ((), "0 operations", "0 operations"),
        ((Linear(8),), "0.linear", "register x is not set"),
        ((Input("noise", (16,)), Linear(8, "add")), "1.linear", "register r is not set"),
        ((Input("noise", (16,)), Linear(8)), "at the end", "no result"),
        ((Input("noise", (16,)), Conv(8)), "1.conv", "not a grid (H, W, C)"),
        ((*START, Condition("label", (3,), 9)), "2.condition", "(9,) cannot be added to register r, which is (8,)"),
        ((*START, Pop()), "2.pop", "nothing was pushed"),
        ((*START, Positions(9)), "2.positions", "not a sequence (T, C)"),
        ((Embed("a", 4, 8, (5,)), Positions(4)), "1.positions", "length is 4 for 5 positions"),
        ((Embed("a", 4, 8, (5,)), Embed("b", 4, 8, (6,))), "1.embed", "cannot be added"),
        ((Embed("a", 4, 8, (1, 2, 3)),), "0.embed", "at most two axes"),
        ((Embed("a", 4, 8), Condition("a", (4,), 8)), "1.condition", "input 'a' is"),
        ((Embed("a b", 4, 8),), "0.embed", "input is 'a b'"),
        ((Embed("a", 0, 8),), "0.embed", "rows is 0"),
        ((Embed("a", 4, True),), "0.embed", "width is True"),
        ((Embed("a", 4, 1 << 17),), "0.embed", "width is 131072"),
        ((Condition("a", (), 8),), "0.condition", "sizes is ()"),
        ((Condition("a", (2,) * 17, 8),), "0.condition", "at most 16"),
        ((Input("a", (3, None)),), "0.input", "the last one known"),
        ((Input("a", (3, 3, 2)), Conv(8, size=5)), "1.conv", "size is 5: 1 or 3"),
        ((Input("a", (3, 3, 2)), Conv(8, "sideways")), "1.conv", "goal is 'sideways'"),  # type: ignore[arg-type]
        ((Input("a", (65536, 65536, 1)),), "0.input", "more than 67108864 values"),
        ((Embed("a", 4, 8), Quantize(), Attention(2, 1025)), "2.attention", "at most 1024 each"),
        ((Embed("a", 4, 8), Quantize(), PoolMean(), Push(), Attention(2, 4)), "4.attention", "not a sequence"),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(ops: Any, place: str, found: str) -> None:
    with pytest.raises(ModelError) as caught:
        Program(ops)
    assert caught.value.code == "M003"
    assert place in caught.value.found
    assert found in caught.value.found


@pytest.mark.parametrize(
    ("data", "found", "told"),
    [
        (None, "format None", "program-1"),
        ({"format": "program-2", "ops": []}, "format 'program-2'", "program-1"),
        ({"format": "program-1"}, "keys ['format']", "ops as a list"),
        ({"format": "program-1", "ops": {}}, "keys", "ops as a list"),
        ({"format": "program-1", "ops": [], "more": 1}, "more", "ops as a list"),
        ({"format": "program-1", "ops": [3]}, "operation 0 is 3", "the key op"),
        ({"format": "program-1", "ops": [{"op": "lineer"}]}, "'lineer'", "did you mean 'linear'?"),
        ({"format": "program-1", "ops": [{"op": "norm", "gain": 1}]}, "0.norm has the keys ['gain']", "exactly []"),
        ({"format": "program-1", "ops": [{"op": "linear", "goal": "set"}]}, "keys ['goal']", "outputs"),
        ({"format": "program-1", "ops": [{"op": "linear", "goal": "set", "outputs": 2.0}]}, "outputs is 2.0", ""),
        ({"format": "program-1", "ops": [{"op": "linear", "goal": [], "outputs": 2}]}, "goal is ()", ""),
        ({"format": "program-1", "ops": [{"op": "reshape", "register": "q", "shape": [1]}]}, "register is 'q'", ""),
        ({"format": "program-1", "ops": [{"op": "reshape", "register": "x", "shape": [None]}]}, "shape is", ""),
        ({"format": "program-1", "ops": [{"op": "push"}] * 5000}, "5000 operations", "1..4096"),
    ],
)
def test_broken_configurations_are_refused(data: Any, found: str, told: str) -> None:
    with pytest.raises(ModelError) as caught:
        Program.from_json(data)
    assert caught.value.code == "M003"
    assert found in caught.value.found
    assert told in str(caught.value)
