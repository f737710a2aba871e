"""A table whose rows are also held in memory, as objects by id.

Metrics, alerts, keys, channels, subscriptions and silences are read far more often than changed:
reads come from memory and take no lock. `revisions.py` keeps memory equal to a database that other
nodes change, too. Each change of an item is recorded in the audit trail, in its transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from functools import partial
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Connection, RowMapping, Table, delete, insert, select, update

from tocsin.errors import Conflict, NotFound
from tocsin.model.audit.definitions import Audited
from tocsin.model.audit.entry import AuditEntry
from tocsin.process.audit import BY_TOCSIN, Actor
from tocsin.store.audit import record
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
        key_of: Callable[[T], str | None],
        audit: Callable[[UUID, T | None, T | None], AuditEntry],
    ) -> None:
        self.connection = connection
        self.items = items
        self._table = table
        self._to_row = to_row
        self._key_of = key_of
        self._audit = audit

    def insert(self, id: UUID, item: T) -> None:
        """Raises Conflict if another item has its key."""
        self._reject_same_key(id, item)
        self.connection.execute(insert(self._table), self._to_row(item))
        self._record(id, None, item)
        self.items[id] = item

    def update(self, id: UUID, item: T) -> None:
        """The item keeps its place in the order of creation. Raises Conflict if another one has
        its key."""
        self._reject_same_key(id, item)
        self._record(id, self.items[id], item)
        _update(self.connection, self._table, id, self._to_row(item))
        self.items[id] = item

    def delete(self, id: UUID) -> None:
        self.connection.execute(delete(self._table).where(_id_column(self._table) == id))
        self._record(id, self.items[id], None)
        del self.items[id]

    def _reject_same_key(self, id: UUID, item: T) -> None:
        key = self._key_of(item)
        if key is None or (id in self.items and self._key_of(self.items[id]) == key):
            return
        if any(self._key_of(other) == key for other in self.items.values()):
            raise Conflict(f"Another {self._table.name[:-1]} has the key {key}")

    def _record(self, id: UUID, former: T | None, item: T | None) -> None:
        record(self.connection, self._audit(id, former, item))


class CachedTable(Generic[T]):
    """The first column of the table numbers its rows in the order of creation, the second is the
    id. A change is on disk before it is in memory, where it replaces the whole mapping: a reader
    sees all of it or nothing."""

    def __init__(
        self,
        database: Database,
        table: Table,
        audited: Audited[T],
        from_row: Callable[[RowMapping], T],
        to_row: Callable[[T], Mapping[str, Any]],
        derive: Callable[[], None] | None = None,
        key_of: Callable[[T], str | None] = lambda _item: None,
    ) -> None:
        """`key_of` returns the key of an item, which no other item has, if it has one. `derive` is
        called after each change of the items, to rebuild what was derived from them; it is not
        called for the first items."""
        self._table = table
        self._audited = audited
        self._from_row = from_row
        self._to_row = to_row
        self._key_of = key_of
        self._derive: Callable[[], None] | None = None
        self._items: Mapping[UUID, T] = {}
        # The stored rows, so that reading a table again builds only the items that changed.
        self._rows: dict[UUID, tuple[Any, ...]] | None = {} if database.is_shared else None
        self.cached = database.revisions.cache(table.name, self._load)
        self._derive = derive

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

    def locked(self) -> AbstractContextManager[object]:
        """Nobody else changes an item while this is held, and memory equals the disk."""
        return self.cached.locked()

    @contextmanager
    def changing(self, at: datetime, by: Actor = BY_TOCSIN) -> Iterator[TableChange[T]]:
        """A change of any number of rows, which takes effect as a whole or not at all."""
        with self.cached.changing() as transaction:
            items = {**self._items}
            audit = partial(self._audited.entry, at, by.author)
            change = TableChange(
                transaction.connection, self._table, self._to_row, items, self._key_of, audit
            )
            yield change
            transaction.on_commit(partial(self._put_changed, items))

    def create(self, id: UUID, item: T, at: datetime, by: Actor = BY_TOCSIN) -> T:
        with self.changing(at, by) as change:
            change.insert(id, item)
        return item

    def replace(self, id: UUID, item: T, at: datetime, by: Actor = BY_TOCSIN) -> T:
        with self.changing(at, by) as change:
            change.update(id, item)
        return item

    def set_state(self, id: UUID, item: T) -> None:
        """Replace an item of which no member of the definition changes; this is not audited."""
        with self.cached.changing() as transaction:
            items = {**self._items, id: item}
            _update(transaction.connection, self._table, id, self._to_row(item))
            transaction.on_commit(partial(self._put_changed, items))

    def delete(self, id: UUID, at: datetime, by: Actor = BY_TOCSIN) -> None:
        """Raises NotFound."""
        with self.locked():
            self.get(id)
            with self.changing(at, by) as change:
                change.delete(id)

    def _load(self, connection: Connection) -> Callable[[], None]:
        table, id = self._table, _id_column(self._table).name
        rows = connection.execute(select(table).order_by(table.c.number)).mappings()
        if self._rows is None:
            return partial(self._put, {row[id]: self._from_row(row) for row in rows})
        items: dict[UUID, T] = {}
        stored: dict[UUID, tuple[Any, ...]] = {}
        for row in rows:
            key, stored[key] = row[id], tuple(row.values())
            is_same = self._rows.get(key) == stored[key]
            items[key] = self._items[key] if is_same else self._from_row(row)
        return partial(self._put_loaded, items, stored)

    def _put_loaded(self, items: Mapping[UUID, T], rows: dict[UUID, tuple[Any, ...]]) -> None:
        self._rows = rows
        self._put(items)

    def _put_changed(self, items: Mapping[UUID, T]) -> None:
        if self._rows is not None:
            former = self._items
            self._rows = {
                id: row for id, row in self._rows.items() if items.get(id) is former.get(id)
            }
        self._put(items)

    def _put(self, items: Mapping[UUID, T]) -> None:
        self._items = items
        if self._derive:
            self._derive()


def _update(connection: Connection, table: Table, id: UUID, row: Mapping[str, Any]) -> None:
    connection.execute(update(table).where(_id_column(table) == id), row)


def _id_column(table: Table) -> Any:
    return table.columns.values()[1]
