"""The settings of a deployment for tests: a data folder, or databases of its own on the servers of
TOCSIN_TEST_CLICKHOUSE_URL and TOCSIN_TEST_DATABASE_URL.

The same tests run on both. A test names its deployment by the path that its data folder would
have, so that it can open the same one again.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from support.databases import database_location
from support.engines import LOCATIONS
from tocsin.config import Settings
from tocsin.model.server_address import ServerAddress

_VARIABLES = ("TOCSIN_TEST_CLICKHOUSE_URL", "TOCSIN_TEST_DATABASE_URL")
IS_ON_SERVERS = all(variable in os.environ for variable in _VARIABLES)

folder_only = pytest.mark.skipif(
    IS_ON_SERVERS, reason="is about the data folder, and runs without servers"
)
counts_queries = pytest.mark.skipif(
    IS_ON_SERVERS, reason="a server counts the queries of all its clients"
)
servers_only = pytest.mark.skipif(
    not IS_ON_SERVERS, reason=f"{' and '.join(_VARIABLES)} name no servers to test with"
)

_prepared: set[tuple[Path, str | None]] = set()


def settings_in(folder: Path, **values: Any) -> Settings:
    """The settings of the deployment of a folder; its servers are migrated at its first use."""
    settings = Settings.model_validate({"data_dir": folder, **urls_of(folder), **values})
    if settings.is_server_mode:
        _prepare(folder, settings)
    return settings


def urls_of(folder: Path) -> dict[str, str]:
    """The settings of the URLs of a deployment; empty for a data folder."""
    if not IS_ON_SERVERS:
        return {}
    location = LOCATIONS.of(folder / "engine")
    assert isinstance(location, ServerAddress)
    server = urlsplit(os.environ["TOCSIN_TEST_CLICKHOUSE_URL"])
    return {
        "database_url": str(database_location(folder / "store.sqlite")),
        "clickhouse_url": server._replace(path=f"/{location.database}").geturl(),
    }


def variables_of(folder: Path, admin_key: str) -> dict[str, str]:
    """The variables of a process on the deployment of a folder."""
    settings_in(folder, **({"admin_key": admin_key} if admin_key else {}))
    return {f"TOCSIN_{name.upper()}": url for name, url in urls_of(folder).items()}


def _prepare(folder: Path, settings: Settings) -> None:
    key = settings.admin_key.get_secret_value() if settings.admin_key else None
    if (folder, key) not in _prepared:
        from tocsin.storage.migration import migrate_servers

        migrate_servers(settings, datetime.now(UTC), lambda _: None, dry_run=False)
        _prepared.add((folder, key))
