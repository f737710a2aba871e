"""Maps the records of a file to batches of lines, as those of an NDJSON file are sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tocsin.cli.line_counts import LineCounts
from tocsin.cli.mapping.import_map import ImportMap, WrongRecord
from tocsin.cli.mapping.records import TOO_LONG, records, wrong
from tocsin.cli.ndjson import MAX_BYTES, MAX_LINES, LineBatch, identified


def mapped_batches(name: str, pieces: Iterable[bytes], mapping: ImportMap) -> Iterator[LineBatch]:
    """The interactions of a file in batches that a server accepts. One without an id gets one that
    is derived from its content, so that an import can be repeated."""
    repeats = LineCounts()
    batch, size = LineBatch(name), 0
    for number, record in records(name, pieces, mapping):
        line = _line(record, mapping)
        if isinstance(line, WrongRecord):
            batch.wrong.append((number, line.errors))
            size += 256
        else:
            batch.numbers.append(number)
            batch.lines.append(line)
            size += len(line)
        if len(batch.lines) == MAX_LINES or size > MAX_BYTES // 2:
            yield _finished(batch, repeats)
            batch, size = LineBatch(name), 0
    yield _finished(batch, repeats)


def _line(record: object, mapping: ImportMap) -> bytes | WrongRecord:
    if isinstance(record, WrongRecord):
        return record
    try:
        line = mapping.interaction(record)
    except WrongRecord as error:
        return error
    return line if len(line) <= MAX_BYTES else wrong(TOO_LONG)


def _finished(batch: LineBatch, repeats: LineCounts) -> LineBatch:
    batch.lines[:] = identified(batch.lines, repeats)
    return batch
