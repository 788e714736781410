"""The contract between the host and a generator plugin.

A generator turns a `Request` (validated params, a random stream) into one asset or says why it cannot, proves
assets, measures them, and pictures them. It is pure: what it returns depends on the request alone, never on the
batch that it came in, the process, the clock or the machine.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict

from aigc_content.models import Model, ModelRef, inspect
from aigc_content.rng import Stream

if TYPE_CHECKING:
    from aigc_content.png import Pixels

PREVIEWS = {"image/png": ".png", "image/apng": ".apng", "image/svg+xml": ".svg", "text/html": ".html"}
"""What a preview can be: media types, and how its file ends."""

_COLOR = re.compile(r"#[0-9a-f]{6}")


class Params(BaseModel):
    """Base of a generator's parameters: frozen, unknown keys, NaN and infinity refused.

    Raise `ValueError` in a validator (or any `AigcError`) for a request that can never hold; the host adds
    file, line and column of the recipe.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class AssetModel(BaseModel):
    """Base of a generator's asset: plain JSON data, frozen, with its proof inside."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


P = TypeVar("P", bound=Params)
A = TypeVar("A", bound=AssetModel)
C = TypeVar("C", bound=BaseModel)


@dataclass(frozen=True)
class Request(Generic[P]):
    """One attempt at one slot.

    Attributes:
        params: validated parameters.
        rng: the attempt's own stream of random numbers; the only source of chance.
    """

    params: P
    rng: Stream


@dataclass(frozen=True)
class Infeasible:
    """An attempt that made no asset.

    Attributes:
        constraint: short stable name of what could not be met, such as ``path_length``.
        message: one sentence for a person.
    """

    constraint: str
    message: str = ""


@dataclass(frozen=True)
class Verdict:
    """What verification found.

    Attributes:
        passed: the asset is proven.
        constraint: name of the constraint that failed; empty when passed.
        message: one sentence for a person.
        evidence: plain JSON data, such as the length of the winning path.
    """

    passed: bool
    constraint: str = ""
    message: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Origin:
    """Where an asset comes from, for an exporter that writes it down (``ExporterSpec.origin``).

    Attributes:
        id: of the asset.
        license: SPDX expression of the models' licenses, joined by AND.
        models: of each model its name, its license, and what it was trained on.
        recipe: a recipe on one line whose last asset is this one, made again; empty for a job of a sweep.
    """

    id: str
    license: str
    models: Sequence[tuple[str, str, Sequence[str]]]
    recipe: str


@dataclass(frozen=True)
class File:
    """One file that an exporter makes.

    Attributes:
        name: for an asset's own file a suffix such as ``.tmj`` (the host puts the asset's id before it), or
            ``/NAME`` for one in a folder of its own; for a shared file a name inside the job's folder, such as
            ``tileset.png``.
        data: the bytes.
        schema: name of the JSON Schema that the file matches, such as ``levels/level-1``; empty if none.
        shared: one file for the whole job; assets that emit it must agree on its bytes.
    """

    name: str
    data: bytes
    schema: str = ""
    shared: bool = False


@dataclass(frozen=True)
class Preview:
    """A picture of an asset for the gallery.

    Attributes:
        media_type: one of `PREVIEWS`; ``image/apng`` is animated PNG, ``text/html`` is shown in a sandboxed frame.
        data: the bytes.
        overlay: an SVG drawn over the picture when it is enlarged, such as the winning path; its viewBox
            is the picture's size.
        layers: files by name, from the lowest up, which on each other are the picture; the page can hide each of
            them. All are PNG, or all animated PNG with the picture's times, and of the picture's size.
        colors: what the picture is painted with, such as ``#a04030``; shown as a strip.
        captions: what stands where in the picture, in pixels of it: a text, and x, y and width of the line that it is
            centered on, y being its upper edge.

    Raises:
        ValueError: a layer, a color or a caption is not as said above.
    """

    media_type: str
    data: bytes
    overlay: bytes = b""
    layers: Mapping[str, bytes] = field(default_factory=dict)
    colors: Sequence[str] = ()
    captions: Sequence[tuple[str, int, int, int]] = ()

    def __post_init__(self) -> None:
        head = self.data[:24]  # of a PNG file: signature, then width and height
        fits = self.media_type in ("image/png", "image/apng") and head.startswith(b"\x89PNG\r\n\x1a\n")
        for name, data in self.layers.items():
            if not fits or data[:24] != head:
                raise ValueError(f"layer {name!r} of a preview is not a PNG file of the size of its picture")
        for color in self.colors:
            if not _COLOR.fullmatch(color):
                raise ValueError(f"color {color!r} of a preview is not written like #a04030")
        for caption in self.captions:
            if [type(part) for part in caption] != [str, int, int, int]:
                raise ValueError(f"caption {caption!r} of a preview is not a text and three whole numbers")


@dataclass(frozen=True)
class Conformance:
    """What a generator gives the conformance kit (``aigc plugins check``) to examine it with.

    Attributes:
        params: requests that must work, as a recipe would write them.
        broken: pairs of an asset and the params that it claims to meet, as plain data; `Generator.verify` must
            refuse each of them (an asset that its own model refuses counts as refused).
        golden: for each of ``params``, from the first on, sha256 of the first assets that are made for it (seed 0,
            indices 1, 2, ..., first attempt), as ``aigc plugins check NAME`` prints them. They fail when bytes
            change and ``revision`` does not.
    """

    params: Sequence[Mapping[str, Any]] = ({},)
    broken: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]] = ()
    golden: Sequence[Sequence[str]] = ()


class Generator(ABC, Generic[P, A]):
    """Base of every generator; subclass as ``class Tunes(Generator[TuneParams, Tune])``.

    Class attributes:
        revision: raise it when an equal request may give other bytes, or a default changes.
        models: model folders by role; resolved before `open`.
        asset_schema: name of the JSON Schema of the asset, such as ``levels/level-1``.
        asset_suffix: suffix of the asset's own file, such as ``.level.json``.
        batch: most requests that `generate_batch` gets at once.
    """

    revision: ClassVar[int] = 1
    models: ClassVar[Mapping[str, ModelRef]] = {}
    asset_schema: ClassVar[str] = ""
    asset_suffix: ClassVar[str] = ".json"
    batch: ClassVar[int] = 32
    params_type: ClassVar[type[Params]]
    asset_type: ClassVar[type[AssetModel]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for base in getattr(cls, "__orig_bases__", ()):
            if get_origin(base) is Generator:
                params, asset = get_args(base)
                if isinstance(params, type) and isinstance(asset, type):
                    cls.params_type, cls.asset_type = params, asset

    def __init__(self, models: Mapping[str, Model] | None = None) -> None:
        self.opened: Mapping[str, Model] = models or {}

    @classmethod
    def models_for(cls, params: Params) -> Mapping[str, ModelRef | Path]:
        """The models that these params need; the default is all of `models`.

        Override where a param names a model folder of the user's own (return its `Path`).
        """
        return cls.models

    @classmethod
    def conformance(cls) -> Conformance:
        """Material for the conformance kit; the default asks for one request with default params."""
        return Conformance()

    def open(self) -> None:
        """Load what `generate` needs; called once a worker. The only place that may import torch.

        The other methods must work without it: ``aigc verify`` proves assets on a machine that has no torch.
        """

    @abstractmethod
    def generate(self, request: Request[P]) -> A | Infeasible:
        """Make one attempt."""

    def generate_batch(self, requests: Sequence[Request[P]]) -> list[A | Infeasible]:
        """Make several attempts at once; each result must equal that of `generate` alone."""
        return [self.generate(request) for request in requests]

    @abstractmethod
    def verify(self, asset: A, params: P) -> Verdict:
        """Check the asset against the params by replaying the proof it carries; never trusts the generator."""

    def measure(self, asset: A) -> Mapping[str, int | float | str]:
        """Numbers and words about an asset, for the manifest and the gallery."""
        return {}

    def fingerprints(self, asset: A) -> Iterable[bytes]:
        """What may not occur twice within a job."""
        return ()

    def preview(self, asset: A, params: P) -> Preview | None:
        """A picture of the asset, or None."""
        return None


@dataclass(frozen=True)
class TrainRun(Generic[C]):
    """What a trainer is given.

    Attributes:
        config: validated configuration.
        data: folder or file with training data.
        out: folder to write the model into; the host creates it and moves it in place when training ends.
        base: model folder to continue from, or None.
        work: folder that outlives an interruption, for what a trainer needs to go on; empty when it begins. None:
            nobody will go on.
        tensorboard: folder for TensorBoard, or None.
        report: gets steps and a held-out loss now and then as training goes; lower is better, whatever
            `Trainer.objective` is. What it raises ends the training, and is not to be caught. None: nobody asks.
    """

    config: C
    data: Path
    out: Path
    base: Path | None = None
    work: Path | None = None
    tensorboard: Path | None = None
    report: Callable[[int, float], None] | None = None

    @property
    def origin(self) -> str:
        """A sentence for the card on the model that training continued from; empty when there is none."""
        return f" Continued from the model {inspect(self.base).digest[:12]}." if self.base is not None else ""

    def keep_sample(self, step: int, picture: bytes | Pixels) -> bytes:
        """Write a sample picture to ``samples/step-000500.png`` in `out`.

        Args:
            step: its number.
            picture: a PNG file, or uint8 pixels as `aigc_content.encode_png` takes them.

        Returns:
            The bytes of the file.
        """
        from aigc_content.png import encode_png

        data = picture if isinstance(picture, bytes) else encode_png(picture)
        folder = self.out / "samples"
        folder.mkdir(exist_ok=True)
        (folder / f"step-{step:06}.png").write_bytes(data)
        return data


class Trainer(ABC, Generic[C]):
    """Base of a generator's trainer; subclass as ``class LevelTrainer(Trainer[LevelConfig])``.

    Class attributes:
        objective: the figure of `evaluate` that ``aigc tune`` makes small; empty where there is nothing to tune.
        maximize: whether it is to be made large instead.
    """

    objective: ClassVar[str] = ""
    maximize: ClassVar[bool] = False
    config_type: ClassVar[type[BaseModel]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for base in getattr(cls, "__orig_bases__", ()):
            if get_origin(base) is Trainer and isinstance(get_args(base)[0], type):
                cls.config_type = get_args(base)[0]

    @abstractmethod
    def train(self, run: TrainRun[C]) -> None:
        """Train and write a complete model folder to ``run.out``; Ctrl-C saves what there is."""

    @abstractmethod
    def evaluate(self, model: Path, data: Path) -> Mapping[str, int | float | str]:
        """Make the figures of the model's card again, on data that training never saw."""
