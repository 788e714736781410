"""A recipe: what to make, read from YAML so that every error names file, line and column.

::

    version: 1
    seed: 7                          # optional, 0 when absent
    jobs:
      - name: caves
        generator: levels
        count: 24                    # optional, 1 when absent
        params: {game: dungeon}      # the generator's own
        sweep: {difficulty: [0.2, 0.4], min.enemy: [1, 3]}
        export: [tiled, png]
        reject: [caves-000003]       # ids, or digests of assets' own JSON
        max_attempts: 20

A job with ``sweep`` becomes one job for each combination of the values, named
``caves[difficulty=0.2,min.enemy=1]``. White space, comments and the order of keys mean nothing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aigc_content.document import MAX_BYTES, Mark, Node, parse_document
from aigc_content.errors import RecipeError, did_you_mean
from aigc_content.sweep import Variant, variants

VERSION = 1
MAX_COUNT = 1_000_000
MAX_SEED = 2**63 - 1
MAX_JOBS = 1_000
MAX_ATTEMPTS = 1_000
DEFAULT_ATTEMPTS = 20
MAX_NAME = 64

ROOT_KEYS = ("version", "seed", "jobs")
JOB_KEYS = ("name", "generator", "count", "params", "sweep", "export", "reject", "max_attempts")
JOB_NAME = r"[A-Za-z0-9_-][A-Za-z0-9_.-]*"

_RESERVED = {"con", "prn", "aux", "nul", "gallery", "manifest", "manifest.jsonl", "gallery.html", "previews"}
_RESERVED |= {f"{port}{number}" for port in ("com", "lpt") for number in range(10)}
_DIGEST = re.compile(r"[0-9a-f]{8,64}\Z")

Path_ = tuple[str | int, ...]


@dataclass(frozen=True)
class Places:
    """Where a job's keys and values stand.

    Attributes:
        source: the file's name.
        marks: key's and value's place by path, such as ``("params", "min", "enemy")``.
        flag: how the command line names a parameter that stands in no file, such as ``--param ``.
    """

    source: str = ""
    marks: Mapping[Path_, tuple[Mark, Mark]] = field(default_factory=dict)
    flag: str = ""

    def where(self, *path: str | int, key: bool = False) -> str:
        """``file:line:column`` of the value (or the key) at ``path``, or of its nearest parent that has one."""
        shortest = 1 if self.flag else 0
        for length in range(len(path), shortest - 1, -1):
            if path[:length] in self.marks:
                mark = self.marks[path[:length]][0 if key and length == len(path) else 1]
                return mark.within(self.source)
        if self.flag and path[:1] == ("params",):
            return (self.flag + ".".join(str(part) for part in path[1:])).strip()
        return self.source


@dataclass(frozen=True)
class JobRecipe:
    """A job as written, or one of the jobs that a sweep makes.

    Attributes:
        name: ``caves``, or ``caves[difficulty=0.4]``.
        slug: safe for folders and files: ``caves``, ``caves-difficulty-0.4``.
        generator: the generator's name.
        count: number of assets, 1 .. 1,000,000.
        params: plain data, not yet validated; swept values are in place.
        export: names of exporters.
        sweep: the swept values of this job by dotted name.
        reject: ids and digests that the designer refused.
        max_attempts: attempts for one asset before it is reported as failed.
        places: where all this stands.
    """

    name: str
    slug: str
    generator: str
    count: int = 1
    params: Mapping[str, Any] = field(default_factory=dict)
    export: tuple[str, ...] = ()
    sweep: Mapping[str, Any] = field(default_factory=dict)
    reject: tuple[str, ...] = ()
    max_attempts: int = DEFAULT_ATTEMPTS
    places: Places = Places()


@dataclass(frozen=True)
class Recipe:
    """A whole recipe, checked as far as it can be without its generators.

    Attributes:
        version: of the recipe's format.
        seed: 0 .. 2**63-1.
        jobs: in the recipe's order, sweeps expanded.
        path: the file; names in params are relative to its folder.
    """

    version: int
    seed: int
    jobs: tuple[JobRecipe, ...]
    path: Path

    @property
    def folder(self) -> Path:
        """The folder against which file names in params are resolved."""
        return self.path.resolve().parent


def load_recipe(path: Path) -> Recipe:
    """Read a recipe from a file, or from standard input when ``path`` is ``-``.

    Raises:
        RecipeError: R001 to R017, with file, line and column.
    """
    if str(path) == "-":
        return parse_recipe(sys.stdin.buffer.read(MAX_BYTES + 1), Path.cwd() / "stdin", "<stdin>")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise RecipeError(
            "R017", f"cannot be read: {reason}", where=str(path), remedy="check the name of the recipe"
        ) from None
    return parse_recipe(data, path, str(path))


def parse_recipe(data: bytes, path: Path, name: str) -> Recipe:
    """Read a recipe from bytes.

    Args:
        data: the YAML text.
        path: where it stands or would stand.
        name: what messages call it.

    Raises:
        RecipeError: R001 to R016.
    """
    return _Reader(name).recipe(parse_document(data, name, RecipeError), path)


def one_job(
    generator: str, *, count: int, seed: int, params: Mapping[str, Any], export: tuple[str, ...], folder: Path
) -> Recipe:
    """A recipe of one job, from the command line.

    Args:
        folder: against which file names in params are resolved.

    Raises:
        RecipeError: R008, count or seed is out of range; R010, an exporter is named twice.
    """
    for name, value, low, high in (("count", count, 1, MAX_COUNT), ("seed", seed, 0, MAX_SEED)):
        if not low <= value <= high:
            raise RecipeError("R008", f"{name} is {value}", where=f"--{name}", allowed=f"{low} .. {high}")
    for name in export:
        if export.count(name) > 1:
            raise RecipeError("R010", f"exporter {name!r} is named twice", where="--export", remedy="name it once")
    job = JobRecipe(
        generator, generator, generator, count=count, params=params, export=export, places=Places(flag="--param ")
    )
    return Recipe(VERSION, seed, (job,), folder / "generate")


def job_name_problem(name: str) -> str | None:
    """Why ``name`` cannot name a job (and so a folder on any system), or None."""
    if not re.fullmatch(JOB_NAME, name):
        return "holds characters other than letters, digits, _ - . or begins with a dot"
    if name.endswith("."):
        return "ends with a dot"
    if len(name) > MAX_NAME:
        return f"is longer than {MAX_NAME} characters"
    if name.lower() in _RESERVED or name.lower().split(".")[0] in _RESERVED - {"gallery", "manifest"}:
        return "is reserved"
    return None


class _Reader:
    """Checks the nodes of one recipe."""

    def __init__(self, name: str) -> None:
        self.name = name

    def error(self, code: str, found: str, mark: Mark, *, allowed: str = "", remedy: str = "") -> RecipeError:
        return RecipeError(code, found, where=mark.within(self.name), allowed=allowed, remedy=remedy)

    def recipe(self, root: Node, path: Path) -> Recipe:
        top = self.mapping(root, "the recipe", ROOT_KEYS, ("version", "jobs"))
        version = top["version"]
        if type(version.value) is not int or version.value != VERSION:
            shown = version.text or version.kind
            raise self.error("R007", f"version {shown} is not known", version.mark, allowed=str(VERSION))
        seed = self.integer(top.get("seed"), "seed", 0, MAX_SEED, 0)
        listed = self.items(top["jobs"], "jobs")
        if not listed:
            raise self.error("R006", "jobs is empty", top["jobs"].mark, remedy="add a job")
        jobs: list[JobRecipe] = []
        taken: dict[str, str] = {}
        for node in listed:
            for job in self.job(node):
                if len(jobs) == MAX_JOBS:
                    raise self.error("R011", f"more than {MAX_JOBS:,} jobs", node.mark, remedy="split the recipe")
                place = job.places.where("name")
                other = taken.setdefault(job.slug.lower(), place)
                if other is not place:
                    raise RecipeError(
                        "R010",
                        f"job {job.name!r} would share the folder {job.slug!r} with the one at {other}",
                        where=place,
                        allowed="names that differ in more than case and punctuation",
                        remedy="rename one of them",
                    )
                jobs.append(job)
        return Recipe(VERSION, seed, tuple(jobs), path)

    def job(self, node: Node) -> list[JobRecipe]:
        item = self.mapping(node, "a job", JOB_KEYS, ("name", "generator"))
        name = self.text(item["name"], "name")
        problem = job_name_problem(name)
        if problem:
            raise self.error(
                "R009",
                f"job name {_short(name)} {problem}",
                item["name"].mark,
                allowed=f"at most {MAX_NAME} letters, digits, _ - .",
                remedy="rename the job",
            )
        params = item.get("params")
        if params is not None and params.value is None:
            params = None
        if params is not None and not isinstance(params.value, dict):
            raise self.wrong(params, "params", "a mapping of the generator's parameters")
        marks = {path: (key, value) for path, key, value in node.places()}
        marks[()] = (node.mark, node.mark)
        base = JobRecipe(
            name=name,
            slug=name,
            generator=self.text(item["generator"], "generator"),
            count=self.integer(item.get("count"), "count", 1, MAX_COUNT, 1),
            params=params.plain() if params else {},
            export=self.exporters(item.get("export")),
            max_attempts=self.integer(item.get("max_attempts"), "max_attempts", 1, MAX_ATTEMPTS, DEFAULT_ATTEMPTS),
            places=Places(self.name, marks),
        )
        made = variants(item.get("sweep"), base.name, base.params, self.error, MAX_JOBS)
        slugs = {variant.slug for variant in made}
        reject = self.rejected(item.get("reject"), slugs)
        return [self.variant(base, variant, reject) for variant in made]

    def variant(self, base: JobRecipe, variant: Variant, reject: tuple[str, ...]) -> JobRecipe:
        if not variant.values:
            places = base.places
        else:
            marks = dict(base.places.marks)
            for dotted, (key, value) in variant.marks.items():
                marks[("params", *dotted.split("."))] = (key, value)
            places = Places(base.places.source, marks)
        return JobRecipe(
            name=variant.name,
            slug=variant.slug,
            generator=base.generator,
            count=base.count,
            params=variant.params,
            export=base.export,
            sweep=variant.values,
            reject=reject,
            max_attempts=base.max_attempts,
            places=places,
        )

    def exporters(self, node: Node | None) -> tuple[str, ...]:
        if node is None or node.value is None:
            return ()
        names = [self.text(item, "an exporter") for item in self.items(node, "export")]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise self.error(
                    "R010", f"exporter {name!r} stands twice", node.value[index].mark, remedy="remove one"
                )
        return tuple(names)

    def rejected(self, node: Node | None, slugs: set[str]) -> tuple[str, ...]:
        if node is None or node.value is None:
            return ()
        found = []
        for item in self.items(node, "reject"):
            # a digest such as 12345678 or 1e234567 reads as a number: what was written counts
            text = item.text if isinstance(item.value, int | float | str) else self.text(item, "reject")
            slug, _, index = text.rpartition("-")
            is_id = slug in slugs and re.fullmatch(r"[0-9]{6,7}", index)
            if not is_id and not _DIGEST.match(text):
                raise self.error(
                    "R016",
                    f"{_short(text)} is no id of this job and no digest",
                    item.mark,
                    allowed="an id such as " + min(slugs) + "-000001, or 8 to 64 hexadecimal digits",
                    remedy=did_you_mean(text, [f"{known}-{index}" for known in slugs]),
                )
            found.append(text)
        return tuple(found)

    def mapping(self, node: Node, what: str, known: tuple[str, ...], required: tuple[str, ...]) -> dict[str, Node]:
        if not isinstance(node.value, dict):
            raise self.wrong(node, what, f"a mapping with the keys {', '.join(known)}")
        entries: dict[str, Node] = node.value
        for key in entries:
            if key not in known:
                place = "at the top of the recipe" if key in ROOT_KEYS else "in a job"
                moved = f"move it: {key} stands {place}" if key in ROOT_KEYS + JOB_KEYS else ""
                raise self.error(
                    "R001",
                    f"unknown key {_short(key)} in {what}",
                    node.keys[key],
                    allowed=", ".join(known),
                    remedy=moved or did_you_mean(key, known, "remove it; parameters stand under `params`"),
                )
        for key in required:
            if key not in entries:
                raise self.error("R006", f"{what} has no key {key!r}", node.mark, remedy=f"add `{key}:`")
        return entries

    def items(self, node: Node, what: str) -> list[Node]:
        if not isinstance(node.value, list):
            raise self.wrong(node, what, "a list, such as [a, b]")
        return node.value

    def text(self, node: Node, what: str) -> str:
        if not isinstance(node.value, str) or not node.value:
            remedy = "put quotes around it" if isinstance(node.value, bool | int | float) else ""
            raise self.wrong(node, what, "text", remedy)
        return node.value

    def integer(self, node: Node | None, what: str, low: int, high: int, default: int) -> int:
        if node is None:
            return default
        most = f"{high:,}" if high < MAX_SEED else "2**63-1"
        allowed = f"an integer within {low} .. {most}"
        if type(node.value) is not int:
            raise self.wrong(node, what, allowed)
        if not low <= node.value <= high:
            raise self.error("R008", f"{what} is {node.value}", node.mark, allowed=allowed)
        return node.value

    def wrong(self, node: Node, what: str, allowed: str, remedy: str = "") -> RecipeError:
        shown = "is empty" if node.value in (None, "") else f"is {node.kind}"
        detail = f", {_short(node.text)}" if node.text else ""
        return self.error("R003", f"{what} {shown}{detail}", node.mark, allowed=allowed, remedy=remedy)


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
