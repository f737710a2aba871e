"""Elects the leader among the nodes of a database.

The leader is the node that holds a lock of PostgreSQL in the session of its node lock, which the
server ends when the node dies, or is silent for five seconds. Each election has an epoch, which the
transactions of the leader compare: one that was stopped, and continues later, changes nothing.
"""

from __future__ import annotations

import time
from datetime import timedelta

import structlog
from sqlalchemy import Connection, delete, func, insert, select, text, update

from tocsin.errors import Deposed, Unavailable
from tocsin.process.clock import seconds_of_machine
from tocsin.process.events import Events, LeadershipGained
from tocsin.process.worker import Worker
from tocsin.store.advisory_locks import LEADER_LOCK_CLASS, AdvisoryLock
from tocsin.store.database import Database
from tocsin.store.node_lock import CERTAIN_SECONDS, PING_SECONDS, NodeLock
from tocsin.store.server_tables import leaders

log = structlog.get_logger()

RECONNECTING_SECONDS = 3.0
"""A predecessor that lives has connected again after this time, if the server has ended its
connections."""

_LOOK_SECONDS = 0.5
_KEPT = 1_000
_NEWEST = select(func.max(leaders.c.epoch))


class LeaderLock(Worker):
    """Tries to become the leader each second, and then stays it until the lock is lost."""

    def __init__(
        self,
        database: Database,
        node_id: str,
        node_lock: NodeLock,
        events: Events,
        claims_valid: timedelta,
    ) -> None:
        """`claims_valid` is the longest validity of what a leader claims."""
        super().__init__("leader-lock")
        self.epoch = 0
        self._database = database
        self._node_id = node_id
        self._node_lock = node_lock
        self._events = events
        self._claims_valid = claims_valid
        # Without a limit for silence: a leader that is stopped has not ended.
        self._existence = NodeLock(database, node_id, LEADER_LOCK_CLASS, silent_seconds=0)
        self._session: int | None = None
        self._valid_until = 0.0

    @property
    def is_leader(self) -> bool:
        """Reads memory only. False three seconds after the last time at which the lock was held:
        earlier than another node can get it, unless the server has ended the session early."""
        return seconds_of_machine() < self._valid_until

    def check(self, connection: Connection) -> None:
        """Raises Deposed unless the last election was won by this node, in a transaction that
        writes; elections are such transactions, too."""
        self._require_newest(connection.execute(_NEWEST).scalar_one())

    def confirm(self) -> None:
        """Raises Deposed unless the last election was won by this node, or Unavailable."""
        ((newest,),) = self._database.read_rows(_NEWEST)
        self._require_newest(newest)

    def run_once(self) -> float:
        try:
            self._keep()
        except Unavailable as error:
            self._lose(error.detail)
        return PING_SECONDS

    def stop(self) -> None:
        """End the leadership. The node lock, which is stopped afterwards, releases the lock."""
        super().stop()
        if self.is_leader:
            try:
                self._end()
            except Unavailable as error:
                log.warning("end of the leadership not stored", reason=error.detail)
        self._valid_until = 0.0
        self._existence.stop()

    def _keep(self) -> None:
        """Take the lock or keep it; a new one, or one of a new session, makes an election."""
        began = seconds_of_machine()
        session = self._node_lock.try_lock(AdvisoryLock.LEADER)
        if session is None:
            self._lose("another node is the leader")
        elif session == self._session:
            self._existence.hold()
            self._valid_until = began + CERTAIN_SECONDS
        else:
            self._lose("the connection to the database was lost")
            self._become_leader(session)

    def _become_leader(self, session: int) -> None:
        self._existence.hold()
        epoch = self._elected()
        has_ended = self._has_predecessor_ended(epoch)
        self.epoch = epoch
        self._events.publish(LeadershipGained(has_predecessor_ended=has_ended))
        began = seconds_of_machine()
        if self._node_lock.try_lock(AdvisoryLock.LEADER) == session:
            self._session = session
            self._valid_until = began + CERTAIN_SECONDS
            log.info("leader elected", node=self._node_id, epoch=epoch)

    def _lose(self, reason: str) -> None:
        if self._session is not None:
            log.warning("leadership lost", node=self._node_id, epoch=self.epoch, reason=reason)
        self._session = None
        self._valid_until = 0.0

    def _require_newest(self, epoch: int | None) -> None:
        if epoch != self.epoch:
            self._valid_until = 0.0
            raise Deposed

    def _elected(self) -> int:
        # A transaction of the former leader either precedes this one or is fenced.
        election = insert(leaders).values(node=self._node_id, has_ended=False)
        with self._database.writing() as connection:
            epoch: int = connection.execute(election.returning(leaders.c.epoch)).scalar_one()
            connection.execute(delete(leaders).where(leaders.c.epoch < epoch - _KEPT))
        return epoch

    def _end(self) -> None:
        ended = update(leaders).where(leaders.c.epoch == self.epoch).values(has_ended=True)
        with self._database.writing() as connection:
            connection.execute(ended)

    def _has_predecessor_ended(self, epoch: int) -> bool:
        """Whether the earlier leaders whose claims may be valid have ended; waits for some seconds
        for those that connect again."""
        rows = {
            "epoch": epoch,
            "valid": self._claims_valid.total_seconds(),
        }
        with self._database.reading() as connection:
            earlier = set(connection.execute(_PREDECESSORS, rows).scalars())
        if self._node_id in earlier:
            return False
        latest = time.monotonic() + RECONNECTING_SECONDS
        while earlier and time.monotonic() < latest:
            if earlier & self._existence.living_nodes():
                return False
            # Not silent meanwhile.
            self._node_lock.hold()
            time.sleep(_LOOK_SECONDS)
        return True


# The claims of a leader may be as young as the election of its successor.
_PREDECESSORS = text(
    "SELECT node FROM (SELECT epoch, node, has_ended, lead(since) OVER (ORDER BY epoch) AS until "
    "FROM leaders) AS elections WHERE epoch < :epoch AND NOT has_ended "
    "AND until > now() - make_interval(secs => :valid)"
)
