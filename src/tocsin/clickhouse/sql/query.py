"""A query for the engine: an SQL text, and the values that are bound to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

ResultRow = tuple[Any, ...]
_PATTERN = "pattern"


@dataclass(frozen=True, slots=True)
class Query:
    text: str
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def has_patterns(self) -> bool:
        """Whether it tests texts with regular expressions that users wrote."""
        return any(name.startswith(_PATTERN) for name in self.parameters)


class Aliases:
    """Aliases of the expressions of one query; equal expressions share one."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}

    def __call__(self, expression: str) -> str:
        """The alias of an expression."""
        return self._names.setdefault(expression, f"x{len(self._names)}")

    @property
    def definitions(self) -> list[str]:
        return [f"{expression} AS {name}" for expression, name in self._names.items()]


class Binder:
    """Collects the values of one query; equal values of a type share a placeholder.

    All input is bound here: no value and no payload key is ever formatted into SQL.
    """

    def __init__(self) -> None:
        self.parameters: dict[str, Any] = {}
        self._names: dict[tuple[str, str, str], str] = {}

    def pattern(self, value: str) -> str:
        return self._bind("String", value, _PATTERN)

    def string(self, value: str) -> str:
        return self._bind("String", value)

    def strings(self, values: Sequence[str]) -> str:
        return self._bind("Array(String)", list(values))

    def double(self, value: float) -> str:
        # Adding zero converts -0.0 to 0.0, because IN compares bits and the two differ in one.
        return self._bind("Float64", value + 0.0)

    def doubles(self, values: Sequence[float]) -> str:
        return self._bind("Array(Float64)", [value + 0.0 for value in values])

    def integer(self, value: int) -> str:
        return self._bind("Int64", value)

    def integers(self, values: Sequence[int]) -> str:
        return self._bind("Array(Int64)", list(values))

    def uuid(self, value: UUID) -> str:
        return self._bind("UUID", str(value))

    def uuids(self, values: Sequence[UUID]) -> str:
        return self._bind("Array(UUID)", [str(value) for value in values])

    def instant(self, value: datetime) -> str:
        """An instant in milliseconds, bound as text: the driver truncates datetimes to seconds."""
        text = value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
        return self._bind("DateTime64(3, 'UTC')", f"{text}.{value.microsecond // 1000:03d}")

    def identifier(self, value: str) -> str:
        return self._bind("Identifier", value)

    def _bind(self, kind: str, value: Any, prefix: str = "p") -> str:
        key = prefix, kind, repr(value)
        name = self._names.setdefault(key, f"{prefix}{len(self.parameters)}")
        self.parameters[name] = value
        return f"{{{name}:{kind}}}"
