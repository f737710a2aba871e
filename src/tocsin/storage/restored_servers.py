"""Prepares PostgreSQL and ClickHouse after both were restored from dumps, for
`tocsin migrate --restored`.

ClickHouse is dumped first, so that PostgreSQL has each name that interactions refer to, and each
number that was assigned to them. The differences between the dumps are settled here: appends that
were under way, deliveries that may have been sent since, and counts of interactions that were
recorded between the dumps.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tocsin.clickhouse.installation import latest_number_of
from tocsin.errors import InvalidSettings
from tocsin.model.instant import format_instant
from tocsin.model.server_address import ServerAddress
from tocsin.storage.loss_detection import forget_counts
from tocsin.store.appends import Appends
from tocsin.store.database import Database
from tocsin.store.key_value import KeyValueStore
from tocsin.store.node_lock import living_nodes
from tocsin.store.restored_deliveries import end_unsent

_BY = "tocsin migrate"


def end_appends(database: Database) -> None:
    """End the appends that were under way at the dump. Their nodes do not, and no other node can
    start before the migration, which waits for them. Interactions that they have stored are in the
    dump of ClickHouse.

    Raises InvalidSettings if a node uses the database, and Unavailable.
    """
    if nodes := sorted(living_nodes(database)):
        raise InvalidSettings(
            f"Nodes use this PostgreSQL database ({', '.join(nodes)}): stop them before "
            "`tocsin migrate --restored`"
        )
    table = Appends(database)
    with table.locked() as appends:
        for row in table.unended():
            appends.end(row.number, _BY)


def settle_dumps(database: Database, address: ServerAddress, at: datetime) -> Iterator[str]:
    """Settle the differences between the dumps; yields sentences for the operator. Raises
    Unavailable."""
    with Appends(database).locked() as appends:
        assigned = appends.tail().next_number - 1
    newest = latest_number_of(address)
    if newest > assigned:
        yield (
            f"WARNING: ClickHouse has interactions up to number {newest:,}, and PostgreSQL knows "
            f"those up to {assigned:,}: it was dumped first. The types, actions and origins that "
            "were added between the dumps have lost their names; dump ClickHouse first"
        )
    forget_counts(KeyValueStore(database))
    count = end_unsent(
        database,
        f"The servers were restored from a backup at {format_instant(at)}: it may have been sent "
        "before",
    )
    yield f"{count:,} deliveries that were not sent are skipped"
