"""JSON Schema (draft 2020-12) of every file that the toolkit reads or emits, and validation against it.

A schema is named ``recipe-1``, ``manifest-1``, ``levels/params-1`` or ``levels/level-1``; the number rises when
files written before would no longer match. All but the recipe's are made from pydantic models, those of plugins
included, so any installed plugin's files can be validated. The repository keeps a copy under ``schemas/``, for
editors and other tools; `check_schemas` tells when it is stale.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue

from aigc_content import manifest, recipe
from aigc_content.errors import SchemaError, did_you_mean
from aigc_content.manifest import ManifestLine
from aigc_content.plugins import Registry
from aigc_content.report import BuildReport, VerifyReport

DIALECT = "https://json-schema.org/draft/2020-12/schema"
RECIPE = "recipe-1"
MANIFEST = "manifest-1"
BUILD = "build-1"
VERIFY = "verify-1"
MAX_BYTES = 64 << 20
MANIFEST_FILE = manifest.NAME

_HOSTS: Mapping[str, type[BaseModel]] = {MANIFEST: ManifestLine, BUILD: BuildReport, VERIFY: VerifyReport}
_NAME = re.compile(r"([a-z0-9_-]+/)?[a-z0-9_-]+-[0-9]+\Z")
_PROBLEMS = 20


class _Draft202012(GenerateJsonSchema):
    schema_dialect = DIALECT

    def generate(self, schema: Any, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        return {**super().generate(schema, mode=mode), "$schema": self.schema_dialect}


def schema_names(registry: Registry) -> list[str]:
    """Names of all schemas that the host and the installed plugins have.

    Raises:
        PluginError: a plugin is broken.
    """
    names = [RECIPE, *_HOSTS]
    for generator in sorted(registry.generators):
        names.append(f"{generator}/params-1")
        asset = registry.generator(generator).asset_schema
        if asset:
            names.append(asset)
    return names


def schema_for(name: str, registry: Registry) -> dict[str, Any]:
    """The schema of that name.

    Raises:
        SchemaError: S002, there is none.
        PluginError: the plugin that has it is broken.
    """
    if name == RECIPE:
        return _finished(name, recipe_schema())
    if name in _HOSTS:
        return _finished(name, model_schema(_HOSTS[name]))
    owner = name.partition("/")[0]
    owners = [owner] if owner in registry.generators else sorted(registry.generators)
    for generator in owners:
        target = registry.generator(generator)
        if name == f"{generator}/params-1":
            return _finished(name, model_schema(target.params_type))
        if name == target.asset_schema:
            return _finished(name, model_schema(target.asset_type))
    names = schema_names(registry)
    raise SchemaError(
        "S002", f"there is no schema {name!r}", allowed=", ".join(names), remedy=did_you_mean(name, names)
    )


def model_schema(model: type[BaseModel]) -> dict[str, Any]:
    """JSON Schema of a pydantic model, in the form in which the model is read."""
    return model.model_json_schema(schema_generator=_Draft202012)


def schema_text(name: str, registry: Registry) -> str:
    """A schema as the text of its file: the same on every machine."""
    return json.dumps(schema_for(name, registry), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def name_problem(name: str) -> str | None:
    """Why a schema cannot have this name, or None."""
    return None if _NAME.match(name) else f"schema name {name!r} is not like generator/thing-1, of a-z 0-9 - _"


def write_schemas(folder: Path, registry: Registry) -> list[Path]:
    """Write all schemas below a folder; return the files that changed.

    Raises:
        SchemaError: S006, a plugin's schema has a name that cannot be a file.
    """
    changed = []
    for path, text in _files(folder, registry):
        if not path.is_file() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
            changed.append(path)
    return changed


def check_schemas(folder: Path, registry: Registry) -> list[Path]:
    """The files below a folder that `write_schemas` would change."""
    return [
        path
        for path, text in _files(folder, registry)
        if not path.is_file() or path.read_bytes() != text.encode("utf-8")
    ]


def validate_file(path: Path, registry: Registry, schema: str | None = None) -> list[SchemaError]:
    """Everything that is wrong with a file, by its schema; empty when it is valid.

    Args:
        path: a recipe (``.yaml``), a manifest (``.jsonl``) or JSON.
        registry: the plugins whose schemas count.
        schema: name of the schema; guessed by default from the file's ``$schema``, its suffix, or the manifest of
            the build that it lies in.

    Raises:
        RecipeError: the file is a recipe and wrong.
        SchemaError: S002 unknown schema, S003 the schema cannot be guessed, S004 the file cannot be read as JSON.
    """
    if path.suffix in {".yaml", ".yml"} and schema in {None, RECIPE}:
        recipe.load_recipe(path)
        return []
    documents = list(_documents(path))
    if schema is None:
        schema = _guess(path, documents, registry)
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(schema_for(schema, registry))
    problems: list[SchemaError] = []
    for line, document in documents:
        for error in sorted(validator.iter_errors(document), key=lambda error: list(map(str, error.absolute_path))):
            where = f"{path}:{line}" if line else str(path)
            message = error.message if len(error.message) <= 200 else error.message[:197] + "..."
            problems.append(SchemaError("S001", f"{error.json_path}: {message}", where=where, allowed=schema))
            if len(problems) == _PROBLEMS:
                return problems
    return problems


def recipe_schema() -> dict[str, Any]:
    """The schema of a recipe; params are checked by each generator's own schema."""
    text = {"type": "string", "minLength": 1}
    scalar = {"type": ["string", "number", "boolean"]}
    job = {
        "type": "object",
        "additionalProperties": False,
        "required": ["name", "generator"],
        "properties": {
            "name": {
                "type": "string",
                "pattern": f"^{recipe.JOB_NAME}$",
                "maxLength": recipe.MAX_NAME,
                "description": "names the job's folder and the ids of its assets",
            },
            "generator": {**text, "description": "what makes the assets; `aigc plugins list` names all"},
            "count": {
                "type": "integer",
                "minimum": 1,
                "maximum": recipe.MAX_COUNT,
                "default": 1,
                "description": "number of assets",
            },
            "params": {
                "type": ["object", "null"],
                "description": "the generator's parameters; `aigc schema show GENERATOR/params-1` lists them",
            },
            "sweep": {
                "type": ["object", "null"],
                "minProperties": 1,
                "additionalProperties": {"type": "array", "minItems": 1, "uniqueItems": True, "items": scalar},
                "description": "parameters by (dotted) name with lists of values; each combination becomes a job",
            },
            "export": {
                "type": ["array", "null"],
                "items": text,
                "uniqueItems": True,
                "description": "exporters; each asset's own JSON is always written",
            },
            "reject": {
                "type": ["array", "null"],
                "items": {"type": ["string", "integer"]},
                "description": "ids, or digests of assets' JSON, that are drawn anew",
            },
            "max_attempts": {
                "type": "integer",
                "minimum": 1,
                "maximum": recipe.MAX_ATTEMPTS,
                "default": recipe.DEFAULT_ATTEMPTS,
                "description": "attempts at one asset before it is reported as failed",
            },
        },
    }
    return {
        "title": "Recipe",
        "description": "What `aigc build` makes.",
        "type": "object",
        "additionalProperties": False,
        "required": ["version", "jobs"],
        "properties": {
            "version": {"const": recipe.VERSION},
            "seed": {"type": "integer", "minimum": 0, "maximum": recipe.MAX_SEED, "default": 0},
            "jobs": {"type": "array", "minItems": 1, "maxItems": recipe.MAX_JOBS, "items": job},
        },
    }


