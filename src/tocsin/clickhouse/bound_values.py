"""Splits arrays that are too long to be bound as one value.

A server limits each value of an HTTP request to 128 KiB (`http_max_field_value_size`), and a
request cannot raise the limit. The parts of an array are bound, and the server joins them: no value
is formatted into SQL.
"""

from __future__ import annotations

import re
from typing import Any

from tocsin.clickhouse.sql.query import Query

# Half of the limit, because the driver escapes some characters of a text with a second one.
MOST_CHARACTERS = 60_000


def split_long_arrays(query: Query) -> Query:
    """The same query if all its arrays are short."""
    long = {
        name: chunks
        for name, value in query.parameters.items()
        if isinstance(value, list) and len(chunks := _chunks(value)) > 1
    }
    if not long:
        return query
    parameters = {name: value for name, value in query.parameters.items() if name not in long}
    text = query.text
    for name, chunks in long.items():
        parts = {f"{name}_{number}": chunk for number, chunk in enumerate(chunks)}
        parameters |= parts
        text = re.sub(rf"\{{{name}:([^}}]*)\}}", _Joined(list(parts)), text)
    return Query(text, parameters)


class _Joined:
    """Replaces a placeholder by the concatenation of its parts' placeholders."""

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def __call__(self, placeholder: re.Match[str]) -> str:
        parts = ", ".join(f"{{{name}:{placeholder[1]}}}" for name in self._names)
        return f"arrayConcat({parts})"


def _chunks(values: list[Any]) -> list[list[Any]]:
    """The values in lists whose texts have at most MOST_CHARACTERS each, if possible."""
    # Quotes and a comma around each value; most arrays are far too short to be measured.
    if len(values) < 100:
        return [values]
    chunks: list[list[Any]] = [[]]
    length = 0
    for value in values:
        size = len(str(value)) + 4
        if chunks[-1] and length + size > MOST_CHARACTERS:
            chunks.append([])
            length = 0
        chunks[-1].append(value)
        length += size
    return chunks
