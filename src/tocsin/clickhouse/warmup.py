"""Loads into memory, at the start, the properties of the recorded interactions."""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.clickhouse.client_pool import ClientPool
from tocsin.clickhouse.field_types import FieldTypes
from tocsin.clickhouse.months import RecordedMonths
from tocsin.clickhouse.sql.discovery import path_of, type_of
from tocsin.clickhouse.sql.maintenance import (
    compile_extent,
    compile_field_types,
    compile_months,
)
from tocsin.clickhouse.sql.table import JsonType
from tocsin.clickhouse.time_bounds import RecordedExtent
from tocsin.model.interactions.field import Field

# An earlier version recorded any number of paths. With more paths than FieldTypes holds, queries
# look for all types, so that the others are not needed, unless TOCSIN_MAX_PATHS is higher.
MAX_LOADED_PATHS = 200_000


def load_extent(clients: ClientPool, extent: RecordedExtent) -> None:
    """Load the extent from the metadata of the parts, without reading rows."""
    for first, last in clients.query(compile_extent()):
        extent.include(first, last)


def load_months(clients: ClientPool, partitions: str, recorded: RecordedMonths) -> None:
    """Load the months from the names of the partitions."""
    months = [int(month) for (month,) in clients.query(compile_months(partitions))]
    recorded.add((month // 100 - 1970) * 12 + month % 100 - 1 for month in months)


def load_field_types(
    clients: ClientPool, types: FieldTypes, known_parts: Sequence[str] = ()
) -> None:
    """Load the types from the index over the payloads of all parts that are not known; takes 0.4 s
    of a core per million interactions."""
    most = max(MAX_LOADED_PATHS, types.paths.most)
    rows = clients.query(compile_field_types(most, known_parts))
    if not rows:
        # A stop has killed the query, which may end without an error (chDB 4.4).
        return
    ((spellings, big_integers, leafless),) = rows
    for spelling, names in spellings:
        path = path_of(spelling)
        types.add(path, map(type_of, names))
        for depth in range(1, len(path)):
            types.add(path[:depth], [JsonType.OBJECT])
    for field in big_integers:
        types.add(Field(field).path, [JsonType.BIG_INTEGER])
    for field in leafless:
        types.add(Field(field).path, [JsonType.OBJECT])
    types.mark_complete()
