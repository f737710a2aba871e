"""The table of interactions: its columns, order and settings, with the reasons.

- `raw` is the record, byte for byte; `interaction` is an index over it, which can be rebuilt.
- `bigIntegers` and `hollowObjects` hold the paths of values that the JSON type does not preserve:
  integer literals past 64 bits (stored as strings) and objects without a single leaf (dropped).
- Merging JSON costs nearly as much as inserting it: with a base of 10 instead of 5, a row is merged
  half as often.
- T64 stores only the bits in which 64 instants differ. The size is that of deltas with ZSTD, and
  reading takes a third of the time, which matters because nearly every scan reads the column.
- With 2,048 rows in a granule instead of 8,192, the engine reads the edges of windows a third
  faster, because every scope has rows in them; whole scans, appends and the size on disk do not
  change.
- A partition is a month of `timestamp`: retention drops whole partitions, and years of history
  still have few parts. The engine merges a partition without appends for a day into one part:
  neighbors in the order are similar, so it is a tenth smaller.
- A wide part has up to sixteen files for each path of the payloads that is a subcolumn, and up
  to 1,024 paths become subcolumns. So appends create compact parts, and merges keep the 64
  most frequent paths as subcolumns; the others share files and are read as fast (decision 55).
- An append is one file of its part, `data.packed`, of which less has to be created and synced than
  of twelve. It takes a fifth less time; merges write separate files (decision 100).
- A unit of work, a user or a resource has few interactions among all, so they are found by skip
  indexes. Like that of ids, merges build them (decisions 99 and 102).
- Damaged parts never prevent the table from opening, however many and large they are (the engine's
  default limits are 100 parts and 1 GiB): the engine detaches them, and Tocsin reports them.
"""

from __future__ import annotations

import re
import resource
from collections.abc import Iterable

from clickhouse_connect.driver.client import Client

from tocsin.clickhouse.sql.maintenance import compile_definition
from tocsin.clickhouse.sql.table import INTERACTIONS

TIME_CODEC = "CODEC(T64, LZ4)"
MERGE_CLOSED = "min_partition_age_to_force_merge_seconds = 86400"
APPEND_COMPACT = "min_level_for_wide_part = 1"
PACK_APPENDS = "min_level_for_full_part_storage = 1"
FEW_SUBCOLUMNS = "merge_max_dynamic_subcolumns_in_wide_part = 64"
BROKEN_PARTS = (
    "max_suspicious_broken_parts = 1000000000",
    "max_suspicious_broken_parts_bytes = 1000000000000000000",
)
FSYNC = ("fsync_after_insert = 1", "fsync_part_directory = 1")
"""Without them, an acknowledged interaction may be lost."""
UPGRADED = (*BROKEN_PARTS, MERGE_CLOSED, APPEND_COMPACT, FEW_SUBCOLUMNS)
"""Settings that the table of an earlier version may lack."""
# Enough for two merges of ten wide parts, with payloads of thousands of keys of three types each.
OPEN_FILES_FOR_WIDE_PARTS = 16_384
_WIDE_PART_BYTES = 10 * 1024 * 1024
_NEVER = 1 << 50

_ADDED_INDEXES = {
    "byUowId": "INDEX byUowId uowId TYPE bloom_filter(0.01) GRANULARITY 4",
    "byUserId": "INDEX byUserId userId TYPE bloom_filter(0.01) GRANULARITY 4",
    "byResourceId": "INDEX byResourceId resourceId TYPE bloom_filter(0.01) GRANULARITY 4",
}
"""By name: those that the table of an earlier version may lack."""
_COLUMNS = f"""\
    interactionId UUID,
    interactionNumber UInt64 CODEC(Delta, ZSTD(1)),
    resourceTypeId UUID,
    actionId UUID,
    originId UUID CODEC(ZSTD(1)),
    resourceId String CODEC(ZSTD(1)),
    timestamp DateTime64(3, 'UTC') {TIME_CODEC},
    uowId Nullable(UUID) CODEC(ZSTD(1)),
    userId Nullable(String) CODEC(ZSTD(1)),
    externalReference Nullable(String) CODEC(ZSTD(1)),
    externalResponse String CODEC(ZSTD(1)),
    bigIntegers Array(String) CODEC(ZSTD(1)),
    hollowObjects Array(String) CODEC(ZSTD(1)),
    raw String CODEC(ZSTD(1)),
    interaction JSON DEFAULT raw::JSON,
    INDEX byInteractionId interactionId TYPE bloom_filter(0.001) GRANULARITY 4,
    {", ".join(_ADDED_INDEXES.values())}"""
_SETTINGS = f"""\
SETTINGS {", ".join(FSYNC)}, merge_selector_base = 10, index_granularity = 2048,
    {", ".join(UPGRADED)}"""


def create_table(
    indexes: str = "",
    settings: str = "",
    table: str = INTERACTIONS,
    engine: str = "MergeTree",
) -> str:
    """The statement that creates the table, with further indexes and settings."""
    return f"""
CREATE TABLE IF NOT EXISTS {table} (
{_COLUMNS}{indexes}
)
ENGINE = {engine}
PARTITION BY toYYYYMM(timestamp)
ORDER BY (resourceTypeId, actionId, timestamp)
{_SETTINGS}{settings}
"""


SCHEMA = create_table()


def table_settings() -> list[str]:
    """The settings of the table that an earlier version, or a start with another limit for open
    files, may have set to other values.

    With a low limit, all parts are compact: they have nine files each, and scans take twice as
    long.
    """
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    is_enough = allowed == resource.RLIM_INFINITY or allowed >= OPEN_FILES_FOR_WIDE_PARTS
    wide = f"min_bytes_for_wide_part = {_WIDE_PART_BYTES if is_enough else _NEVER}"
    return [*UPGRADED, PACK_APPENDS, wide]


def upgrade_table(client: Client) -> None:
    """Change the settings and codecs of an existing table to those of this version."""
    definition = str(client.command(compile_definition().text))
    for statement in upgrades(definition, table_settings()):
        client.command(statement)


def upgrades(definition: str, settings: Iterable[str]) -> list[str]:
    """The statements that change a table to the settings and codecs of this version."""
    return setting_upgrades(definition, settings) + structure_upgrades(definition)


def setting_upgrades(
    definition: str, settings: Iterable[str], table: str = INTERACTIONS
) -> list[str]:
    """The statements that give a table the settings that it lacks."""
    present = set(re.split(r"[\n,] *|SETTINGS | COMMENT ", definition))
    return [
        f"ALTER TABLE {table} MODIFY SETTING {setting}"
        for setting in settings
        if setting not in present
    ]


def structure_upgrades(definition: str, table: str = INTERACTIONS) -> list[str]:
    """The statements that give a table the codecs and the indexes of this version."""
    statements = []
    if TIME_CODEC not in definition:
        # Merges apply it to existing parts.
        statements.append(f"ALTER TABLE {table} MODIFY COLUMN timestamp {TIME_CODEC}")
    for name, index in _ADDED_INDEXES.items():
        if f"INDEX {name} " not in definition:
            statements.append(f"ALTER TABLE {table} ADD {index}")
            statements.append(f"ALTER TABLE {table} MATERIALIZE INDEX {name}")
    return statements
