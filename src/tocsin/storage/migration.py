"""Prepares the two servers of an installation for this version, for `tocsin migrate`.

The schema of PostgreSQL comes first, then that of ClickHouse and the names of its servers, then the
id of the installation in both, then an admin key. Each step can be repeated, so that an interrupted
migration is completed by the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

from tocsin.clickhouse import migrating as clickhouse
from tocsin.clickhouse.cluster_discovery import discover
from tocsin.clickhouse.folder_contents import EngineContents
from tocsin.clickhouse.installation import server_contents, set_installation_id
from tocsin.clickhouse.server_checks import check_server
from tocsin.config import Settings
from tocsin.errors import InvalidSettings
from tocsin.ingestion.known_servers import KnownServers
from tocsin.ingestion.quorum_rule import require_quorum
from tocsin.model.key import Role
from tocsin.model.server_address import ServerAddress
from tocsin.storage.ledger_file import add_ledger
from tocsin.storage.restored_servers import end_appends, settle_dumps
from tocsin.storage.server_storage import require_none, require_same_installation, server_urls
from tocsin.store import migrating as postgresql
from tocsin.store.appends import Appends
from tocsin.store.database import FOLDER_ID, Database
from tocsin.store.key_value import KeyValueStore
from tocsin.store.keys import Keys
from tocsin.store.server_checks import check_database

Report = Callable[[str], None]


def migrate_servers(
    settings: Settings,
    at: datetime,
    report: Report,
    *,
    dry_run: bool,
    is_restored: bool = False,
    ledger: Path | None = None,
) -> str | None:
    """Migrate both servers and report each statement. With `dry_run`, only report them.
    `is_restored` is for servers that were just restored from dumps; the erasures of a `ledger` that
    are later than those are applied by the first node that starts.

    Returns the secret of a new admin key if there was none, which cannot be read again. Raises
    InvalidSettings or Unavailable.
    """
    url, address = server_urls(settings)
    require_none([*check_database(url, may_create=True), *check_server(address)])
    _report("PostgreSQL", postgresql.migrate(url, dry_run=dry_run), report)
    if dry_run:
        _report("ClickHouse", clickhouse.migrate(address, dry_run=True), report)
        return None
    with closing(Database(url)) as database:
        if is_restored:
            end_appends(database)
        require = partial(require_quorum, Appends(database))
        with postgresql.migrating_clickhouse(url):
            _report("ClickHouse", clickhouse.migrate(address, require_quorum=require), report)
            servers = discover(address, all_reachable=True).names
            KnownServers(KeyValueStore(database), servers).store()
        _agree(settings, KeyValueStore(database), address)
        if is_restored:
            for sentence in settle_dumps(database, address, at):
                report(f"-- {sentence}")
        if ledger:
            report(f"-- Erasures to apply again: {add_ledger(database, ledger)}")
        return _adopt(settings, Keys(database), at)


def _report(server: str, statements: Iterable[str], report: Report) -> None:
    report(f"-- {server}")
    is_changed = False
    for statement in statements:
        report(f"{statement};")
        is_changed = True
    if not is_changed:
        report("-- is up to date")


def _agree(settings: Settings, key_values: KeyValueStore, address: ServerAddress) -> None:
    """Give both servers the id of their installation."""
    stored, contents = key_values.get(FOLDER_ID), server_contents(address)
    agreed = _agreed_id(settings, stored, contents)
    # ClickHouse first: until PostgreSQL has the id, an interrupted migration is repeated.
    if contents.folder_id != agreed:
        set_installation_id(address, agreed)
    if stored != agreed:
        key_values.set(FOLDER_ID, agreed)


def _agreed_id(settings: Settings, database: str | None, clickhouse: EngineContents) -> str:
    """The id that both servers should have; the settings accept a server that is new."""
    new_store, new_engine = settings.accept_new_store, settings.accept_new_engine
    if database and clickhouse.folder_id != database:
        # Interactions of another installation keep their id: its nodes may be running.
        if new_engine and not (clickhouse.folder_id and clickhouse.rows):
            return database
        if not clickhouse.folder_id:
            raise InvalidSettings(
                "The ClickHouse database has no installation id, but the PostgreSQL database "
                "belongs to an installation with another one: correct TOCSIN_CLICKHOUSE_URL, or "
                "restore the interactions from a backup; or go on without any: "
                "--accept-new-engine"
            )
        if not new_store:
            require_same_installation(database, clickhouse.folder_id)
    if not database and clickhouse.rows and not new_store:
        raise InvalidSettings(
            f"The PostgreSQL database is new, but ClickHouse has {clickhouse.rows:,} interactions, "
            "whose types, actions and origins another database names: correct "
            "TOCSIN_DATABASE_URL, or restore PostgreSQL from a backup; or go on without those "
            "names, metrics, alerts and keys: --accept-new-store"
        )
    return clickhouse.folder_id or database or uuid4().hex


def _adopt(settings: Settings, keys: Keys, at: datetime) -> str | None:
    """Make the key of the settings an admin key, or create one if there is no admin key."""
    if settings.admin_key:
        keys.adopt(settings.admin_key.get_secret_value(), at)
    return None if keys.has_admin(at) else keys.create("first start", Role.ADMIN, at)[1]
