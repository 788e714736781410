"""From a recipe to jobs and slots, lazily: every asset to be made, with its stream and its key.

``stream = H(recipe seed, generator, job, index)`` seeds a slot's random numbers, so changing a parameter does
not reshuffle the noise. ``key = H(stream, key parts)`` names its candidates in the store.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from aigc_content import models, rng
from aigc_content.canonical import digest
from aigc_content.errors import AigcError, InternalError
from aigc_content.generator import Generator, Params
from aigc_content.hookspecs import ExporterSpec, GeneratorSpec
from aigc_content.inputs import Inputs
from aigc_content.models import Model, ModelRef
from aigc_content.params import culprit, explain
from aigc_content.plugins import Registry
from aigc_content.recipe import JobRecipe, Recipe


@dataclass(frozen=True)
class Slot:
    """One asset to be made.

    Attributes:
        index: 1-based place in its job.
        id: the asset's id, such as ``caves-000001``; also the stem of its files.
        stream: name of its random stream; attempts are its children (``stream.child(str(attempt))``).
        key: names its candidates in the store.
    """

    index: int
    id: str
    stream: str
    key: str


@dataclass(frozen=True)
class Job:
    """A job with everything resolved and validated.

    Attributes:
        name: as in the recipe, or ``caves[difficulty=0.4]`` for one of a sweep.
        slug: safe name of its folder and the stem of its ids, such as ``caves-difficulty-0.4``.
        spec, target: the generator's specification and class.
        params: validated; ``written`` is the same as plain data, for the manifest.
        exporters: in the recipe's order.
        count: number of slots.
        max_attempts: attempts a slot has before it fails; in no key.
        reject: asset ids (each occurrence rejects one more passing candidate of that slot) and sha256 digests
            (or prefixes of at least 8 digits) of assets' own JSON.
        seed: the recipe's.
        inputs: files that the params named.
        models: model folders by role.
        plugin: distribution name and version of the generator's plugin.
        key_parts: what enters the key beside the stream, by name, for ``--explain``.
    """

    name: str
    slug: str
    spec: GeneratorSpec
    target: type[Generator[Any, Any]]
    params: Params
    written: Mapping[str, Any]
    exporters: tuple[ExporterSpec, ...]
    count: int
    max_attempts: int
    reject: tuple[str, ...]
    seed: int
    inputs: Inputs
    models: Mapping[str, Model]
    plugin: tuple[str, str]
    key_parts: Mapping[str, Any]

    @property
    def license(self) -> str:
        """SPDX expression of the assets: the licenses of all models, each once, joined by AND."""
        names = sorted({model.license for model in self.models.values() if model.license})
        return " AND ".join(f"({name})" if " " in name and len(names) > 1 else name for name in names)

    def slots(self) -> Iterator[Slot]:
        """The job's slots in index order, made as they are asked for."""
        for index in range(1, self.count + 1):
            yield self.slot(index)

    def slot(self, index: int) -> Slot:
        """The slot at a 1-based index."""
        stream = digest([self.seed, self.spec.name, self.name, index])
        return Slot(index, f"{self.slug}-{index:06d}", stream, digest([stream, self._parts_digest]))

    @cached_property
    def _parts_digest(self) -> str:
        return digest(dict(self.key_parts))


@dataclass(frozen=True)
class Plan:
    """All jobs of a recipe, in its order."""

    jobs: tuple[Job, ...]

    @property
    def count(self) -> int:
        """Number of assets asked for."""
        return sum(job.count for job in self.jobs)


def make_plan(recipe: Recipe, registry: Registry) -> Plan:
    """Resolve every name of a recipe and validate every job's params, before anything runs.

    Imports the generators' modules, but neither torch nor a model's weights.

    Args:
        recipe: as read by `load_recipe`.
        registry: as found by `discover`.

    Raises:
        PluginError: P001 to P004, a generator or exporter is unknown or broken.
        ParamsError: G001 to G004, a parameter is unknown, missing or wrong.
        InputError, ModelError: a file or model that the params name.
    """
    found: dict[ModelRef | Path, Model] = {}
    return Plan(tuple(_job(item, recipe, registry, found) for item in recipe.jobs))


