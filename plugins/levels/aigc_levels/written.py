"""Params that stand as text in a recipe and are objects in the program: a game, a sketch, a model folder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


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
