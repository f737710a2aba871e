"""The table of an earlier version gets the settings, codecs and indexes of this version."""

from __future__ import annotations

from pathlib import Path

from support.deployments import settings_in
from support.engines import folders_only
from tocsin.clickhouse.schema import (
    APPEND_COMPACT,
    BROKEN_PARTS,
    FEW_SUBCOLUMNS,
    MERGE_CLOSED,
    PACK_APPENDS,
    TIME_CODEC,
)
from tocsin.clickhouse.sql.query import Query
from tocsin.clickhouse.sql.table import INTERACTIONS
from tocsin.runtime import Runtime

INDEXES = ("byUowId", "byUserId", "byResourceId")
DEFINITION = Query(f"SELECT create_table_query FROM system.tables WHERE name = '{INTERACTIONS}'")


@folders_only
def test_the_table_of_an_earlier_version_gets_the_present_settings(tmp_path: Path) -> None:
    runtime = Runtime(settings_in(tmp_path))
    definition = runtime.engine.run_ddl(DEFINITION)[0][0]
    settings = (*BROKEN_PARTS, MERGE_CLOSED, APPEND_COMPACT, FEW_SUBCOLUMNS, PACK_APPENDS)
    resets = [f"RESET SETTING {setting.split()[0]}" for setting in settings]
    codec = "MODIFY COLUMN timestamp CODEC(Delta, ZSTD(1))"
    for change in (*resets, codec, *(f"DROP INDEX {index}" for index in INDEXES)):
        runtime.engine.run_ddl(Query(f"ALTER TABLE {INTERACTIONS} {change}"))
    earlier = runtime.engine.run_ddl(DEFINITION)[0][0]
    assert not any(setting in earlier for setting in settings)
    assert TIME_CODEC not in earlier
    assert not any(index in earlier for index in INDEXES)
    runtime.close()
    again = Runtime(settings_in(tmp_path))
    upgraded = again.engine.run_ddl(DEFINITION)[0][0]
    # The settings are in another order, so that a different one has no comma.
    assert sorted(upgraded.replace(",", "").split()) == sorted(definition.replace(",", "").split())
    assert all(setting in upgraded for setting in settings)
    assert TIME_CODEC in upgraded
    assert all(f"INDEX {index} " in upgraded for index in INDEXES)
    again.close()
