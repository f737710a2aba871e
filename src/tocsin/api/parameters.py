"""The query parameters of requests: instants, limits, ids."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from annotated_types import Interval
from fastapi import Query
from pydantic import BeforeValidator, TypeAdapter, ValidationError

from tocsin.errors import InvalidInput, Problem
from tocsin.model.ceilings import ANSWERED_GROUPS
from tocsin.model.instant import parse_instant
from tocsin.model.metrics.answer import DEFAULT_LIMIT
from tocsin.model.validation import problems_of


def _instant(value: Any) -> Any:
    return parse_instant(value) if isinstance(value, str) else value


def _whole(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"-?[0-9]{1,18}", value):
        raise ValueError("must be a whole number")
    return value


def _empty_is_none(value: Any) -> Any:
    return value or None


OptionalInstant = Annotated[datetime | None, BeforeValidator(_instant)]

At = Annotated[
    OptionalInstant,
    Query(
        description="Calculate as of this instant instead of now.",
        examples=["2026-03-20T14:30:00.000Z"],
    ),
]

Limit = Annotated[
    int,
    Interval(ge=1, le=ANSWERED_GROUPS),
    BeforeValidator(_whole),
    Query(description="The largest number of rows."),
]

AsOf = tuple[datetime | None, int]

AS_OF: Mapping[str, tuple[TypeAdapter[Any], Any]] = {
    "at": (TypeAdapter(At), None),
    "limit": (TypeAdapter(Limit), DEFAULT_LIMIT),
}
"""The parameters of a calculation: how each is read, and its default."""


def read_as_of(query: Mapping[str, str]) -> AsOf:
    """The `at` and the `limit` of a request, as FastAPI reads them from a signature. Raises
    InvalidInput with the problems of both."""
    values: list[Any] = []
    problems: list[Problem] = []
    for name, (adapter, default) in AS_OF.items():
        try:
            values.append(adapter.validate_python(query[name]) if name in query else default)
        except ValidationError as error:
            problems += [Problem(name, problem.message) for problem in problems_of(error)]
    if problems:
        raise InvalidInput(problems=problems)
    at, limit = values
    return at, limit


PageLimit = Annotated[
    int,
    Interval(ge=1, le=1_000),
    BeforeValidator(_whole),
    Query(description="The page size."),
]

OptionalId = Annotated[UUID | None, BeforeValidator(_empty_is_none), Query()]
