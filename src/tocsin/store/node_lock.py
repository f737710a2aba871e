"""The lock by which the other nodes see that a node is alive.

It is a session lock of PostgreSQL on a connection of its own. The server ends a session that has
been silent for five seconds, so that a node which died, lost its network or was stopped loses its
lock.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import ExitStack, suppress

import structlog
from sqlalchemy import Connection, TextClause, func, text

from tocsin.errors import Unavailable
from tocsin.process.clock import seconds_of_machine
from tocsin.process.worker import Worker
from tocsin.store.advisory_locks import LOCK_CLASS, NODE_LOCK_CLASS, AdvisoryLock
from tocsin.store.database import Database
from tocsin.store.server_tables import nodes
from tocsin.store.upsert import insert_of

log = structlog.get_logger()

PING_SECONDS = 1.0
RETRY_SECONDS = 0.5
SILENT_SECONDS = 5
"""The lock is lost after this time without a ping."""

CERTAIN_SECONDS = 3.0
"""The lock is certainly held for this time after a ping was sent."""

_PING = text("SELECT 1")
_LOCK = text("SELECT pg_try_advisory_lock(CAST(:lock_class AS int), CAST(:number AS int))")


class NodeLock(Worker):
    """Takes the lock when it is started, and pings each second. Any thread may use the object."""

    def __init__(
        self,
        database: Database,
        node_id: str,
        lock_class: int = NODE_LOCK_CLASS,
        silent_seconds: int = SILENT_SECONDS,
    ) -> None:
        """`lock_class` keeps the locks of one purpose apart from those of others. With 0 for
        `silent_seconds`, the lock is held as long as the connection exists."""
        super().__init__("node-lock", retry_seconds=RETRY_SECONDS)
        self._database = database
        self._node_id = node_id
        self._lock_class = lock_class
        self._settings = text(
            f"SET idle_session_timeout = '{silent_seconds}s'; "
            f"SET statement_timeout = '{SILENT_SECONDS}s'"
        )
        # Guards the connection, which two threads must not use concurrently.
        self._using = threading.Lock()
        self._session: ExitStack | None = None
        self._connection: Connection
        self._session_number = 0
        self._certain_until = 0.0

    @property
    def is_certain(self) -> bool:
        """Whether the lock is held, unless the server has ended the session early; reads memory
        only. A thread that was stopped for long gets False."""
        return seconds_of_machine() < self._certain_until

    @property
    def session(self) -> int:
        """Another number than before means that the lock was lost meanwhile; reads memory only."""
        return self._session_number

    def run_once(self) -> float:
        was_certain = self.is_certain
        try:
            self.hold()
        except Unavailable as error:
            if was_certain:
                log.warning("node lock lost", node=self._node_id, reason=error.detail)
            return RETRY_SECONDS
        return PING_SECONDS

    def stop(self) -> None:
        """Release the lock."""
        super().stop()
        with self._using:
            self._close()

    def hold(self) -> None:
        """Take the lock, or check that it is still held. Raises Unavailable."""
        with self._using:
            self._hold()

    def try_lock(self, lock: AdvisoryLock) -> int | None:
        """Take another lock in the session of this one, unless another node holds it. Returns the
        number of the session: another number than before means that the lock was lost meanwhile.
        Raises Unavailable."""
        with self._using:
            self._hold()
            numbers = {"lock_class": LOCK_CLASS, "number": lock.value}
            return self._session_number if self._execute(_LOCK, numbers) else None

    def living_nodes(self) -> frozenset[str]:
        """The ids of the nodes whose locks are held. Raises Unavailable."""
        return living_nodes(self._database, self._lock_class)

    def _hold(self) -> None:
        began = seconds_of_machine()
        if self._session:
            try:
                self._execute(_PING)
            except Unavailable:
                self._take()
        else:
            self._take()
        self._certain_until = began + CERTAIN_SECONDS

    def _execute(self, statement: TextClause, parameters: Mapping[str, int] = {}) -> object:
        """The only value of a statement. An error ends the session, and with it the locks."""
        try:
            with self._database.translating():
                return self._connection.execute(statement, parameters).scalar_one()
        except Unavailable:
            self._close()
            raise

    def _take(self) -> None:
        with ExitStack() as session:
            connection = session.enter_context(self._database.session())
            connection.execute(self._settings)
            number = _registered(connection, self._node_id)
            numbers = {"lock_class": self._lock_class, "number": number}
            if not connection.execute(_LOCK, numbers).scalar_one():
                raise Unavailable(
                    "The lock of this node belongs to an earlier connection, which ends in seconds"
                )
            self._connection = connection
            self._session = session.pop_all()
            self._session_number += 1

    def _close(self) -> None:
        session, self._session = self._session, None
        self._certain_until = 0.0
        if session:
            # The server may have ended it before.
            with suppress(Unavailable):
                session.close()


def living_nodes(database: Database, lock_class: int = NODE_LOCK_CLASS) -> frozenset[str]:
    """The ids of the nodes whose locks are held. Raises Unavailable."""
    return frozenset(row.node for row in database.read_rows(text(_holders(lock_class))))


def _holders(lock_class: int) -> str:
    return (
        "SELECT nodes.node FROM nodes JOIN pg_locks ON pg_locks.objid::bigint = nodes.number "
        "WHERE locktype = 'advisory' AND objsubid = 2 AND granted "
        f"AND classid::bigint = {lock_class} "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )


def _registered(connection: Connection, node_id: str) -> int:
    """The number of a node, which is assigned at its first use. Rows of nodes that have ended long
    ago are deleted; a node that is alive gets another one."""
    row = insert_of(connection, nodes).values(node=node_id)
    seen = row.on_conflict_do_update(index_elements=["node"], set_={"seen": func.now()})
    number: int = connection.execute(seen.returning(nodes.c.number)).scalar_one()
    is_old = f"seen < now() - interval '1 day' AND node NOT IN ({_holders(NODE_LOCK_CLASS)})"
    connection.execute(text(f"DELETE FROM nodes WHERE {is_old}"))
    return number
