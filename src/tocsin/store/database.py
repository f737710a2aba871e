"""The database of the store, SQLite or PostgreSQL: its connections and transactions.

Acknowledged transactions are on disk. Only this module and the two backends open connections, and
they translate driver exceptions to errors of `tocsin.errors`, chained to their cause.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Executable, Row, exc, text

from tocsin.errors import CannotWrite, Unavailable
from tocsin.process.write_state import WriteState
from tocsin.store.advisory_locks import AdvisoryLock
from tocsin.store.driver_errors import translating
from tocsin.store.revisions import LocalRevisions, Revisions, SharedRevisions
from tocsin.store.sqlite import FOLDER_ID, SqliteBackend, StoreContents, store_contents

__all__ = ["FOLDER_ID", "Database", "StoreContents", "store_contents"]


class Backend(Protocol):
    """The part of a database that differs between SQLite and PostgreSQL."""

    engine: Engine

    @property
    def is_shared(self) -> bool: ...

    def prepare(self) -> None:
        """Bring the schema to the newest revision, or raise InvalidSettings if it is older."""

    def queue_for(self, lock: AdvisoryLock) -> AbstractContextManager[None]:
        """Let the transactions of this process that wait for a lock take no connection but one."""

    def compact(self, tables: Sequence[str]) -> None:
        """Free the space of the deleted rows of these tables."""

    def to_error(self, error: BaseException | None) -> Unavailable:
        """The error by which an exception of the driver is replaced."""


class Database:
    """An SQLite file or a PostgreSQL database; any number of threads may use the object."""

    def __init__(self, location: Path | str) -> None:
        """Open a database by the path of a file or the URL of PostgreSQL.

        A file is created if it does not exist, and migrated to the newest revision. Raises
        InvalidSettings for a PostgreSQL database at another revision, or for a wrong URL.
        """
        self.write_state = WriteState()
        self._backend = _backend(location)
        self._engine = self._backend.engine
        self.is_shared = self._backend.is_shared
        self.revisions: Revisions = (
            SharedRevisions(self) if self.is_shared else LocalRevisions(self)
        )
        try:
            self._backend.prepare()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._engine.dispose()

    def ping(self) -> None:
        """Raises Unavailable unless the database answers a query."""
        with self.reading() as connection:
            connection.execute(text("SELECT count(*) FROM facts"))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that reads: all of its statements see the same state."""
        with self.translating(), self._begun() as connection:
            yield connection

    @contextmanager
    def writing(self, lock: AdvisoryLock = AdvisoryLock.WRITING) -> Iterator[Connection]:
        """A transaction that holds the write lock from its start; an exception rolls it back.

        The transactions of all processes with the same lock run one after another, and each sees
        everything that was committed before it. SQLite has one lock.
        """
        try:
            with (
                self.translating(),
                self._backend.queue_for(lock),
                self._begun(lock) as connection,
            ):
                yield connection
                connection.commit()
        except CannotWrite as error:
            self.write_state.fail(error.reason)
            raise
        self.write_state.succeed()

    def read_rows(
        self, query: Executable, values: Mapping[str, Any] | None = None
    ) -> Sequence[Row[Any]]:
        """The rows of one query outside of a transaction, which takes PostgreSQL one round trip.

        It runs again if the connection was lost: a statement that changes rows must allow that."""
        with self.translating():
            try:
                return self._rows(query, values)
            except exc.DBAPIError as error:
                if not error.connection_invalidated:
                    raise
                return self._rows(query, values)

    def translating(self) -> AbstractContextManager[None]:
        """Raise errors of `tocsin.errors` instead of those of the driver."""
        return translating(self._backend.to_error)

    @contextmanager
    def session(self) -> Iterator[Connection]:
        """A connection of its own, outside of the pool, that commits each statement."""
        with self.translating(), self._engine.connect() as connection:
            connection.detach()
            connection.execution_options(tocsin_autocommit=True)
            yield connection

    def compact(self, tables: Sequence[str]) -> None:
        """Free the space of deleted rows; in a file, nothing of them stays. Blocks for the time
        that writing the file takes, in which nobody else writes. Raises Unavailable."""
        with self.translating():
            self._backend.compact(tables)

    def _rows(self, query: Executable, values: Mapping[str, Any] | None) -> Sequence[Row[Any]]:
        with self._engine.connect() as connection:
            connection.execution_options(tocsin_autocommit=True)
            return connection.execute(query, values).all()

    @contextmanager
    def _begun(self, lock: AdvisoryLock | None = None) -> Iterator[Connection]:
        """A connection in a transaction, which is rolled back unless it is committed."""
        with self._engine.connect() as connection:
            connection.execution_options(tocsin_lock=lock)
            try:
                connection.begin()
            except exc.DBAPIError as error:
                # The server ended a pooled connection, for example because it was restarted.
                if not error.connection_invalidated:
                    raise
                connection.begin()
            yield connection


def _backend(location: Path | str) -> Backend:
    if isinstance(location, str):
        # Embedded, the driver of PostgreSQL need not be installed.
        from tocsin.store.postgres import PostgresBackend

        return PostgresBackend(location)
    return SqliteBackend(location)
