"""Migrates a PostgreSQL database, for `tocsin migrate`; opening migrates an SQLite file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event, text

from tocsin.store.advisory_locks import AdvisoryLock, lock_for_session
from tocsin.store.driver_errors import translating
from tocsin.store.migrations.chains import SERVER, STORE
from tocsin.store.migrations.runner import revisions_after, run_migrations, statements_of
from tocsin.store.postgres import check_server, driver_error, postgres_engine, revision_of

_CHAINS = (STORE, SERVER)


def pending(url: str) -> list[str]:
    """The revisions that the database lacks, with what each does, in the order of `migrate`.

    Raises InvalidSettings or Unavailable.
    """
    with _connected(url) as connection:
        return [
            f"{revision}: {change}"
            for chain in _CHAINS
            for revision, change in revisions_after(chain, revision_of(connection, chain))
        ]


def migrate(url: str, *, dry_run: bool = False) -> list[str]:
    """Migrate to the newest revisions, in one transaction, and return the statements that did it.

    A second process waits until the first is done. With `dry_run` nothing is changed. Raises
    InvalidSettings or Unavailable, also for a schema of a newer version.
    """
    with _connected(url) as connection:
        if dry_run:
            return [
                statement
                for chain in _CHAINS
                for statement in statements_of(chain, revision_of(connection, chain))
            ]
        connection.rollback()
        connection.execution_options(tocsin_autocommit=False, tocsin_lock=AdvisoryLock.MIGRATING)
        with connection.begin(), _recorded(connection) as statements:
            for chain in _CHAINS:
                run_migrations(connection, chain)
        return statements


@contextmanager
def migrating_clickhouse(url: str) -> Iterator[None]:
    """While it is held, no other process changes the tables of ClickHouse. Raises InvalidSettings
    or Unavailable."""
    with _connected(url) as connection:
        connection.execute(text(lock_for_session(AdvisoryLock.MIGRATING_CLICKHOUSE)))
        yield


@contextmanager
def _connected(url: str) -> Iterator[Connection]:
    engine = postgres_engine(url)
    try:
        with translating(driver_error), engine.connect() as connection:
            connection.execution_options(tocsin_autocommit=True)
            check_server(connection)
            # A migration may wait for readers, and may rewrite a large table.
            connection.execute(text("SET statement_timeout = 0; SET lock_timeout = '60s'"))
            yield connection
    finally:
        engine.dispose()


@contextmanager
def _recorded(connection: Connection) -> Iterator[list[str]]:
    """The statements that change something, in the order of their execution."""
    statements: list[str] = []

    def record(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.lstrip().startswith("SELECT"):
            statements.append(statement.strip())

    event.listen(connection, "before_cursor_execute", record)
    yield statements
