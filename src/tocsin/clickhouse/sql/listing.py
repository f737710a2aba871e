"""Compiles the queries that return interactions: by id, and newest first, page by page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
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
_POSITION = "toUnixTimestamp64Milli(timestamp), interactionNumber, raw.size + externalResponse.size"
_ORDER = "ORDER BY timestamp DESC, interactionNumber DESC"


class Position(NamedTuple):
    """The position of an interaction in a listing; `timestamp` in milliseconds, `size` in
    bytes."""

    timestamp: int
    number: int
    size: int


def compile_by_id(id: UUID) -> Query:
    bind = Binder()
    where = f"interactionId = {bind.uuid(id)}"
    return Query(f"SELECT {COLUMNS}\nFROM {INTERACTIONS}\nWHERE {where}", bind.parameters)


def compile_recorded(ids: Sequence[UUID], months: Sequence[str] = ()) -> Query:
    """Rows of the id and the members of `Recorded`, for each of the ids that is recorded; with
    `months`, which are like `202603`, only for those in one of them."""
    text = (
        "SELECT interactionId, interactionNumber, resourceTypeId, actionId, originId, resourceId, "
        "toUnixTimestamp64Milli(timestamp), uowId, userId, externalReference, "
        f"lower(hex(MD5(raw)))\nFROM {INTERACTIONS}\nWHERE interactionId IN {{ids:Array(UUID)}}"
    )
    values: dict[str, Any] = {"ids": [str(id) for id in ids]}
    if months:
        text += " AND _partition_id IN {months:Array(String)}"
        values["months"] = list(months)
    return Query(text, values)


def compile_payloads(ids: Sequence[UUID]) -> Query:
    """Rows of the id and the payload, for each of the ids that is recorded."""
    where = "WHERE interactionId IN {ids:Array(UUID)}"
    text = f"SELECT interactionId, raw\nFROM {INTERACTIONS}\n{where}"
    return Query(text, {"ids": [str(id) for id in ids]})


def compile_positions(
    search: Search, limit: int, after: tuple[datetime, int] | None, table: Table
) -> Query:
    """Rows of the newest positions after `after`, a timestamp and a number.

    Sizes are separate subcolumns, so that the engine reads no text for them.
    """
    bind = Binder()
    where = conditions(search, Fields(table, bind), bind)
    if after:
        timestamp, number = bind.instant(after[0]), bind.integer(after[1])
        where.append(f"timestamp <= {timestamp}")
        where.append(f"(timestamp < {timestamp} OR interactionNumber < {number})")
    lines = [f"SELECT {_POSITION}", f"FROM {INTERACTIONS}"]
    if where:
        lines.append("WHERE " + "\n  AND ".join(where))
    lines.append(_ORDER)
    lines.append(f"LIMIT {bind.integer(limit)}")
    return Query("\n".join(lines), bind.parameters)


def conditions(search: Search, fields: Fields, bind: Binder) -> list[str]:
    """The conditions that a row must meet to match the search."""
    where = [condition(filter, fields, bind) for filter in search.filters]
    where += _of_ids(search, bind)
    if search.start:
        where.append(f"timestamp >= {bind.instant(search.start)}")
    if search.to:
        where.append(f"timestamp < {bind.instant(search.to)}")
    return where


def compile_rows(search: Search, positions: Sequence[Position]) -> Query:
    """Rows of COLUMNS at these positions, which `compile_positions` returned, in the same order.

    The conditions on ids and time let the engine locate the rows without a scan.
    """
    bind = Binder()
    numbers = bind.integers([position.number for position in positions])
    newest = from_milliseconds(positions[0].timestamp)
    oldest = from_milliseconds(positions[-1].timestamp)
    where = [
        *_of_ids(search, bind),
        f"timestamp >= {bind.instant(oldest)}",
        f"timestamp <= {bind.instant(newest)}",
        f"interactionNumber IN {numbers}",
    ]
    conjunction = "\n  AND ".join(where)
    text = f"SELECT {COLUMNS}\nFROM {INTERACTIONS}\nWHERE {conjunction}\n{_ORDER}"
    return Query(text, bind.parameters)


def _of_ids(search: Search, bind: Binder) -> list[str]:
    columns = (
        ("resourceTypeId", search.resource_type_id),
        ("actionId", search.action_id),
        ("originId", search.origin_id),
        ("uowId", search.uow_id),
    )
    where = [f"{column} = {bind.uuid(id)}" for column, id in columns if id is not None]
    for column, text in (("resourceId", search.resource_id), ("userId", search.user_id)):
        if text is not None:
            where.append(f"{column} = {bind.string(text)}")
    return where
