"""Where few interactions are lacking, they are fetched one by one, and aggregated here."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor

import structlog

from tocsin.engine.engine import Engine
from tocsin.errors import TocsinError
from tocsin.model.instant import from_milliseconds
from tocsin.model.metric import Question
from tocsin.rollups.fetched import Fetched, Placed
from tocsin.rollups.needs import Kind, Need, Part
from tocsin.rollups.use import Use
from tocsin.sql.fetching import Asked, Numbers, compile_fetch, compile_fetch_count
from tocsin.sql.plan import Measure, aggregates_of
from tocsin.sql.table import Table
from tocsin.sql.writing import Period

log = structlog.get_logger()

MOST = 500_000
"""Interactions; they take about 150 bytes each."""
FEW, FOR_AN_AGGREGATE = 20_000, 10_000
"""Interactions fetched in the time that a scan takes to begin, and to plan an aggregate."""
SHORT = 60 * 60 * 1_000
"""Milliseconds in which so few are to be expected that counting them first takes longer."""
NARROWER = 4


class Fetcher:
    """Fetches for one calculation."""

    def __init__(self, engine: Engine, table: Table, moment: int, threads: Executor) -> None:
        self._engine = engine
        self._table = table
        self._moment = moment
        self._threads = threads

    def fulfil(self, needs: Iterable[Need]) -> list[Need]:
        """Fulfil the needs for which few interactions must be fetched; answers the others."""
        whole, newer = list[Need](), list[Need]()
        for need in needs:
            (whole if need.since is None else newer).append(need)
        return [*self._left(whole, self._few), *self._left(newer, self._recent)]

    def _left(
        self, needs: Sequence[Need], choose: Callable[[Sequence[Need]], list[Need]]
    ) -> list[Need]:
        """The needs that are left after the chosen ones were fetched; all, if that failed."""
        try:
            few = choose(needs)
            self._fetch(few)
        except TocsinError as error:
            log.debug("not fetched", error=str(error), needs=len(needs))
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

    def _recent(self, needs: Sequence[Need]) -> list[Need]:
        """Those since whose moment few enough interactions have been recorded."""
        most = _worth_fetching(needs)
        return [need for need in needs if self._moment - (need.since or 0) <= most]

    def _fetch(self, needs: Sequence[Need]) -> None:
        if not needs:
            return
        uses = _uses(needs)
        numbers = self._numbers(needs)
        fetch = compile_fetch(_questions(uses), _periods(needs), numbers, self._table)
        fetched = Fetched(self._engine.columns(fetch.query, most=_worth_fetching(needs)))
        asked = dict(zip(uses, fetch.asked, strict=True))
        self._tell_apart(fetched, asked)
        placed: dict[Part, Placed] = {}
        for need in needs:
            rollup, told = need.use.rollup, asked[need.use]
            for part in need.parts:
                if part not in placed:
                    placed[part] = Placed(fetched, part)
            need.take([placed[part].rows_of(rollup, told) for part in need.parts], self._moment)

    def _numbers(self, needs: Iterable[Need]) -> Numbers | None:
        """Those that must be known; of what is not kept it does not matter."""
        if all(need.kind is Kind.PIECES for need in needs):
            return None
        since = [need.since for need in needs if need.since is not None]
        return Numbers(self._moment, min(since, default=None))

    def _tell_apart(self, fetched: Fetched, asked: Mapping[Use, Asked]) -> None:
        """Number the texts of all distinct counts, side by side: that takes longest."""
        columns = {
            (told.operand, use.rollup.numbering): use.rollup
            for use, told in asked.items()
            if told.operand and use.rollup.measure is Measure.DISTINCT
        }
        if len(columns) > 1:
            rollups, names = columns.values(), [name for name, _ in columns]
            list(self._threads.map(fetched.texts, rollups, names))


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
    edges = {edge for need in needs for part in need.parts for edge in part.edges}
    return [Period(from_milliseconds(e.after), from_milliseconds(e.upto)) for e in edges]
