"""What stands in the address of a request: instants, limits, ids."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import parse_qsl
from uuid import UUID

from annotated_types import Interval
from fastapi import Query
from pydantic import BeforeValidator, TypeAdapter, ValidationError

from tocsin.model.ceilings import ANSWERED_GROUPS
from tocsin.model.instant import parse_instant
from tocsin.model.metrics.metric import DEFAULT_LIMIT


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
    Query(description="At most so many rows."),
]

AsOf = tuple[datetime | None, int]

_AT: TypeAdapter[datetime | None] = TypeAdapter(At)
_LIMIT: TypeAdapter[int] = TypeAdapter(Limit)


def plain_as_of(query: bytes) -> AsOf | None:
    """The `at` and the `limit` of a query string that says nothing else, each right and at most
    once; None for any other, which the framework can say more of."""
    said = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    given = dict(said)
    if len(given) < len(said) or not given.keys() <= {"at", "limit"} or "" in given.values():
        return None
    try:
        at = _AT.validate_python(given.get("at"))
        return at, _LIMIT.validate_python(given.get("limit", DEFAULT_LIMIT))
    except ValidationError:
        return None


PageLimit = Annotated[
    int, Interval(ge=1, le=1_000), BeforeValidator(_whole), Query(description="At most so many.")
]

OptionalId = Annotated[UUID | None, BeforeValidator(_empty_is_none), Query()]
