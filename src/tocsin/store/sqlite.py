"""The store in an SQLite file: its connections, its migration, and the errors of its driver."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL

from tocsin.errors import CannotWrite, InvalidSettings, Unavailable
from tocsin.store.advisory_locks import AdvisoryLock
from tocsin.store.driver_errors import translating
from tocsin.store.migrations.chains import STORE

FOLDER_ID = "folder id"
"""The name of the value that holds the id of the data folder."""

_BUSY_MILLISECONDS = 5_000
# SQLite opens paths up to 512 bytes, and appends "-journal" to them.
_LONGEST_PATH = 504
_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_CANNOT_WRITE = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR_WRITE,
    sqlite3.SQLITE_IOERR_FSYNC,
    sqlite3.SQLITE_IOERR_DIR_FSYNC,
    sqlite3.SQLITE_IOERR_TRUNCATE,
    sqlite3.SQLITE_IOERR_SHMSIZE,
)


@dataclass(frozen=True, slots=True)
class StoreContents:
    """`folder_id` is None in a store of an early version, which had no such id."""

    has_tables: bool
    folder_id: str | None = None


def store_contents(path: Path) -> StoreContents:
    """Read what a file holds, without creating or changing it.

    Raises InvalidSettings for a path that SQLite cannot open, Unavailable for a damaged file.
    """
    length = len(os.fsencode(path.resolve()))
    if length > _LONGEST_PATH:
        raise InvalidSettings(
            f"Cannot use {path.parent} as data folder: the path of its {path.name} has {length} "
            f"bytes, and SQLite opens paths of up to {_LONGEST_PATH}. Choose a shorter path"
        )
    if not path.exists() or (path.is_file() and path.stat().st_size == 0):
        return StoreContents(False)
    engine = _engine(path)
    try:
        with translating(to_error), engine.connect() as connection:
            return _contents(connection)
    finally:
        engine.dispose()


@contextmanager
def read_file(path: Path) -> Iterator[Connection | None]:
    """A transaction that reads a file without changing it; None if its revision is not the newest,
    because the tables of this version are not those of the file."""
    engine = _engine(path)
    try:
        with translating(to_error), engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA query_only = ON")
            yield connection if _revision(connection) == STORE.head else None
    finally:
        engine.dispose()


def _contents(connection: Connection) -> StoreContents:
    damage = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
    if damage != "ok":
        raise Unavailable(_damaged(damage))
    tables = inspect(connection).get_table_names()
    if "facts" not in tables:
        return StoreContents(bool(tables))
    folder_id = text("SELECT value FROM facts WHERE name = :name")
    return StoreContents(True, connection.execute(folder_id, {"name": FOLDER_ID}).scalar())


class SqliteBackend:
    """Acknowledged transactions are on disk, because each commit waits for fsync."""

    is_shared = False

    def __init__(self, path: Path) -> None:
        _make_private(path)
        self.engine = _engine(path)

    def prepare(self) -> None:
        """Migrate the file to the newest revision."""
        with translating(to_error), self.engine.connect() as connection:
            if _revision(connection) == STORE.head:
                return
        from tocsin.store.migrations.runner import run_migrations

        with translating(to_error), self.engine.connect() as connection:
            connection.execution_options(tocsin_lock=AdvisoryLock.WRITING)
            with connection.begin():
                run_migrations(connection, STORE)

    def queue_for(self, lock: AdvisoryLock) -> AbstractContextManager[None]:  # noqa: ARG002 - SQLite has one lock
        return nullcontext()

    def compact(self, tables: Sequence[str]) -> None:  # noqa: ARG002 - all of the file
        """Write the file again, so that it and its log hold nothing of deleted rows. Raises
        Unavailable while another transaction still reads an older state."""
        # No transaction may be open, and SQLAlchemy would begin one.
        with closing(self.engine.raw_connection()) as connection:
            driver: Any = connection.driver_connection
            _empty_log(driver)
            driver.execute("VACUUM")
            _empty_log(driver)

    def to_error(self, error: BaseException | None) -> Unavailable:
        return to_error(error)


def _engine(path: Path) -> Engine:
    engine = create_engine(URL.create("sqlite", database=str(path)))
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _empty_log(connection: Any) -> None:
    is_busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    if is_busy:
        raise Unavailable("The store is being read; its log is emptied in a moment")


def _make_private(path: Path) -> None:
    """Let only the owner read the file, because it holds the secrets of channels. SQLite gives
    its journals the permissions of the file."""
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        path.chmod(0o600)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(STORE.version_table):
        return None
    return connection.execute(text(f"SELECT version_num FROM {STORE.version_table}")).scalar()


def _configure(connection: Any, _record: Any) -> None:
    """Configure a new connection. `_begin` begins its transactions, because the driver would begin
    them late, and never for a change of schema."""
    connection.isolation_level = None
    for setting in (
        f"busy_timeout = {_BUSY_MILLISECONDS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {setting}")


def _begin(connection: Connection) -> None:
    """Begin a transaction. A writer takes the lock at the start, because SQLite does not let a
    transaction that has already read wait for it."""
    writes = connection.get_execution_options().get("tocsin_lock") is not None
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def to_error(error: BaseException | None) -> Unavailable:
    """The error by which an exception of the driver is replaced."""
    code = getattr(error, "sqlite_errorcode", None)
    if code in _CANNOT_WRITE:
        reason = str(error)
        return CannotWrite(f"The change was not saved: the store cannot write ({reason})", reason)
    # The lowest byte of an extended code is the code of its kind.
    if code is not None and code & 0xFF in _DAMAGED:
        return Unavailable(_damaged(str(error)))
    return Unavailable(f"The store does not answer: {error}")


def _damaged(reason: str) -> str:
    return (
        f"store.sqlite is damaged, or no SQLite file ({reason}). Restore the data folder from a "
        "backup, or repair the file: see “A damaged store” in docs/how-to/recover.md"
    )
