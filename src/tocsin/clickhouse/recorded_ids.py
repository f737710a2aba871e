"""Finds the interactions that are recorded already, by their ids.

A filter in memory contains the ids, so that new ids are hardly ever looked up. It is filled in the
background after the start, month by month, by streams of a constant size. Until a month is learnt,
all given ids are looked up in it (decision 97).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any
from uuid import UUID

import numpy as np
from clickhouse_connect.driver.client import Client

from tocsin.clickhouse.bloom_filter import IdFilter, IdHalves
from tocsin.clickhouse.client_pool import ClientPool
from tocsin.clickhouse.query_runner import QueryRunner
from tocsin.clickhouse.sql.listing import compile_recorded
from tocsin.clickhouse.sql.maintenance import compile_ids
from tocsin.clickhouse.sql.query import Query
from tocsin.errors import QueryTooHeavy, TocsinError, Unavailable
from tocsin.model.interactions.recorded import Recorded

BLOCK_IDS = 65_536
_ID_BYTES = 16


class InteractionIds:
    """One thread finds, one learns, and any number of threads add."""

    def __init__(
        self,
        look_ups: QueryRunner,
        streams: ClientPool,
        rows_by_month: Callable[[], Mapping[str, int]],
        most_bytes: int,
        stopping: threading.Event,
    ) -> None:
        """The filter has at most `most_bytes`; `streams` are for nothing else meanwhile, and may be
        killed when `stopping` is set."""
        self.filter = IdFilter(most_bytes)
        self.looked_up = 0
        """The number of ids that were looked up since the start."""
        self._look_ups = look_ups
        self._streams = streams
        self._rows_by_month = rows_by_month
        self._stopping = stopping
        # Replaced as a whole, because others read it.
        self._unlearnt: Mapping[str, int] = {}
        self._learning = threading.RLock()

    @property
    def unlearnt_rows(self) -> int:
        """The number of interactions, as of the start, that `learn` has not read yet."""
        return sum(self._unlearnt.values())

    def expect_all(self) -> None:
        """Everything that is recorded now has to be learnt, again. Raises Unavailable."""
        with self._learning:
            self._unlearnt = dict(self._rows_by_month())
            self.filter.reserve(self.unlearnt_rows)

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
        """Learn the months that are not learnt yet, the latest one first; whether all are.

        Stops when `goes_on`, which is called after each block, is false. Raises Unavailable.
        """
        with self._learning:
            try:
                for month in sorted(self._unlearnt, reverse=True):
                    if not self._learn_month(month, goes_on):
                        return False
                    self._unlearnt = {m: n for m, n in self._unlearnt.items() if m != month}
            except TocsinError:
                if not self._stopping.is_set():
                    raise
            return not self._unlearnt

    def _learn_month(self, month: str, goes_on: Callable[[], bool]) -> bool:
        least = self._rows_by_month().get(month, 0)
        count = 0
        query = compile_ids(month)
        with (
            self._streams.acquire() as client,
            closing(_stream(client, query)) as stream,
        ):
            for ids in _blocks(stream):
                self.filter.learn(ids)
                count += len(ids)
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
