"""The conformance kit: does a generator keep the promises that the host makes for it?

In a plugin's tests::

    from aigc_content.testing import check_generator

    def test_conformance():
        failed = [check for check in check_generator("tunes") if not check.passed]
        assert not failed, failed

``aigc plugins check tunes`` prints the same as a table. The material (requests, broken examples, golden digests)
comes from the generator's `Generator.conformance`, or from the arguments.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from aigc_content import models
from aigc_content.canonical import canonical_json, digest, sha256
from aigc_content.errors import AigcError
from aigc_content.generator import (
    PREVIEWS,
    AssetModel,
    Conformance,
    Generator,
    Infeasible,
    Origin,
    Params,
    Request,
    Verdict,
)
from aigc_content.inputs import Inputs
from aigc_content.models import ModelRef
from aigc_content.plugins import Registry, discover, exporter_function
from aigc_content.rng import Stream

SAMPLES = 8
GOLDEN = 3

Result = AssetModel | Infeasible


@dataclass(frozen=True)
class Check:
    """One promise, and whether it is kept.

    Attributes:
        name: the promise.
        passed: it is kept.
        detail: figures, or what is wrong.
    """

    name: str
    passed: bool
    detail: str = ""


def check_generator(
    name: str,
    params: Sequence[Mapping[str, Any]] | None = None,
    broken: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]] | None = None,
    golden: Sequence[Sequence[str]] | None = None,
) -> list[Check]:
    """Examine an installed generator.

    Args:
        name: the generator.
        params, broken, golden: as in `Conformance`; each defaults to what the generator declares.

    Raises:
        PluginError: the generator is unknown or cannot be loaded.
    """
    registry = discover()
    target = registry.generator(name)
    own = target.conformance()
    material = Conformance(
        params=own.params if params is None else params,
        broken=own.broken if broken is None else broken,
        golden=own.golden if golden is None else golden,
    )
    exam = _Exam(name, target, material, registry)
    return [
        _run("schemas describe params and asset", exam.schemas),
        _run("import is light", exam.import_light),
        _run("example params are accepted", exam.params_accepted),
        _run("wrong params are refused clearly", exam.errors_clear),
        _run("same bytes in batches of 1, 3, 8", exam.batches),
        _run("same bytes in any order", exam.order),
        _run("same bytes in a fresh process", exam.fresh_process),
        _run("own assets pass, read back and without open()", exam.own_assets),
        _run("broken examples are refused", exam.broken_refused),
        _run("measures, fingerprints, previews are sound", exam.measures),
        _run("exporters give the same sound files", exam.exporters),
        _run("golden digests", exam.golden),
        _run("speed", exam.speed),
    ]


def table(checks: Sequence[Check]) -> str:
    """Checks as lines of text, failures told in full."""
    width = max(len(check.name) for check in checks)
    lines = [f"{'ok  ' if check.passed else 'FAIL'}  {check.name:<{width}}  {check.detail}" for check in checks]
    failed = sum(not check.passed for check in checks)
    lines.append(f"{failed} of {len(checks)} checks failed" if failed else f"all {len(checks)} checks passed")
    return "\n".join(line.rstrip() for line in lines)


class _Failed(Exception):
    """A promise is not kept; the text says how."""


def _run(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name, True, check())
    except _Failed as error:
        return Check(name, False, str(error))
    except Exception as error:
        text = " ".join(str(error).split())
        return Check(name, False, f"raised {type(error).__name__}: {text}"[:400])


def slot_stream(name: str, index: int) -> Stream:
    """The random stream of the kit's slot ``index`` (from 1), first attempt."""
    return Stream(digest([0, name, "conformance", index])).child("1")


def result_digest(result: Result) -> str:
    """What stands for the bytes of a result: sha256 of the asset's canonical JSON, or of why there is none."""
    if isinstance(result, Infeasible):
        return digest({"infeasible": result.constraint})
    return sha256(canonical_json(result.model_dump(mode="json")))


