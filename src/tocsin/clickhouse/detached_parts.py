"""Lists the parts that the engine detached instead of reading them, such as damaged ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tocsin.clickhouse.client_pool import ClientPool
from tocsin.clickhouse.part_files import row_count
from tocsin.clickhouse.sql.maintenance import compile_detached_parts


@dataclass(frozen=True, slots=True)
class DetachedPart:
    """A part of the table that the engine does not read; `rows` is None if it is unknown."""

    name: str
    reason: str
    rows: int | None


def detached_parts(clients: ClientPool) -> list[DetachedPart]:
    """The detached parts, by name. Raises Unavailable."""
    return [
        DetachedPart(name, reason or "unknown", _rows(Path(path)))
        for name, reason, path in clients.query(compile_detached_parts())
    ]


def _rows(part: Path) -> int | None:
    try:
        return row_count(part)
    except (OSError, ValueError):
        return None
