"""Reads what a form sent: its fields as text, and its rows of conditions as filters.

A form sends what the API takes, member for member, so that one reader serves both and every
problem it finds has a field to stand beside.

A browser changes what it sends: line ends become CRLF. People add blanks at the edges, which are
cut off. So a text of which either would change something has its original beside it, in a hidden
field: what comes back as it was shown means the original, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any
from urllib.parse import parse_qs, urlencode

from tocsin.errors import Problem, TocsinError, TooLarge
from tocsin.model.ceilings import FORM_FIELDS
from tocsin.web.filter_rows import KINDS, Condition
from tocsin.web.quoting import decoded, read_pairs, unquoted

_ORIGINAL = "was."
_VALUE_OF_ROW = re.compile(r"filters\[(\d+)\]\.value")


class Form:
    """The fields of a form; an empty one says nothing."""

    def __init__(self, body: bytes | str) -> None:
        text = body if isinstance(body, str) else body.decode("utf-8", "replace")
        try:
            self._values = parse_qs(text, keep_blank_values=True, max_num_fields=FORM_FIELDS)
        except ValueError:
            raise TooLarge(f"A form has at most {FORM_FIELDS:,} fields") from None

    def text(self, name: str) -> str | None:
        """The last value without blanks around it, or None; the original if it was not changed."""
        sent = self.raw(name)
        original = self._original(name)
        if original is None:
            return sent.strip() or None
        if sent == _shown(original):
            return original
        edited = sent if original != original.strip() else sent.strip()
        return (edited.replace("\n", "\r\n") if "\r\n" in original else edited) or None

    def raw(self, name: str) -> str:
        """The last value with its blanks; line ends are LF."""
        return _with_line_feeds(self._values.get(name, [""])[-1])

    def field(self, name: str) -> str | None:
        """The spelling of a field."""
        return next(reversed(self.fields(name)), None)

    def fields(self, name: str) -> list[str]:
        """The spellings of all fields that are named."""
        return [unquoted(one.strip()) for one in self._values.get(name, []) if one.strip()]

    def lines(self, name: str) -> list[str]:
        """The lines that say something."""
        return [line.strip() for line in self.raw(name).split("\n") if line.strip()]

    def pairs(self, name: str, sign: str, *, nullable: bool = False) -> dict[str, str | None]:
        """The lines as names and values, with a sign between them."""
        return read_pairs(self.lines(name), sign, nullable=nullable)

    def has(self, name: str) -> bool:
        """Whether a box is ticked."""
        return name in self._values

    def members(self, *names: str) -> dict[str, Any]:
        """Those fields that say something, under their names."""
        return {name: text for name in names if (text := self.text(name)) is not None}

    def conditions(self) -> list[Condition]:
        """The rows of conditions whose field is named."""
        names = ("filterField", "filterOperator", "filterKind", "filterValue")
        rows = zip_longest(*(self._values.get(name, []) for name in names), fillvalue="")
        return [
            Condition(field, operator or "eq", _kind(kind), _with_line_feeds(text))
            for field, operator, kind, text in rows
            if field.strip()
        ]

    def filters(self) -> list[dict[str, Any]]:
        return [condition.filter for condition in self.conditions()]

    def filter_problems(self) -> list[Problem]:
        """MetricValues that are not of the kind that was chosen for them."""
        return [
            Problem(f"filters[{index}].value", condition.complaint)
            for index, condition in enumerate(self.conditions())
            if condition.complaint
        ]

    def is_empty(self, field: str) -> bool:
        """Whether nothing is entered yet where a problem with this field is."""
        if match := _VALUE_OF_ROW.fullmatch(field):
            return not self.conditions()[int(match[1])].text.strip()
        return not self.raw(field).strip()

    def query(self, without: Sequence[str] = ()) -> str:
        """What says something, as the query of an address; rows stay aligned."""
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
    """Whether a text that a form sends back unchanged would be read as another one."""
    return text is not None and (_shown(text).strip() or None) != text


def problems_by_field(error: TocsinError | None) -> Mapping[str, str]:
    """What is wrong, by the field that it stands beside; under "" what stands beside none."""
    if error is None:
        return {}
    messages: dict[str, str] = {}
    for problem in error.problems or (Problem("", error.detail),):
        before = f"{messages[problem.field]}; " if problem.field in messages else ""
        messages[problem.field] = before + problem.message
    return messages


def _kind(name: str) -> str:
    return name if name in KINDS else "text"


def _with_line_feeds(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _shown(text: str) -> str:
    """The text as a browser has it: no page can hold a NUL or tell a CR from a LF."""
    return _with_line_feeds(text).replace("\0", "\ufffd")