@dataclass
class _Exam:
    name: str
    target: type[Generator[Any, Any]]
    material: Conformance
    registry: Registry
    _opened: dict[int, Generator[Any, Any]] = field(default_factory=dict)
    _made: dict[int, list[Result]] = field(default_factory=dict)

    def validated(self, params: Mapping[str, Any]) -> Params:
        return self.target.params_type.model_validate(dict(params), context={"inputs": Inputs(Path.cwd())})

    def opened(self, place: int) -> Generator[Any, Any]:
        if place not in self._opened:
            self._opened[place] = open_generator(self.target, self.validated(self.material.params[place]))
        return self._opened[place]

    def requests(self, place: int, count: int = SAMPLES) -> list[Request[Any]]:
        params = self.validated(self.material.params[place])
        return [Request(params, slot_stream(self.name, index)) for index in range(1, count + 1)]

    def made(self, place: int) -> list[Result]:
        """Results of the samples, one at a time."""
        if place not in self._made:
            generator = self.opened(place)
            self._made[place] = [generator.generate(request) for request in self.requests(place)]
            for result in self._made[place]:
                if not isinstance(result, self.target.asset_type | Infeasible):
                    raise _Failed(f"generate returned {type(result).__name__}")
        return self._made[place]

    def assets(self, place: int) -> list[AssetModel]:
        return [result for result in self.made(place) if isinstance(result, AssetModel)]

    def schemas(self) -> str:
        from jsonschema import Draft202012Validator

        from aigc_content.schema import model_schema, name_problem

        for model in (self.target.params_type, self.target.asset_type):
            Draft202012Validator.check_schema(model_schema(model))
            if model.model_config.get("extra") != "forbid" or not model.model_config.get("frozen"):
                raise _Failed(f"{model.__name__} must stay frozen with extra='forbid'")
        if not self.target.asset_schema:
            raise _Failed(f"asset_schema is empty; name it {self.name}/THING-1")
        problem = name_problem(self.target.asset_schema)
        if problem or not self.target.asset_suffix.startswith("."):
            raise _Failed(problem or "asset_suffix must begin with a dot")
        return self.target.asset_schema

    def import_light(self) -> str:
        answer = _child(self.name, "import", list(self.material.params))
        if answer["heavy"]:
            raise _Failed(f"imports {', '.join(answer['heavy'])} before open()")
        return f"{answer['seconds'] * 1000:.0f} ms"

    def params_accepted(self) -> str:
        if not self.material.params:
            raise _Failed("there are none")
        for params in self.material.params:
            again = self.validated(params).model_dump(mode="json")
            if self.validated(again).model_dump(mode="json") != again:
                raise _Failed(f"{params} change when they are written and read again")
        return f"{len(self.material.params)}"

    def errors_clear(self) -> str:
        tried = refused = 0
        junk = ({"aigc_no_such_param": 1}, *({key: value} for key in self.fields() for value in _JUNK))
        for wrong in junk:
            tried += 1
            try:
                self.validated({**self.material.params[0], **wrong})
            except (ValidationError, AigcError):
                refused += 1
            except Exception as error:
                raise _Failed(f"{wrong} raises {type(error).__name__}, not a ValueError: {error}") from error
            else:
                if "aigc_no_such_param" in wrong:
                    raise _Failed("an unknown parameter is accepted")
        return f"{refused} of {tried} wrong values refused"

    def fields(self) -> list[str]:
        return [info.alias or name for name, info in self.target.params_type.model_fields.items()]

    def batches(self) -> str:
        for place in range(len(self.material.params)):
            alone = [result_digest(result) for result in self.made(place)]
            for size in (1, 3, 8):
                requests = self.requests(place)
                parts = [requests[start : start + size] for start in range(0, len(requests), size)]
                results = [result for part in parts for result in self.opened(place).generate_batch(part)]
                self.compare(alone, [result_digest(result) for result in results], f"in batches of {size}")
        return f"{len(self.material.params) * SAMPLES} requests"

    def order(self) -> str:
        for place in range(len(self.material.params)):
            alone = [result_digest(result) for result in self.made(place)]
            requests = self.requests(place)
            shuffled = [int(index) for index in Stream("conformance order").permutation(len(requests))]
            results = self.opened(place).generate_batch([requests[index] for index in shuffled])
            back = dict(zip(shuffled, (result_digest(result) for result in results), strict=True))
            self.compare(alone, [back[index] for index in range(len(alone))], "in another order")
        return ""

    def fresh_process(self) -> str:
        answer = _child(self.name, "make", list(self.material.params))
        for place, digests in enumerate(answer["digests"]):
            self.compare([result_digest(result) for result in self.made(place)], digests, "in a fresh process")
        for place, keyed in enumerate(answer["params"]):
            if keyed != _keyed(self.validated(self.material.params[place])):
                raise _Failed(f"params {place + 1} are written in another order (a set?), so keys would change")
        return ""

    def compare(self, one: list[str], other: list[str], how: str) -> None:
        different = [index + 1 for index, pair in enumerate(zip(one, other, strict=True)) if pair[0] != pair[1]]
        if different:
            raise _Failed(f"other bytes {how}: samples {', '.join(map(str, different))}")

    def own_assets(self) -> str:
        passed = total = 0
        for place in range(len(self.material.params)):
            params = self.validated(self.material.params[place])
            here = 0
            for asset in self.assets(place):
                again = self.target.asset_type.model_validate_json(canonical_json(asset.model_dump(mode="json")))
                if again != asset:
                    raise _Failed("an asset is not equal to itself read back from JSON")
                verdict = self.target().verify(again, params)
                if not isinstance(verdict, Verdict):
                    raise _Failed(f"verify returned {type(verdict).__name__}")
                canonical_json(dict(verdict.evidence))
                if not verdict.passed and not verdict.constraint:
                    raise _Failed("a verdict that fails names no constraint")
                here += verdict.passed
            if not here:
                raise _Failed(f"none of {SAMPLES} attempts passes for params {dict(self.material.params[place])}")
            passed, total = passed + here, total + SAMPLES
        return f"{passed} of {total} first attempts"

    def broken_refused(self) -> str:
        for place, (asset, params) in enumerate(self.material.broken, 1):
            try:
                broken = self.target.asset_type.model_validate(dict(asset))
            except ValidationError:
                continue
            if self.target().verify(broken, self.validated(params)).passed:
                raise _Failed(f"broken example {place} passes")
        if not self.material.broken:
            return "none declared; add some to `conformance`"
        return f"{len(self.material.broken)}"

    def measures(self) -> str:
        pictures = 0
        for place in range(len(self.material.params)):
            generator, params = self.target(), self.validated(self.material.params[place])
            for asset in self.assets(place):
                figures = dict(generator.measure(asset))
                canonical_json(figures)
                wrong = [key for key, value in figures.items() if type(value) not in {int, float, str}]
                if wrong:
                    raise _Failed(f"measure {wrong[0]!r} is no number or text")
                if any(not isinstance(mark, bytes) for mark in generator.fingerprints(asset)):
                    raise _Failed("a fingerprint is not bytes")
                preview = generator.preview(asset, params)
                pictures += preview is not None
                if preview and preview.media_type not in PREVIEWS:
                    raise _Failed(f"a preview is {preview.media_type}")
        return f"{pictures} previews"

    def exporters(self) -> str:
        done = []
        for (owner, name), (spec, info) in sorted(self.registry.exporters.items()):
            if owner != self.name:
                continue
            function = exporter_function(spec, info)
            for place in range(len(self.material.params)):
                params = self.validated(self.material.params[place])
                named = [(asset, f"check-{index:06d}") for index, asset in enumerate(self.assets(place), 1)]
                for _ in range(2):
                    if spec.per == "job":
                        files = list(function(named, params, "check"))
                    else:
                        files = [
                            file
                            for asset, id in named
                            for file in function(asset, params, self._origin(id) if spec.origin else id)
                        ]
                    digests = [(file.name, sha256(file.data), file.shared) for file in files]
                    done.append((name, digests))
                if done[-1] != done[-2]:
                    raise _Failed(f"exporter {name!r} gives other bytes the second time")
                if any(
                    not text or "\\" in text or ".." in text or (shared and text[0] == "/")
                    for text, _, shared in digests
                ):
                    raise _Failed(f"exporter {name!r} names a file outside the job's folder")
        return ", ".join(sorted({name for name, _ in done})) or "none"

    def _origin(self, id: str) -> Origin:
        return Origin(id, "", [], "")

    def golden(self) -> str:
        told = self.material.golden
        known = [*told, *[()] * (len(self.material.params) - len(told))]
        found = [
            [result_digest(result) for result in self.made(place)[: max(GOLDEN, len(own))]]
            for place, own in enumerate(known)
        ]
        if not any(told):
            return f"none declared; add golden={json.dumps(found)}"
        changed = [str(place) for place, own in enumerate(known) if list(own) != found[place][: len(own)]]
        if changed:
            places = ", ".join(changed)
            raise _Failed(f"bytes of params {places} changed: raise `revision`, or mend it; now {json.dumps(found)}")
        return f"{sum(map(len, told))}"

    def speed(self) -> str:
        generator, params = self.opened(0), self.validated(self.material.params[0])
        start = time.perf_counter()
        for result in generator.generate_batch(self.requests(0)):
            if isinstance(result, AssetModel):
                generator.verify(result, params)
        return f"{SAMPLES / (time.perf_counter() - start):.0f} attempts a second, verified"