def _finished(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {**schema, "$schema": DIALECT, "$id": name}


def _files(folder: Path, registry: Registry) -> Iterator[tuple[Path, str]]:
    for name in schema_names(registry):
        problem = name_problem(name)
        if problem:
            raise SchemaError("S006", problem, remedy="change the generator's asset_schema")
        yield folder / f"{name}.json", schema_text(name, registry)


def _documents(path: Path) -> Iterator[tuple[int, Any]]:
    """Line number (0 for a whole file) and content of each JSON document of a file."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _unreadable(path, f"has more than {MAX_BYTES:,} bytes")
        text = path.read_text("utf-8")
    except OSError as error:
        raise _unreadable(path, f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise _unreadable(path, f"byte {error.start} is not UTF-8 text") from None
    lines = enumerate(text.splitlines(), 1) if path.suffix == ".jsonl" else [(0, text)]
    for line, piece in lines:
        try:
            yield line, json.loads(piece)
        except (ValueError, RecursionError) as error:
            place = f"{path}:{line}" if line else str(path)
            if isinstance(error, json.JSONDecodeError):
                place = f"{path}:{line or error.lineno}:{error.colno}"
                raise _unreadable(place, f"is not JSON: {error.msg}") from None
            raise _unreadable(place, "is not JSON that can be read") from None


def _unreadable(place: Path | str, reason: str) -> SchemaError:
    return SchemaError("S004", reason, where=str(place), remedy="check the file's name and content")


def _guess(path: Path, documents: list[tuple[int, Any]], registry: Registry) -> str:
    if path.name == MANIFEST_FILE:
        return MANIFEST
    first = documents[0][1] if documents else None
    if isinstance(first, dict) and isinstance(first.get("$schema"), str):
        named = first["$schema"].removesuffix(".json").split("schemas/")[-1]
        if _NAME.match(named):
            return str(named)
    listed = _from_manifest(path)
    if listed:
        return listed
    for generator in sorted(registry.generators):
        target = registry.generator(generator)
        if target.asset_schema and target.asset_suffix != ".json" and path.name.endswith(target.asset_suffix):
            return target.asset_schema
    raise SchemaError(
        "S003", "the schema of this file cannot be guessed", where=str(path), remedy="name it: `--schema NAME`"
    )


def _from_manifest(path: Path) -> str | None:
    """The schema that the manifest of the surrounding build names for a file."""
    resolved = path.resolve()
    for folder in list(resolved.parents)[:3]:
        listing = folder / MANIFEST_FILE
        if not listing.is_file():
            continue
        name = resolved.relative_to(folder).as_posix()
        with listing.open(encoding="utf-8") as lines:
            for line in lines:
                if json.dumps(name) not in line:
                    continue
                for file in json.loads(line).get("files", ()):
                    if file.get("path") == name and file.get("schema"):
                        return str(file["schema"])
    return None
