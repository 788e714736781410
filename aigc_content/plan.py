"""From a recipe to jobs and slots, lazily: every asset to be made, with its stream and its key.

``stream = H(recipe seed, generator, job, index)`` seeds a slot's random numbers, so changing a parameter does
not reshuffle the noise. ``key = H(stream, key parts)`` names its candidates in the store.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aigc_content.canonical import digest
from aigc_content.generator import Generator, Params
from aigc_content.hookspecs import ExporterSpec, GeneratorSpec
from aigc_content.inputs import Inputs
from aigc_content.models import Model


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

    def slots(self) -> Iterator[Slot]:
        """The job's slots in index order, made as they are asked for."""
        for index in range(1, self.count + 1):
            yield self.slot(index)

    def slot(self, index: int) -> Slot:
        """The slot at a 1-based index."""
        stream = digest([self.seed, self.spec.name, self.name, index])
        return Slot(index, f"{self.slug}-{index:06d}", stream, digest([stream, self._parts_digest]))

    @property
    def _parts_digest(self) -> str:
        return digest(dict(self.key_parts))


@dataclass(frozen=True)
class Plan:
    """All jobs of a recipe, in its order."""

    jobs: tuple[Job, ...]
