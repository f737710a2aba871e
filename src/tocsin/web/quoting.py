"""Quotes texts for single-line fields of forms, so that they are read back unchanged.

Most texts are shown as they are. A text that a line cannot hold (control characters, line ends,
blanks at the edges) or that would be parsed differently is shown as a JSON string.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_JSON_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


def is_plain(text: str) -> bool:
    """Whether a line can hold the text and shows all of its characters."""
    return text == text.strip() and not _CONTROL.search(text)


def as_json(value: Any) -> str:
    """The value as JSON on one line, with invisible characters escaped."""
    written = json.dumps(value, ensure_ascii=False)
    return "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in written)


def decoded(text: str) -> Any:
    """The value of a JSON text; raises ValueError."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError("is not JSON") from error


def quoted(text: str) -> str:
    """The text, or a JSON string if `unquoted` would return another text."""
    return text if is_plain(text) and not text.startswith('"') else as_json(text)


def unquoted(text: str) -> str:
    """The inverse of `quoted`; a text that is not a JSON string is returned unchanged."""
    if not text.startswith('"'):
        return text
    try:
        value = decoded(text)
    except ValueError:
        return text
    return value if isinstance(value, str) else text


def write_pairs(pairs: Mapping[str, str | None], sign: str) -> str:
    """A name and its value on each line: `team=payments`, `"a=b"="x\\ny"`, `country=null`."""
    return "\n".join(f"{_name(name, sign)}{sign}{_value(text)}" for name, text in pairs.items())


def read_pairs(lines: list[str], sign: str, *, nullable: bool = False) -> dict[str, str | None]:
    """The names and values of lines; if `nullable`, the value `null` is None."""
    pairs: dict[str, str | None] = {}
    for line in lines:
        name, text = _cut(line.strip(), sign.strip())
        pairs[unquoted(name.strip())] = (
            None if nullable and text.strip() == "null" else unquoted(text.strip())
        )
    return pairs


def _name(name: str, sign: str) -> str:
    return as_json(name) if sign.strip() in name else quoted(name)


def _value(text: str | None) -> str:
    """The text `null` is always quoted, so that it has the same meaning in every form."""
    if text is None:
        return "null"
    return as_json(text) if text == "null" else quoted(text)


def _cut(line: str, sign: str) -> tuple[str, str]:
    """The name and the value of a line; a sign in a quoted name is no separator."""
    if match := _JSON_STRING.match(line):
        rest = line[match.end() :].lstrip()
        if not rest or rest.startswith(sign):
            return match[0], rest.removeprefix(sign)
    name, _, text = line.partition(sign)
    return name, text
