"""Interactions themselves, for reading them back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from tocsin.clickhouse.sql.fields import Fields
from tocsin.clickhouse.sql.filters import condition
from tocsin.clickhouse.sql.query import Binder, Query
from tocsin.clickhouse.sql.table import INTERACTIONS, Table
from tocsin.model.instant import from_milliseconds
from tocsin.model.interactions.search import Search

COLUMNS = (
    "interactionId, interactionNumber, resourceTypeId, actionId, originId, resourceId, "
    "toUnixTimestamp64Milli(timestamp), uowId, userId, externalReference, externalResponse, raw"
)
_PLACE = "toUnixTimestamp64Milli(timestamp), interactionNumber, raw.size + externalResponse.size"
_ORDER = "ORDER BY timestamp DESC, interactionNumber DESC"


class Place(NamedTuple):
    """Where an interaction stands in a listing, and how many bytes it has."""

    timestamp: int
    number: int
    size: int


def compile_by_id(id: UUID) -> Query:
    bind = Binder()
    where = f"interactionId = {bind.uuid(id)}"
    return Query(f"SELECT {COLUMNS}\nFROM {INTERACTIONS}\nWHERE {where}", bind.parameters)


def compile_recorded(ids: Sequence[UUID]) -> Query:
    """Rows of the id and the members of Recorded, for those of the ids that are recorded."""
    text = (
        "SELECT interactionId, interactionNumber, resourceTypeId, actionId, originId, resourceId, "
        "toUnixTimestamp64Milli(timestamp), uowId, userId, externalReference, "
        f"lower(hex(MD5(raw)))\nFROM {INTERACTIONS}\nWHERE interactionId IN {{ids:Array(UUID)}}"
    )
    return Query(text, {"ids": [str(id) for id in ids]})


def compile_places(
    search: Search, limit: int, after: tuple[datetime, int] | None, table: Table
) -> Query:
    """The places of the newest interactions after one in the order, by timestamp and number.

    Sizes are subcolumns of their own, so that no text is read for them.
    """
    bind = Binder()
    where = conditions(search, Fields(table, bind), bind)
    if after:
        timestamp, number = bind.instant(after[0]), bind.integer(after[1])
        where.append(f"timestamp <= {timestamp}")
        where.append(f"(timestamp < {timestamp} OR interactionNumber < {number})")
    lines = [f"SELECT {_PLACE}", f"FROM {INTERACTIONS}"]
    if where:
        lines.append("WHERE " + "\n  AND ".join(where))
    lines.append(_ORDER)
    lines.append(f"LIMIT {bind.integer(limit)}")
    return Query("\n".join(lines), bind.parameters)


def conditions(search: Search, fields: Fields, bind: Binder) -> list[str]:
    """What rows have to meet to be looked for."""
    where = [condition(filter, fields, bind) for filter in search.filters]
    where += _of_ids(search, bind)
    for column, text in (("resourceId", search.resource_id), ("userId", search.user_id)):
        if text is not None:
            where.append(f"{column} = {bind.string(text)}")
    if search.start:
        where.append(f"timestamp >= {bind.instant(search.start)}")
    if search.to:
        where.append(f"timestamp < {bind.instant(search.to)}")
    return where


def compile_rows(search: Search, places: Sequence[Place]) -> Query:
    """The interactions at these places, which a search gave, in the same order.

    The ids and the span of time are those by which the engine finds them without a scan.
    """
    bind = Binder()
    numbers = bind.integers([place.number for place in places])
    newest = from_milliseconds(places[0].timestamp)
    oldest = from_milliseconds(places[-1].timestamp)
    where = [
        *_of_ids(search, bind),
        f"timestamp >= {bind.instant(oldest)}",
        f"timestamp <= {bind.instant(newest)}",
        f"interactionNumber IN {numbers}",
    ]
    met = "\n  AND ".join(where)
    text = f"SELECT {COLUMNS}\nFROM {INTERACTIONS}\nWHERE {met}\n{_ORDER}"
    return Query(text, bind.parameters)


def _of_ids(search: Search, bind: Binder) -> list[str]:
    columns = (
        ("resourceTypeId", search.resource_type_id),
        ("actionId", search.action_id),
        ("originId", search.origin_id),
        ("uowId", search.uow_id),
    )
    return [f"{column} = {bind.uuid(id)}" for column, id in columns if id is not None]
