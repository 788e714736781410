"""The conformance kit: passes what keeps its promises, catches each broken one."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydantic import ConfigDict

from aigc_content.generator import (
    AssetModel,
    Conformance,
    File,
    Generator,
    Infeasible,
    Params,
    Preview,
    Request,
    Verdict,
)
from aigc_content.hookspecs import ExporterSpec, GeneratorSpec
from aigc_content.plugins import PluginInfo, Registry
from aigc_content.testing import Check, _Exam, _run, check_generator, table


class CoinParams(Params):
    faces: int = 6


class Coin(AssetModel):
    value: int


class Coins(Generator[CoinParams, Coin]):
    asset_schema = "coins/coin-1"
    asset_suffix = ".coin.json"

    def generate(self, request: Request[CoinParams]) -> Coin | Infeasible:
        return Coin(value=request.rng.integer(6))

    def verify(self, asset: Coin, params: CoinParams) -> Verdict:
        good = 0 <= asset.value < params.faces
        return Verdict(good, "" if good else "range")

    @classmethod
    def conformance(cls) -> Conformance:
        return Conformance(broken=[({"value": 9}, {}), ({"value": "x"}, {})])


def exam(target: type[Generator[Any, Any]], function: Any = None) -> _Exam:
    registry = Registry(generators={"coins": (GeneratorSpec("coins", "", "x:y"), PluginInfo("p", "1", "p"))})
    if function is not None:
        globals()["exporter_under_test"] = function
        spec = ExporterSpec("txt", "", f"{__name__}:exporter_under_test", "coins")
        registry.exporters[("coins", "txt")] = (spec, PluginInfo("p", "1", "p"))
    return _Exam("coins", target, target.conformance(), registry)


def result(target: type[Generator[Any, Any]], check: str) -> Check:
    return _run(check, getattr(exam(target), check))


CHECKS = [
    "schemas",
    "params_accepted",
    "errors_clear",
    "batches",
    "order",
    "own_assets",
    "broken_refused",
    "measures",
]


def test_example_plugin_keeps_every_promise(names_plugin: Path) -> None:
    checks = check_generator("names")
    assert [check for check in checks if not check.passed] == []
    assert len(checks) == 13
    assert table(checks).splitlines()[-1] == "all 13 checks passed"


@pytest.mark.parametrize("check", CHECKS)
def test_good_generator_passes(check: str) -> None:
    assert result(Coins, check).passed, result(Coins, check).detail


def test_state_between_batches_is_caught() -> None:
    class Stateful(Coins):
        count = itertools.count()

        def generate(self, request: Request[CoinParams]) -> Coin | Infeasible:
            return Coin(value=next(self.count) % 6)

    assert not result(Stateful, "batches").passed


def test_batch_that_differs_from_single_is_caught() -> None:
    class Batched(Coins):
        def generate_batch(self, requests: Sequence[Request[CoinParams]]) -> list[Coin | Infeasible]:
            return [Coin(value=(request.rng.integer(6) + len(requests) // 8) % 6) for request in requests]

    assert "batches of 8" in result(Batched, "batches").detail


def test_dependence_on_order_is_caught() -> None:
    class Ordered(Coins):
        def generate_batch(self, requests: Sequence[Request[CoinParams]]) -> list[Coin | Infeasible]:
            first = requests[0].rng.integer(6)
            return [Coin(value=first), *(Coin(value=request.rng.integer(6)) for request in requests[1:])][::-1]

    assert not result(Ordered, "order").passed


def test_global_chance_is_caught() -> None:
    class Chancy(Coins):
        def generate(self, request: Request[CoinParams]) -> Coin | Infeasible:
            return Coin(value=random.SystemRandom().randrange(6))

    assert not result(Chancy, "batches").passed


def test_verdict_that_passes_everything_is_caught() -> None:
    class Blind(Coins):
        def verify(self, asset: Coin, params: CoinParams) -> Verdict:
            return Verdict(True)

    assert result(Blind, "broken_refused").detail == "broken example 1 passes"


def test_verdict_that_passes_nothing_is_caught() -> None:
    class Strict(Coins):
        def verify(self, asset: Coin, params: CoinParams) -> Verdict:
            return Verdict(False, "never")

    assert "none of 8 attempts passes" in result(Strict, "own_assets").detail


def test_verify_that_needs_open_is_caught() -> None:
    class Needy(Coins):
        def open(self) -> None:
            self.limit = 6

        def verify(self, asset: Coin, params: CoinParams) -> Verdict:
            return Verdict(asset.value < self.limit)

    assert "AttributeError" in result(Needy, "own_assets").detail


def test_validator_that_crashes_is_caught() -> None:
    from pydantic import field_validator

    class Crashing(CoinParams):
        word: str = "a"

        @field_validator("word", mode="before")
        @classmethod
        def _upper(cls, value: Any) -> str:
            return str(value.upper())

    class Crash(Generator[Crashing, Coin]):
        asset_schema = "coins/coin-1"
        generate = Coins.generate  # type: ignore[assignment]
        verify = Coins.verify  # type: ignore[assignment]

    assert "raises AttributeError" in result(Crash, "errors_clear").detail


def test_params_that_accept_unknown_keys_are_caught() -> None:
    class Open(CoinParams):
        model_config = ConfigDict(extra="ignore")

    class Loose(Generator[Open, Coin]):
        asset_schema = "coins/coin-1"
        generate = Coins.generate  # type: ignore[assignment]
        verify = Coins.verify  # type: ignore[assignment]

    assert not result(Loose, "schemas").passed
    assert "unknown parameter is accepted" in result(Loose, "errors_clear").detail


@pytest.mark.parametrize(
    ("method", "value"),
    [
        ("measure", {"a": [1]}),
        ("measure", {"a": float("nan")}),
        ("measure", {"a": True}),
        ("fingerprints", ["text"]),
        ("preview", Preview("image/gif", b"")),
    ],
)
def test_unsound_extras_are_caught(method: str, value: Any) -> None:
    unsound = type("Unsound", (Coins,), {method: lambda self, *args: value})
    assert not result(unsound, "measures").passed


@pytest.mark.parametrize(
    ("name", "shared", "fine"),
    [
        (".txt", False, True),
        ("/x.txt", False, True),  # in a folder of the asset's id
        ("x.txt", True, True),
        ("/x.txt", True, False),
        ("../x.txt", False, False),
        ("a\\b", False, False),
        ("", False, False),
    ],
)
def test_exporter_that_leaves_its_folder_is_caught(
    name: str, shared: bool, fine: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, __name__, type("module", (), {"exporter_under_test": None}))  # type: ignore[arg-type]

    def export(asset: Coin, params: CoinParams, id: str) -> Iterable[File]:
        return [File(name, str(asset.value).encode(), shared=shared)]

    checked = exam(Coins, export)
    sys.modules[__name__].exporter_under_test = export  # type: ignore[attr-defined]
    assert _run("exporters", checked.exporters).passed is fine


def test_changed_bytes_are_caught_by_golden_digests() -> None:
    class Golden(Coins):
        @classmethod
        def conformance(cls) -> Conformance:
            return Conformance(golden=[["0" * 64]])

    assert "raise `revision`" in result(Golden, "golden").detail


def test_example_params_given_by_the_caller_count(names_plugin: Path) -> None:
    wish: Mapping[str, Any] = {"start": "qqq"}
    checks = {check.name: check for check in check_generator("names", params=[wish], golden=[])}
    assert "none of 8 attempts passes" in checks["own assets pass, read back and without open()"].detail


def test_example_plugin_passes_its_own_tests(names_plugin: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(names_plugin / "tests")],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(names_plugin)},
        check=False,
    )
    assert done.returncode == 0, done.stdout
