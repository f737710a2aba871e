"""Does a table that an earlier version made get what it lacks?"""

from __future__ import annotations

from pathlib import Path

from tocsin.clickhouse.schema import (
    APPEND_COMPACT,
    BROKEN_PARTS,
    FEW_SUBCOLUMNS,
    MERGE_CLOSED,
    TIME_CODEC,
)
from tocsin.clickhouse.sql.query import Query
from tocsin.clickhouse.sql.table import INTERACTIONS
from tocsin.config import Settings
from tocsin.runtime import Runtime

MADE = Query(f"SELECT create_table_query FROM system.tables WHERE name = '{INTERACTIONS}'")


def test_a_table_of_an_earlier_version_gets_what_it_lacks(tmp_path: Path) -> None:
    runtime = Runtime(Settings(data_dir=tmp_path))
    made = runtime.engine.run_ddl(MADE)[0][0]
    settings = (*BROKEN_PARTS, MERGE_CLOSED, APPEND_COMPACT, FEW_SUBCOLUMNS)
    resets = [f"RESET SETTING {setting.split()[0]}" for setting in settings]
    for change in (*resets, "MODIFY COLUMN timestamp CODEC(Delta, ZSTD(1))"):
        runtime.engine.run_ddl(Query(f"ALTER TABLE {INTERACTIONS} {change}"))
    earlier = runtime.engine.run_ddl(MADE)[0][0]
    assert not any(setting in earlier for setting in settings)
    assert TIME_CODEC not in earlier
    runtime.close()
    again = Runtime(Settings(data_dir=tmp_path))
    amended = again.engine.run_ddl(MADE)[0][0]
    # The settings are there in another order, so that another one has no comma.
    assert sorted(amended.replace(",", "").split()) == sorted(made.replace(",", "").split())
    assert all(setting in amended for setting in settings)
    assert TIME_CODEC in amended
    again.close()
