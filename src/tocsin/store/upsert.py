"""INSERT statements that allow for a row that exists already, on SQLite and PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

Rows = Mapping[str, Any] | Sequence[Mapping[str, Any]]
Changes = Callable[[Any], Mapping[str, ColumnElement[Any]]]


def upsert(
    connection: Connection, table: Table, rows: Rows, *, key: Sequence[str], changes: Changes
) -> None:
    """Insert rows; where the columns of `key` have a row already, change that instead.

    `changes` gets the columns of the row that was to be inserted.
    """
    statement = insert_of(connection, table)
    change = statement.on_conflict_do_update(
        index_elements=list(key), set_=changes(statement.excluded)
    )
    connection.execute(change, rows)


def insert_ignoring(
    connection: Connection, table: Table, rows: Rows, *, key: Sequence[str]
) -> None:
    """Insert the rows for which the columns of `key` have no row yet."""
    statement = insert_of(connection, table).on_conflict_do_nothing(index_elements=list(key))
    connection.execute(statement, rows)


def insert_of(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT in the dialect of the connection, for which `ON CONFLICT` can be defined."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
