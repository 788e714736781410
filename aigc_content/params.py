"""What pydantic says about params, as messages that name the place and the nearest right spelling."""

from __future__ import annotations

import re
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, PydanticUserError, ValidationError

from aigc_content.errors import AigcError, ParamsError, did_you_mean
from aigc_content.inputs import Inputs
from aigc_content.recipe import JobRecipe

_SHOWN = 60
_OUT_OF_RANGE = {"greater_than_equal", "less_than_equal"}
_NO_MAPPING = {"model_type", "model_attributes_type", "dict_type"}
_CODE = re.compile(r"[A-Z]{1,4}[0-9]{3}\Z")


def explain(error: ValidationError, model: type[BaseModel], item: JobRecipe) -> ParamsError:
    """The first of a validation's errors, with its place in the recipe or on the command line.

    Codes: G001 unknown parameter, G002 missing parameter, G003 wrong value, G004 a value (or a combination of
    values) that the generator refuses. A plugin gives a code, an ``allowed`` and a ``remedy`` of its own by
    ``PydanticCustomError(code, "{found}", {"found": ..., "allowed": ..., "remedy": ...})``.
    """
    errors = error.errors(include_url=False)
    order = {"extra_forbidden": 0, "missing": 2}
    first = min(errors, key=lambda entry: order.get(entry["type"], 1))
    path = _in_recipe(first["loc"], item)
    name = ".".join(str(part) for part in path) or "params"
    if first["type"] == "extra_forbidden":
        known = sorted(_fields(model, path[:-1]))
        return ParamsError(
            "G001",
            f"{item.generator} has no parameter {name!r}",
            where=item.places.where("params", *path, key=True),
            allowed=", ".join(known),
            remedy=did_you_mean(str(path[-1]), known, "remove it"),
        )
    if first["type"] == "missing":
        missing = ".".join(str(part) for part in first["loc"])
        return ParamsError(
            "G002",
            f"{item.generator} needs the parameter {missing!r}",
            where=item.places.where("params", *path),
            remedy=f"add {missing!r} under params",
        )
    place = item.places.where("params", *path)
    message = first["msg"]
    context = first.get("ctx", {})
    if _CODE.match(first["type"]):
        found = str(context.get("found") or message)
        allowed, remedy = str(context.get("allowed", "")), str(context.get("remedy", ""))
        return ParamsError(first["type"], found, where=place, allowed=allowed, remedy=remedy)
    if first["type"] in {"value_error", "assertion_error"}:
        found = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
        prefix = f"{name}: " if path else ""
        return ParamsError("G004", prefix + found, where=place, remedy=_remedy(item))
    suggested = ""
    if first["type"] in {"literal_error", "enum"} and isinstance(first["input"], str):
        suggested = did_you_mean(first["input"], str(context.get("expected", "")).split("'"))
    return ParamsError(
        "G003",
        f"{name} is {_short(first['input'])}",
        where=place,
        allowed=_allowed(first["type"], model, path) or message.removeprefix("Input should be "),
        remedy=suggested or _remedy(item),
    )


def culprit(error: AigcError, model: type[BaseModel], item: JobRecipe, inputs: Inputs) -> tuple[str | int, ...]:
    """The parameter whose removal makes an error go away; empty when there is not exactly one."""
    guilty = [key for key in item.params if not _repeats(error, model, item, key, Inputs(inputs.base))]
    return (guilty[0],) if len(guilty) == 1 else ()


def _repeats(error: AigcError, model: type[BaseModel], item: JobRecipe, without: str, inputs: Inputs) -> bool:
    rest = {key: value for key, value in item.params.items() if key != without}
    try:
        model.model_validate(rest, context={"inputs": inputs})
    except AigcError as again:
        return (again.code, again.found) == (error.code, error.found)
    except Exception:
        return False
    return False


def _in_recipe(loc: tuple[str | int, ...], item: JobRecipe) -> tuple[str | int, ...]:
    """The part of pydantic's location that stands in the recipe (without tags of unions and the like)."""
    path: list[str | int] = []
    here: Any = item.params
    for part in loc:
        inside = part in here if isinstance(here, dict) else isinstance(here, list) and part in range(len(here))
        if inside:
            here = here[part]
            path.append(part)
    return tuple(path)


def _allowed(kind: str, model: type[BaseModel], path: tuple[str | int, ...]) -> str:
    """What may stand at ``path``, where pydantic's message tells less than is known; else empty."""
    if kind in _NO_MAPPING:
        keys = _fields(model, path)
        return f"a mapping with the keys {', '.join(keys)}" if keys else "a mapping"
    if kind in _OUT_OF_RANGE:
        ranges = {(part.get("minimum"), part.get("maximum")) for part in _schemas(model, path)} - {(None, None)}
        low, high = ranges.pop() if len(ranges) == 1 else (None, None)
        return f"{low:,} to {high:,}" if low is not None and high is not None else ""
    return ""


def _schemas(model: type[BaseModel], path: tuple[str | int, ...]) -> list[dict[str, Any]]:
    """The JSON Schemas of what may stand at ``path``; empty for a model that has none."""
    try:
        whole = model.model_json_schema()
    except PydanticUserError:
        return []

    def spread(schema: Any) -> list[dict[str, Any]]:
        if not isinstance(schema, dict):
            return []
        if "$ref" in schema:
            return spread(whole["$defs"][schema["$ref"].rpartition("/")[2]])
        return [inner for part in schema["anyOf"] for inner in spread(part)] if "anyOf" in schema else [schema]

    found = spread(whole)
    for part in path:
        inner = [one.get("properties", {}).get(str(part)) or one.get("additionalProperties") for one in found]
        found = [each for one in [*inner, *(one.get("items") for one in found)] for each in spread(one)]
    return found


def _fields(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """Names of the fields of the model at ``path`` below ``model``."""
    inner: Any = model
    for part in path:
        info = inner.model_fields.get(str(part)) if _is_model(inner) else None
        if info is None:
            return []
        inner = next((kind for kind in _kinds(info.annotation) if _is_model(kind)), None)
    if not _is_model(inner):
        return []
    return [info.alias or name for name, info in inner.model_fields.items()]


def _kinds(annotation: Any) -> list[Any]:
    if get_origin(annotation) in {Union, UnionType}:
        return [kind for part in get_args(annotation) for kind in _kinds(part)]
    return [annotation]


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _remedy(item: JobRecipe) -> str:
    return f"`aigc schema show {item.generator}/params-1` lists what each parameter takes"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
