"""The store in PostgreSQL: its connections, the check of its schema, and the errors of its driver.

Locks and time limits are those of a program whose nodes may die, or lose their network, at any
time: the server ends what belonged to them within seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence, Set
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL

from tocsin.errors import CannotWrite, InvalidSettings, Unavailable
from tocsin.model.database_address import DRIVER, REPEATED, DatabaseAddress
from tocsin.store.advisory_locks import AdvisoryLock, lock_for_transaction
from tocsin.store.driver_errors import translating
from tocsin.store.migrations.chains import SERVER, STORE, Chain

_SETTING = "TOCSIN_DATABASE_URL"
_OLDEST_VERSION = 14
_LOCK_SECONDS = 5
_KEPT_CONNECTIONS = 8
POOL_CONNECTIONS = 24
"""The most connections of a process beside its sessions. Transactions that wait for a lock share
one, so that this number suffices while PostgreSQL answers within milliseconds."""

# A dead server, or a dead client, is noticed after 5 s.
_CONNECTING = {
    "application_name": "tocsin",
    "connect_timeout": 5,
    "keepalives": 1,
    "keepalives_idle": 3,
    "keepalives_interval": 1,
    "keepalives_count": 2,
    "tcp_user_timeout": 5_000,
}
_SETTINGS = {
    "tcp_keepalives_idle": "3",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "2",
    "lock_timeout": f"{_LOCK_SECONDS}s",
    "statement_timeout": "30s",
    # A node that hangs in a transaction must not keep the write lock from the others.
    "idle_in_transaction_session_timeout": "15s",
    "jit": "off",
}
# A database may be configured to acknowledge what is not on disk; stronger settings stay.
_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') = 'off'"
)
# disk_full, read_only_sql_transaction, io_error
_CANNOT_WRITE = ("53100", "25006", "58030")
_LOCK_NOT_AVAILABLE = "55P03"
_BUSY = "The store is busy: other changes take too long; try again"


class PostgresBackend:
    """`writing()` means the same as with SQLite: an advisory lock lets one writer in at a time.
    A writer reads committed data after it has the lock; a reader sees one snapshot."""

    is_shared = True

    def __init__(self, url: str) -> None:
        self.engine = postgres_engine(url)
        self._queues = {lock: threading.Lock() for lock in AdvisoryLock}

    def prepare(self) -> None:
        """Raises InvalidSettings unless the schema is at the newest revision. A start changes
        nothing, because nodes of another version may be running."""
        with translating(driver_error), self.engine.connect() as connection:
            check_server(connection)
            for chain in (STORE, SERVER):
                _require_head(chain, revision_of(connection, chain))

    @contextmanager
    def queue_for(self, lock: AdvisoryLock) -> Iterator[None]:
        # Otherwise waiting writers would take all connections of the pool from the readers.
        queue = self._queues[lock]
        if not queue.acquire(timeout=_LOCK_SECONDS):
            raise Unavailable(_BUSY)
        try:
            yield
        finally:
            queue.release()

    def compact(self, tables: Sequence[str]) -> None:
        with self.engine.connect() as connection:
            connection.execution_options(tocsin_autocommit=True)
            for table in tables:
                connection.exec_driver_sql(f"VACUUM {table}")

    def to_error(self, error: BaseException | None) -> Unavailable:
        return driver_error(error)


def postgres_engine(url: str) -> Engine:
    """An engine whose connections detect a dead server. Raises InvalidSettings for a wrong URL."""
    address = _address(url)
    given = {name for name, _ in address.options}
    try:
        engine = create_engine(
            _sqlalchemy_url(address),
            connect_args={name: v for name, v in _CONNECTING.items() if name not in given},
            pool_size=_KEPT_CONNECTIONS,
            max_overflow=POOL_CONNECTIONS - _KEPT_CONNECTIONS,
            pool_timeout=_LOCK_SECONDS,
            hide_parameters=True,
        )
    except ImportError as error:
        raise InvalidSettings("PostgreSQL needs the package psycopg: install it") from error
    _require_known(given)
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _address(url: str) -> DatabaseAddress:
    # The traceback of the cause could show the password.
    try:
        return DatabaseAddress.parse(url)
    except ValueError as error:
        raise InvalidSettings(f"{_SETTING} {error}") from None


def _sqlalchemy_url(address: DatabaseAddress) -> URL:
    options: dict[str, str | tuple[str, ...]] = dict(address.options)
    for name in REPEATED:
        if values := tuple(value for given, value in address.options if given == name):
            options[name] = values if len(values) > 1 else values[0]
    return URL.create(
        DRIVER,
        address.user,
        address.password,
        address.host,
        address.port,
        address.database,
        options,
    )


def _require_known(names: Set[str]) -> None:
    """Psycopg has arguments that are no options of libpq, and change what statements return."""
    from psycopg.pq import Conninfo

    known = {option.keyword.decode() for option in Conninfo.get_defaults()}
    if unknown := sorted(names - known):
        raise InvalidSettings(
            f"{_SETTING} must have no option {unknown[0]}: options are those of libpq, such as "
            "sslmode"
        )


def check_server(connection: Connection) -> None:
    """Raises InvalidSettings for a server that is too old, or an encoding that lacks characters."""
    encoding = connection.execute(text("SHOW server_encoding")).scalar_one()
    if encoding != "UTF8":
        raise InvalidSettings(
            f"The database has the encoding {encoding}: create it with ENCODING 'UTF8'"
        )
    version = int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
    if version < _OLDEST_VERSION:
        raise InvalidSettings(
            f"The database is PostgreSQL {version}: Tocsin needs {_OLDEST_VERSION} or newer"
        )


def revision_of(connection: Connection, chain: Chain) -> str | None:
    """The revision of the schema; None without tables of the chain."""
    table = chain.version_table
    if connection.execute(text("SELECT to_regclass(:name)"), {"name": table}).scalar() is None:
        return None
    return connection.execute(text(f"SELECT version_num FROM {table}")).scalar()


def _require_head(chain: Chain, revision: str | None) -> None:
    if revision is None:
        raise InvalidSettings("The database has no tables of Tocsin yet: run `tocsin migrate`")
    if revision < chain.head:
        raise InvalidSettings(
            f"The database is at {revision}, this version needs {chain.head}: run `tocsin migrate`"
        )
    if revision > chain.head:
        raise InvalidSettings(
            f"The database is at {revision}, this version knows {chain.head}: "
            "it was migrated by a newer Tocsin; start that version or a later one"
        )


def _configure(connection: Any, _record: Any) -> None:
    """Configure a new connection. `_begin` begins its transactions, because the driver would send
    BEGIN alone, before the first statement."""
    connection.autocommit = True
    settings = [f"SET {name} = '{value}'" for name, value in _SETTINGS.items()]
    connection.execute("; ".join([*settings, _DURABLE]))


def _begin(connection: Connection) -> None:
    """Begin a transaction, in one round trip with its lock."""
    options = connection.get_execution_options()
    if options.get("tocsin_autocommit"):
        return
    lock = options.get("tocsin_lock")
    if lock is None:
        connection.exec_driver_sql("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    else:
        # A snapshot taken before the lock would not show the changes of the writer before.
        begin = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
        connection.exec_driver_sql(f"{begin}; {lock_for_transaction(lock)}")


def driver_error(error: BaseException | None) -> Unavailable:
    code = getattr(error, "sqlstate", None)
    reason = " ".join(str(error).split())
    if code in _CANNOT_WRITE:
        return CannotWrite(f"The change was not saved: the store cannot write ({reason})", reason)
    if code == _LOCK_NOT_AVAILABLE:
        return Unavailable(_BUSY)
    return Unavailable(f"The store does not answer: {reason}")
