"""Opens a ClickHouse server or cluster and a PostgreSQL database that belong together.

`tocsin migrate` prepares both and gives them the id of their installation. A start changes nothing
there, because nodes of another version may be running.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack

import structlog

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.folder_contents import EngineContents
from tocsin.clickhouse.server_checks import check_server
from tocsin.config import Settings
from tocsin.errors import InvalidSettings
from tocsin.ingestion.append_keeper import AppendKeeper
from tocsin.ingestion.append_log import AppendLog
from tocsin.ingestion.engine_knowledge import EngineKnowledge
from tocsin.ingestion.known_servers import KnownServers
from tocsin.ingestion.quorum_rule import QuorumRule
from tocsin.ingestion.shared_append_log import SharedAppendLog
from tocsin.model.database_address import DatabaseAddress
from tocsin.model.server_address import ServerAddress
from tocsin.process.clock import Clock
from tocsin.process.events import Events, InteractionsDropped
from tocsin.process.worker import Worker
from tocsin.storage.coordination import Coordination
from tocsin.storage.disk import Disk
from tocsin.storage.storage import Settle, Storage
from tocsin.store.appends import Appends
from tocsin.store.catalog import Catalog
from tocsin.store.change_listener import ChangeListener
from tocsin.store.connection_limit import allowed_connections, shortage
from tocsin.store.database import FOLDER_ID, Database
from tocsin.store.delivery_queue import CLAIM
from tocsin.store.key_value import KeyValueStore
from tocsin.store.leader_lock import LeaderLock
from tocsin.store.node_lock import NodeLock
from tocsin.store.server_checks import check_database

log = structlog.get_logger()


class ServerStorage(Storage):
    """Coordinates this node with the others on the same servers."""

    def __init__(
        self,
        engine: Engine,
        database: Database,
        disk: Disk,
        place: str,
        *,
        node_id: str,
        events: Events,
        opened: float,
    ) -> None:
        """`opened` is when the engine began to load, in seconds of the monotonic clock. Raises
        InvalidSettings before a migration that is due, and Unavailable."""
        self.node_lock = NodeLock(database, node_id)
        self._leader_lock = LeaderLock(database, node_id, self.node_lock, events, CLAIM)
        self.leadership, self.fence = self._leader_lock, self._leader_lock
        super().__init__(engine, database, disk, place)
        self._node_id = node_id
        self._opened = opened
        self._servers = KnownServers(self.key_values, engine.topology.names)
        self._servers.require_stored()
        self._appends = Appends(database)
        self._listener = ChangeListener(database, events)
        self._drops = database.revisions.cache(
            "dropped interactions", lambda _: lambda: events.publish(InteractionsDropped())
        )

    def coordination(self) -> Coordination:
        return Coordination(
            "leader" if self.leadership.is_leader else "follower",
            self._append_log.seconds_behind,
            self._keeper.oldest_seconds,
        )

    def problems(self) -> dict[str, list[str]]:
        return {**super().problems(), "shards": list(map(_silence, self.engine.silent_shards()))}

    def join(self, events: Events, settle: Settle) -> Sequence[Worker]:  # noqa: ARG002 - the workers have them
        # The workers of the first node are to find a leader when they start.
        self._leader_lock.run_once()
        self._warn_of_connections()
        self._keeper = AppendKeeper(
            self._append_log,
            self._appends,
            self.node_lock.living_nodes,
            self.engine,
            settle,
            self._servers.require_all,
        )
        return self.node_lock, self._leader_lock, self._listener, self._keeper

    def _warn_of_connections(self) -> None:
        with self.database.reading() as connection:
            allowed = allowed_connections(connection)
        if problem := shortage(allowed, len(self.node_lock.living_nodes() | {self._node_id})):
            log.warning("too few connections", problem=problem)

    def append_log(self, events: Events, catalog: Catalog) -> AppendLog:
        topology = self.engine.topology
        knowledge = EngineKnowledge(self.engine, catalog.by_id, self.database.revisions.refresh)
        self._append_log = SharedAppendLog(
            self._appends,
            self._node_id,
            self.node_lock,
            knowledge,
            events,
            QuorumRule(has_quorum=not topology.is_replicated or topology.quorum > 0),
            first_number=self.latest_number() + 1,
            seconds_open=time.monotonic() - self._opened,
        )
        return self._append_log

    def announce_drop(self) -> None:
        with self._drops.changing():
            pass


def open_servers(
    settings: Settings, node_id: str, clock: Clock, events: Events, closing: ExitStack
) -> Storage:
    """Check both servers and connect; `closing` will disconnect.

    Raises InvalidSettings with what the operator has to do, or Unavailable.
    """
    url, address = server_urls(settings)
    problems = check_server(
        address, memory=settings.query_memory, seconds=settings.query_seconds, may_be_away=True
    )
    require_none([*check_database(url), *problems])
    database = Database(url)
    closing.callback(database.close)
    installation = KeyValueStore(database).get(FOLDER_ID)

    def admit(contents: EngineContents) -> None:
        require_same_installation(installation, contents.folder_id)

    opened = time.monotonic()
    engine = Engine(
        address,
        memory=settings.query_memory,
        seconds=settings.query_seconds,
        concurrency=settings.query_concurrency,
        max_paths=settings.max_paths,
        id_filter_bytes=settings.id_filter_bytes,
        admit=admit,
        node_id=node_id,
    )
    closing.callback(engine.close)
    disk = Disk([], [engine.write_state, database.write_state], "storage of the servers")
    place = f"{place_of(url)}, {address}/{address.database}"
    storage = ServerStorage(
        engine, database, disk, place, node_id=node_id, events=events, opened=opened
    )
    # Maintenance of the leader checks for losses: a check while another node drops expired months
    # would miss them.
    if settings.accept_loss:
        storage.losses.acknowledge(clock.now())
    return storage


def _silence(servers: str) -> str:
    return (
        f"A shard does not answer ({servers}): interactions are recorded by the others, and "
        "nothing is calculated until it is back"
    )


def server_urls(settings: Settings) -> tuple[str, ServerAddress]:
    """The URL of the database and the address of the ClickHouse server. Raises InvalidSettings."""
    if not (settings.database_url and settings.clickhouse_url):
        raise InvalidSettings(
            "TOCSIN_DATABASE_URL and TOCSIN_CLICKHOUSE_URL are not set: with a data folder, "
            "`tocsin serve` migrates at the start, and there is nothing else to do"
        )
    address = ServerAddress.parse(settings.clickhouse_url.get_secret_value())
    return settings.database_url.get_secret_value(), address


def place_of(url: str) -> str:
    """The server and the name of a database, for messages."""
    return str(DatabaseAddress.parse(url))


def require_none(problems: list[str]) -> None:
    """Raises InvalidSettings with all problems, if there is one."""
    if problems:
        raise InvalidSettings("; ".join(problems))


def require_same_installation(database: str | None, clickhouse: str | None) -> None:
    """Compare the ids of both servers. Raises InvalidSettings."""
    if database is None or clickhouse is None:
        missing = "PostgreSQL" if database is None else "ClickHouse"
        raise InvalidSettings(
            f"The {missing} database has no installation id yet: run `tocsin migrate`"
        )
    if database != clickhouse:
        raise InvalidSettings(
            "TOCSIN_DATABASE_URL and TOCSIN_CLICKHOUSE_URL belong to two installations of Tocsin, "
            "so the definitions cannot name what the interactions refer to: set the two URLs of "
            "one installation, or restore both databases from the same backup"
        )
