"""The parts that the engine set aside instead of reading them, such as damaged ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from clickhouse_connect.driver.client import Client

from tocsin.clickhouse.sql.table import INTERACTIONS

# ClickHouse writes the number of rows beside the columns, in a file of its own.
_ROWS_FILE = "count.txt"


@dataclass(frozen=True, slots=True)
class DetachedPart:
    """`rows` is None where the part does not say how many it has."""

    name: str
    reason: str
    rows: int | None


def detached_parts(client: Client) -> list[DetachedPart]:
    text = (
        "SELECT name, coalesce(reason, ''), path FROM system.detached_parts "
        f"WHERE database = currentDatabase() AND table = '{INTERACTIONS}' ORDER BY name"
    )
    return [
        DetachedPart(name, reason or "unknown", _rows(Path(path)))
        for name, reason, path in client.query(text).result_rows
    ]


def _rows(part: Path) -> int | None:
    try:
        return int((part / _ROWS_FILE).read_bytes())
    except (OSError, ValueError):
        return None
