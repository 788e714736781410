"""Plans: streams, keys, and params checked with their place in the recipe."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field, model_validator

from aigc_content.errors import AigcError
from aigc_content.generator import AssetModel, Generator, Infeasible, Params, Request, Verdict
from aigc_content.hookspecs import GeneratorSpec
from aigc_content.inputs import InputFile
from aigc_content.plan import Job, Plan, make_plan
from aigc_content.plugins import PluginInfo, Registry, discover
from aigc_content.recipe import parse_recipe


class Inner(Params):
    enemy: int = Field(0, ge=0)


class ToyParams(Params):
    width: int = Field(8, ge=4, le=64)
    name: str = "toy"
    min: Inner = Inner()
    rows: list[int] = []
    sketch: InputFile | None = None

    @model_validator(mode="after")
    def _fits(self) -> ToyParams:
        if self.min.enemy > self.width:
            raise ValueError(f"{self.min.enemy} enemies do not fit into width {self.width}")
        return self


class Toy(AssetModel):
    value: int


class Toys(Generator[ToyParams, Toy]):
    def generate(self, request: Request[ToyParams]) -> Toy | Infeasible:
        return Toy(value=request.rng.integer(1000))

    def verify(self, asset: Toy, params: ToyParams) -> Verdict:
        return Verdict(True)


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    monkeypatch.setitem(sys.modules, "toy_module", type(sys)("toy_module"))
    monkeypatch.setattr(sys.modules["toy_module"], "Toys", Toys, raising=False)
    spec = GeneratorSpec("toys", "", "toy_module:Toys")
    return Registry(generators={"toys": (spec, PluginInfo("toy-dist", "1.2", "toy_module"))})


def plan(registry: Registry, jobs: str, folder: Path = Path(), seed: int = 0) -> Plan:
    text = f"version: 1\nseed: {seed}\njobs:\n{jobs}"
    return make_plan(parse_recipe(text.encode(), folder / "r.yaml", "r.yaml"), registry)


def one(registry: Registry, params: str, folder: Path = Path(), rest: str = "") -> Job:
    return plan(registry, f"  - {{name: a, generator: toys, count: 3, params: {params}{rest}}}\n", folder).jobs[0]


def refuse(registry: Registry, params: str, folder: Path = Path(), rest: str = "") -> AigcError:
    with pytest.raises(AigcError) as caught:
        one(registry, params, folder, rest)
    return caught.value


def keys(job: Job) -> list[str]:
    return [slot.key for slot in job.slots()]


def test_job_is_resolved(registry: Registry) -> None:
    job = one(registry, "{width: 12}")
    assert (job.target, job.plugin, job.count, job.max_attempts) == (Toys, ("toy-dist", "1.2"), 3, 20)
    assert job.written == {"width": 12, "name": "toy", "min": {"enemy": 0}, "rows": [], "sketch": None}
    assert [slot.id for slot in job.slots()] == ["a-000001", "a-000002", "a-000003"]
    assert len({slot.key for slot in job.slots()} | {slot.stream for slot in job.slots()}) == 6


def test_stream_depends_on_seed_generator_job_and_index_alone(registry: Registry) -> None:
    alone = one(registry, "{}")
    job = "  - {name: a, generator: toys, count: 9, params: {width: 20}, max_attempts: 5}\n"
    crowded = plan(registry, "  - {name: b, generator: toys}\n" + job)
    assert [slot.stream for slot in crowded.jobs[1].slots()][:3] == [slot.stream for slot in alone.slots()]
    other = plan(registry, "  - {name: a, generator: toys, count: 3}\n", seed=1).jobs[0]
    assert not {slot.stream for slot in other.slots()} & {slot.stream for slot in alone.slots()}


def test_key_follows_params_not_their_form(registry: Registry) -> None:
    base = keys(one(registry, "{width: 12, name: x}"))
    assert keys(one(registry, '{name: "x", width: 12, rows: []}')) == base
    assert keys(one(registry, "{width: 12, name: x}", rest=", max_attempts: 7")) == base
    assert keys(one(registry, "{width: 13, name: x}")) != base


def test_default_written_out_gives_the_same_key(registry: Registry) -> None:
    assert keys(one(registry, "{width: 8, min: {enemy: 0}}")) == keys(one(registry, "{}"))


def test_key_follows_the_content_of_files(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("abc")
    first = one(registry, "{sketch: one.txt}", tmp_path)
    (tmp_path / "two.txt").write_text("abc")
    assert keys(one(registry, "{sketch: two.txt}", tmp_path)) == keys(first)
    (tmp_path / "one.txt").write_text("abd")
    assert keys(one(registry, "{sketch: one.txt}", tmp_path)) != keys(first)
    assert [file.path for file in first.inputs] == [(tmp_path / "one.txt").resolve()]
    assert first.written["sketch"] == "one.txt"


def test_key_follows_the_revision(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys(one(registry, "{}"))
    monkeypatch.setattr(Toys, "revision", 2)
    assert keys(one(registry, "{}")) != before


def test_keys_stay_what_they_were(registry: Registry) -> None:
    """Golden: when this fails, every asset that users have would be made again."""
    assert keys(one(registry, "{width: 12}"))[0] == GOLDEN_KEY


GOLDEN_KEY = "2cb5d5da63544cb1473d7bb04f1c945627e0f185e270bde59f256fe3c744000b"


@pytest.mark.parametrize(
    ("params", "code", "place", "found"),
    [
        ("{widht: 3}", "G001", "4:51", "toys has no parameter 'widht'"),
        ("{min: {enmy: 3}}", "G001", "4:57", "toys has no parameter 'min.enmy'"),
        ("{width: 3}", "G003", "4:58", "width is 3"),
        ("{width: wide}", "G003", "4:58", "width is 'wide'"),
        ("{min: {enemy: -1}}", "G003", "4:64", "min.enemy is -1"),
        ("{rows: [1, x]}", "G003", "4:61", "rows.1 is 'x'"),
        ("{width: 8, min: {enemy: 9}}", "G004", "4:50", "9 enemies do not fit into width 8"),
        ("{sketch: 3}", "G004", "4:59", "sketch: a file name is expected"),
        ("{sketch: gone.txt}", "I001", "4:59", "there is no file"),
    ],
)
def test_wrong_param_is_named_with_its_place(
    registry: Registry, params: str, code: str, place: str, found: str
) -> None:
    error = refuse(registry, params)
    assert error.code == code
    assert error.where == f"r.yaml:{place}", error
    assert found in error.found


def test_misspelled_param_is_offered_right(registry: Registry) -> None:
    assert "did you mean 'width'?" in str(refuse(registry, "{widht: 3}"))
    assert "did you mean 'enemy'?" in str(refuse(registry, "{min: {enmy: 3}}"))


@pytest.mark.parametrize(
    ("params", "allowed"),
    [
        ("{width: 3}", "4 to 64"),
        ("{width: 65}", "4 to 64"),
        ("{min: {enemy: -1}}", "greater than or equal to 0"),
        ("{min: 3}", "a mapping with the keys enemy"),
    ],
)
def test_wrong_param_is_told_what_is_allowed(registry: Registry, params: str, allowed: str) -> None:
    assert refuse(registry, params).allowed == allowed


def test_swept_value_is_named_with_its_place(registry: Registry) -> None:
    error = refuse(registry, "{}", rest=", sweep: {min.enemy: [1, -2]}")
    assert (error.code, error.where) == ("G003", "r.yaml:4:77")


def test_unknown_generator_and_exporter_are_named_with_their_place(registry: Registry) -> None:
    with pytest.raises(AigcError) as caught:
        plan(registry, "  - {name: a, generator: toyz}\n")
    assert (caught.value.code, caught.value.where) == ("P001", "r.yaml:4:26")
    error = refuse(registry, "{}", rest=", export: [png]")
    assert (error.code, error.where) == ("P002", "r.yaml:4:63")


def test_models_enter_the_key_and_the_job(names_plugin: Path) -> None:
    text = b"version: 1\njobs: [{name: a, generator: names, export: [csv]}]\n"
    job = make_plan(parse_recipe(text, Path("r.yaml"), "r.yaml"), discover()).jobs[0]
    assert job.models["chain"].license == "Apache-2.0"
    assert job.key_parts["models"] == {"chain": job.models["chain"].digest}
    assert [spec.name for spec in job.exporters] == ["csv"]


def test_planning_imports_no_torch(names_plugin: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "r.yaml"
    recipe.write_text("version: 1\njobs: [{name: a, generator: names}]\n")
    code = (
        "import sys; from pathlib import Path\n"
        "from aigc_content.plan import make_plan\nfrom aigc_content.plugins import discover\n"
        "from aigc_content.recipe import load_recipe\n"
        f"make_plan(load_recipe(Path({str(recipe)!r})), discover())\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_many_slots_are_made_lazily(registry: Registry) -> None:
    job = plan(registry, "  - {name: a, generator: toys, count: 1000000}\n").jobs[0]
    slots: Any = job.slots()
    assert next(slots).index == 1
    assert job.slot(1_000_000).id == "a-1000000"
