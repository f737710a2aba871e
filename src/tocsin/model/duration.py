"""How long does something last or wait: `0s`, `10s`, `5m`, `24h`, `7d`, as alerts say it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_UNITS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_LONGEST = timedelta(days=3_650)


@dataclass(frozen=True, slots=True)
class Duration:
    """A whole number of seconds, minutes, hours or days; given back as it was written."""

    count: int
    unit: str

    @classmethod
    def parse(cls, text: str) -> Duration:
        """Read `{n}s`, `{n}m`, `{n}h` or `{n}d`; ValueError says what a right one looks like."""
        match = re.fullmatch(r"(0|[1-9][0-9]{0,8})([smhd])", text)
        if not match:
            raise ValueError("is no duration: write a whole number and s, m, h or d, such as 90s")
        duration = cls(int(match[1]), match[2])
        if duration.length > _LONGEST:
            raise ValueError("is too long: a duration is at most 3650d")
        return duration

    @property
    def length(self) -> timedelta:
        return self.count * _UNITS[self.unit]

    def __str__(self) -> str:
        return f"{self.count}{self.unit}"

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: Any, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls._read, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )

    @classmethod
    def _read(cls, value: Any) -> Duration:
        if isinstance(value, Duration):
            return value
        if not isinstance(value, str):
            raise ValueError("must be a string, such as 90s")
        return cls.parse(value)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "pattern": "^(0|[1-9][0-9]*)[smhd]$", "examples": ["90s", "5m"]}


NONE = Duration(0, "s")
MINUTE = Duration(1, "m")


def between(shortest: str, longest: str) -> Callable[[Duration], Duration]:
    """A check that refuses what is shorter or longer."""
    least, most = Duration.parse(shortest), Duration.parse(longest)

    def check(duration: Duration) -> Duration:
        if not least.length <= duration.length <= most.length:
            raise ValueError(f"must be from {shortest} to {longest}")
        return duration

    return check
