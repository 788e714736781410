"""A few hundred of the malformed recipes of `benchmarks/malformed_recipes.py`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

BENCHMARK = Path(__file__).resolve().parent.parent / "benchmarks" / "malformed_recipes.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("malformed_recipes", BENCHMARK)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_malformed_recipes_end_with_2_and_a_message() -> None:
    tallies, broken = load().check(count=300, seed=2, sample=3)
    assert broken == []
    assert sum(tally.malformed for tally in tallies.values()) == 300
