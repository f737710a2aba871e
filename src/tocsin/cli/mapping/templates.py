"""Templates: constants, fields of a record, or both in one text.

`{path}` is the value of a field, `{a|b|'text'}` the first of its alternatives that is not empty,
and `{{` a brace. A template of one field keeps the JSON type of the value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec
from pydantic import BeforeValidator

_PART = re.compile(r"\{\{|\}\}|\{([^{}]+)\}|([^{}]+)")
_EMPTY: tuple[Any, ...] = (None, "")


class NoValue(Exception):
    """A record has none of the alternatives of a field."""


@dataclass(frozen=True, slots=True)
class FieldReference:
    """The alternatives of one field: paths, or a text in single quotes."""

    alternatives: tuple[str, ...]

    def value(self, record: Any) -> Any:
        for path in self.alternatives:
            if path[:1] == "'":
                return path[1:-1]
            value = value_at(record, path)
            if value not in _EMPTY:
                return value
        raise NoValue(f"the record has no {' or '.join(self.alternatives)}")


@dataclass(frozen=True, slots=True)
class RecordTemplate:
    parts: tuple[str | FieldReference, ...]

    @classmethod
    def parse(cls, text: str) -> RecordTemplate:
        """Raises ValueError for a brace without its counterpart, and for an empty name."""
        parts: list[str | FieldReference] = []
        position = 0
        while position < len(text):
            match = _PART.match(text, position)
            if match is None:
                raise ValueError("has a brace without its counterpart; write {{ for a brace")
            position = match.end()
            if match[1]:
                parts.append(_reference(match[1]))
            else:
                parts.append(match[2] or match[0][0])
        return cls(tuple(parts))

    def value(self, record: Any) -> Any:
        """The value for a record; raises NoValue."""
        if len(self.parts) == 1 and isinstance(self.parts[0], FieldReference):
            return self.parts[0].value(record)
        return self.text(record)

    def text(self, record: Any) -> str:
        """The value as text; raises NoValue."""
        return "".join(
            part if isinstance(part, str) else _text(part.value(record)) for part in self.parts
        )


def value_at(record: Any, path: str) -> Any:
    """The value at a path of keys and positions, which are joined by dots; None if there is none.

    A key that has dots itself is found by its whole name. A text that is JSON is read as such where
    the path leads into it: columnar exports have their objects as texts.
    """
    if isinstance(record, str):
        record = _decoded(record)
    if isinstance(record, dict) and path in record:
        return record[path]
    first, dot, rest = path.partition(".")
    if isinstance(record, list) and first.isdecimal() and int(first) < len(record):
        value = record[int(first)]
    elif isinstance(record, dict) and dot and first in record:
        value = record[first]
    else:
        return None
    return value_at(value, rest) if dot else value


def _decoded(text: str) -> Any:
    if not text.startswith(("{", "[")):
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        return None


def _reference(text: str) -> FieldReference:
    alternatives = tuple(part.strip() for part in text.split("|"))
    if not all(alternatives):
        raise ValueError("has an empty name of a field")
    for path in alternatives:
        if path[0] == "'" and (len(path) == 1 or path[-1] != "'"):
            raise ValueError("has a text without its closing quote")
    return FieldReference(alternatives)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _parsed(value: Any) -> Any:
    if not isinstance(value, str) or not value:
        raise ValueError("must be text: a constant, {path}, or both")
    return RecordTemplate.parse(value)


RecordTemplateText = Annotated[RecordTemplate, BeforeValidator(_parsed)]
