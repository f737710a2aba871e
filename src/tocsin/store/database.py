"""Where do definitions live: one SQLite file, opened so that what it acknowledged is on disk.

The only module that opens connections. Driver exceptions end here: what comes out is an error
of `tocsin.errors`, chained to its cause.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, create_engine, event, exc, inspect, text
from sqlalchemy.engine import URL

from tocsin.errors import Conflict, Unavailable

HEAD = "0004"
"""The newest revision in `migrations/versions`; a test holds it against what Alembic finds."""

_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_MILLISECONDS = 5_000


class Database:
    """One SQLite file; any number of threads may use the object."""

    def __init__(self, path: Path | str) -> None:
        """Open the file, which is made if it is not there, and bring it to the newest revision."""
        _make_private(path)
        self._engine = create_engine(URL.create("sqlite", database=str(path)))
        event.listen(self._engine, "connect", _prepare)
        event.listen(self._engine, "begin", _begin)
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
        """A transaction that holds the write lock from its start, committed when left whole."""
        with _translating(), self._engine.connect() as connection:
            connection.execution_options(tocsin_writes=True)
            with connection.begin():
                yield connection

    def _migrate(self) -> None:
        with self.reading() as connection:
            if _revision(connection) == HEAD:
                return
        # Alembic takes 0.1 s to import, which only a database that is behind has to pay.
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
                "The store was written by a newer Tocsin; start that version, or a later one"
            ) from error


def _make_private(path: Path | str) -> None:
    """Nobody but the owner may read the file: channels keep their secrets in it. SQLite gives its
    journals the permissions of the file."""
    with suppress(OSError):
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        Path(path).chmod(0o600)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _prepare(connection: Any, _record: Any) -> None:
    """Settings of each new connection. Transactions are begun by `_begin`, not by the driver,
    which would begin them late and never for a change of schema."""
    connection.isolation_level = None
    for setting in (
        f"busy_timeout = {_BUSY_MILLISECONDS}",
        "journal_mode = WAL",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {setting}")


def _begin(connection: Connection) -> None:
    """A writer takes the lock at once: one that read first could not wait for it later."""
    writes = connection.get_execution_options().get("tocsin_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def _translating() -> Iterator[None]:
    try:
        yield
    except exc.IntegrityError as error:
        raise Conflict("Something else was changed at the same time; look again") from error
    except exc.DBAPIError as error:
        raise Unavailable(f"The store does not answer: {error.orig}") from error
    except exc.TimeoutError as error:
        raise Unavailable from error