_JUNK: tuple[Any, ...] = (
    None,
    [],
    {"x": 1},
    -(10**9),
    10**30,
    1e300,
    "\u2603",
    "x" * 5000,
    True,
    [[1]],
    "../../x",
)


def open_generator(target: type[Generator[Any, Any]], params: Params) -> Generator[Any, Any]:
    """A generator with its models resolved, opened as a worker opens it."""
    refs = target.models_for(params)
    generator = target(
        {
            role: models.resolve(ref) if isinstance(ref, ModelRef) else models.inspect(ref)
            for role, ref in refs.items()
        }
    )
    generator.open()
    return generator


def _keyed(params: Params) -> str:
    return digest(params.model_dump(mode="json", exclude_defaults=True, context={"digests": True}))


def _child(name: str, task: str, params: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Ask a fresh process with another hash seed and one thread."""
    environment = {**os.environ, "PYTHONHASHSEED": "4711", "OMP_NUM_THREADS": "1", "TZ": "Asia/Kolkata"}
    done = subprocess.run(
        [sys.executable, "-m", "aigc_content.testing", name, task],
        input=json.dumps([dict(item) for item in params]),
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if done.returncode:
        raise _Failed(f"a fresh process failed: {done.stderr.strip()[-300:]}")
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


@contextmanager
def _timed(answer: dict[str, Any]) -> Iterator[None]:
    start = time.perf_counter()
    yield
    answer["seconds"] = time.perf_counter() - start


def _answer(name: str, task: str, given: list[dict[str, Any]]) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    with _timed(answer):
        exam = _Exam(name, discover().generator(name), Conformance(params=given), discover())
        validated = [exam.validated(params) for params in given]
    answer["heavy"] = [module for module in ("torch", "tensorflow", "jax", "numba") if module in sys.modules]
    if task == "make":
        answer["digests"] = [[result_digest(item) for item in exam.made(place)] for place in range(len(given))]
        answer["params"] = [_keyed(params) for params in validated]
    return answer


if __name__ == "__main__":
    print(json.dumps(_answer(sys.argv[1], sys.argv[2], json.load(sys.stdin))))
