"""The generator: params, asset, and five small methods."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field, model_validator

from aigc_content import (
    AssetModel,
    Conformance,
    Generator,
    Infeasible,
    ModelRef,
    Params,
    Preview,
    Request,
    Verdict,
)

NAME = re.compile(r"[A-Z][a-z]+\Z")
SYLLABLE = re.compile(r"[^aeiouy]{0,2}[aeiouy]{1,2}([^aeiouy]{0,2}$|[^aeiouy](?=[^aeiouy]))?")


class NameParams(Params):
    """What a recipe may ask for."""

    min_length: int = Field(4, ge=2, le=20, description="fewest letters")
    max_length: int = Field(9, ge=2, le=20, description="most letters")
    start: str = Field("", pattern=r"^[a-z]{0,4}$", description="first letters, lower case")
    boldness: int = Field(0, ge=0, le=20, description="how much rare turns are favored")

    @model_validator(mode="after")
    def _can_hold(self) -> NameParams:
        if self.min_length > self.max_length:
            raise ValueError(f"min_length {self.min_length} is above max_length {self.max_length}")
        return self


class Name(AssetModel):
    """A name and the proof that it can be spoken: its syllables."""

    name: str
    syllables: tuple[str, ...]


class Names(Generator[NameParams, Name]):
    """Draws letter after letter from the counted names."""

    revision = 1
    models = {"chain": ModelRef("aigc_names", "model")}
    asset_schema = "names/name-1"
    asset_suffix = ".name.json"

    def open(self) -> None:
        """Load the counts, once a worker."""
        from aigc_names import chain

        self.chain = chain
        self.counts = chain.load(self.opened["chain"].path)

    def generate(self, request: Request[NameParams]) -> Name | Infeasible:
        """Draw one name; the host tries again when it is infeasible."""
        params, letters = request.params, self.chain.LETTERS
        name = params.start
        while len(name) <= params.max_length:
            first, second = (letters.index(letter) for letter in f"  {name}"[-2:])
            counts = self.counts[first, second]
            if not counts.any():
                return Infeasible("start", f"no known name goes on after {name!r}")
            drawn = letters[request.rng.choice(counts + (counts > 0) * params.boldness)]
            if drawn == " ":
                break
            name += drawn
        if not params.min_length <= len(name) <= params.max_length:
            return Infeasible("length", f"{name!r} has {len(name)} letters")
        return Name(name=name.capitalize(), syllables=tuple(match[0] for match in SYLLABLE.finditer(name)))

    def verify(self, asset: Name, params: NameParams) -> Verdict:
        """Check the name and replay its proof; works without `open`, on any machine."""
        if not NAME.match(asset.name):
            return Verdict(False, "letters", "a name is a capital and small letters a to z")
        if not params.min_length <= len(asset.name) <= params.max_length:
            return Verdict(False, "length", f"{len(asset.name)} letters")
        if not asset.name.lower().startswith(params.start):
            return Verdict(False, "start", f"does not begin with {params.start!r}")
        spoken = all(re.fullmatch("[^aeiouy]{0,2}[aeiouy]{1,2}[^aeiouy]{0,2}", part) for part in asset.syllables)
        if "".join(asset.syllables) != asset.name.lower() or not spoken:
            return Verdict(False, "syllables", "its syllables are not those of a name that can be spoken")
        return Verdict(True, evidence={"syllables": len(asset.syllables)})

    def measure(self, asset: Name) -> Mapping[str, int]:
        """Figures for the manifest and the gallery."""
        return {"letters": len(asset.name), "syllables": len(asset.syllables)}

    def fingerprints(self, asset: Name) -> Iterable[bytes]:
        """No name twice within a job."""
        return [asset.name.encode()]

    def preview(self, asset: Name, params: NameParams) -> Preview:
        """The name as a picture."""
        text = f'<text x="120" y="38" font-family="serif" font-size="28" text-anchor="middle">{asset.name}</text>'
        svg = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 60">{text}</svg>'
        return Preview("image/svg+xml", svg.encode())

    @classmethod
    def conformance(cls) -> Conformance:
        """Material for ``aigc plugins check names``."""
        good: dict[str, Any] = {"name": "Aderin", "syllables": ["a", "de", "rin"]}
        return Conformance(
            params=[{}, {"start": "th", "max_length": 7, "boldness": 2}],
            broken=[
                ({**good, "name": "aderin"}, {}),
                ({**good, "syllables": ["a", "de", "ri"]}, {}),
                ({"name": "Adrrn", "syllables": ["a", "drrn"]}, {}),
                (good, {"start": "th"}),
                (good, {"max_length": 5}),
                ({"name": "Aderin"}, {}),
            ],
            golden=[["198bd1a381414678c682560b3ad93d912db4d01aadde77bbce641ea34c6bdd96"]],
        )
