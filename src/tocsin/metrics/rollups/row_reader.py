"""Where few interactions are lacking, they are fetched one by one, and aggregated here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, zip_longest

import pyarrow as pa
import structlog

from tocsin.clickhouse.sql.fetching import Fetch, NumberRange, compile_fetch, compile_fetch_size
from tocsin.clickhouse.sql.plan import Measure, aggregates_of
from tocsin.clickhouse.sql.scan import Period
from tocsin.clickhouse.sql.table import Table
from tocsin.errors import TocsinError
from tocsin.metrics.calculation_pool import Lane
from tocsin.metrics.rollups.buckets import BEFORE_ALL, Edge
from tocsin.metrics.rollups.partials import Rows, joined, merged
from tocsin.metrics.rollups.read_plan import Kind, Need
from tocsin.metrics.rollups.row_aggregation import Fetched, Placed
from tocsin.metrics.rollups.view import Use
from tocsin.model.instant import from_milliseconds
from tocsin.model.metrics.metric import Question

log = structlog.get_logger()

AT_ONCE, MOST_AT_ONCE = 400_000, 1_000_000
"""Interactions in a fetch, which take about 150 bytes each: aimed at, and at most."""
PARTS = 16
MOST = PARTS * AT_ONCE
FEW, FOR_AN_AGGREGATE = 20_000, 10_000
"""Interactions fetched in the time that a scan takes to begin, and to plan an aggregate."""
AS_LONG = 25
"""Aggregates that a scan takes of an interaction in the time that fetching it takes."""
FOR_A_QUESTION = 10_000
"""Interactions fetched in the time that a question takes which is answered by itself."""
SHORT = 60 * 60 * 1_000
"""Milliseconds in which so few are to be expected that counting them first takes longer."""
NARROWER = 4


_ALL_TIME = Edge(BEFORE_ALL, 1 << 62)


@dataclass(frozen=True, slots=True)
class _Few:
    """Needs that are fulfilled by fetching, a stretch of time after the other."""

    needs: Sequence[Need]
    times: Sequence[Edge] = (_ALL_TIME,)


class Fetcher:
    """Fetches for one calculation."""

    def __init__(self, lane: Lane, table: Table, moment: int) -> None:
        self._queries = lane.queries
        self._table = table
        self._moment = moment
        self._threads = lane.threads

    def fulfil(self, needs: Iterable[Need]) -> list[Need]:
        """Fulfil the needs for which few interactions must be fetched; answers the others."""
        whole, newer = list[Need](), list[Need]()
        for need in needs:
            (whole if need.since is None else newer).append(need)
        return [*self._left(whole, self._few), *self._left(newer, self._recent)]

    def _left(self, needs: Sequence[Need], choose: Callable[[Sequence[Need]], _Few]) -> list[Need]:
        """The needs that are left after the chosen ones were fetched; all, if that failed."""
        try:
            few = choose(needs)
            self._fetch(few)
        except TocsinError as error:
            log.debug("not fetched", error=str(error), needs=len(needs))
            return list(needs)
        fulfilled = set(few.needs)
        return [need for need in needs if need not in fulfilled]

    def _few(self, needs: Sequence[Need]) -> _Few:
        """Those of the widest needs that together look at few enough interactions."""
        few = sorted(needs, key=lambda need: need.span)
        while few and few[-1].span > SHORT:
            periods = _periods(_edges(few))
            query = compile_fetch_size(_questions(_uses(few)), periods, PARTS, self._table)
            ((count, times),) = self._queries.run(query)
            if count <= _worth_fetching(few):
                return _Few(few, _parted(count, times))
            most = few[-1].span // NARROWER
            few = [need for need in few if need.span <= most]
        return _Few(few)

    def _recent(self, needs: Sequence[Need]) -> _Few:
        """Those since whose moment few enough interactions have been recorded."""
        most = min(_worth_fetching(needs), MOST_AT_ONCE)
        return _Few([need for need in needs if self._moment - (need.since or 0) <= most])

    def _fetch(self, few: _Few) -> None:
        """One stretch of time after the other; the next is read while one is aggregated."""
        needs = few.needs
        if not needs:
            return
        found = [self._rows_of(needs, *fetched) for fetched in self._fetched(needs, few.times)]
        for need, parts in zip(needs, zip(*found, strict=True), strict=True):
            measure = need.use.rollup.measure
            need.take([_together(measure, rows) for rows in zip(*parts, strict=True)], self._moment)

    def _fetched(
        self, needs: Sequence[Need], times: Sequence[Edge]
    ) -> Iterator[tuple[Fetch, pa.Table]]:
        uses, numbers = _questions(_uses(needs)), self._numbers(needs)
        edges = _edges(needs)
        stretches = [[found for e in edges if (found := _overlap(e, t))] for t in times]
        fetches = [
            compile_fetch(uses, _periods(stretch), numbers, self._table)
            for stretch in stretches
            if stretch
        ]
        read = partial(self._queries.run_arrow, most=MOST_AT_ONCE)
        following = None
        for fetch, after in zip_longest(fetches, fetches[1:]):
            table = following.result() if following else read(fetch.query)
            following = self._threads.submit(read, after.query) if after else None
            yield fetch, table

    def _rows_of(self, needs: Sequence[Need], fetch: Fetch, table: pa.Table) -> list[list[Rows]]:
        """For each need the rows of its parts."""
        fetched = Fetched(table)
        asked = dict(zip(_uses(needs), fetch.columns, strict=True))
        # What takes longest begins first, beside all else.
        for use, told in asked.items():
            if told.operand and use.rollup.measure is Measure.DISTINCT:
                fetched.tell_apart(use.rollup, told.operand, self._threads)
        parts = {part for need in needs for part in need.parts}
        placed = {part: Placed(fetched, part) for part in parts}
        found = {
            need: [placed[part].rows_of(need.use.rollup, asked[need.use]) for part in need.parts]
            for need in sorted(needs, key=_counts_distinct)
        }
        return [found[need] for need in needs]

    def _numbers(self, needs: Iterable[Need]) -> NumberRange | None:
        """Those that must be known; of what is not kept it does not matter."""
        if all(need.kind is Kind.PIECES for need in needs):
            return None
        since = [need.since for need in needs if need.since is not None]
        return NumberRange(self._moment, min(since, default=None))


def _worth_fetching(needs: Sequence[Need]) -> int:
    """How many interactions are fetched as fast as they would be aggregated by a scan or, where
    nothing is kept, by the questions one by one."""
    rollups = [need.use.rollup for need in needs]
    aggregates = len({(id(rollup.groups), aggregates_of(rollup.question)) for rollup in rollups})
    worth = MOST
    if aggregates < AS_LONG:
        worth = int((FEW + FOR_AN_AGGREGATE * aggregates) / (1 - aggregates / AS_LONG))
    if all(need.kind is Kind.PIECES for need in needs):
        questions = sum(len(need.use.covers) for need in needs)
        worth = min(worth, FEW + FOR_A_QUESTION * questions)
    return min(worth, MOST)


def _counts_distinct(need: Need) -> bool:
    return need.use.rollup.measure is Measure.DISTINCT


def _parted(count: int, times: Sequence[float]) -> list[Edge]:
    """All time, in stretches that hold about as many interactions as are fetched at once. `times`
    part them evenly."""
    parts = max(-(-count // AT_ONCE), 1)
    every = (len(times) + 1) / parts
    ends = sorted(
        {int(times[round(part * every) - 1]) for part in range(1, parts)} if count else ()
    )
    return [Edge(*edge) for edge in pairwise([_ALL_TIME.after, *ends, _ALL_TIME.upto])]


def _overlap(edge: Edge, time: Edge) -> Edge | None:
    after, upto = max(edge.after, time.after), min(edge.upto, time.upto)
    return Edge(after, upto) if after < upto else None


def _together(measure: Measure, parts: Sequence[Rows]) -> Rows:
    return parts[0] if len(parts) == 1 else merged(measure, joined(parts))


def _uses(needs: Iterable[Need]) -> list[Use]:
    return list(dict.fromkeys(need.use for need in needs))


def _questions(uses: Iterable[Use]) -> list[Question]:
    return [use.rollup.question for use in uses]


def _edges(needs: Iterable[Need]) -> set[Edge]:
    return {edge for need in needs for part in need.parts for edge in part.edges}


def _periods(edges: Iterable[Edge]) -> list[Period]:
    return [Period(from_milliseconds(e.after), from_milliseconds(e.upto)) for e in edges]
