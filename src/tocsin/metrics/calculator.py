"""Calculates metrics: one by one, many together, and as series; explains what a query costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

import numpy as np
import pyarrow as pa

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.sql.compiler import (
    NARROW_SETTINGS,
    compile_exact,
    compile_group_count,
    compile_metric,
    is_narrow,
    time_comparisons,
)
from tocsin.clickhouse.sql.extent import Extent
from tocsin.clickhouse.sql.materialized_columns import columns_used
from tocsin.clickhouse.sql.points import Midnights, Points, SeriesPoints
from tocsin.clickhouse.sql.query import Query, ResultRow
from tocsin.clickhouse.sql.series import MAX_LINES, compile_series
from tocsin.clickhouse.sql.sides import compile_sides
from tocsin.clickhouse.sql.table import Table
from tocsin.errors import TocsinError
from tocsin.metrics.calculation_pool import CalculationContext, CalculationPool
from tocsin.metrics.decimals import rounded
from tocsin.metrics.group_lines import LineReader
from tocsin.metrics.rollups.cache import RollupCache
from tocsin.metrics.row_order import (
    SPARE,
    Ranked,
    in_order,
    ranked_integers,
    ranked_parts,
    unclear_border,
)
from tocsin.metrics.row_selection import GroupTable
from tocsin.metrics.series import Inexact, fold
from tocsin.metrics.sides import joined_answer, without_base
from tocsin.metrics.sides_query import query_parts
from tocsin.metrics.sides_series import joined_series
from tocsin.model.ceilings import JOINED_GROUPS
from tocsin.model.interactions.snapshot import Mnemonics
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.answer import (
    DEFAULT_LIMIT,
    Answer,
    Explanation,
    Reading,
    ReadingValue,
    Series,
    plain,
)
from tocsin.model.metrics.question import Question
from tocsin.process.deadline import Deadline

RECENT = timedelta(seconds=1)
"""If the latest timestamp is within this time before an instant, later ones are expected soon."""

RunQuery = Callable[[Callable[[Table], Query]], list[ResultRow]]
"""Compiles a query for a table and runs it."""

Result = TypeVar("Result")


class Calculator:
    """Answers questions as of an instant. Every method may raise QueryTooHeavy or Unavailable.

    Values, groups and their order: docs/reference/semantics.md."""

    def __init__(
        self, engine: Engine, catalog: Mnemonics, cache: RollupCache, pool: CalculationPool
    ) -> None:
        """Several calculators may share the cache; each has a pool of its own."""
        self._engine = engine
        self._catalog = catalog
        self._pool = pool
        self.cache = cache

    def calculate(self, question: Question, at: datetime, limit: int = DEFAULT_LIMIT) -> Answer:
        """The first `limit` rows of the question as of `at`, in order.

        The cache answers a question that was slow to query and is requested again.
        """
        deadline = self._engine.deadline()
        if self.cache.should_cache(question):
            context = CalculationContext(self._pool, deadline)
            answer = self.cache.answer_one(question, at, limit, self.table(), context)
            if answer is not None:
                return answer
        return self._query(question, at, limit, deadline)

    def _query(self, question: Question, at: datetime, limit: int, deadline: Deadline) -> Answer:
        with self.cache.observe(question):
            if question.is_joined:
                return self._joined_answer(question, at, limit, deadline)
            run = partial(self.run_as_of, question, at, deadline=deadline)
            return self._answer(question, at, limit, run)

    def _joined_answer(
        self, question: Question, at: datetime, limit: int, deadline: Deadline
    ) -> Answer:
        run = partial(self._run_arrow_as_of, question, at, deadline)
        result, parts = query_parts(question, partial(compile_sides, question, at), run)
        parts = without_base(question, parts, self.cache.retained.has_base(question, [at]))
        groups = np.arange(len(result)), GroupTable(result, len(question.group_by))
        return joined_answer(question, at, parts, groups, limit)

    def _answer(self, question: Question, at: datetime, limit: int, run: RunQuery) -> Answer:
        rows = self._rows(question, at, limit, run)
        group_count = None
        if len(rows) > limit and question.group_by:
            rows = rows[:limit]
            counted = run(partial(compile_group_count, question, at))
            group_count = int(counted[0][0])
        names = question.dimensions
        readings = [
            Reading(value, dict(zip(names, texts, strict=True)) if names else None)
            for value, texts in rows
        ]
        return Answer(at, readings, question.unit, group_count)

    @staticmethod
    def _rows(question: Question, at: datetime, limit: int, run: RunQuery) -> list[Ranked]:
        """The first `limit + 1` rows in order."""
        is_sum = question.aggregation.is_sum
        compile = partial(compile_metric, question, at, limit + SPARE if is_sum else limit)
        rows = run(compile)
        dimensions = len(question.group_by)
        if not is_sum:
            values = [row[0] for row in rows]
            if question.aggregation is Aggregation.RATE:
                values = rounded(np.array(values, dtype=np.float64)).tolist()
            return [(plain(value), row[1:]) for value, row in zip(values, rows, strict=True)]
        if rows and rows[0][0] == math.inf:
            rows = run(partial(compile_exact, question, at))
            return ranked_integers(question.aggregation, rows, dimensions)[: limit + 1]
        ranked = ranked_parts(question.aggregation, rows, dimensions)
        border = unclear_border([row[0] for row in rows], limit, SPARE)
        if border is None:
            return ranked[: limit + 1]
        rows = run(partial(compile, between=border))
        close = ranked_parts(question.aggregation, rows, dimensions)
        by_texts = {texts: value for value, texts in [*close, *ranked]}
        return in_order([(value, texts) for texts, value in by_texts.items()])[: limit + 1]

    def calculate_all(
        self, questions: Sequence[Question], at: datetime, limit: int = DEFAULT_LIMIT
    ) -> list[Answer | TocsinError]:
        """Each question's answer, or its error. Questions that share scans are calculated together,
        the others concurrently."""
        if len(questions) == 1:
            return [_or_error(self.calculate, questions[0], at, limit)]
        # Each shared scan has the time limit of a query; all of them together have none.
        context = CalculationContext(self._pool, self._engine.deadline(math.inf))
        answers: list[Answer | TocsinError | None] = list(
            self.cache.answer(questions, at, limit, self.table(), context)
        )
        unanswered = [index for index, answer in enumerate(answers) if answer is None]

        def query(index: int) -> Answer | TocsinError:
            query = partial(self._query, deadline=self._engine.deadline())
            return _or_error(query, questions[index], at, limit)

        results = self._pool.threads.map(query, unanswered)
        for index, result in zip(unanswered, results, strict=True):
            answers[index] = result
        return [answer for answer in answers if answer is not None]

    def empty_value(self, question: Question, at: datetime) -> ReadingValue:
        """The value as of `at` of a group over no interactions."""
        return question.empty_value if self.cache.retained.has_base(question, [at]).all() else None

    def series(self, question: Question, start: datetime, to: datetime, step: timedelta) -> Series:
        """The question's value at `to`, `to - step`, and so on while later than `start`."""
        return self._series(question, Points.between(start, to, step))

    def series_by_days(
        self, question: Question, start: datetime, to: datetime, timezone: str
    ) -> Series:
        """The question's value at the midnights of a zone that are later than `start` and not later
        than `to`, of which there must be one or more."""
        return self._series(question, Midnights.between(start, to, timezone))

    def _series(self, question: Question, points: SeriesPoints) -> Series:
        if question.is_joined:
            return self._joined_series(question, points)
        compile = partial(compile_series, question, points, self.table())
        deadline = self._engine.deadline()
        rows = self._run(compile(), deadline)
        values = [row[-2] for row in rows] if question.aggregation.is_sum else []
        border = unclear_border(values, MAX_LINES)
        try:
            if border is None or rows[0][-2] == math.inf:
                return fold(question, points, rows, deadline.check)
            known = {row[: len(question.group_by)] for row in rows}
            close = self._run(compile(between=border), deadline)
            rows += [row for row in close if row[: len(question.group_by)] not in known]
            return fold(question, points, rows, deadline.check)
        except Inexact:
            rows = self._run(compile(is_exact=True), deadline)
            return fold(question, points, rows, deadline.check)

    def _joined_series(self, question: Question, points: SeriesPoints) -> Series:
        deadline = self._engine.deadline()
        run = partial(self._pool.queries.run_arrow, deadline=deadline, most=JOINED_GROUPS)
        reader = LineReader(run, self.cache.retained, deadline)
        return joined_series(question, points, self.table(), reader)

    def explain(self, question: Question, at: datetime) -> Explanation:
        """The query of the question, and the rows and bytes that one run of it read."""
        table = self.table_as_of(at)
        query = (
            compile_sides(question, at, table)
            if question.is_joined
            else compile_metric(question, at, DEFAULT_LIMIT, table)
        )
        cost = self._engine.profile(query)
        values = columns_used(question, table.types_of)
        promoted = dict.fromkeys(field for field, kind in values if table.column_of(field, kind))
        return Explanation(
            query.text,
            query.parameters,
            tuple(promoted),
            cost.rows_read,
            cost.bytes_read,
            cost.elapsed_ms,
            self.cache.should_cache(question),
        )

    def _run(self, query: Query, deadline: Deadline | None) -> list[ResultRow]:
        return self._pool.queries.run(query, deadline)

    def run_as_of(
        self,
        question: Question,
        at: datetime,
        compile: Callable[[Table], Query],
        deadline: Deadline | None = None,
    ) -> list[ResultRow]:
        """The rows of a query as of `at`."""
        return self._as_of(question, at, lambda table: self._run(compile(table), deadline))

    def _run_arrow_as_of(
        self,
        question: Question,
        at: datetime,
        deadline: Deadline | None,
        compile: Callable[[Table], Query],
    ) -> pa.Table:
        """The result of a query of several parts as of `at`."""
        run = partial(
            self._pool.queries.run_arrow,
            deadline=deadline,
            most=JOINED_GROUPS,
            settings=NARROW_SETTINGS if is_narrow(question, at) else None,
        )
        return self._as_of(question, at, lambda table: run(compile(table)))

    def _as_of(self, question: Question, at: datetime, run: Callable[[Table], Result]) -> Result:
        """The result as of `at`. A query omits tests of time that the recorded timestamps make
        unnecessary; it runs again if an interaction that is recorded meanwhile needs one."""
        table = self.table_as_of(at)
        result = run(table)
        tested = _times_of_parts(question, at, table.extent)
        self._engine.follow()
        needed = _times_of_parts(question, at, self._engine.recorded_extent.current)
        if not needed <= tested:
            result = run(self.table())
        return result

    def table_as_of(self, at: datetime) -> Table:
        """The table for queries as of `at`. If the latest timestamps are recent, later ones are
        expected during the query, so it tests the end of the window in any case."""
        table = self.table()
        extent = self._engine.recorded_extent.current
        if extent.latest >= at - RECENT:
            extent = extent.open_ended()
        return replace(table, extent=extent)

    def table(self) -> Table:
        """The table as it is now, without its earliest and latest timestamp."""
        return self._engine.table(self._catalog, with_columns=True)


def _times_of_parts(question: Question, at: datetime, extent: Extent) -> set[tuple[str, datetime]]:
    return {
        comparison for part in question.parts for comparison in time_comparisons(part, at, extent)
    }


def _or_error(
    calculate: Callable[[Question, datetime, int], Answer],
    question: Question,
    at: datetime,
    limit: int,
) -> Answer | TocsinError:
    try:
        return calculate(question, at, limit)
    except TocsinError as error:
        return error
