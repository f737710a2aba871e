"""Connects to the ClickHouse at a location."""

from __future__ import annotations

from pathlib import Path

from tocsin.clickhouse.chdb_connector import ChdbConnector
from tocsin.clickhouse.connector import Connector
from tocsin.clickhouse.http_connector import HttpConnector
from tocsin.model.server_address import ServerAddress


def connect(location: Path | ServerAddress) -> Connector:
    """A connector to chDB on a folder, or to a server. Raises InvalidSettings."""
    if isinstance(location, ServerAddress):
        return HttpConnector(location)
    return ChdbConnector(location)
