"""A fault in a user's rules or params: code, place and remedy, carried through pydantic to whoever shows it.

Models raise `fault` in their validators; it keeps the keys that lead to the faulty value, so that a reader of
YAML can name file and line. The codes are explained in ``docs/games.md``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from aigc_content import Node

Keys = tuple[str | int, ...]


def fault(
    code: str, keys: Keys, found: str, *, allowed: str = "", remedy: str = "", value: Any = None
) -> ValidationError:
    """An error to raise inside a pydantic validator.

    Args:
        code: such as ``L004``; becomes the ``type`` of the error.
        keys: keys and list places that lead from the validated model to the fault.
        found: what was wrong, one sentence without a final stop.
        allowed: what would have been right.
        remedy: what to do now.
        value: what stood there.
    """
    extra = [f"{name}: {text}" for name, text in (("allowed", allowed), ("remedy", remedy)) if text]
    message = "; ".join([found, *extra])
    context = {"message": message, "found": found, "allowed": allowed, "remedy": remedy}
    kind = PydanticCustomError(code, "{message}", context)
    return ValidationError.from_exception_data("fault", [InitErrorDetails(type=kind, loc=keys, input=value)])


def first_error(error: ValidationError, root: Node) -> Any:
    """The one of pydantic's errors that is told about a file.

    It is the first in the file of the innermost ones (a list of wrong items is "too short" as well); a missing key
    comes last, since another key may be its misspelling.
    """
    errors = error.errors(include_url=False)
    paths = {one["loc"] for one in errors}
    outer = {path[:length] for path in paths for length in range(len(path))}
    innermost = [one for one in errors if one["loc"] not in outer]
    return min(innermost, key=lambda one: (one["type"] == "missing", root.mark_of(one["loc"])))


def listing(names: Iterable[str]) -> str:
    """Names as ``allowed`` shows them."""
    return ", ".join(names)
