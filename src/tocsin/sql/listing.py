"""Interactions themselves, for reading them back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from tocsin.model.search import Search
from tocsin.sql.fields import Fields
from tocsin.sql.filters import condition
from tocsin.sql.query import Binder, Query
from tocsin.sql.table import INTERACTIONS, Table

COLUMNS = (
    "interactionId, interactionNumber, resourceTypeId, actionId, originId, resourceId, "
    "toUnixTimestamp64Milli(timestamp), uowId, userId, externalReference, externalResponse, raw"
)


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


def compile_page(
    search: Search, limit: int, after: tuple[datetime, int] | None, table: Table
) -> Query:
    """The newest interactions after a place in the order, by timestamp and number."""
    bind = Binder()
    where = conditions(search, Fields(table, bind), bind)
    if after:
        timestamp, number = bind.instant(after[0]), bind.integer(after[1])
        where.append(f"timestamp <= {timestamp}")
        where.append(f"(timestamp < {timestamp} OR interactionNumber < {number})")
    lines = [f"SELECT {COLUMNS}", f"FROM {INTERACTIONS}"]
    if where:
        lines.append("WHERE " + "\n  AND ".join(where))
    lines.append("ORDER BY timestamp DESC, interactionNumber DESC")
    lines.append(f"LIMIT {bind.integer(limit)}")
    return Query("\n".join(lines), bind.parameters)


def conditions(search: Search, fields: Fields, bind: Binder) -> list[str]:
    """What rows have to meet to be looked for."""
    where = [condition(filter, fields, bind) for filter in search.filters]
    for column, id in (
        ("resourceTypeId", search.resource_type_id),
        ("actionId", search.action_id),
        ("originId", search.origin_id),
        ("uowId", search.uow_id),
    ):
        if id is not None:
            where.append(f"{column} = {bind.uuid(id)}")
    for column, text in (("resourceId", search.resource_id), ("userId", search.user_id)):
        if text is not None:
            where.append(f"{column} = {bind.string(text)}")
    if search.start:
        where.append(f"timestamp >= {bind.instant(search.start)}")
    if search.to:
        where.append(f"timestamp < {bind.instant(search.to)}")
    return where
