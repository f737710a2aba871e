"""A table whose rows are also held in memory, as objects by id.

Metrics, alerts, keys, channels, subscriptions and silences are read far more often than changed:
reads come from memory and take no lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Connection, RowMapping, Table, delete, insert, select, update

from tocsin.errors import NotFound
from tocsin.store.database import Database

T = TypeVar("T")


class TableChange(Generic[T]):
    """One transaction that changes rows; `connection` is for other changes that belong to it."""

    def __init__(
        self,
        connection: Connection,
        table: Table,
        to_row: Callable[[T], Mapping[str, Any]],
        items: dict[UUID, T],
    ) -> None:
        self.connection = connection
        self.items = items
        self._table = table
        self._id = _id_column(table)
        self._to_row = to_row

    def insert(self, id: UUID, item: T) -> None:
        self.connection.execute(insert(self._table), self._to_row(item))
        self.items[id] = item

    def update(self, id: UUID, item: T) -> None:
        """The item keeps its place in the order of creation."""
        statement = update(self._table).where(self._id == id)
        self.connection.execute(statement, self._to_row(item))
        self.items[id] = item

    def delete(self, id: UUID) -> None:
        self.connection.execute(delete(self._table).where(self._id == id))
        del self.items[id]


class CachedTable(Generic[T]):
    """The first column of the table numbers its rows in the order of creation, the second is the
    id. A change is on disk before it is in memory, where it replaces the whole mapping: a reader
    sees all of it or nothing."""

    def __init__(
        self,
        database: Database,
        table: Table,
        from_row: Callable[[RowMapping], T],
        to_row: Callable[[T], Mapping[str, Any]],
    ) -> None:
        self._database = database
        self._table = table
        self._to_row = to_row
        self._lock = threading.RLock()
        with database.reading() as connection:
            rows = connection.execute(select(table).order_by(table.c.number)).mappings()
            id = _id_column(table).name
            self._items: Mapping[UUID, T] = {row[id]: from_row(row) for row in rows}

    def all(self) -> list[T]:
        """All items, oldest first."""
        return list(self._items.values())

    def find(self, id: UUID) -> T | None:
        return self._items.get(id)

    def get(self, id: UUID) -> T:
        """Raises NotFound."""
        item = self._items.get(id)
        if item is None:
            raise NotFound(f"There is no {self._table.name[:-1]} with this id")
        return item

    @contextmanager
    def locked(self) -> Iterator[None]:
        """No other thread changes an item while this is held, and memory equals the disk."""
        with self._lock:
            yield

    @contextmanager
    def changing(self) -> Iterator[TableChange[T]]:
        """A change of any number of rows, which takes effect as a whole or not at all."""
        with self._lock:
            with self._database.writing() as connection:
                change = TableChange(connection, self._table, self._to_row, {**self._items})
                yield change
            self._items = change.items

    def create(self, id: UUID, item: T) -> T:
        with self.changing() as change:
            change.insert(id, item)
        return item

    def replace(self, id: UUID, item: T) -> T:
        with self.changing() as change:
            change.update(id, item)
        return item

    def delete(self, id: UUID) -> None:
        """Raises NotFound."""
        with self._lock:
            self.get(id)
            with self.changing() as change:
                change.delete(id)


def _id_column(table: Table) -> Any:
    return table.columns.values()[1]
