"""Does a table that an earlier version made get what it lacks?"""

from __future__ import annotations

from pathlib import Path

from tocsin.config import Settings
from tocsin.engine.schema import MERGE_CLOSED
from tocsin.runtime import Runtime
from tocsin.sql.query import Query
from tocsin.sql.table import INTERACTIONS

SETTINGS = Query(f"SELECT engine_full FROM system.tables WHERE name = '{INTERACTIONS}'")


def test_a_table_of_an_earlier_version_merges_its_closed_months_too(tmp_path: Path) -> None:
    runtime = Runtime(Settings(data_dir=tmp_path))
    made = runtime.engine.upkeep(SETTINGS)
    name = MERGE_CLOSED.split()[0]
    runtime.engine.upkeep(Query(f"ALTER TABLE {INTERACTIONS} RESET SETTING {name}"))
    assert name not in runtime.engine.upkeep(SETTINGS)[0][0]
    runtime.close()
    again = Runtime(Settings(data_dir=tmp_path))
    assert sorted(again.engine.upkeep(SETTINGS)[0][0].split()) == sorted(made[0][0].split())
    assert MERGE_CLOSED in again.engine.upkeep(SETTINGS)[0][0]
    again.close()
