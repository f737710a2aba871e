"""Examines the two servers of an installation without changing them, for `tocsin doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from tocsin.clickhouse.installation import server_contents
from tocsin.clickhouse.migrating import pending_statements
from tocsin.clickhouse.server_checks import check_server
from tocsin.config import Settings
from tocsin.errors import InvalidSettings
from tocsin.model.server_address import ServerAddress
from tocsin.storage.doctor import Examine
from tocsin.storage.server_storage import place_of, require_same_installation, server_urls
from tocsin.store.installation import stored_installation_id
from tocsin.store.migrating import pending
from tocsin.store.server_checks import check_database, examine_connections


def server_examinations(settings: Settings) -> Iterator[tuple[str, Examine]]:
    """The examinations by their names. Raises InvalidSettings for a wrong URL."""
    url, address = server_urls(settings)
    yield "PostgreSQL", lambda: (place_of(url), check_database(url))
    yield "PostgreSQL connections", lambda: examine_connections(url)
    yield "PostgreSQL schema", lambda: _schema(pending(url))
    check = partial(
        check_server, address, memory=settings.query_memory, seconds=settings.query_seconds
    )
    yield "ClickHouse", lambda: (f"{address}/{address.database}", check())
    yield "ClickHouse schema", lambda: _schema(pending_statements(address))
    yield "installation", lambda: _installation(url, address)


def _schema(pending: list[str]) -> tuple[str, list[str]]:
    if not pending:
        return "up to date", []
    problem = "The schema is not that of this version: run `tocsin migrate`"
    return f"{len(pending)} changes are due", [problem]


def _installation(url: str, address: ServerAddress) -> tuple[str, list[str]]:
    database, clickhouse = stored_installation_id(url), server_contents(address).folder_id
    try:
        require_same_installation(database, clickhouse)
    except InvalidSettings as error:
        return f"PostgreSQL has {database}, ClickHouse has {clickhouse}", [error.detail]
    return f"id {database}", []
