"""Discovers the shards and replicas of a cluster from `system.clusters` of its servers.

A server marks its own entry as local, whatever its host and ports are called. That is how an HTTP
address is matched to a shard and a replica; by its host's name otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tocsin.clickhouse.http_connector import ANY_DATABASE, connected
from tocsin.clickhouse.sql.topology import Replica, Topology
from tocsin.errors import InvalidSettings, Unavailable
from tocsin.model.server_address import ServerAddress

_ANSWER_SECONDS = 10.0
_ENTRIES = (
    "SELECT shard_num, replica_num, host_name, host_address, port, is_local "
    "FROM system.clusters WHERE cluster = {cluster:String} ORDER BY shard_num, replica_num"
)


class _Entry(NamedTuple):
    """A server as the cluster is configured."""

    shard: int
    replica: int
    host: str
    address: str
    port: int

    @property
    def name(self) -> str:
        return f"{self.host}:{self.port}"


def discover(address: ServerAddress, *, all_reachable: bool = False) -> Topology:
    """The topology of a server, or of the cluster that the address names.

    A server that is away is left to fail later, unless all must be reachable. Raises
    InvalidSettings if the address does not name every server of the cluster, and Unavailable.
    """
    if not address.cluster:
        return Topology("", ((Replica(address),),))
    entries: Sequence[_Entry] = ()
    matched: dict[_Entry, ServerAddress] = {}
    away: list[ServerAddress] = []
    failure: Unavailable | None = None
    for server in address.servers:
        try:
            present, local = _entries_of(server, address.cluster)
        except Unavailable as error:
            if all_reachable:
                raise
            failure = error
            away.append(server)
            continue
        if entries and present != entries:
            raise InvalidSettings(
                f"The ClickHouse servers {address.servers[0]} and {server} have different servers "
                f"in the cluster {address.cluster}: give all of them the same remote_servers, and "
                "restart them"
            )
        entries = present
        _match(server, local, matched)
    if failure and not entries:
        raise failure
    _match_by_name(away, entries, matched)
    _require_all(address, entries, matched)
    return _topology(address.cluster, matched)


def _entries_of(server: ServerAddress, cluster: str) -> tuple[list[_Entry], _Entry]:
    """The entries of the cluster, and that of the server itself."""
    with connected(server, _ANSWER_SECONDS, database=ANY_DATABASE) as client:
        rows = client.query(_ENTRIES, {"cluster": cluster}).result_rows
    if not rows:
        raise InvalidSettings(
            f"The ClickHouse server {server} has no cluster {cluster} in its remote_servers: "
            "correct ?cluster= in TOCSIN_CLICKHOUSE_URL, or the configuration of the server"
        )
    entries = [_Entry(*row[:-1]) for row in rows]
    local = [entry for entry, row in zip(entries, rows, strict=True) if row[-1]]
    local = local or [e for e in entries if server.host in (e.host, e.address)]
    if len(local) != 1:
        raise InvalidSettings(
            f"The ClickHouse server {server} is not one server of the cluster {cluster}, but "
            f"{len(local)}: remove it from TOCSIN_CLICKHOUSE_URL, or correct remote_servers"
        )
    return entries, local[0]


def _match(server: ServerAddress, entry: _Entry, matched: dict[_Entry, ServerAddress]) -> None:
    if entry in matched:
        raise InvalidSettings(
            f"TOCSIN_CLICKHOUSE_URL names the server {entry.name} twice, as {matched[entry]} and "
            f"{server}"
        )
    matched[entry] = server


def _match_by_name(
    away: Sequence[ServerAddress], entries: Sequence[_Entry], matched: dict[_Entry, ServerAddress]
) -> None:
    """Match servers that are away, if only one of them can be meant."""
    for server in away:
        left = [e for e in entries if e not in matched and server.host in (e.host, e.address)]
        if len(left) == 1:
            matched[left[0]] = server
        elif left:
            raise Unavailable(
                f"The ClickHouse server {server} does not answer, and cannot be distinguished from "
                "others of its host: start it first"
            )


def _require_all(
    address: ServerAddress,
    entries: Sequence[_Entry],
    matched: Mapping[_Entry, ServerAddress],
) -> None:
    if missing := [entry.name for entry in entries if entry not in matched]:
        raise InvalidSettings(
            f"TOCSIN_CLICKHOUSE_URL must name every server of the cluster {address.cluster}; the "
            f"HTTP addresses of these are missing: {', '.join(missing)}"
        )
    counts: dict[int, int] = {}
    for entry in entries:
        counts[entry.shard] = counts.get(entry.shard, 0) + 1
    if 1 in counts.values() and max(counts.values()) > 1:
        raise InvalidSettings(
            f"Every shard of the cluster {address.cluster} must have two replicas or more, or "
            "every shard one: "
            + ", ".join(f"shard {shard} has {count}" for shard, count in counts.items())
        )


def _topology(cluster: str, matched: Mapping[_Entry, ServerAddress]) -> Topology:
    shards: dict[int, list[Replica]] = {}
    for entry in sorted(matched):
        shards.setdefault(entry.shard, []).append(Replica(matched[entry], entry.name))
    return Topology(cluster, tuple(map(tuple, shards.values())))
