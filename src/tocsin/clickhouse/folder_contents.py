"""Reads the contents of the engine's folder, before anything in it is changed.

The table's comment is the id of the data folder, so that the id moves with the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tocsin.clickhouse.client_pool import ClientPool
from tocsin.clickhouse.sql.maintenance import compile_contents
from tocsin.clickhouse.sql.table import INTERACTIONS
from tocsin.errors import InvalidSettings


@dataclass(frozen=True, slots=True)
class EngineContents:
    """The table in a folder; `folder_id` is None until a version with folder ids has opened it."""

    has_table: bool
    folder_id: str | None = None
    rows: int = 0


def read_contents(clients: ClientPool, table: str = INTERACTIONS) -> EngineContents:
    for comment, rows in clients.query(compile_contents(table)):
        return EngineContents(True, comment or None, int(rows or 0))
    return EngineContents(False)


def combined(contents: Sequence[EngineContents]) -> EngineContents:
    """The contents of several servers together. Raises InvalidSettings if they belong to several
    installations."""
    ids = {each.folder_id for each in contents}
    if len(ids - {None}) > 1:
        raise InvalidSettings(
            "The ClickHouse servers of the cluster belong to several installations of Tocsin: "
            "choose another database"
        )
    return EngineContents(
        all(each.has_table for each in contents),
        None if None in ids else next(iter(ids), None),
        sum(each.rows for each in contents),
    )
