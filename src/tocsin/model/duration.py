"""Durations as users write them: `0s`, `10s`, `5m`, `24h`, `7d`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Self

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

LENGTHS = {
    "s": timedelta(seconds=1),
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_LONGEST = timedelta(days=3_650)
_STEPS = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


@dataclass(frozen=True, slots=True)
class Duration:
    """A whole number of seconds, minutes, hours or days; it keeps its spelling."""

    count: int
    unit: str

    _WORD = "duration"
    _UNITS = "s, m, h or d"
    _EXAMPLES: ClassVar[tuple[str, ...]] = ("90s", "5m")
    _PATTERN = "(0|[1-9][0-9]{0,8})([smhd])"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse a number and a unit; the message of ValueError shows a valid example."""
        match = re.fullmatch(cls._PATTERN, text)
        if not match:
            raise ValueError(
                f"is not a {cls._WORD}: write a whole number and {cls._UNITS}, "
                f"such as {cls._EXAMPLES[0]}"
            )
        duration = cls(int(match[1]), match[2])
        if duration.length > _LONGEST:
            raise ValueError(f"is too long: a {cls._WORD} is at most 3650d")
        return duration

    @property
    def length(self) -> timedelta:
        return self.count * LENGTHS[self.unit]

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
    def _read(cls, value: Any) -> Self:
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            raise ValueError(f"must be a string, such as {cls._EXAMPLES[0]}")
        return cls.parse(value)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        pattern = "^" + cls._PATTERN.replace("{0,8}", "*") + "$"
        return {"type": "string", "pattern": pattern, "examples": list(cls._EXAMPLES)}


NONE = Duration(0, "s")
MINUTE = Duration(1, "m")


def between(shortest: str, longest: str) -> Callable[[Duration], Duration]:
    """A validator that rejects shorter and longer durations."""
    least, most = Duration.parse(shortest), Duration.parse(longest)

    def check(duration: Duration) -> Duration:
        if not least.length <= duration.length <= most.length:
            raise ValueError(f"must be from {shortest} to {longest}")
        return duration

    return check


def spelled(length: timedelta) -> str:
    """`2 d 3 h`, `4 m 10 s`: the two largest units."""
    rest = int(length.total_seconds())
    parts = []
    for unit, seconds in _STEPS:
        count, rest = divmod(rest, seconds)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
