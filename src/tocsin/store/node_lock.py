"""The lock by which the other nodes see that a node is alive.

It is a session lock of PostgreSQL on a connection of its own. The server ends a session that has
been silent for five seconds, so that a node which died, lost its network or was stopped loses its
lock.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, suppress

from sqlalchemy import Connection, func, text

from tocsin.errors import Unavailable
from tocsin.process.worker import Worker
from tocsin.store.advisory_locks import NODE_LOCK_CLASS
from tocsin.store.database import Database
from tocsin.store.server_tables import nodes
from tocsin.store.upsert import insert_of

PING_SECONDS = 1.0
RETRY_SECONDS = 0.5
SILENT_SECONDS = 5
"""The lock is lost after this time without a ping."""

_SETTINGS = text(
    f"SET idle_session_timeout = '{SILENT_SECONDS}s'; SET statement_timeout = '{SILENT_SECONDS}s'"
)
_PING = text("SELECT 1")
_LOCK = text(f"SELECT pg_try_advisory_lock({NODE_LOCK_CLASS}, :number)")
_LIVING = (
    "SELECT nodes.node FROM nodes JOIN pg_locks ON pg_locks.objid::bigint = nodes.number "
    "WHERE locktype = 'advisory' AND objsubid = 2 AND granted "
    f"AND classid::bigint = {NODE_LOCK_CLASS} "
    "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_FORGET = text(
    f"DELETE FROM nodes WHERE seen < now() - interval '1 day' AND node NOT IN ({_LIVING})"
)


class NodeLock(Worker):
    """Takes the lock when it is started, and pings each second. Any thread may use the object."""

    def __init__(self, database: Database, node_id: str) -> None:
        super().__init__("node-lock", retry_seconds=RETRY_SECONDS)
        self._database = database
        self._node_id = node_id
        # Guards the connection, which two threads must not use concurrently.
        self._using = threading.Lock()
        self._session: ExitStack | None = None
        self._connection: Connection

    def run_once(self) -> float:
        self.hold()
        return PING_SECONDS

    def stop(self) -> None:
        """Release the lock."""
        super().stop()
        with self._using:
            self._close()

    def hold(self) -> None:
        """Take the lock, or check that it is still held. Raises Unavailable."""
        with self._using:
            if not self._is_held():
                self._take()

    def living_nodes(self) -> frozenset[str]:
        """The ids of the nodes whose locks are held. Raises Unavailable."""
        return frozenset(row.node for row in self._database.read_rows(text(_LIVING)))

    def _is_held(self) -> bool:
        """The lock is held as long as its session."""
        if self._session is None:
            return False
        try:
            with self._database.translating():
                self._connection.execute(_PING)
        except Unavailable:
            self._close()
            return False
        return True

    def _take(self) -> None:
        with ExitStack() as session:
            connection = session.enter_context(self._database.session())
            connection.execute(_SETTINGS)
            number = _registered(connection, self._node_id)
            if not connection.execute(_LOCK, {"number": number}).scalar_one():
                raise Unavailable(
                    "The lock of this node belongs to an earlier connection, which ends in seconds"
                )
            self._connection = connection
            self._session = session.pop_all()

    def _close(self) -> None:
        session, self._session = self._session, None
        if session:
            # The server may have ended it before.
            with suppress(Unavailable):
                session.close()


def _registered(connection: Connection, node_id: str) -> int:
    """The number of a node, which is assigned at its first use. Rows of nodes that have ended long
    ago are deleted; a node that is alive gets another one."""
    row = insert_of(connection, nodes).values(node=node_id)
    seen = row.on_conflict_do_update(index_elements=["node"], set_={"seen": func.now()})
    number: int = connection.execute(seen.returning(nodes.c.number)).scalar_one()
    connection.execute(_FORGET)
    return number