def validate_params(target: type[Generator[Any, Any]], item: JobRecipe, inputs: Inputs) -> Params:
    """A job's params by its generator's own model, with errors that name the place in the recipe.

    Raises:
        ParamsError: G001 to G004.
        AigcError: raised by a validator, its place added.
        InternalError: X007, a validator raised something else.
    """
    plain = dict(item.params)
    try:
        return target.params_type.model_validate(plain, context={"inputs": inputs})
    except ValidationError as error:
        raise explain(error, target.params_type, item) from None
    except AigcError as error:
        guilty = culprit(error, target.params_type, item, inputs)
        written = item.params[str(guilty[0])] if guilty else None
        raise _placed(error, item.places.where("params", *guilty), written) from None
    except Exception as error:
        raise _fault(error, item) from error


def _job(item: JobRecipe, recipe: Recipe, registry: Registry, found: dict[ModelRef | Path, Model]) -> Job:
    try:
        spec, info = registry.generator_spec(item.generator)
        target = registry.generator(item.generator)
    except AigcError as error:
        raise _placed(error, item.places.where("generator")) from None
    inputs = Inputs(recipe.folder)
    params = validate_params(target, item, inputs)
    exporters = tuple(_exporter(item, place, registry) for place in range(len(item.export)))
    try:
        opened = {role: _model(ref, found) for role, ref in sorted(target.models_for(params).items())}
    except AigcError as error:
        raise _placed(error, item.places.where("generator")) from None
    return Job(
        name=item.name,
        slug=item.slug,
        spec=spec,
        target=target,
        params=params,
        written=params.model_dump(mode="json"),
        exporters=exporters,
        count=item.count,
        max_attempts=item.max_attempts,
        reject=item.reject,
        seed=recipe.seed,
        inputs=inputs,
        models=opened,
        plugin=(info.name, info.version),
        key_parts=_key_parts(target, params, inputs, opened),
    )


def _key_parts(
    target: type[Generator[Any, Any]], params: Params, inputs: Inputs, opened: Mapping[str, Model]
) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "revision": target.revision,
        "params": params.model_dump(mode="json", exclude_defaults=True, context={"digests": True}),
        "inputs": inputs.digests(),
        "models": {role: model.digest for role, model in opened.items()},
        "rng": rng.REVISION,
    }
    if opened:
        parts["runtime"] = models.RUNTIME_REVISION
    return parts


def _exporter(item: JobRecipe, place: int, registry: Registry) -> ExporterSpec:
    try:
        return registry.exporter_spec(item.generator, item.export[place])
    except AigcError as error:
        raise _placed(error, item.places.where("export", place)) from None


def _model(ref: ModelRef | Path, found: dict[ModelRef | Path, Model]) -> Model:
    if ref not in found:
        found[ref] = models.resolve(ref) if isinstance(ref, ModelRef) else models.inspect(ref)
    return found[ref]


def _fault(error: Exception, item: JobRecipe) -> InternalError:
    text = " ".join(str(error).split())[:200]
    return InternalError(
        "X007",
        f"generator {item.generator!r} raised {type(error).__name__} while it checked its params: {text}",
        where=item.places.where("params"),
        remedy="tell the plugin's author; `aigc plugins check NAME` shows more",
    )


def _placed(error: AigcError, place: str, written: Any = None) -> AigcError:
    """The same error with the recipe's place: beside its own, or instead of what is merely ``written`` there."""
    named = f" (named at {place})" if place else ""  # on the command line there is no place
    where = place if error.where in ("", written) else f"{error.where}{named}"
    return type(error)(error.code, error.found, where=where, allowed=error.allowed, remedy=error.remedy)
