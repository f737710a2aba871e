"""A node knows whether nodes may append to servers that it does not know."""

from __future__ import annotations

import pytest

from support.append_world import MemoryValues
from tocsin.errors import InvalidSettings, Unavailable
from tocsin.ingestion.known_servers import KnownServers


def test_a_node_with_a_server_that_no_migration_has_prepared_does_not_start() -> None:
    values = MemoryValues()
    grown = KnownServers(values, ["a:9000", "b:9000"])
    for _ in range(2):
        with pytest.raises(InvalidSettings, match=r"b:9000.*run `tocsin migrate`"):
            grown.require_stored()
        KnownServers(values, ["a:9000"]).store()
    grown.store()
    grown.require_stored()


def test_a_node_knows_all_servers_until_others_are_added() -> None:
    values = MemoryValues()
    old, new = KnownServers(values, ["a:9000"]), KnownServers(values, ["b:9000", "a:9000"])
    old.store()
    old.require_all()
    new.store()
    with pytest.raises(Unavailable, match=r"b:9000.*restart it with the new TOCSIN_CLICKHOUSE_URL"):
        old.require_all()
    new.require_all()


def test_a_node_may_know_servers_that_were_removed() -> None:
    values = MemoryValues()
    KnownServers(values, ["a:9000"]).store()
    KnownServers(values, ["a:9000", "gone:9000"]).require_all()


def test_a_single_server_has_no_name_and_needs_none() -> None:
    values = MemoryValues()
    servers = KnownServers(values, [])
    servers.require_stored()
    servers.require_all()
    servers.store()
    servers.require_stored()
    servers.require_all()
