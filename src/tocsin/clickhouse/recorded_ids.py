"""Finds the interactions that are recorded already, by their ids.

A filter in memory contains the ids, so that new ids are hardly ever looked up. It is filled in the
background after the start: from a file of an earlier run, if there is one, and then from the parts
that are not in it, month by month, by streams of a constant size. Until a month is learnt, all
given ids are looked up in it (decisions 97 and 101).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any
from uuid import UUID

import numpy as np
import structlog
from clickhouse_connect.driver.client import Client

from tocsin.clickhouse.bloom_filter import IdFilter, IdHalves
from tocsin.clickhouse.client_pool import ClientPool
from tocsin.clickhouse.id_filter_file import IdFilterFile, SavedFilter
from tocsin.clickhouse.part_hashes import PartHashes, same_parts
from tocsin.clickhouse.query_runner import QueryRunner
from tocsin.clickhouse.sql.listing import compile_recorded
from tocsin.clickhouse.sql.maintenance import compile_ids
from tocsin.clickhouse.sql.query import Query
from tocsin.errors import QueryTooHeavy, TocsinError, Unavailable
from tocsin.model.interactions.recorded import Recorded

log = structlog.get_logger()

BLOCK_IDS = 65_536
_ID_BYTES = 16
# The saved filter of a table that grew for long has many, each of which costs time and has false
# positives: learning anew makes one of them.
_MOST_SEGMENTS = 8
MANY_UNSAVED = 1_000_000
"""A start reads fewer ids in a moment."""


class InteractionIds:
    """One thread finds, one learns, and any number of threads add."""

    def __init__(
        self,
        look_ups: QueryRunner,
        streams: ClientPool,
        rows_by_month: Callable[[Sequence[str]], Mapping[str, int]],
        most_bytes: int,
        stopping: threading.Event,
    ) -> None:
        """The filter has at most `most_bytes`; `streams` are for nothing else meanwhile, and may be
        killed when `stopping` is set. `rows_by_month` counts those outside of some parts."""
        self.filter = IdFilter(most_bytes)
        self.looked_up = 0
        """The number of ids that were looked up since the start."""
        self.ids_read = 0
        """The number of ids that were read from the engine since the start."""
        self._look_ups = look_ups
        self._streams = streams
        self._rows_by_month = rows_by_month
        self._stopping = stopping
        # Replaced as a whole, because others read it.
        self._unlearnt: Mapping[str, int] = {}
        self._learning = threading.RLock()
        self._file: IdFilterFile | None = None
        self._is_file_read = False
        # Their ids are in the filter, and need not be read.
        self._known_parts: Sequence[str] = ()
        self._saved_parts: PartHashes = {}

    @property
    def unlearnt_rows(self) -> int:
        """The number of interactions, as of the start, that `learn` has not read yet."""
        return sum(self._unlearnt.values())

    def expect_all(self) -> None:
        """Everything that is recorded now has to be learnt, again. Raises Unavailable."""
        with self._learning:
            self._known_parts = ()
            self._unlearnt = dict(self._rows_by_month(()))

    def keep_in(self, file: IdFilterFile) -> None:
        """Let the first `learn` begin with the content of a file, and `save` replace it."""
        self._file = file

    def add(self, ids: Sequence[bytes]) -> None:
        """Add ids that are about to be recorded, 16 bytes each, or many of them joined."""
        self.filter.add(ids)

    def find(self, given: Sequence[bytes]) -> dict[bytes, Recorded]:
        """The recorded interactions with these ids (16 bytes each), by id. Raises Unavailable."""
        # Before the filter is asked: it contains a month that is learnt meanwhile.
        unlearnt = list(self._unlearnt)
        known = self.filter.might_contain(given)
        recorded = self._look_up(known) if known else {}
        if unlearnt and (others := list(set(given).difference(known))):
            recorded |= self._look_up(others, unlearnt)
        return recorded

    def learn(self, goes_on: Callable[[], bool] = lambda: True) -> bool:
        """Learn the file of an earlier run, then the months that are not learnt yet, the latest one
        first; whether all are.

        Stops when `goes_on`, which is called after each block, is false. Raises Unavailable.
        """
        with self._learning:
            try:
                self._learn_file()
                # Not before: a filter from the file has room already.
                self.filter.reserve(self._rows())
                for month in sorted(self._unlearnt, reverse=True):
                    if not self._learn_month(month, goes_on):
                        return False
                    self._unlearnt = {m: n for m, n in self._unlearnt.items() if m != month}
            except TocsinError:
                if not self._stopping.is_set():
                    raise
            return not self._unlearnt

    def save(self) -> None:
        """Replace the file, if everything is learnt and the parts are others than those in it. An
        error is logged: then the next start learns more."""
        with self._learning:
            if self._file is None or self._unlearnt:
                return
            try:
                # Before the filter is written: an id is in it before its part is there.
                parts = self._file.list_parts()
                if parts != self._saved_parts:
                    self._file.write(self.filter, parts)
                    self._saved_parts = parts
            except (TocsinError, OSError) as error:
                log.warning("id filter file not written", reason=str(error))

    def save_many(self) -> None:
        """Save if a start after a crash would otherwise read many ids, and a quarter of all: so
        what is written in all grows in line with what is recorded."""
        if self._file is None:
            return
        saved = same_parts(self._saved_parts, self._file.list_parts())
        unsaved, rows = self._rows(list(saved)), self._rows()
        if unsaved >= max(MANY_UNSAVED, rows // 4):
            self.save()

    def _learn_file(self) -> None:
        """Contain what the file has, once; then only other parts have to be read."""
        if self._file is None or self._is_file_read:
            return
        if saved := self._file.read(self.filter.most_bytes):
            known = list(same_parts(saved.parts, self._file.list_parts()))
            if known and self._is_worth_using(saved):
                self.filter.adopt(saved.segments)
                self._known_parts, self._saved_parts = known, saved.parts
                self._unlearnt = self._rows_by_month(known)
                log.info("id filter file used", ids=saved.ids, unlearnt=self.unlearnt_rows)
        self._is_file_read = True

    def _is_worth_using(self, saved: SavedFilter) -> bool:
        """Whether at least three quarters of its ids may still be recorded: those of dropped months
        take room."""
        return self._rows() >= saved.ids * 3 // 4 and len(saved.segments) <= _MOST_SEGMENTS

    def _rows(self, known_parts: Sequence[str] = ()) -> int:
        return sum(self._rows_by_month(known_parts).values())

    def _learn_month(self, month: str, goes_on: Callable[[], bool]) -> bool:
        least = self._rows_by_month(self._known_parts).get(month, 0)
        count = 0
        query = compile_ids(month, self._known_parts)
        with (
            self._streams.acquire() as client,
            closing(_stream(client, query)) as stream,
        ):
            for ids in _blocks(stream):
                self.filter.learn(ids)
                count += len(ids)
                self.ids_read += len(ids)
                if not goes_on():
                    return False
        # A stream that is killed may end without an error (chDB 4.4).
        if count < least:
            raise Unavailable(f"Only {count:,} of {least:,} ids of the month {month} were read")
        return True

    def _look_up(self, ids: Sequence[bytes], months: Sequence[str] = ()) -> dict[bytes, Recorded]:
        self.looked_up += len(ids)
        query = compile_recorded([UUID(bytes=id) for id in ids], months)
        try:
            rows = self._look_ups.run(query)
        except QueryTooHeavy as error:
            # No fault of the interactions, which would be rejected for good.
            raise Unavailable(
                "Looking up the ids took longer or more memory than a query may; try again later, "
                "or in smaller batches"
            ) from error
        return {row[0].bytes: Recorded(*map(_plain, row[1:])) for row in rows}


def _stream(client: Client, query: Query) -> Any:
    return client.raw_stream(query.text, query.parameters, fmt="RowBinary")


def _blocks(stream: Any) -> Iterator[IdHalves]:
    rest = b""
    while data := stream.read(BLOCK_IDS * _ID_BYTES):
        data = rest + data
        whole = len(data) - len(data) % _ID_BYTES
        rest = data[whole:]
        yield np.frombuffer(data[:whole], dtype="<u8").reshape(-1, 2)


def _plain(value: Any) -> Any:
    return value.bytes if isinstance(value, UUID) else value
