"""Reads the records of a file: CSV, NDJSON, a JSON array, or lines that match a pattern.

Each record has the number of its first line; those of a JSON array have their number in it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from tocsin.cli.mapping.import_map import CellType, ImportMap, RecordFormat, WrongRecord
from tocsin.cli.mapping.templates import value_at
from tocsin.cli.ndjson import MAX_BYTES, numbered, split_pieces
from tocsin.errors import TocsinError
from tocsin.model.interactions.splitting import BYTE_ORDER_MARK

_BOOLEANS = {
    **dict.fromkeys(("true", "t", "yes", "1"), True),
    **dict.fromkeys(("false", "f", "no", "0"), False),
}
TOO_LONG = f"is longer than {MAX_BYTES:,} bytes"

Record = tuple[int, Any]


def records(name: str, pieces: Iterable[bytes], mapping: ImportMap) -> Iterator[Record]:
    """The records of a file with their numbers; WrongRecord in place of a wrong one. Raises
    TocsinError for a file that has another format."""
    match mapping.format:
        case RecordFormat.CSV:
            yield from _csv_records(name, pieces, mapping)
        case RecordFormat.JSON:
            yield from _json_records(name, b"".join(pieces), mapping.records)
        case _:
            read = _json_line if mapping.format is RecordFormat.NDJSON else _matched_line
            for number, line in numbered(pieces):
                yield number, wrong(TOO_LONG) if line is None else read(line, mapping)


def wrong(message: str, field: str = "") -> WrongRecord:
    return WrongRecord([{"field": field, "message": message}])


def _json_line(line: bytes, _mapping: ImportMap) -> Any:
    try:
        record = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return wrong(f"is not valid JSON: {str(error).removeprefix('JSON is malformed: ')}")
    return record if isinstance(record, dict) else wrong("is not a JSON object")


def _matched_line(line: bytes, mapping: ImportMap) -> Any:
    match = mapping.pattern and mapping.pattern.match(_decoded(line))
    if not match:
        return wrong("does not match the pattern")
    return _typed({name: text for name, text in match.groupdict().items() if text}, mapping)


def _json_records(name: str, content: bytes, path: str | None) -> Iterator[Record]:
    try:
        array = msgspec.json.decode(content.removeprefix(BYTE_ORDER_MARK))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise TocsinError(f"{name} is not valid JSON: {error}") from None
    array = array if path is None else value_at(array, path)
    if not isinstance(array, list):
        raise TocsinError(f"{name} has no array{f' at {path}' if path else ''}.")
    for number, record in enumerate(array, 1):
        yield number, record if isinstance(record, dict) else wrong("is not a JSON object")


def _csv_records(name: str, pieces: Iterable[bytes], mapping: ImportMap) -> Iterator[Record]:
    csv.field_size_limit(MAX_BYTES)
    reader = csv.reader(_csv_lines(name, pieces), delimiter=mapping.delimiter, strict=True)
    columns = mapping.columns
    while True:
        number = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield number, wrong(f"is not valid CSV: {error}")
            continue
        if not cells:
            continue
        if columns is None:
            columns = _checked_header(name, cells, mapping)
        else:
            yield number, _row(columns, cells, mapping)


def _checked_header(name: str, columns: list[str], mapping: ImportMap) -> list[str]:
    if repeated := [column for column in columns if columns.count(column) > 1]:
        raise TocsinError(f"{name} has the column {repeated[0]} twice.")
    if unknown := set(mapping.types) - set(columns):
        raise TocsinError(f"{name} has no column {min(unknown)}, which the map has under types.")
    return columns


def _csv_lines(name: str, pieces: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(split_pieces(pieces), 1):
        if line is None:
            raise TocsinError(f"{name}, line {number} {TOO_LONG}.")
        yield _decoded(line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line) + "\n"


def _row(columns: Sequence[str], cells: Sequence[str], mapping: ImportMap) -> Any:
    if len(cells) != len(columns):
        return wrong(f"has {len(cells)} cells, but there are {len(columns)} columns")
    return _typed({c: cell for c, cell in zip(columns, cells, strict=True) if cell}, mapping)


def _typed(record: dict[str, Any], mapping: ImportMap) -> Any:
    for name, type in mapping.types.items():
        if name not in record:
            continue
        try:
            record[name] = _converted(record[name], type)
        except (ValueError, KeyError, msgspec.DecodeError, RecursionError):
            return wrong(f"{record[name][:80]} is not of the type {type}", name)
    return record


def _converted(text: str, type: CellType) -> Any:
    match type:
        case CellType.BOOLEAN:
            return _BOOLEANS[text.lower()]
        case CellType.NUMBER:
            return msgspec.json.decode(text, type=int | float)
        case CellType.JSON:
            return msgspec.json.decode(text)


def _decoded(line: bytes) -> str:
    # Wrong bytes become surrogates, which cannot be encoded: only their record is rejected.
    return line.decode("utf-8", "surrogateescape")
