"""Parses submitted forms: fields as text, and rows of conditions as filters.

A form has the members of the API, so that the same validation serves both, and the path of every
problem names a field of the form.

Browsers send line ends as CRLF, and blanks at the edges are removed. A text that would change by
this is also in a hidden field: if the visible text comes back as displayed, the hidden original is
used, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any
from urllib.parse import parse_qs, urlencode

from tocsin.errors import Problem, TocsinError, TooLarge
from tocsin.model.ceilings import FORM_FIELDS
from tocsin.web.address_parameters import CONDITIONS
from tocsin.web.filter_outline import filters_of, placed
from tocsin.web.filter_rows import GROUPS, KINDS, Condition
from tocsin.web.quoting import decoded, read_pairs, unquoted

_ORIGINAL = "was."
_MEMBER_OF_GUARD = re.compile(r"onlyWhen\[(\d+)\]\.(metricId|threshold)")
_VALUE_OF_ROW = re.compile(r"((?:\w+\.)?)(filters\[\d+\].*)\.value")


class Form:
    """The fields of a form; empty fields count as missing."""

    def __init__(self, body: bytes | str) -> None:
        text = body if isinstance(body, str) else body.decode("utf-8", "replace")
        try:
            self._values = parse_qs(text, keep_blank_values=True, max_num_fields=FORM_FIELDS)
        except ValueError:
            raise TooLarge(f"A form has at most {FORM_FIELDS:,} fields") from None

    def text(self, name: str) -> str | None:
        """The last value without blanks around it, or None; the original if it was not edited."""
        sent = self.raw(name)
        original = self._original(name)
        if original is None:
            return sent.strip() or None
        if sent == _shown(original):
            return original
        edited = sent if original != original.strip() else sent.strip()
        return (edited.replace("\n", "\r\n") if "\r\n" in original else edited) or None

    def raw(self, name: str) -> str:
        """The last value with its blanks, and with LF as line ends."""
        return _with_line_feeds(self._values.get(name, [""])[-1])

    def field(self, name: str) -> str | None:
        """The path of the payload field that was entered."""
        return next(reversed(self.fields(name)), None)

    def fields(self, name: str) -> list[str]:
        """The paths of all payload fields that were entered."""
        return [unquoted(text.strip()) for text in self._values.get(name, []) if text.strip()]

    def lines(self, name: str) -> list[str]:
        """The lines that are not blank."""
        return [line.strip() for line in self.raw(name).split("\n") if line.strip()]

    def pairs(self, name: str, sign: str, *, nullable: bool = False) -> dict[str, str | None]:
        """The lines as names and values, separated by a sign."""
        return read_pairs(self.lines(name), sign, nullable=nullable)

    def has(self, name: str) -> bool:
        """Whether a checkbox is checked."""
        return name in self._values

    def checked(self, name: str) -> list[str]:
        """The values of the checked boxes of this name."""
        return self._values.get(name, [])

    def members(self, *names: str) -> dict[str, Any]:
        """The fields that are not empty, by name."""
        return {name: text for name in names if (text := self.text(name)) is not None}

    def number(self, name: str) -> dict[str, Any]:
        """The number of a field that is not empty, by name; the text of one that is no number,
        which the validation then rejects."""
        return _number(name, self.text(name))

    def guards(self) -> list[dict[str, Any]]:
        """The rows of guards in which a metric or a threshold was entered."""
        names = ("guardMetric", "guardOperator", "guardThreshold")
        columns = (self._values.get(name, []) for name in names)
        return [
            {
                **({"metricId": metric} if metric else {}),
                "operator": operator,
                **_number("threshold", threshold.strip()),
            }
            for metric, operator, threshold in zip_longest(*columns, fillvalue="")
            if metric or threshold.strip()
        ]

    def conditions(self, prefix: str = "") -> list[Condition]:
        """The rows of conditions that have a field, and those of groups; `prefix` begins the names
        of their inputs."""
        columns = (self._values.get(f"{prefix}{name}", []) for name in CONDITIONS)
        rows = zip_longest(*columns, fillvalue="")
        return placed(
            Condition(
                *(field, operator or "eq", _kind(kind), _with_line_feeds(text)), _level(level)
            )
            for level, field, operator, kind, text in rows
            if field.strip() or operator in GROUPS
        )

    def filters(self, prefix: str = "") -> list[dict[str, Any]]:
        return filters_of(self.conditions(prefix))

    def filter_problems(self, prefix: str = "") -> list[Problem]:
        """The problems of values that are not of the chosen kind."""
        return [
            Problem(f"{prefix}{condition.path}.value", condition.problem)
            for condition in self.conditions(prefix)
            if condition.problem
        ]

    def is_empty(self, field: str) -> bool:
        """Whether the field of a problem is still empty."""
        if match := _MEMBER_OF_GUARD.fullmatch(field):
            return match[2] not in self.guards()[int(match[1])]
        if match := _VALUE_OF_ROW.fullmatch(field):
            rows = self.conditions(match[1])
            return all(row.path != match[2] or not row.text.strip() for row in rows)
        return not self.raw(field).strip()

    def query(self, without: Sequence[str] = ()) -> str:
        """The fields that are not empty, as a query string; rows of conditions stay aligned."""
        kept = {
            name: values
            for name, values in self._values.items()
            if name not in without and any(value.strip() for value in values)
        }
        return urlencode(kept, doseq=True)

    def _original(self, name: str) -> str | None:
        try:
            original = decoded(self._values.get(_ORIGINAL + name, [""])[-1])
        except ValueError:
            return None
        return original if isinstance(original, str) else None


def needs_original(text: str | None) -> bool:
    """Whether a text would be changed by displaying and submitting it."""
    return text is not None and (_shown(text).strip() or None) != text


def problems_by_field(error: TocsinError | None) -> Mapping[str, str]:
    """The messages of an error by field; problems without a field are under ""."""
    if error is None:
        return {}
    messages: dict[str, str] = {}
    for problem in error.problems or (Problem("", error.detail),):
        before = f"{messages[problem.field]}; " if problem.field in messages else ""
        messages[problem.field] = before + problem.message
    return messages


def _level(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 3 else 0


def _number(name: str, text: str | None) -> dict[str, Any]:
    if not text:
        return {}
    try:
        value = decoded(text)
    except ValueError:
        return {name: text}
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return {name: value if is_number else text}


def _kind(name: str) -> str:
    return name if name in KINDS else "text"


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _shown(text: str) -> str:
    """The text as a browser displays it: without NUL, and with LF for every line end."""
    return _with_line_feeds(text).replace("\0", "\ufffd")
