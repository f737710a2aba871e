"""Divides the time of a search into spans, so that a page of a large table reads only the spans in
which its interactions are (decision 99).

The table is ordered by scope, then by time: without spans, the newest fifty interactions are found
by reading the time of all of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from tocsin.clickhouse.sql.extent import Extent
from tocsin.model.interactions.search import Search

SPAN_ROWS = 500_000
"""The interactions that a first span is expected to have; a search of fewer is not divided."""
GROWTH = 4
"""Each further span is this many times as long, so that rare interactions take few queries."""
_INSTANT = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class TimeSpans:
    """Divides searches of a table with `rows` interactions in an extent of time."""

    extent: Extent
    rows: int

    def newest_first(self, search: Search) -> Iterator[Search]:
        """The search of each span; the spans have no common instant, and lengths that grow."""
        start, end = self._bounds(search)
        length = self._first_length(start, end)
        while length and end - start > length:
            yield replace(search, start=end - length, to=end)
            end -= length
            length *= GROWTH
        yield search if length is None else replace(search, to=end)

    def oldest_first(self, search: Search) -> Iterator[Search]:
        """The search of each span, all of the same length."""
        start, end = self._bounds(search)
        length = self._first_length(start, end)
        while length and end - start > length:
            yield replace(search, start=start, to=start + length)
            start += length
        yield search if length is None else replace(search, start=start)

    def _bounds(self, search: Search) -> tuple[datetime, datetime]:
        """The time in which the search may find interactions; its end is exclusive."""
        earliest, latest = self.extent.earliest, self.extent.latest
        if earliest > latest:
            return earliest, earliest
        start = max(search.start or earliest, earliest)
        return start, min(search.to or latest + _INSTANT, latest + _INSTANT)

    def _first_length(self, start: datetime, end: datetime) -> timedelta | None:
        """None for a search that is not divided."""
        if self.rows <= SPAN_ROWS or end <= start:
            return None
        span = self.extent.latest - self.extent.earliest + _INSTANT
        return max(span // _INSTANT * SPAN_ROWS // self.rows, 1) * _INSTANT
