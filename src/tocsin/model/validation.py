"""Turns validation errors into problems: a path, and a message that says how to correct it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, ValidationError
from pydantic_core import CoreSchema, core_schema

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


_NUL = "\0"
_NUL_RULE = "must not contain the character U+0000"


@dataclass(frozen=True, slots=True)
class WithoutNul:
    """An annotation of the texts of definitions: PostgreSQL cannot store U+0000.

    Types that stored definitions are read with do not have it, because earlier versions accepted
    the character; `nul_problems` checks their requests.
    """

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(_checked, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "pattern": r"^[^\u0000]*$"}


def _checked(text: str) -> str:
    if _NUL in text:
        raise ValueError(_NUL_RULE)
    return text


def nul_problems(body: Mapping[str, Any], *paths: str) -> Iterator[Problem]:
    """A problem for each of the paths, such as `template.title`, that has a text with U+0000."""
    for path in paths:
        value: Any = body
        for member in path.split("."):
            value = value.get(member) if isinstance(value, dict) else None
        if isinstance(value, str) and _NUL in value:
            yield Problem(path, _NUL_RULE)


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
