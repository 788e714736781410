"""`InputFile`: the only door through which a user's file comes in.

A file is resolved against the file that names it, capped in size, read once, hashed by its content, and listed
in an `Inputs` ledger. The ledger's digests enter the key of every asset made from it, and its paths the
depfile. So editing a game file makes its levels again, and renaming it does not.

A plugin's params name files by type: ``sketch: InputFile`` in a `Params` model, or `open_input` in a validator
of its own. Content is held in memory and travels to the workers with the params, so what was hashed is what is
used.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from aigc_content.canonical import sha256
from aigc_content.errors import InputError

MAX_BYTES = 16 << 20


@dataclass(frozen=True)
class InputFile:
    """A user's file, read.

    Attributes:
        name: as it was written by whoever named it.
        path: absolute path.
        sha256: hex digest of ``data``.
        data: the content, at most `MAX_BYTES`.
        ledger: where files that this one names are listed too.
    """

    name: str
    path: Path
    sha256: str
    data: bytes = field(repr=False)
    ledger: Inputs | None = field(default=None, repr=False, compare=False)

    def text(self) -> str:
        """The content as UTF-8.

        Raises:
            InputError: I003, it is not UTF-8.
        """
        try:
            return self.data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = self.data[: error.start].count(b"\n") + 1
            raise InputError(
                "I003",
                f"byte {error.start} is not UTF-8 text",
                where=f"{self.path}:{line}",
                remedy="save the file as UTF-8",
            ) from None

    def sibling(self, name: str) -> InputFile:
        """Open a file that this one names, relative to this one's folder; listed in the same ledger.

        Raises:
            InputError: as `Inputs.open`.
        """
        ledger = self.ledger if self.ledger is not None else Inputs(self.path.parent)
        return ledger.open(name, base=self.path.parent)

    def __reduce__(self) -> tuple[Any, ...]:
        return (InputFile, (self.name, self.path, self.sha256, self.data))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(
            _validate,
            serialization=core_schema.plain_serializer_function_ser_schema(_serialize, info_arg=True),
        )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "type": "string",
            "format": "path",
            "description": "a file, relative to the file that names it",
        }


class Inputs:
    """The ledger of the files that one job reads.

    Args:
        base: folder against which names are resolved (the recipe's own).
    """

    def __init__(self, base: Path) -> None:
        self.base = base
        self._files: dict[Path, InputFile] = {}

    def open(self, name: str, *, base: Path | None = None, cap: int = MAX_BYTES) -> InputFile:
        """Read a file once and list it.

        Args:
            name: relative to ``base`` or the ledger's base, or absolute; ``~`` is not expanded.
            cap: most bytes that are read.

        Raises:
            InputError: I001 missing or not a file, I002 too large, I004 not readable.
        """
        where = str(name)
        if not name or "\0" in name:
            raise InputError("I001", f"{name!r} is not a file name", remedy="name a file")
        path = ((base or self.base) / name).resolve()
        if path in self._files:
            return self._files[path]
        try:
            if not path.is_file():
                raise InputError(
                    "I001",
                    f"there is no file {str(path)!r}",
                    where=where,
                    remedy="paths are relative to the file that names them",
                )
            size = path.stat().st_size
            if size > cap:
                raise InputError("I002", f"has {size:,} bytes", where=str(path), allowed=f"at most {cap:,} bytes")
            data = path.read_bytes()
        except OSError as error:
            raise InputError(
                "I004", f"cannot be read: {error.strerror}", where=str(path), remedy="check its permissions"
            ) from None
        file = InputFile(name, path, sha256(data), data, self)
        self._files[path] = file
        return file

    def __iter__(self) -> Iterator[InputFile]:
        return iter(sorted(self._files.values(), key=lambda file: str(file.path)))

    def digests(self) -> list[str]:
        """Sorted content digests of all files read, for the key."""
        return sorted(file.sha256 for file in self._files.values())


def open_input(name: str, info: ValidationInfo) -> InputFile:
    """Open a file from inside a pydantic validator, by the ledger that the host put into the context.

    Raises:
        InputError: as `Inputs.open`.
    """
    ledger = (info.context or {}).get("inputs")
    if not isinstance(ledger, Inputs):
        ledger = Inputs(Path.cwd())
    return ledger.open(name)


def _validate(value: Any, info: ValidationInfo) -> InputFile:
    if isinstance(value, InputFile):
        return value
    if not isinstance(value, str):
        raise ValueError("a file name is expected")
    return open_input(value, info)


def _serialize(value: InputFile, info: core_schema.SerializationInfo) -> Any:
    if (info.context or {}).get("digests"):
        return {"sha256": value.sha256}
    return value.name
