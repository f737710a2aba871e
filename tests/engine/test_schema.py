"""Does a table that an earlier version made get what it lacks?"""

from __future__ import annotations

from pathlib import Path

from tocsin.config import Settings
from tocsin.engine.schema import MERGE_CLOSED, TIME_CODEC
from tocsin.runtime import Runtime
from tocsin.sql.query import Query
from tocsin.sql.table import INTERACTIONS

MADE = Query(f"SELECT create_table_query FROM system.tables WHERE name = '{INTERACTIONS}'")


def test_a_table_of_an_earlier_version_gets_what_it_lacks(tmp_path: Path) -> None:
    runtime = Runtime(Settings(data_dir=tmp_path))
    made = runtime.engine.upkeep(MADE)[0][0]
    name = MERGE_CLOSED.split()[0]
    for change in (f"RESET SETTING {name}", "MODIFY COLUMN timestamp CODEC(Delta, ZSTD(1))"):
        runtime.engine.upkeep(Query(f"ALTER TABLE {INTERACTIONS} {change}"))
    earlier = runtime.engine.upkeep(MADE)[0][0]
    assert MERGE_CLOSED not in earlier
    assert TIME_CODEC not in earlier
    runtime.close()
    again = Runtime(Settings(data_dir=tmp_path))
    amended = again.engine.upkeep(MADE)[0][0]
    assert sorted(amended.split()) == sorted(made.split())
    assert MERGE_CLOSED in amended
    assert TIME_CODEC in amended
    again.close()
