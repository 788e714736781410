"""The generator as a recipe uses it: what is asked holds, every level is proven, the same in every batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from aigc_levels.export import picture
from aigc_levels.generator import Levels
from aigc_levels.level import Level
from aigc_levels.params import LevelParams
from aigc_levels.replay import replay

from aigc_content import Infeasible, Model, Request, Stream
from aigc_content.models import resolve
from aigc_content.testing import check_generator


@pytest.fixture(scope="module")
def generator() -> Levels:
    models: dict[str, Model] = {role: resolve(ref) for role, ref in Levels.models.items()}
    made = Levels(models)
    made.open()
    return made


def make(generator: Levels, count: int, **asked: Any) -> tuple[LevelParams, Sequence[Level | Infeasible]]:
    params = LevelParams.model_validate(asked)
    return params, generator.generate_batch([Request(params, Stream(f"test {i}")) for i in range(count)])


def test_conformance() -> None:
    assert [check for check in check_generator("levels") if not check.passed] == []


def test_most_first_attempts_are_proven(generator: Levels) -> None:
    params, made = make(generator, 12)
    levels = [level for level in made if isinstance(level, Level)]
    assert len(levels) >= 11
    for level in levels:
        assert generator.verify(level, params).passed
        assert replay(level.rules, level.grid, level.moves).passed


def test_fewer_turns_change_nothing_in_those_that_are_made(generator: Levels) -> None:
    params = LevelParams.model_validate({"width": 24, "height": 18, "min": {"locked_door": 1, "key": 1}})
    requests = [Request(params, Stream(f"turn {i}")) for i in range(16)]
    whole = generator.attempts(requests)
    assert [attempt.outcome for attempt in whole] == generator.generate_batch(requests)
    stages = [attempt.outcome.provenance.stage if isinstance(attempt.outcome, Level) else "" for attempt in whole]
    assert {"first", "remasked"} <= set(stages)
    for turns, passed in ((1, {"first"}), (3, {"first", "remasked"})):
        for short, full, stage in zip(generator.attempts(requests, turns), whole, stages, strict=True):
            assert isinstance(short.outcome, Level) == (stage in passed)
            assert short.outcome == full.outcome or stage not in passed
            assert short.grid.shape == (18, 24)


def test_counts_and_path_are_kept(generator: Levels) -> None:
    _, made = make(
        generator,
        6,
        width=24,
        height=18,
        min={"enemy": 4, "loot": 3, "key": 1, "locked_door": 1, "door": 2},
        max={"enemy": 4, "loot": 5, "trap": 0, "door": 6},
        path_length={"min": 20, "max": 60},
    )
    levels = [level for level in made if isinstance(level, Level)]
    assert len(levels) >= 4
    for level in levels:
        text = "".join(level.rows)
        assert text.count("e") == 4
        assert 3 <= text.count("$") <= 5
        assert text.count("^") == 0
        assert text.count("k") >= 1
        assert text.count("D") >= 1
        assert 2 <= text.count("+") <= 6
        assert 20 <= len(level.moves) <= 60


def test_difficulty_asked_is_about_the_difficulty_made(generator: Levels) -> None:
    means = []
    for asked in (0.1, 0.5, 0.9):
        _, made = make(generator, 8, difficulty=asked)
        means.append(
            float(
                np.mean([float(generator.measure(level)["difficulty"]) for level in made if isinstance(level, Level)])
            )
        )
    assert means[0] < means[1] < means[2]
    assert abs(means[1] - 0.5) < 0.15


def test_sketch_is_kept_and_completed(generator: Levels) -> None:
    sketch = (
        "################\n#<?????????????#\n"
        + "#??????????????#\n" * 8
        + "#????$$????????#\n#?????????????>#\n################"
    )
    params, made = make(generator, 3, fixed=sketch)
    for level in made:
        assert isinstance(level, Level)
        assert level.rows[1][1] == "<"
        assert level.rows[11][14] == ">"
        assert level.rows[10][5:7] == "$$"
        assert generator.verify(level, params).passed


def test_smallest_and_largest_sizes(generator: Levels) -> None:
    for width, height in ((8, 8), (64, 8), (64, 64)):
        params, made = make(generator, 2, width=width, height=height)
        for level in made:
            assert isinstance(level, Infeasible) or generator.verify(level, params).passed
        assert any(isinstance(level, Level) for level in made)


def test_game_of_ones_own_needs_no_code(generator: Levels, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_text(
        """
format: 1
name: mine
goal: {reach: exit, collect: loot}
tiles:
  - {name: rock, char: X, traits: [solid]}
  - {name: ground, char: _, traits: [floor]}
  - {name: goblin, char: g, traits: [enemy], weight: 3}
  - {name: ogre, char: o, traits: [enemy]}
  - {name: gem, char: "*", traits: [loot]}
  - {name: entry, char: i, traits: [start]}
  - {name: portal, char: u, traits: [exit]}
counts: {entry: 1, portal: 1}
"""
    )
    params, made = make(generator, 3, game="./my.yaml", width=20, height=14, min={"gem": 2, "ogre": 1})
    for level in made:
        assert isinstance(level, Level)
        assert set("".join(level.rows)) <= set("X_go*iu")
        assert "".join(level.rows).count("*") >= 2
        assert generator.verify(level, params).passed
        assert picture(level, params).startswith(b"\x89PNG")


def test_what_cannot_be_made_names_its_constraint(generator: Levels) -> None:
    sketch = "\n".join(["#" * 12, "#<" + "." * 8 + ">#", *["#" * 12] * 7])
    _, made = make(generator, 1, fixed=sketch, path_length={"max": 9}, min={"loot": 0})
    assert not isinstance(made[0], Infeasible)
    _, made = make(generator, 2, width=12, height=9, min={"door": 30})
    assert all(isinstance(one, Infeasible) and one.constraint == "count:door" for one in made)
