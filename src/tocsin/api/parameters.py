"""What stands in the address of a request: instants, limits, ids."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from annotated_types import Interval
from fastapi import Query
from pydantic import BeforeValidator

from tocsin.model.instant import parse_instant
from tocsin.model.metric import MAX_LIMIT


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
    Interval(ge=1, le=MAX_LIMIT),
    BeforeValidator(_whole),
    Query(description="At most so many rows."),
]

PageLimit = Annotated[
    int, Interval(ge=1, le=1_000), BeforeValidator(_whole), Query(description="At most so many.")
]

OptionalId = Annotated[UUID | None, BeforeValidator(_empty_is_none), Query()]
