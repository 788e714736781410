"""From accepted assets and failures to the files of the gallery.

The page opens from disk, where a browser refuses to fetch JSON; so data are scripts that hand a JSON text to the
page. One small index holds what the grid, the filters and the scatter plot need of every asset; the rest (overlay,
layers, colors, params, files) lies in chunks of `CHUNK` assets that load when one of them is opened.

Nothing here trusts a name, a message or a picture: data are ASCII JSON inside a quoted string, the page builds its
elements from text, overlays are shown as images, HTML previews in sandboxed frames, and a content security policy
forbids the network and inline scripts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any

from aigc_content.gallery.columns import Columns, Words

CHUNK = 100
_DIGEST = 12  # digits of an asset's digest that the page keeps: a mark is for these bytes, not for the name

# in this order they make gallery.js: one subject a file, each using only what stands above it when it starts
SCRIPTS = (
    "core.js",
    "columns.js",
    "state.js",
    "marks.js",
    "filters.js",
    "look.js",
    "grid.js",
    "layers.js",
    "about.js",
    "viewer.js",
    "plot.js",
    "scatter.js",
    "failures.js",
    "main.js",
)


@dataclass(frozen=True)
class GalleryItem:
    """One accepted asset.

    Attributes:
        id: such as ``caves-000001``.
        job: name of its job.
        index: 1-based place in the job.
        params: plain JSON data.
        metrics: numbers and words by name; the page sorts and filters by each.
        files: paths relative to the output folder, with ``/``.
        preview: path of the picture relative to the output folder, or None.
        media_type: of the preview, such as ``image/png``; ``image/apng`` can be paused.
        overlay: an SVG drawn over the enlarged picture, or ``""``.
        layers: name and path of each picture of which ``preview`` is made, from the lowest up.
        colors: what it is painted with, such as ``#a04030``.
        captions: texts in the picture, each with x, y and width of its line in the picture's pixels.
        attempts: how many it took.
        license: of the asset.
        digest: hex sha256 of the asset's own JSON; a mark in the page holds for this asset alone.
        source: IPTC digital source type, such as ``trainedAlgorithmicMedia``.
    """

    id: str
    job: str
    index: int
    params: Mapping[str, Any]
    metrics: Mapping[str, int | float | str]
    files: Sequence[str]
    preview: str | None = None
    media_type: str = "image/png"
    overlay: str = ""
    layers: Sequence[tuple[str, str]] = ()
    colors: Sequence[str] = ()
    captions: Sequence[tuple[str, int, int, int]] = ()
    attempts: int = 1
    license: str = ""
    digest: str = ""
    source: str = ""


@dataclass(frozen=True)
class GalleryFailure:
    """A slot that no attempt could fill.

    Attributes:
        job, index: which slot.
        constraint: short name of what could not be met.
        message: one sentence for a person.
    """

    job: str
    index: int
    constraint: str
    message: str = ""


def gallery_files(
    items: Iterable[GalleryItem], failures: Iterable[GalleryFailure], title: str
) -> Iterator[tuple[str, bytes]]:
    """The gallery's files as (path relative to the output folder, bytes), each made when it is asked for.

    Equal arguments give equal bytes. `gallery.html` comes last, so that a page never stands before its data.

    Args:
        items: in plan order; read once.
        failures: in plan order; read once, after the items.
        title: heading of the page, such as the recipe's name.
    """
    index = _Index(title)
    chunk: list[GalleryItem] = []
    for item in items:
        index.add(item)
        chunk.append(item)
        if len(chunk) == CHUNK:
            yield _chunk_file(index.chunks, chunk)
            index.chunks += 1
            chunk = []
    if chunk:
        yield _chunk_file(index.chunks, chunk)
        index.chunks += 1
    for failure in failures:
        index.fail(failure)
    yield "gallery/data-index.js", _script("index", index.data())

    yield "gallery/gallery.css", _asset("gallery.css").encode()
    yield "gallery/gallery.js", "\n".join(map(_asset, SCRIPTS)).encode()
    page = _asset("gallery.html").replace("<!-- title -->", escape(_encodable(title)))
    yield "gallery.html", page.encode("utf-8")


class _Index:
    """What the page knows of every asset before one is opened."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.chunks = 0
        self.jobs = Words()
        self.media = Words()
        self.paths = Words()
        self.captions = Words()
        self.captioned: dict[int, int] = {}
        self.rows: dict[str, list[Any]] = {name: [] for name in ("ids", "job", "digests", "preview", "media")}
        self.metrics = Columns()
        self.params = Columns()
        self.made = Columns()
        self.constraints = Words()
        self.messages = Words()
        self.failures: list[list[int]] = []

    def add(self, item: GalleryItem) -> None:
        rows = self.rows
        rows["ids"].append(item.id)
        rows["job"].append(self.jobs.index(item.job))
        rows["digests"].append(item.digest[:_DIGEST])
        rows["preview"].append(-1 if item.preview is None else self.paths.index(_pattern(item.preview, item.id)))
        rows["media"].append(self.media.index(item.media_type))
        if item.captions:  # few assets have any, and many the same
            place = len(rows["ids"]) - 1
            self.captioned[place] = self.captions.index(json.dumps(item.captions))
        self.metrics.add(item.metrics)
        self.params.add({key: value for key, value in item.params.items() if isinstance(value, str | int | float)})
        self.made.add({"attempts": item.attempts})

    def fail(self, failure: GalleryFailure) -> None:
        numbers = (
            self.jobs.index(failure.job),
            failure.index,
            self.constraints.index(failure.constraint),
            self.messages.index(failure.message),
        )
        self.failures.append(list(numbers))

    def data(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "chunk": CHUNK,
            "chunks": self.chunks,
            "jobs": self.jobs.words,
            "items": {
                **self.rows,
                "paths": [path.split("\0") for path in self.paths.words],
                "medias": self.media.words,
                "captioned": self.captioned,
                "captions": [json.loads(text) for text in self.captions.words],
            },
            "columns": {
                "metrics": self.metrics.columns(),
                "params": self.params.columns(varying=True),
                "build": self.made.columns(varying=True),
            },
            "failures": {
                "rows": self.failures,
                "constraints": self.constraints.words,
                "messages": self.messages.words,
            },
        }


