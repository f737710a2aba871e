"""What did a form send? Its fields as text, and rows of conditions as filters.

A form sends what the API takes, member for member, so that one reader holds for both and every
problem it finds has a field to stand beside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any
from urllib.parse import parse_qs, urlencode

import msgspec

from tocsin.errors import Problem, TocsinError, TooLarge
from tocsin.model.filter import LISTS, UNARY

MAX_FIELDS = 2_000
_KINDS = {"text": "a text", "number": "a number", "boolean": "true or false", "null": "null"}


class Form:
    """The fields of a form; an empty one says nothing."""

    def __init__(self, body: bytes | str) -> None:
        text = body if isinstance(body, str) else body.decode("utf-8", "replace")
        try:
            self._values = parse_qs(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
        except ValueError:
            raise TooLarge(f"A form has at most {MAX_FIELDS:,} fields") from None

    def text(self, name: str) -> str | None:
        """The last value, without blanks around it, or None."""
        return self._values.get(name, [""])[-1].strip() or None

    def raw(self, name: str) -> str:
        return self._values.get(name, [""])[-1]

    def all(self, name: str) -> list[str]:
        """Every value that says something."""
        return [value.strip() for value in self._values.get(name, []) if value.strip()]

    def lines(self, name: str) -> list[str]:
        """The lines that say something."""
        return [line.strip() for line in (self.text(name) or "").splitlines() if line.strip()]

    def pairs(self, name: str, sign: str) -> dict[str, str]:
        """The lines as names and values, with a sign between them."""
        cut = (line.partition(sign) for line in self.lines(name))
        return {key.strip(): value.strip() for key, _, value in cut}

    def has(self, name: str) -> bool:
        """Whether a box is ticked."""
        return name in self._values

    def members(self, *names: str) -> dict[str, Any]:
        """Those fields that say something, under their names."""
        return {name: text for name in names if (text := self.text(name)) is not None}

    def filters(self) -> list[dict[str, Any]]:
        """The rows of conditions whose field is named."""
        return [_filter(*row) for row in self._rows()]

    def filter_problems(self) -> list[Problem]:
        """Values that are not of the kind that was chosen for them."""
        problems = []
        for index, row in enumerate(self._rows()):
            value = _filter(*row).get("value")
            values = value if isinstance(value, list) else [value]
            if row[1] not in UNARY and any(kind_of(v) != row[2] for v in values):
                problems.append(Problem(f"filters[{index}].value", f"is not {_KINDS[row[2]]}"))
        return problems

    def _rows(self) -> list[tuple[str, str, str, str]]:
        names = ("filterField", "filterOperator", "filterKind", "filterValue")
        rows = zip_longest(*(self._values.get(name, []) for name in names), fillvalue="")
        known = ((f, o, k if k in _KINDS else "text", v) for f, o, k, v in rows)
        return [row for row in known if row[0].strip()]

    def query(self, without: Sequence[str] = ()) -> str:
        """What says something, as the query of an address."""
        kept = {
            name: [value for value in values if value.strip()]
            for name, values in self._values.items()
            if name not in without
        }
        return urlencode(kept, doseq=True)


def problems_by_field(error: TocsinError | None) -> Mapping[str, str]:
    """What is wrong, by the field that it stands beside; under "" what stands beside none."""
    if error is None:
        return {}
    said: dict[str, str] = {}
    for problem in error.problems or (Problem("", error.detail),):
        before = f"{said[problem.field]}; " if problem.field in said else ""
        said[problem.field] = before + problem.message
    return said


def kind_of(value: Any) -> str:
    """As what a value is entered; a list as what its first element is."""
    if isinstance(value, list):
        return kind_of(value[0]) if value else "text"
    if isinstance(value, bool):
        return "boolean"
    return "null" if value is None else "text" if isinstance(value, str) else "number"


def entered(value: Any) -> str:
    """The value as it is entered: the elements of a list on a line each."""
    if isinstance(value, list):
        return "\n".join(map(entered, value))
    if isinstance(value, str):
        return value
    return "" if value is None else msgspec.json.encode(value).decode()


def _filter(field: str, operator: str, kind: str, value: str) -> dict[str, Any]:
    said: dict[str, Any] = {"field": field.strip(), "operator": operator or "eq"}
    if operator in UNARY:
        return said
    if operator in LISTS:
        return {**said, "value": [_value(kind, line) for line in value.splitlines() if line]}
    return {**said, "value": _value(kind, value)}


def _value(kind: str, text: str) -> Any:
    """A scalar; what is not of its kind stays text."""
    text = text.replace("\r\n", "\n")
    if kind in ("text", "null"):
        return text if kind == "text" else None
    try:
        value = msgspec.json.decode(text.strip())
    except msgspec.DecodeError:
        return text
    return value if kind_of(value) == kind else text
