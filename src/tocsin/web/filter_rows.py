"""The conditions of a form: each a filter, with its value as a person enters it.

A value has a kind: a text, a number, true or false, null. A list has an element on each line. What
these cannot show without loss (elements of different kinds, null among them, empty texts, blanks
at the edges, line ends) is shown as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tocsin.model.interactions.filter import LISTS, UNARY
from tocsin.web.quoting import as_json, decoded, is_plain, quoted, unquoted

KINDS = {
    "text": "text",
    "number": "number",
    "boolean": "true/false",
    "null": "null",
    "json": "JSON",
}
_COMPLAINTS = {
    "number": "is not a number",
    "boolean": "is not true or false",
    "json": 'is not JSON: write "a text", 12, true or null; for a list ["US", null]',
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A row of the form, as it is shown and sent."""

    field: str
    operator: str
    kind: str
    text: str

    @classmethod
    def of(cls, filter: Mapping[str, Any]) -> Condition:
        """The row that shows a filter; `filter` of the row is the same filter again."""
        operator = filter["operator"]
        kind, text = ("text", "") if operator in UNARY else _entered(operator, filter.get("value"))
        return cls(quoted(filter["field"]), operator, kind, text)

    @property
    def filter(self) -> dict[str, Any]:
        """The filter that the row says; a value that is not of its kind stays text."""
        filter = {"field": unquoted(self.field.strip()), "operator": self.operator}
        return filter if self.operator in UNARY else {**filter, "value": self._value()}

    @property
    def complaint(self) -> str | None:
        """Why the value is not of the kind that was chosen for it, or None."""
        if self.operator in UNARY or self.kind not in _COMPLAINTS:
            return None
        try:
            value = decoded(self.text) if self.kind == "json" else self._value()
        except ValueError:
            return _COMPLAINTS["json"]
        values = value if isinstance(value, list) else [value]
        fits = self.kind == "json" or all(kind_of(one) == self.kind for one in values)
        return None if fits else _COMPLAINTS[self.kind]

    def _value(self) -> Any:
        if self.kind == "json":
            return _scalar("json", self.text)
        if self.operator not in LISTS:
            return _scalar(self.kind, self.text)
        if self.kind == "null":
            return [None]
        return [_scalar(self.kind, line) for line in self.text.split("\n") if line]


def kind_of(value: Any) -> str:
    """As what a single value is entered."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "null" if value is None else "text" if isinstance(value, str) else "json"


def _entered(operator: str, value: Any) -> tuple[str, str]:
    if operator not in LISTS:
        return _entered_scalar(value)
    kinds = {kind_of(one) for one in value} if isinstance(value, list) else set()
    lines = [_entered_scalar(one) for one in value] if len(kinds) == 1 else []
    # An empty line says nothing, so an empty text and null have no line.
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
