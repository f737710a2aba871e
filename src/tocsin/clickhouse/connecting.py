"""Connects to the ClickHouse at a location."""

from __future__ import annotations

from pathlib import Path

from tocsin.clickhouse.chdb_connector import ChdbConnector
from tocsin.clickhouse.cluster_connector import ClusterConnector
from tocsin.clickhouse.cluster_discovery import discover
from tocsin.clickhouse.connector import Connector
from tocsin.clickhouse.http_connector import HttpConnector
from tocsin.model.server_address import ServerAddress


def connect(location: Path | ServerAddress) -> Connector:
    """A connector to chDB on a folder, or to a server or cluster. Raises InvalidSettings, and
    Unavailable for a cluster of which no server answers."""
    if not isinstance(location, ServerAddress):
        return ChdbConnector(location)
    if not location.cluster:
        return HttpConnector(location)
    return ClusterConnector(location, discover(location))
