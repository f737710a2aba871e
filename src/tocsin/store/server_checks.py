"""Checks that a PostgreSQL server keeps what Tocsin relies on: durability, sessions, rights, time.

Each problem is one sentence that states what would be right.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import Any

from sqlalchemy import Connection, Engine, text

from tocsin.errors import InvalidSettings
from tocsin.process.clock import MAX_CLOCK_DIFFERENCE, clock_difference
from tocsin.store.connection_limit import NODE_CONNECTIONS, allowed_connections, shortage
from tocsin.store.driver_errors import translating
from tocsin.store.migrations.chains import SERVER, STORE
from tocsin.store.postgres import check_server, driver_error, postgres_engine

_RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")
# One statement, because each node asks at its start: a table that does not exist yields no row.
_MISSING_RIGHTS = text(
    "SELECT name, wanted FROM unnest(CAST(:tables AS text[])) WITH ORDINALITY AS t (name, place), "
    "unnest(CAST(:rights AS text[])) WITH ORDINALITY AS r (wanted, position) "
    "WHERE NOT has_table_privilege(to_regclass(name), wanted) ORDER BY t.place, r.position"
)


def check_database(url: str, *, may_create: bool = False) -> list[str]:
    """The problems of a server; with `may_create`, also a missing right to create tables.

    Raises InvalidSettings for a wrong URL, Unavailable for a server that does not answer.
    """
    engine = postgres_engine(url)
    try:
        with translating(driver_error), _connected(engine) as connection:
            checks = (_version, _role, _durability, _clock, _creation if may_create else _rights)
            problems = [problem for check in checks for problem in check(connection)]
            return problems + list(_pooler(engine, connection))
    finally:
        engine.dispose()


def examine_connections(url: str) -> tuple[str, list[str]]:
    """The number of connections in a sentence, and the problem if one node may need more. Raises
    InvalidSettings or Unavailable."""
    engine = postgres_engine(url)
    try:
        with translating(driver_error), _connected(engine) as connection:
            allowed = allowed_connections(connection)
    finally:
        engine.dispose()
    state = (
        f"{allowed} allowed, up to {NODE_CONNECTIONS} for each node: "
        f"enough for {allowed // NODE_CONNECTIONS} nodes"
    )
    problem = shortage(allowed, 1)
    return state, [problem] if problem else []


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    with engine.connect() as connection:
        connection.execution_options(tocsin_autocommit=True)
        yield connection


def _version(connection: Connection) -> Iterator[str]:
    try:
        check_server(connection)
    except InvalidSettings as error:
        yield error.detail


def _role(connection: Connection) -> Iterator[str]:
    if _value(connection, "SELECT pg_is_in_recovery()"):
        yield (
            "The PostgreSQL server is a standby, which takes no writes: name the primary in "
            "TOCSIN_DATABASE_URL"
        )


def _durability(connection: Connection) -> Iterator[str]:
    if _value(connection, "SHOW fsync") == "off":
        yield (
            "PostgreSQL runs with fsync = off, which loses acknowledged changes with the power: "
            "set fsync = on"
        )


def _clock(connection: Connection) -> Iterator[str]:
    difference = clock_difference(
        lambda: _value(connection, "SELECT clock_timestamp() AT TIME ZONE 'UTC'").replace(
            tzinfo=UTC
        )
    )
    if difference > MAX_CLOCK_DIFFERENCE:
        yield (
            "The clocks of this machine and of PostgreSQL differ by "
            f"{difference.total_seconds():,.1f} s: synchronize both, for example by NTP"
        )


def _creation(connection: Connection) -> Iterator[str]:
    schema = _value(connection, "SELECT current_schema()")
    if schema is None:
        yield (
            "The user of TOCSIN_DATABASE_URL may use no schema of its search path: "
            "GRANT USAGE, CREATE ON SCHEMA public"
        )
    elif not _value(connection, "SELECT has_schema_privilege(current_schema(), 'CREATE')"):
        yield (
            f"The user of TOCSIN_DATABASE_URL may not create tables in the schema {schema}: "
            f"GRANT CREATE ON SCHEMA {schema}"
        )


def _rights(connection: Connection) -> Iterator[str]:
    """A missing right on a table that exists; `tocsin migrate` creates those that do not."""
    tables = [*STORE.metadata.tables, *SERVER.metadata.tables]
    values = {"tables": tables, "rights": list(_RIGHTS)}
    missing = connection.execute(_MISSING_RIGHTS, values).all()
    for table, _ in missing[:1]:
        # The others lack the same.
        rights = ", ".join(other for name, other in missing if name == table)
        yield (
            f"The user of TOCSIN_DATABASE_URL may not {rights} on the table {table}: "
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA"
        )


def _pooler(engine: Engine, connection: Connection) -> Iterator[str]:
    """Session locks need sessions. A pooler in transaction mode gives the session of an idle
    connection to the next one."""
    pid = "SELECT pg_backend_pid()"
    session = _value(connection, pid)
    with _connected(engine) as other:
        if _value(other, pid) == session:
            yield (
                "TOCSIN_DATABASE_URL leads to a pooler that shares sessions, but nodes hold locks "
                "of sessions: connect to PostgreSQL directly, or use the pooling mode session"
            )


def _value(connection: Connection, query: str) -> Any:
    return connection.execute(text(query)).scalar()
