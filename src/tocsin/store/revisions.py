"""Keeps the tables that are read from memory equal to those on disk.

A file has one process, whose memory is right once its changes have committed. A shared database has
several nodes: each change raises the revision of its table in the same transaction, and a node
whose memory has another revision reads the table again. `refresh` is one SELECT if nothing changed.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from sqlalchemy import Connection, Row, select, text

from tocsin.store.server_tables import revisions
from tocsin.store.upsert import upsert

if TYPE_CHECKING:
    from tocsin.store.database import Database

CHANNEL = "tocsin_changes"
"""The channel of PostgreSQL on which each change is announced to the other nodes."""

Load = Callable[[Connection], Callable[[], None]]
"""Reads a table; the function that it returns puts what was read into memory."""

_SELECT = select(revisions.c.name, revisions.c.revision)


class Transaction:
    """One transaction that changes tables which are read from memory."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.changed: set[str] = set()
        self._committed: list[Callable[[], None]] = []

    def on_commit(self, apply: Callable[[], None]) -> None:
        """Call `apply`, which changes memory, once the transaction has committed."""
        self._committed.append(apply)

    def apply(self) -> None:
        for each in self._committed:
            each()


class CachedRows(Protocol):
    """The coordination of the changes of one table that is read from memory."""

    def locked(self) -> AbstractContextManager[object]:
        """While this is held, nobody else changes the table, and memory equals the disk."""

    def unchanging(self) -> AbstractContextManager[object]:
        """While this is held, the memory of this process does not change."""

    def changing(self) -> AbstractContextManager[Transaction]:
        """A transaction that changes the table, and in which nobody else does; memory equals the
        disk from its start on."""


class Revisions(Protocol):
    """The tables of one database that this process reads from memory."""

    def cache(self, name: str, load: Load) -> CachedRows:
        """Read a table into memory for the first time, and again after changes elsewhere."""

    def refresh(self, since: float | None = None) -> bool:
        """Read what other processes have changed before this call, or before `since` in seconds of
        the monotonic clock. Whether memory has changed meanwhile. Raises Unavailable."""

    def pop_changed(self) -> frozenset[str]:
        """The names of the tables that were read again since the last call."""

    def consistent(self, caches: Sequence[CachedRows]) -> AbstractContextManager[Connection]:
        """A transaction that reads the state of the disk that memory has, of these tables."""

    def changing(self) -> AbstractContextManager[Connection]:
        """A transaction that writes other tables, and from whose start on memory equals the
        disk."""


