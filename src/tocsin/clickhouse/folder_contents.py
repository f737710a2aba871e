"""Reads the contents of the engine's folder, before anything in it is changed.

The table's comment is the id of the data folder, so that the id moves with the table.
"""

from __future__ import annotations

from dataclasses import dataclass

from tocsin.clickhouse.client_pool import ClientPool
from tocsin.clickhouse.sql.maintenance import compile_contents


@dataclass(frozen=True, slots=True)
class EngineContents:
    """The table in a folder; `folder_id` is None until a version with folder ids has opened it."""

    has_table: bool
    folder_id: str | None = None
    rows: int = 0


def read_contents(clients: ClientPool) -> EngineContents:
    for comment, rows in clients.query(compile_contents()):
        return EngineContents(True, comment or None, int(rows or 0))
    return EngineContents(False)
