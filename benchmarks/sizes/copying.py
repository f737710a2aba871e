"""Adds the months before the one that was loaded: each is a copy of it.

The engine writes them from its own columns, as one part for each month, which is what a month
without appends is after a day. Ids, units of work, numbers and timestamps differ from those that
are copied; the payloads are the same.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.sizes import years
from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.sql.query import Query

# Nothing else of a month is in memory: one block becomes one part, so that a copy is whole or not.
_WHOLE = "max_threads = 1, min_insert_block_size_rows = 100000000, min_insert_block_size_bytes = 0"
_AS_MERGED = {
    "min_level_for_wide_part": "0",
    "min_level_for_full_part_storage": "0",
    "default_compression_codec": "'ZSTD(3)'",
    "object_shared_data_serialization_version_for_zero_level_parts": "'advanced'",
}
_COLUMNS = "SELECT name FROM system.columns WHERE table = 'interactions'"


def merge_month(engine: Engine) -> None:
    """Merge the newest month into one part."""
    merging = f"OPTIMIZE TABLE interactions PARTITION {max(engine.rows_by_month())} FINAL"
    settings = "SETTINGS optimize_skip_merged_partitions = 1"
    engine.unlimited_clients.command(Query(f"{merging} {settings}"))


def copy_months(engine: Engine, rows: int) -> Iterator[int]:
    """Copy the month until there are this many rows; yields the number of rows after each copy."""
    newest = max(engine.rows_by_month())
    # Parts like those of merges.
    changes = ", ".join(f"{name} = {value}" for name, value in _AS_MERGED.items())
    engine.unlimited_clients.command(Query(f"ALTER TABLE interactions MODIFY SETTING {changes}"))
    try:
        while (months := len(engine.rows_by_month())) * years.MONTH < rows:
            _copy(engine, int(newest), months)
            yield (months + 1) * years.MONTH
    finally:
        names = ", ".join(_AS_MERGED)
        reset = f"ALTER TABLE interactions RESET SETTING {names}"
        engine.unlimited_clients.command(Query(reset))


def _copy(engine: Engine, newest: int, earlier: int) -> None:
    changed = {
        "interactionId": "generateUUIDv4()",
        "interactionNumber": f"interactionNumber + {earlier * years.MONTH}",
        "timestamp": f"addMonths(timestamp, -{earlier})",
        "uowId": "CAST(reinterpretAsUUID(bitXor(reinterpretAsUInt128(assumeNotNull(uowId)), "
        f"toUInt128({earlier}))) AS Nullable(UUID))",
    }
    names = [str(name) for (name,) in engine.unlimited_clients.query(Query(_COLUMNS))]
    values = [changed.get(name, name) for name in names]
    statement = (
        f"INSERT INTO interactions ({', '.join(names)}) SELECT {', '.join(values)} "
        f"FROM interactions WHERE toYYYYMM(timestamp) = {newest} SETTINGS {_WHOLE}"
    )
    engine.unlimited_clients.command(Query(statement))
