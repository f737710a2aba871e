"""Turns validation errors into problems: a path, and a message that says how to correct it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from tocsin.errors import Problem

_WORDS = {
    "missing": "is required",
    "extra_forbidden": "is not a member of this object",
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "tuple_type": "must be an array",
    "list_type": "must be an array",
    "model_type": "must be a JSON object",
    "uuid_type": "must be a UUID",
    "uuid_parsing": "must be a UUID",
}


def problems_of(error: ValidationError) -> list[Problem]:
    """The problems of a Pydantic error, as the API reports them."""
    return problems_in(error.errors(include_url=False, include_context=False))


def problems_in(lines: Iterable[Mapping[str, Any]], skipped: int = 0) -> list[Problem]:
    """The problems of Pydantic's error lines, without the first `skipped` steps of their paths."""
    return [
        Problem(spell(line["loc"][skipped:]), _WORDS.get(line["type"]) or _plain(line["msg"]))
        for line in lines
    ]


def spell(location: Sequence[str | int]) -> str:
    """`("filters", 0, "operator")` as `filters[0].operator`."""
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else step
    return path


def _plain(message: str) -> str:
    """`Input should be 'eq' or 'neq'` as `must be 'eq' or 'neq'`."""
    return re.sub(r"^(Input|String|Tuple) should ", "must ", message.removeprefix("Value error, "))
