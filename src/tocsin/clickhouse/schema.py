"""The table of interactions: its columns, its order, and why they are so.

- `raw` is the record, byte for byte; `interaction` is an index over it, which can be rebuilt.
- `bigIntegers` and `hollowObjects` hold the paths of what the JSON type does not keep as it was:
  integer literals past 64 bits (kept as strings) and objects without a single leaf (dropped).
- Merging JSON costs nearly as much as inserting it: with a base of 10 instead of 5 a row is merged
  half as often.
- T64 keeps of 64 instants the bits in which they differ: as small as differences in ZSTD, and read
  in a third of the time. Nearly every scan reads it.
- With 2,048 rows to a granule instead of 8,192, the edges of windows are read a third quicker, for
  every scope has rows in them; whole scans, appends and the size on disk are the same.
- A partition is a month of `timestamp`: retention drops whole partitions, and years of history
  still make few parts. One in which nothing was recorded for a day becomes one part: neighbours in
  the order are alike, so it is a tenth smaller.
- A wide part has up to sixteen files for each path of the payloads that is a subcolumn, and the
  engine makes up to 1,024 paths subcolumns. So appends make compact parts, and merges keep the 64
  commonest paths as subcolumns; the others share files and are read as quickly (decision 55).
- A damaged part never keeps the table from opening, however many and large the damaged parts are
  (the engine's own limits are 100 parts and 1 GiB): they are set aside and reported.
"""

from __future__ import annotations

import re
import resource

from clickhouse_connect.driver.client import Client

from tocsin.clickhouse.sql.table import INTERACTIONS

TIME_CODEC = "CODEC(T64, LZ4)"
# What a table of an earlier version may lack.
MERGE_CLOSED = "min_partition_age_to_force_merge_seconds = 86400"
APPEND_COMPACT = "min_level_for_wide_part = 1"
FEW_SUBCOLUMNS = "merge_max_dynamic_subcolumns_in_wide_part = 64"
BROKEN_PARTS = (
    "max_suspicious_broken_parts = 1000000000",
    "max_suspicious_broken_parts_bytes = 1000000000000000000",
)
# Two merges of ten wide parts of payloads with thousands of keys of three types each.
OPEN_FILES_FOR_WIDE_PARTS = 16_384
_WIDE_PART_BYTES = 10 * 1024 * 1024
_NEVER = 1 << 50

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS {INTERACTIONS} (
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
    INDEX byInteractionId interactionId TYPE bloom_filter(0.001) GRANULARITY 4
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (resourceTypeId, actionId, timestamp)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, merge_selector_base = 10,
    index_granularity = 2048, {", ".join(BROKEN_PARTS)}, {MERGE_CLOSED}, {APPEND_COMPACT},
    {FEW_SUBCOLUMNS}
"""


def table_settings() -> list[str]:
    """The settings of the table that an earlier version, or a start with another limit for open
    files, may have left otherwise.

    With few files allowed all parts are compact: nine files each, and scans take twice as long.
    """
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    is_enough = allowed == resource.RLIM_INFINITY or allowed >= OPEN_FILES_FOR_WIDE_PARTS
    wide = f"min_bytes_for_wide_part = {_WIDE_PART_BYTES if is_enough else _NEVER}"
    return [*BROKEN_PARTS, MERGE_CLOSED, APPEND_COMPACT, FEW_SUBCOLUMNS, wide]


def upgrade_table(client: Client) -> None:
    """Give a table what it lacks: a new one, and one that an earlier version made."""
    text = f"SELECT create_table_query FROM system.tables WHERE name = '{INTERACTIONS}'"
    made = str(client.command(text))
    settings = set(re.split(r"[\n,] *|SETTINGS | COMMENT ", made))
    for setting in table_settings():
        if setting not in settings:
            client.command(f"ALTER TABLE {INTERACTIONS} MODIFY SETTING {setting}")
    if TIME_CODEC not in made:
        # Parts get it when they are merged.
        client.command(f"ALTER TABLE {INTERACTIONS} MODIFY COLUMN timestamp {TIME_CODEC}")
