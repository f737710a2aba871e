"""Writes row tables as CSV for spreadsheets, NDJSON and JSON for programs, Parquet for both."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from functools import cache
from typing import Any

import msgspec
import pyarrow as pa

from tocsin.api.row_tables import TIME, RowTable
from tocsin.model.instant import format_instant

# Spreadsheets read these as the beginning of a formula, or skip them before one (OWASP, "CSV
# injection"); Japanese and Chinese Excel treat full-width signs the same.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n", "\0")
_MARK = "'"
_INT64 = range(-(2**63), 2**63)


class RowFormat(StrEnum):
    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"

    @property
    def media_type(self) -> str:
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    RowFormat.CSV: "text/csv",
    RowFormat.NDJSON: "application/x-ndjson",
    RowFormat.PARQUET: "application/vnd.apache.parquet",
}


def write_rows(table: RowTable, format: RowFormat) -> bytes:
    return _WRITERS[format](table)


def as_csv(table: RowTable) -> bytes:
    """A line for each row, in UTF-8. A missing value is an empty cell; empty texts and formulas are
    marked by an apostrophe."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(table.columns)
    first, after = int(table.has_time), int(table.has_time) + len(table.texts)
    instant = cache(format_instant)
    for row in table.rows:
        times, texts, numbers = row[:first], row[first:after], row[after:]
        cells = ("" if number is None else number for number in numbers)
        writer.writerow([*map(instant, times), *map(_cell, texts), *cells])
    return file.getvalue().encode()


def as_ndjson(table: RowTable) -> bytes:
    """An object for each row, on one line."""
    return msgspec.json.Encoder(enc_hook=str).encode_lines(list(row_objects(table)))


def row_objects(table: RowTable) -> Iterator[dict[str, Any]]:
    """The rows as flat JSON objects."""
    columns, instant = table.columns, cache(format_instant)
    for row in table.rows:
        members = dict(zip(columns, row, strict=True))
        if table.has_time:
            members[TIME] = instant(row[0])
        yield members


def as_parquet(table: RowTable) -> bytes:
    """Texts, instants in UTC, counts as 64-bit integers, and other numbers as doubles; the
    properties of the table are in the metadata of the file."""
    # Imported on first use, because it takes as long as many calculations.
    from pyarrow import parquet

    columns = [[row[index] for row in table.rows] for index in range(len(table.columns))]
    arrays = [
        _array(table, name, values) for name, values in zip(table.columns, columns, strict=True)
    ]
    metadata = {f"tocsin.{name}": text for name, text in table.properties.items()}
    content = pa.table(arrays, names=list(table.columns)).replace_schema_metadata(metadata)
    file = io.BytesIO()
    parquet.write_table(content, file, compression="zstd")
    return file.getvalue()


def _array(table: RowTable, name: str, values: list[Any]) -> pa.Array:
    if name == TIME and table.has_time:
        return pa.array(values, pa.timestamp("ms", tz="UTC"))
    if name in table.texts:
        return pa.array(values, pa.string())
    if name in table.counts and all(value is None or value in _INT64 for value in values):
        return pa.array(values, pa.int64())
    return pa.array(list(map(_double, values)), pa.float64())


def _double(value: int | float | None) -> float | None:
    return None if value is None else float(value)


def _cell(text: str | None) -> str:
    """The text, with an apostrophe before it if it is empty, begins a formula, or looks like a
    marked text. So different texts have different cells."""
    if text is None:
        return ""
    bare = text.lstrip(_MARK)
    return f"{_MARK}{text}" if not bare or bare.startswith(_FORMULA) else text


_WRITERS: Mapping[RowFormat, Callable[[RowTable], bytes]] = {
    RowFormat.CSV: as_csv,
    RowFormat.NDJSON: as_ndjson,
    RowFormat.PARQUET: as_parquet,
}