def _pattern(path: str, stem: str) -> str:
    """A path with the asset's id cut out, so that thousands of paths are one: parts joined by a null character."""
    return path.replace(stem, "\0") if stem and "\0" not in path else path


def _chunk_file(number: int, items: Sequence[GalleryItem]) -> tuple[str, bytes]:
    params: dict[str, int] = {}
    rows = []
    for item in items:
        text = json.dumps(item.params, sort_keys=True)
        rows.append(
            {
                "params": params.setdefault(text, len(params)),
                "files": list(item.files),
                "overlay": item.overlay,
                "layers": [list(layer) for layer in item.layers],
                "colors": list(item.colors),
                "attempts": item.attempts,
                "license": item.license,
                "digest": item.digest,
                "source": item.source,
            }
        )
    data = {"number": number, "items": rows, "params": [json.loads(text) for text in params]}
    return f"gallery/data-{number:04d}.js", _script("chunk", data)


def _script(name: str, data: Any) -> bytes:
    """A script that hands ``data`` to the page: JSON inside a quoted string, which a browser also reads faster."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False)
    text = text.replace("\\", "\\\\").replace("'", "\\'").replace("<", "\\x3c").replace(">", "\\x3e")
    return f"aigcGallery.load('{name}',JSON.parse('{text}'));\n".encode("ascii")


def _asset(name: str) -> str:
    """One of our own files; line ends are those of the repository, whatever a checkout made of them."""
    return (files("aigc_content.gallery") / "assets" / name).read_text("utf-8")


def _encodable(text: str) -> str:
    """Text that can be encoded: lone surrogates (from a file name that is no UTF-8) become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")
