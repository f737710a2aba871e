"""Compiles the queries of an export: keys in the order of time, then the rows between two keys.

Sorting whole rows in the engine would take memory or disk for all of them. The keys, timestamp and
number, are small; the rows between two keys are few enough to be sorted in Python.
"""

from __future__ import annotations

from typing import NamedTuple

from tocsin.clickhouse.sql.fields import Fields
from tocsin.clickhouse.sql.listing import COLUMNS, conditions
from tocsin.clickhouse.sql.query import Binder, Query
from tocsin.clickhouse.sql.table import INTERACTIONS, Table
from tocsin.model.instant import from_milliseconds
from tocsin.model.interactions.search import Search

MAX_BYTES = 64 * 1024 * 1024
"""The limit for the rows between two keys; the engine rejects a query that exceeds it."""


class ExportKey(NamedTuple):
    """The position of an interaction in an export; `timestamp` is in milliseconds."""

    timestamp: int
    number: int


def compile_keys(
    search: Search, after: ExportKey | None, last: int, limit: int, table: Table
) -> Query:
    """Rows of the keys after `after`, in order, for interactions with numbers up to `last`."""
    bind = Binder()
    where = conditions(search, Fields(table, bind), bind)
    where.append(f"interactionNumber <= {bind.integer(last)}")
    if after:
        timestamp = bind.instant(from_milliseconds(after.timestamp))
        number = bind.integer(after.number)
        where.append(f"timestamp >= {timestamp}")
        where.append(f"(timestamp > {timestamp} OR interactionNumber > {number})")
    lines = [
        "SELECT toUnixTimestamp64Milli(timestamp) AS at, toInt64(interactionNumber) AS number",
        f"FROM {INTERACTIONS}",
        "WHERE " + "\n  AND ".join(where),
        "ORDER BY timestamp, interactionNumber",
        f"LIMIT {bind.integer(limit)}",
    ]
    return Query("\n".join(lines), bind.parameters)


def compile_rows(search: Search, first: ExportKey, last: ExportKey, table: Table) -> Query:
    """Rows of COLUMNS from one key to another, both included, in any order."""
    bind = Binder()
    where = conditions(search, Fields(table, bind), bind)
    start = bind.instant(from_milliseconds(first.timestamp))
    end = bind.instant(from_milliseconds(last.timestamp))
    where.append(f"timestamp >= {start} AND timestamp <= {end}")
    where.append(f"(timestamp > {start} OR interactionNumber >= {bind.integer(first.number)})")
    where.append(f"(timestamp < {end} OR interactionNumber <= {bind.integer(last.number)})")
    lines = [
        f"SELECT {COLUMNS}",
        f"FROM {INTERACTIONS}",
        "WHERE " + "\n  AND ".join(where),
        f"SETTINGS max_result_bytes = {MAX_BYTES}, result_overflow_mode = 'throw'",
    ]
    return Query("\n".join(lines), bind.parameters)
