"""Field names: a column of the interaction, or a key of its payload.

"Fields" in docs/reference/semantics.md defines the spellings. `clickhouse/sql/fields.py` compiles
the value of a field in a row.
"""

from __future__ import annotations

import unicodedata
from enum import StrEnum
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

PAYLOAD = "interaction"


class Column(StrEnum):
    """The columns of an interaction that a metric may name."""

    RESOURCE_ID = "resourceId"
    RESOURCE_TYPE = "resourceType"
    ACTION = "action"
    ORIGIN = "origin"
    USER_ID = "userId"
    UOW_ID = "uowId"
    EXTERNAL_REFERENCE = "externalReference"


_COLUMNS = {column.value: column for column in Column}


class Field:
    """A column, or a path in the payload. Immutable; compared and hashed by its spelling."""

    __slots__ = ("column", "path", "spelling")

    spelling: str
    column: Column | None
    path: tuple[str, ...]

    def __init__(self, spelling: str) -> None:
        """Parse a spelling; the message of ValueError describes a valid one."""
        self.spelling = spelling
        self.column = _COLUMNS.get(spelling)
        self.path = () if self.column else _payload_path(spelling)

    @classmethod
    def of_path(cls, path: tuple[str, ...]) -> Field:
        return cls(".".join((PAYLOAD, *map(_escape, path))))

    @property
    def key(self) -> str:
        """The name of this field's dimension in groups."""
        return dimension_key(self.spelling)

    def __str__(self) -> str:
        return self.spelling

    def __repr__(self) -> str:
        return f"Field({self.spelling!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Field) and self.spelling == other.spelling

    def __hash__(self) -> int:
        return hash(self.spelling)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: Any, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._read, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def _read(cls, value: Any) -> Field:
        if isinstance(value, Field):
            return value
        if not isinstance(value, str):
            raise ValueError("must be a string")
        return cls(value)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "type": "string",
            "description": "A column (resourceId, resourceType, action, origin, userId, uowId, "
            "externalReference) or a key of the payload, such as interaction.user.plan",
            "examples": ["interaction.country"],
        }


def dimension_key(spelling: str) -> str:
    """The name that the dimension of a field has in groups; a key is its own name."""
    return "".join(c if c == "_" or _is_letter_or_digit(c) else "_" for c in spelling)


def _is_letter_or_digit(character: str) -> bool:
    """Letters and digits of any script; not combining marks, fractions or superscripts."""
    return unicodedata.category(character) in ("Lu", "Ll", "Lt", "Lm", "Lo", "Nd")


def _payload_path(spelling: str) -> tuple[str, ...]:
    segments = _split(spelling)
    if segments[0] != PAYLOAD or len(segments) < 2:
        columns = ", ".join(Column)
        raise ValueError(
            f"is not a field: write one of {columns}, or interaction.<key> for a key of the payload"
        )
    if "" in segments:
        raise ValueError("has an empty key in its path: every key between the dots needs a name")
    if any("%2E" in segment for segment in segments):
        raise ValueError("has %2E in a key; payloads with such a key are rejected")
    return tuple(segments[1:])


def _split(spelling: str) -> list[str]:
    """Split at unescaped dots; a backslash escapes only a dot or a backslash."""
    segments = [""]
    characters = iter(spelling)
    for character in characters:
        if character == ".":
            segments.append("")
            continue
        if character == "\\":
            character = next(characters, "")
            if character not in (".", "\\"):
                raise ValueError(r"has a stray backslash: write \. for a dot, \\ for a backslash")
        segments[-1] += character
    return segments


def _escape(segment: str) -> str:
    return segment.replace("\\", "\\\\").replace(".", "\\.")
