"""The SQLite file: its connections, transactions and migrations.

Acknowledged transactions are on disk. This is the only module that opens connections, and it
translates driver exceptions to errors of `tocsin.errors`, chained to their cause.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc, inspect, text
from sqlalchemy.engine import URL

from tocsin.errors import CannotWrite, Conflict, InvalidSettings, Unavailable
from tocsin.process.write_state import WriteState

HEAD = "0006"
"""The newest revision in `migrations/versions`; a test compares it with the one of Alembic."""

_MIGRATIONS = Path(__file__).parent / "migrations"
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
FOLDER_ID = "folder id"
"""The name of the value that holds the id of the data folder."""


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
        with _translating(), engine.connect() as connection:
            return _contents(connection)
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


class Database:
    """One SQLite file; any number of threads may use the object."""

    def __init__(self, path: Path | str) -> None:
        """Open the file, or create it, and migrate it to the newest revision."""
        self.write_state = WriteState()
        _make_private(path)
        self._engine = _engine(path)
        self._migrate()

    def close(self) -> None:
        self._engine.dispose()

    def ping(self) -> None:
        """Raises Unavailable unless the database answers a query."""
        with self.reading() as connection:
            connection.execute(text("SELECT count(*) FROM facts"))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with _translating(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its start; an exception rolls it back."""
        try:
            with _translating(), self._engine.connect() as connection:
                connection.execution_options(tocsin_writes=True)
                with connection.begin():
                    yield connection
        except CannotWrite as error:
            self.write_state.fail(error.reason)
            raise
        self.write_state.succeed()

    def _migrate(self) -> None:
        with self.reading() as connection:
            if _revision(connection) == HEAD:
                return
        # Importing Alembic takes 0.1 s, so it is imported only if a migration is due.
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
        try:
            with self.writing() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except CommandError as error:
            raise Unavailable(
                "The store was written by a newer Tocsin; start that version or a later one"
            ) from error


def _engine(path: Path | str) -> Engine:
    engine = create_engine(URL.create("sqlite", database=str(path)))
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _make_private(path: Path | str) -> None:
    """Let only the owner read the file, because it holds the secrets of channels. SQLite gives
    its journals the permissions of the file."""
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        Path(path).chmod(0o600)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _prepare(connection: Any, _record: Any) -> None:
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
    writes = connection.get_execution_options().get("tocsin_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except exc.IntegrityError as error:
        message = "Another change conflicts with this one; reload and try again"
        raise Conflict(message) from error
    except exc.DBAPIError as error:
        raise _of_driver(error.orig) from error
    except exc.TimeoutError as error:
        raise Unavailable from error


def _of_driver(error: BaseException | None) -> Unavailable:
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
