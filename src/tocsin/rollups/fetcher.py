"""Where few interactions are lacking, they are fetched one by one, and aggregated here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import structlog

from tocsin.engine.engine import Engine
from tocsin.errors import TocsinError
from tocsin.model.instant import from_milliseconds
from tocsin.model.metric import Question
from tocsin.rollups.fetched import Fetched, Placed
from tocsin.rollups.rollup import Lack, Minute, with_cells, with_minutes
from tocsin.rollups.rows import Rows
from tocsin.rollups.touched import Touched
from tocsin.rollups.use import ONE_CELL, Use, minute_of, pieces_between
from tocsin.sql.cells import LENGTHS, MINUTE, Edge, time_of
from tocsin.sql.fetching import compile_fetch, compile_fetch_count
from tocsin.sql.plan import aggregates_of
from tocsin.sql.table import Table
from tocsin.sql.writing import Period

log = structlog.get_logger()

MOST = 500_000
"""Interactions; they take about 150 bytes each."""
FEW, FOR_AN_AGGREGATE = 20_000, 8_000
"""Interactions fetched in the time that a scan takes to begin, and to plan an aggregate."""
SHORT = 60 * 60 * 1_000
"""Milliseconds in which so few are to be expected that counting them first takes longer."""
NARROWER = 4


@dataclass(frozen=True, slots=True, eq=False)
class Need:
    """What a use lacks: cells of some length in each of some stretches of time."""

    use: Use
    levels: Sequence[tuple[tuple[Edge, ...], int]]
    lack: Lack | None = None

    @property
    def span(self) -> int:
        return sum(edge.upto - edge.after for edges, _ in self.levels for edge in edges)

    def take(self, levels: Sequence[Rows], moment: int) -> None:
        """Give the use what it needs."""
        use = self.use
        if use.is_new:
            use.pieces = dict(zip(use.begins, levels, strict=True))
        elif self.lack is None:
            (rows,) = levels
            minutes = [minute_of(edge) for edge in self.levels[0][0]]
            use.minutes = with_minutes(use.minutes, minutes, rows, moment)
        else:
            for rows, (level, cells) in zip(levels, _lacking(self.lack), strict=True):
                use.levels = with_cells(use.levels, level, cells, rows, moment)


def pieces_needed(use: Use) -> Need:
    pieces = pieces_between(use.begins, use.end)
    return Need(use, [((piece,), ONE_CELL) for piece in pieces])


def minutes_needed(use: Use, touched: Touched) -> Need | None:
    """The minutes in which windows begin and end, but for those that are kept."""
    minutes = [minute_of(edge) for edge in use.all_edges]
    lacking = [m for m in minutes if not _holds(use.minutes.get(m), touched.since(0, m))]
    edges = tuple(Edge((minute - 1) * MINUTE, minute * MINUTE) for minute in lacking)
    return Need(use, [(edges, 1)]) if edges else None


def _holds(minute: Minute | None, since: int) -> bool:
    return minute is not None and minute.made >= since


def cells_needed(use: Use, lack: Lack) -> Need:
    levels = [(tuple(time_of(level, cells)), LENGTHS[level]) for level, cells in _lacking(lack)]
    return Need(use, levels, lack)


def _lacking(lack: Lack) -> list[tuple[int, frozenset[int]]]:
    return [(level, cells) for level, cells in enumerate(lack.scanned) if cells]


class Fetcher:
    """Fetches for one calculation."""

    def __init__(self, engine: Engine, table: Table, moment: int) -> None:
        self._engine = engine
        self._table = table
        self._moment = moment

    def fulfil(self, needs: Sequence[Need]) -> list[Need]:
        """Fulfil the needs for which few interactions must be fetched; answers the others."""
        few = self._few(needs)
        try:
            self._fetch(few)
        except TocsinError as error:
            log.debug("not fetched", error=str(error), needs=len(few))
            return list(needs)
        fulfilled = set(few)
        return [need for need in needs if need not in fulfilled]

    def _few(self, needs: Sequence[Need]) -> list[Need]:
        """Those of the widest needs that together look at few enough interactions."""
        few = sorted(needs, key=lambda need: need.span)
        while few and few[-1].span > SHORT:
            query = compile_fetch_count(_questions(_uses(few)), _periods(few), self._table)
            ((count,),) = self._engine.run(query)
            if count <= _worth_fetching(few):
                break
            most = few[-1].span // NARROWER
            few = [need for need in few if need.span <= most]
        return few

    def _fetch(self, needs: Sequence[Need]) -> None:
        if not needs:
            return
        uses = _uses(needs)
        fetch = compile_fetch(_questions(uses), _periods(needs), self._table)
        fetched = Fetched(self._engine.columns(fetch.query, most=_worth_fetching(needs)))
        asked = dict(zip(uses, fetch.asked, strict=True))
        placed: dict[tuple[tuple[Edge, ...], int], Placed] = {}
        for need in needs:
            for level in need.levels:
                if level not in placed:
                    placed[level] = Placed(fetched, *level)
            use = need.use
            rows = [placed[level].rows_of(use.rollup, asked[use]) for level in need.levels]
            need.take(rows, self._moment)


def _worth_fetching(needs: Sequence[Need]) -> int:
    """How many interactions are fetched as fast as a scan would aggregate them."""
    rollups = [need.use.rollup for need in needs]
    aggregates = {(id(rollup.groups), aggregates_of(rollup.question)) for rollup in rollups}
    return min(FEW + FOR_AN_AGGREGATE * len(aggregates), MOST)


def _uses(needs: Iterable[Need]) -> list[Use]:
    return list(dict.fromkeys(need.use for need in needs))


def _questions(uses: Iterable[Use]) -> list[Question]:
    return [use.rollup.question for use in uses]


def _periods(needs: Iterable[Need]) -> list[Period]:
    edges = {edge for need in needs for some, _ in need.levels for edge in some}
    return [Period(from_milliseconds(e.after), from_milliseconds(e.upto)) for e in edges]
