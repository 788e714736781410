"""Params that stand as text in a recipe and are objects in the program, such as a model folder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from aigc_content.inputs import open_input


class Written(ABC):
    """Base of the type of such a param."""

    @classmethod
    @abstractmethod
    def read(cls, value: Any, info: ValidationInfo) -> Self:
        """The object that a recipe's value stands for; called by pydantic.

        Raises:
            ValueError, InputError: it stands for none.
        """

    @abstractmethod
    def written(self, *, digests: bool) -> Any:
        """The value as the recipe has it; with ``digests`` what it stands for, as the key of an asset needs it."""

    @classmethod
    @abstractmethod
    def described(cls) -> JsonSchemaValue:
        """The JSON Schema of the recipe's value."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def validate(value: Any, info: ValidationInfo) -> Any:
            return value if isinstance(value, cls) else cls.read(value, info)

        def serialize(value: Written, info: core_schema.SerializationInfo) -> Any:
            return value.written(digests=bool((info.context or {}).get("digests")))

        serialization = core_schema.plain_serializer_function_ser_schema(serialize, info_arg=True)
        return core_schema.with_info_plain_validator_function(validate, serialization=serialization)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return cls.described()


@dataclass(frozen=True)
class ModelFolder(Written):
    """A model folder of the user's own, as ``aigc train`` writes it: the type of a param ``model:``.

    `Generator.models_for` gives its path to the host, which checks it.

    Attributes:
        name: as written.
        path: absolute path of the folder.
        config: sha256 of its ``config.json``.
    """

    name: str
    path: Path
    config: str

    @classmethod
    def read(cls, value: Any, info: ValidationInfo) -> Self:
        """See `Written`."""
        if not isinstance(value, str) or not value:
            raise ValueError("the path of a model folder is expected")
        config = open_input(f"{value.rstrip('/')}/config.json", info)
        return cls(value, config.path.parent, config.sha256)

    def written(self, *, digests: bool) -> Any:
        """See `Written`."""
        return {"sha256": self.config} if digests else self.name

    @classmethod
    def described(cls) -> JsonSchemaValue:
        """See `Written`."""
        return {"type": "string", "format": "path", "description": "a model folder, as `aigc train` writes it"}
