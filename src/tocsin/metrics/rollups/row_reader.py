"""Reads a few interactions as rows and aggregates them in this process."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import zip_longest

import pyarrow as pa
import structlog

from tocsin.clickhouse.sql.fetching import Fetch, NumberRange, compile_fetch, compile_fetch_size
from tocsin.clickhouse.sql.plan import Measure, aggregates_of
from tocsin.clickhouse.sql.table import Table
from tocsin.errors import TocsinError
from tocsin.metrics.calculation_pool import CalculationPool
from tocsin.metrics.rollups import cost
from tocsin.metrics.rollups.buckets import BEFORE_ALL, Interval
from tocsin.metrics.rollups.partials import PartialAggregates, combine, joined
from tocsin.metrics.rollups.read_plan import Read, Target, segments
from tocsin.metrics.rollups.rollup import RollupView
from tocsin.metrics.rollups.row_aggregation import BucketedRows, FetchedRows
from tocsin.model.instant import from_milliseconds
from tocsin.model.metrics.question import Question
from tocsin.model.metrics.window import Period

log = structlog.get_logger()

_ALL_TIME = Interval(BEFORE_ALL, 1 << 62)


@dataclass(frozen=True, slots=True)
class _Selection:
    """Reads that are cheaper by fetching, and the time of each fetch."""

    reads: Sequence[Read]
    times: Sequence[Interval] = (_ALL_TIME,)


class RowReader:
    """Fetches for one calculation, up to a watermark."""

    def __init__(self, pool: CalculationPool, table: Table, watermark: int) -> None:
        self._queries = pool.queries
        self._table = table
        self._watermark = watermark
        self._threads = pool.threads

    def read(self, reads: Collection[Read]) -> Mapping[Read, PartialAggregates]:
        """The rows of the reads for which few interactions must be fetched; none if that fails."""
        whole = [read for read in reads if read.watermark is None]
        newer = [read for read in reads if read.watermark is not None]
        return {**self._rows_of(whole, self._select_few), **self._rows_of(newer, self._select_new)}

    def _rows_of(
        self, reads: Sequence[Read], select: Callable[[Sequence[Read]], _Selection]
    ) -> Mapping[Read, PartialAggregates]:
        try:
            selection = select(reads)
            return self._fetch(selection) if selection.reads else {}
        except TocsinError as error:
            log.debug("fetch failed", error=str(error), reads=len(reads))
            return {}

    def _select_few(self, reads: Sequence[Read]) -> _Selection:
        """The longest reads that together need few enough interactions, and all shorter ones."""
        few = sorted(reads, key=lambda read: read.span)
        while few and few[-1].span > cost.MODEL.uncounted_span:
            query = compile_fetch_size(
                _questions(_views(few)), _periods(_intervals(few)), cost.MODEL.fetches, self._table
            )
            ((count, times),) = self._queries.run(query)
            if count <= _rows_worth_fetching(few):
                return _Selection(few, _fetch_times(count, times))
            longest = few[-1].span // cost.MODEL.narrowing
            few = [read for read in few if read.span <= longest]
        return _Selection(few)

    def _select_new(self, reads: Sequence[Read]) -> _Selection:
        """The reads since whose watermark few enough interactions were recorded."""
        rows = min(_rows_worth_fetching(reads), cost.MODEL.max_fetch_rows)
        return _Selection([r for r in reads if self._watermark - (r.watermark or 0) <= rows])

    def _fetch(self, selection: _Selection) -> Mapping[Read, PartialAggregates]:
        reads = selection.reads
        parts = [
            self._aggregated(reads, fetch, table)
            for fetch, table in self._fetched(reads, selection.times)
        ]
        return {
            read: _combined(read.view.rollup.measure, [part[read] for part in parts])
            for read in reads
        }

    def _fetched(
        self, reads: Sequence[Read], times: Sequence[Interval]
    ) -> Iterator[tuple[Fetch, pa.Table]]:
        """The interactions of each interval in turn. The next ones are fetched while the current
        ones are aggregated."""
        questions, numbers = _questions(_views(reads)), self._numbers(reads)
        intervals = _intervals(reads)
        overlaps = [[both for i in intervals if (both := _overlap(i, time))] for time in times]
        fetches = [
            compile_fetch(questions, _periods(overlap), numbers, self._table)
            for overlap in overlaps
            if overlap
        ]
        query = partial(self._queries.run_arrow, most=cost.MODEL.max_fetch_rows)
        pending = None
        for fetch, following in zip_longest(fetches, fetches[1:]):
            table = pending.result() if pending else query(fetch.query)
            pending = self._threads.submit(query, following.query) if following else None
            yield fetch, table

    def _aggregated(
        self, reads: Sequence[Read], fetch: Fetch, table: pa.Table
    ) -> dict[Read, PartialAggregates]:
        rows = FetchedRows(table)
        columns = dict(zip(_views(reads), fetch.columns, strict=True))
        # Numbering texts takes longest, so it starts first and runs beside the rest.
        for view, needed in columns.items():
            if needed.operand and view.rollup.measure is Measure.DISTINCT:
                rows.start_numbering(view.rollup, needed.operand, self._threads)
        bucketed = {s: BucketedRows(rows, s) for s in {read.bucket_set for read in reads}}
        return {
            read: bucketed[read.bucket_set].rows_of(read.view.rollup, columns[read.view])
            for read in sorted(reads, key=_counts_distinct)
        }

    def _numbers(self, reads: Iterable[Read]) -> NumberRange | None:
        """The numbers of the interactions to be read. Segments are not kept, so any will do."""
        if all(read.target is Target.SEGMENTS for read in reads):
            return None
        watermarks = [read.watermark for read in reads if read.watermark is not None]
        return NumberRange(self._watermark, min(watermarks, default=None))


def _rows_worth_fetching(reads: Sequence[Read]) -> int:
    views = _views(reads)
    rollups = [view.rollup for view in views]
    aggregates = {(id(rollup.groups), aggregates_of(rollup.question)) for rollup in rollups}
    questions = None
    if all(read.target is Target.SEGMENTS for read in reads):
        questions = sum(len(view.windows) for view in views)
    return cost.MODEL.rows_worth_fetching(len(aggregates), questions)


def _counts_distinct(read: Read) -> bool:
    return read.view.rollup.measure is Measure.DISTINCT


def _fetch_times(count: int, times: Sequence[float]) -> list[Interval]:
    """All time, divided into intervals that hold about the interactions of one fetch each. `times`
    divide the interactions into parts of equal size."""
    fetches = max(-(-count // cost.MODEL.fetch_rows), 1)
    parts = (len(times) + 1) / fetches
    ends = {int(times[round(n * parts) - 1]) for n in range(1, fetches)} if count else set()
    return segments([_ALL_TIME.after, *sorted(ends), _ALL_TIME.upto])


def _overlap(left: Interval, right: Interval) -> Interval | None:
    after, upto = max(left.after, right.after), min(left.upto, right.upto)
    return Interval(after, upto) if after < upto else None


def _combined(measure: Measure, parts: Sequence[PartialAggregates]) -> PartialAggregates:
    return parts[0] if len(parts) == 1 else combine(measure, joined(parts))


def _views(reads: Iterable[Read]) -> list[RollupView]:
    return list(dict.fromkeys(read.view for read in reads))


def _questions(views: Iterable[RollupView]) -> list[Question]:
    return [view.rollup.question for view in views]


def _intervals(reads: Iterable[Read]) -> set[Interval]:
    return {interval for read in reads for interval in read.bucket_set.intervals}


def _periods(intervals: Iterable[Interval]) -> list[Period]:
    return [Period(from_milliseconds(i.after), from_milliseconds(i.upto)) for i in intervals]
