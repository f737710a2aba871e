"""A table of definitions that is answered from memory: what channels, subscriptions and silences
have in common. A change is on disk before it is in memory."""

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


class Definitions(Generic[T]):
    """The rows of a table whose second column is their id, the first made first."""

    def __init__(
        self,
        database: Database,
        table: Table,
        read: Callable[[RowMapping], T],
        write: Callable[[T], Mapping[str, Any]],
    ) -> None:
        self._database = database
        self._table = table
        self._id = table.columns.values()[1]
        self._write = write
        self._changing = threading.RLock()
        with database.reading() as connection:
            rows = connection.execute(select(table).order_by(table.c.number)).mappings()
            self._by_id: dict[UUID, T] = {row[self._id.name]: read(row) for row in rows}

    def all(self) -> list[T]:
        return list(self._by_id.values())

    def find(self, id: UUID) -> T | None:
        return self._by_id.get(id)

    def get(self, id: UUID) -> T:
        """Raises NotFound."""
        found = self._by_id.get(id)
        if found is None:
            raise NotFound(f"There is no {self._table.name[:-1]} with this id")
        return found

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Nobody else changes a definition while this is held."""
        with self._changing:
            yield

    def add(self, id: UUID, made: T) -> T:
        with self._changing:
            with self._database.writing() as connection:
                connection.execute(insert(self._table), self._write(made))
            self._by_id = {**self._by_id, id: made}
            return made

    def put(self, id: UUID, changed: T) -> T:
        with self._changing:
            with self._database.writing() as connection:
                row = self._write(changed)
                connection.execute(update(self._table).where(self._id == id), row)
            self._by_id = {**self._by_id, id: changed}
            return changed

    def remove(self, id: UUID, before: Callable[[Connection], None] | None = None) -> None:
        """Delete a definition; `before` does in the same transaction what has to go with it.

        Raises NotFound, and whatever `before` raises.
        """
        with self._changing:
            self.get(id)
            with self._database.writing() as connection:
                if before:
                    before(connection)
                connection.execute(delete(self._table).where(self._id == id))
            self._by_id = {key: one for key, one in self._by_id.items() if key != id}
