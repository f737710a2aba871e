"""The rows of conditions in a form: filters, with their values as text.

A value has a kind: text, number, boolean or null. A list has one element per line. Values that
these cannot represent without loss (elements of different kinds, null elements, empty texts,
blanks at the edges, line ends) are shown as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tocsin.model.interactions.filter import LISTS, UNARY
from tocsin.web.quoting import as_json, decoded, is_plain, quoted, unquoted

GROUPS = {"any": "any of", "all": "all of", "not": "none of"}
"""The operators of rows that combine others (`filter_outline.py`)."""

KINDS = {
    "text": "text",
    "number": "number",
    "boolean": "true/false",
    "null": "null",
    "json": "JSON",
}
_MESSAGES = {
    "number": "is not a number",
    "boolean": "is not true or false",
    "json": 'is not JSON, such as "text", 12, true, null or ["US", null]',
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A row of the form, as it is displayed and sent; `level` is its level in the outline."""

    field: str
    operator: str
    kind: str
    text: str
    level: int = 0
    path: str = ""
    """Of its filter in the definition: `filters[0].any[1]`."""

    @classmethod
    def of(cls, filter: Mapping[str, Any]) -> Condition:
        """The row of a filter; the property `filter` of the row is an equal filter."""
        operator = filter["operator"]
        kind, text = ("text", "") if operator in UNARY else _entered(operator, filter.get("value"))
        return cls(quoted(filter["field"]), operator, kind, text)

    @property
    def filter(self) -> dict[str, Any]:
        """The filter of the row; a value that is not of its kind remains text."""
        filter = {"field": unquoted(self.field.strip()), "operator": self.operator}
        return filter if self.operator in UNARY else {**filter, "value": self._value()}

    @property
    def problem(self) -> str | None:
        """The message that the value is not of the chosen kind, or None."""
        if self.operator in UNARY or self.operator in GROUPS or self.kind not in _MESSAGES:
            return None
        try:
            value = decoded(self.text) if self.kind == "json" else self._value()
        except ValueError:
            return _MESSAGES["json"]
        values = value if isinstance(value, list) else [value]
        fits = self.kind == "json" or all(kind_of(each) == self.kind for each in values)
        return None if fits else _MESSAGES[self.kind]

    def _value(self) -> Any:
        if self.kind == "json":
            return _scalar("json", self.text)
        if self.operator not in LISTS:
            return _scalar(self.kind, self.text)
        if self.kind == "null":
            return [None]
        return [_scalar(self.kind, line) for line in self.text.split("\n") if line]


def kind_of(value: Any) -> str:
    """The kind of a single value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "null" if value is None else "text" if isinstance(value, str) else "json"


def _entered(operator: str, value: Any) -> tuple[str, str]:
    if operator not in LISTS:
        return _entered_scalar(value)
    kinds = {kind_of(each) for each in value} if isinstance(value, list) else set()
    lines = [_entered_scalar(each) for each in value] if len(kinds) == 1 else []
    # Empty lines are ignored, so empty texts and null need JSON.
    if lines and all(kind == lines[0][0] != "json" and line for kind, line in lines):
        return lines[0][0], "\n".join(line for _, line in lines)
    return "json", as_json(value)


def _entered_scalar(value: Any) -> tuple[str, str]:
    kind = kind_of(value)
    if kind == "text" and is_plain(value):
        return kind, value
    if kind == "null":
        return kind, ""
    return ("json" if kind == "text" else kind), as_json(value)


def _scalar(kind: str, text: str) -> Any:
    if kind in ("text", "null"):
        return text if kind == "text" else None
    try:
        value = decoded(text.strip())
    except ValueError:
        return text
    return value if kind in ("json", kind_of(value)) else text
