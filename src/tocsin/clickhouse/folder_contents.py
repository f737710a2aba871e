"""What the engine's folder holds, asked before anything in it is changed.

The id of the data folder is the comment of the table: it goes wherever the table goes.
"""

from __future__ import annotations

from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

from tocsin.clickhouse.sql.table import INTERACTIONS


@dataclass(frozen=True, slots=True)
class EngineContents:
    """`folder_id` is None in a table that no version with ids has opened."""

    has_table: bool
    folder_id: str | None = None
    rows: int = 0


def contents(client: Client) -> EngineContents:
    text = (
        "SELECT comment, total_rows FROM system.tables "
        f"WHERE database = currentDatabase() AND name = '{INTERACTIONS}'"
    )
    for comment, rows in client.query(text).result_rows:
        return EngineContents(True, comment or None, int(rows or 0))
    return EngineContents(False)


def mark(client: Client, folder_id: str) -> None:
    # A comment cannot be bound; an id is made of hexadecimal digits only.
    client.command(f"ALTER TABLE {INTERACTIONS} MODIFY COMMENT '{int(folder_id, 16):032x}'")
