"""What does the table say of what was recorded before the start?"""

from __future__ import annotations

import numpy as np

from tocsin.clickhouse.bloom_filter import IdFilter
from tocsin.clickhouse.client_pool import ClientPool
from tocsin.clickhouse.field_types import FieldTypes
from tocsin.clickhouse.months import RecordedMonths
from tocsin.clickhouse.sql.discovery import path_of, type_of
from tocsin.clickhouse.sql.table import INTERACTIONS, PAYLOAD, JsonType
from tocsin.clickhouse.time_bounds import RecordedExtent
from tocsin.model.interactions.field import Field

# An earlier version recorded any number of paths. With more than FieldTypes holds, all types are
# looked for, so that the others need not be known, unless the ceiling is higher.
MOST_LEARNED = 200_000


def load_ids(clients: ClientPool, known: IdFilter) -> None:
    """A partition at a time, so that memory stays bounded; takes 0.3 s a million ids."""
    ids = f"SELECT interactionId FROM {INTERACTIONS} WHERE _partition_id = {{p:String}}"
    partitions = (
        f"SELECT DISTINCT partition FROM system.parts WHERE active AND table = '{INTERACTIONS}'"
    )
    with clients.acquire() as client:
        for (partition,) in client.query(partitions).result_rows:
            raw = client.raw_query(ids, parameters={"p": partition}, fmt="RowBinary")
            known.add_halves(np.frombuffer(raw, dtype="<u8").reshape(-1, 2))


def load_extent(clients: ClientPool, known: RecordedExtent) -> None:
    """The parts know it: nothing is read."""
    ends = [f"toUnixTimestamp64Milli({end}(timestamp))" for end in ("min", "max")]
    text = f"SELECT {', '.join(ends)} FROM {INTERACTIONS} HAVING count()"
    with clients.acquire() as client:
        for first, last in client.query(text).result_rows:
            known.note(first, last)


def load_months(clients: ClientPool, known: RecordedMonths) -> None:
    """The parts are named by it."""
    text = (
        "SELECT DISTINCT toUInt32(partition) FROM system.parts "
        f"WHERE active AND table = '{INTERACTIONS}'"
    )
    with clients.acquire() as client:
        months = [int(month) for (month,) in client.query(text).result_rows]
    known.note((month // 100 - 1970) * 12 + month % 100 - 1 for month in months)


def load_field_types(clients: ClientPool, known: FieldTypes) -> None:
    """By reading the whole index over the payloads; takes 0.1 s a million interactions."""
    text = (
        "SELECT arraySlice(arrayZip(mapKeys(types), mapValues(types)), 1, {most:UInt32}), "
        "arraySlice(big, 1, {most:UInt32}), arraySlice(hollow, 1, {most:UInt32}) "
        f"FROM (SELECT distinctJSONPathsAndTypes({PAYLOAD}) AS types, "
        "groupUniqArrayArray(bigIntegers) AS big, "
        f"groupUniqArrayArray(hollowObjects) AS hollow FROM {INTERACTIONS})"
    )
    most = max(MOST_LEARNED, known.paths.most)
    with clients.acquire() as client:
        rows = client.query(text, {"most": most}).result_rows
    if not rows:
        # A stop has killed it, which may end a query without an error (chDB 4.4).
        return
    ((types, big, hollow),) = rows
    for spelled, names in types:
        path = path_of(spelled)
        known.note(path, map(type_of, names))
        for depth in range(1, len(path)):
            known.note(path[:depth], [JsonType.OBJECT])
    for spelling in big:
        known.note(Field(spelling).path, [JsonType.BIG_INTEGER])
    for spelling in hollow:
        known.note(Field(spelling).path, [JsonType.OBJECT])
    known.complete()
