"""The table of interactions on a server, which `tocsin migrate` creates and changes.

It is the table of a folder, and in addition:

- The server remembers the tokens of the last blocks, so that repeating a block is harmless. Each
  block takes one entry in each of its months.
- A skip index finds the interactions of a range of numbers, to learn which of a dead node's
  interactions were recorded: in the table's order, neighbors have near numbers.
"""

from __future__ import annotations

from clickhouse_connect.driver.client import Client

from tocsin.clickhouse.schema import (
    FSYNC,
    UPGRADED,
    create_table,
    upgrades,
)
from tocsin.clickhouse.sql.maintenance import compile_columns, compile_definition
from tocsin.clickhouse.sql.table import INTERACTIONS
from tocsin.errors import InvalidSettings
from tocsin.model.server_address import ServerAddress

DEDUPLICATION = "non_replicated_deduplication_window = 10000"
NUMBER_INDEX = "byInteractionNumber"
NUMBER_INDEX_DEFINITION = f"INDEX {NUMBER_INDEX} interactionNumber TYPE minmax GRANULARITY 1"
SETTINGS = (*FSYNC, *UPGRADED, DEDUPLICATION)
CREATE = create_table(f",\n    {NUMBER_INDEX_DEFINITION}", f", {DEDUPLICATION}").strip()
REPLICATION = (
    # A replica acknowledges a part that it has fetched after it is on its disk.
    "min_compressed_bytes_to_fsync_after_fetch = 1",
    # A block of unknown outcome may be repeated days later.
    "replicated_deduplication_window_seconds = 604800",
)
REPLICATED_SETTINGS = (*FSYNC, *UPGRADED, *REPLICATION)
_COLUMNS = {
    "interactionId": "UUID",
    "interactionNumber": "UInt64",
    "resourceTypeId": "UUID",
    "actionId": "UUID",
    "originId": "UUID",
    "resourceId": "String",
    "timestamp": "DateTime64(3, 'UTC')",
    "uowId": "Nullable(UUID)",
    "userId": "Nullable(String)",
    "externalReference": "Nullable(String)",
    "externalResponse": "String",
    "bigIntegers": "Array(String)",
    "hollowObjects": "Array(String)",
    "raw": "String",
    "interaction": "JSON",
}


def table_statements(client: Client, address: ServerAddress) -> list[str]:
    """The statements that create the table or change it to that of this version.

    Raises InvalidSettings for a table that is not Tocsin's, and the driver's exceptions.
    """
    definition = str(client.command(compile_definition().text))
    if not definition:
        return [CREATE]
    _reject_foreign(client, definition, address)
    return upgrades(definition, SETTINGS) + index_upgrades(definition)


def index_upgrades(definition: str, table: str = INTERACTIONS) -> list[str]:
    """The statements that add the skip index to a table without it."""
    if f"INDEX {NUMBER_INDEX} " in definition:
        return []
    return [
        f"ALTER TABLE {table} ADD {NUMBER_INDEX_DEFINITION}",
        f"ALTER TABLE {table} MATERIALIZE INDEX {NUMBER_INDEX}",
    ]


def check_table(client: Client, address: ServerAddress) -> None:
    """Raises InvalidSettings unless the table is that of this version."""
    statements = table_statements(client, address)
    if statements == [CREATE]:
        raise InvalidSettings(
            f"The database {address.database} of the ClickHouse server {address} has no table of "
            "interactions: run `tocsin migrate`"
        )
    if statements:
        raise InvalidSettings(
            f"The table of interactions in the database {address.database} of the ClickHouse "
            f"server {address} is not that of this version: run `tocsin migrate`"
        )


def _reject_foreign(client: Client, definition: str, address: ServerAddress) -> None:
    if "ENGINE = MergeTree" not in definition:
        raise InvalidSettings(
            f"The table {INTERACTIONS} in the database {address.database} of the ClickHouse server "
            f"{address} has another engine than MergeTree: choose another database"
        )
    query = compile_columns()
    present = {(name, type) for name, type in client.query(query.text).result_rows}
    other = [name for name, type in _COLUMNS.items() if (name, type) not in present]
    if other:
        raise InvalidSettings(
            f"The table {INTERACTIONS} in the database {address.database} of the ClickHouse server "
            f"{address} is not Tocsin's: its column {other[0]} is missing or has another type. "
            "Choose another database"
        )