class LocalRevisions:
    """Nobody else changes the database, so nothing has to be noticed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def cache(self, name: str, load: Load) -> CachedRows:  # noqa: ARG002 - a name is for several nodes
        with self._database.reading() as connection:
            load(connection)()
        return _LocalRows(self._database)

    def refresh(self, since: float | None = None) -> bool:  # noqa: ARG002 - nothing changes
        return False

    def pop_changed(self) -> frozenset[str]:
        return frozenset()

    @contextmanager
    def consistent(self, caches: Sequence[CachedRows]) -> Iterator[Connection]:
        with ExitStack() as held:
            for cache in caches:
                held.enter_context(cache.unchanging())
            yield held.enter_context(self._database.reading())

    def changing(self) -> AbstractContextManager[Connection]:
        return self._database.writing()


class _LocalRows:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.RLock()

    def locked(self) -> AbstractContextManager[object]:
        return self._lock

    def unchanging(self) -> AbstractContextManager[object]:
        return self._lock

    @contextmanager
    def changing(self) -> Iterator[Transaction]:
        with self._lock:
            with self._database.writing() as connection:
                transaction = Transaction(connection)
                yield transaction
            transaction.apply()


class SharedRevisions:
    """One lock for the memory of all tables, so that they change together."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.RLock()
        self._loads: dict[str, Load] = {}
        # The revision of each table in memory, guarded by the lock.
        self._known: dict[str, int] = {}
        self._transaction: Transaction | None = None
        self._changed: set[str] = set()
        self._reloads = 0
        self._refreshing = threading.Lock()
        self._refreshed = time.monotonic()

    def cache(self, name: str, load: Load) -> CachedRows:
        with self._lock, self._database.reading() as connection:
            self._known[name] = _revisions_in(connection).get(name, 0)
            self._loads[name] = load
            load(connection)()
        return _SharedRows(self, name)

    def pop_changed(self) -> frozenset[str]:
        with self._lock:
            changed, self._changed = frozenset(self._changed), set()
            return changed

    def refresh(self, since: float | None = None) -> bool:
        reloads = self._reloads
        needed = time.monotonic() if since is None else since
        with self._refreshing:
            # A look that began after the call serves all callers that waited for it.
            if self._refreshed < needed:
                self._look()
        return self._reloads != reloads

    def _look(self) -> None:
        began = time.monotonic()
        rows = self._database.read_rows(_SELECT)
        if self._behind(_by_name(rows)):
            with self._lock, self._database.reading() as connection:
                self._catch_up(connection)
        self._refreshed = began

    @contextmanager
    def consistent(self, caches: Sequence[CachedRows]) -> Iterator[Connection]:  # noqa: ARG002 - all tables have one lock
        # Memory changes under the lock only, and the snapshot is taken under it.
        with self.unchanging(), self._database.reading() as connection:
            self._catch_up(connection)
            yield connection

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        with self.transaction() as transaction:
            yield transaction.connection

    def unchanging(self) -> AbstractContextManager[object]:
        return self._lock

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """A transaction that writes; one that is in progress on this thread is joined."""
        with self._lock:
            if self._transaction is not None:
                yield self._transaction
                return
            with self._database.writing() as connection:
                transaction = self._transaction = Transaction(connection)
                try:
                    self._catch_up(connection)
                    yield transaction
                    raised = _raise(connection, transaction.changed)
                finally:
                    self._transaction = None
            self._known |= raised
            transaction.apply()

    def _behind(self, current: dict[str, int]) -> list[str]:
        return [name for name, known in self._known.items() if current.get(name, 0) != known]

    def _catch_up(self, connection: Connection) -> None:
        """Read the tables that changed elsewhere; the caller holds the lock."""
        current = _revisions_in(connection)
        behind = self._behind(current)
        if not behind:
            return
        applies = [self._loads[name](connection) for name in behind]
        # Together, so that no reader finds one without the other for long.
        for apply in applies:
            apply()
        self._known |= {name: current.get(name, 0) for name in behind}
        self._changed.update(behind)
        self._reloads += 1


class _SharedRows:
    def __init__(self, revisions: SharedRevisions, name: str) -> None:
        self._revisions = revisions
        self._name = name

    def locked(self) -> AbstractContextManager[object]:
        return self._revisions.transaction()

    def unchanging(self) -> AbstractContextManager[object]:
        return self._revisions.unchanging()

    @contextmanager
    def changing(self) -> Iterator[Transaction]:
        with self._revisions.transaction() as transaction:
            transaction.changed.add(self._name)
            yield transaction


def _revisions_in(connection: Connection) -> dict[str, int]:
    return _by_name(connection.execute(_SELECT).all())


def _by_name(rows: Iterable[Row[Any, Any]] | Iterable[Row[Any]]) -> dict[str, int]:
    return {row.name: row.revision for row in rows}


def _raise(connection: Connection, names: set[str]) -> dict[str, int]:
    """Raise the revisions of tables, and announce it when the transaction commits."""
    if not names:
        return {}
    upsert(
        connection,
        revisions,
        [{"name": name, "revision": 1} for name in sorted(names)],
        key=["name"],
        changes=lambda _: {"revision": revisions.c.revision + 1},
    )
    connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": CHANNEL})
    return _by_name(connection.execute(_SELECT.where(revisions.c.name.in_(names))).all())
