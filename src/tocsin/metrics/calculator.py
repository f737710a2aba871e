"""What is a metric worth: alone, with all others, over time; what does it cost; which fields are
there to measure?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import numpy as np

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.sql.compiler import (
    compile_exact,
    compile_group_count,
    compile_metric,
    time_comparisons,
)
from tocsin.clickhouse.sql.materialized_columns import columns_used
from tocsin.clickhouse.sql.query import Query, ResultRow
from tocsin.clickhouse.sql.runs import Points
from tocsin.clickhouse.sql.series import MAX_LINES, compile_series
from tocsin.clickhouse.sql.table import Table
from tocsin.errors import TocsinError
from tocsin.metrics.calculation_pool import Lane, Turn
from tocsin.metrics.decimals import rounded
from tocsin.metrics.rollups.cache import Rollups
from tocsin.metrics.row_order import (
    SPARE,
    Ranked,
    in_order,
    ranked_integers,
    ranked_parts,
    unclear_border,
)
from tocsin.metrics.series import Inexact, fold
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.snapshot import Mnemonics
from tocsin.model.metrics.metric import (
    DEFAULT_LIMIT,
    Aggregation,
    Answer,
    Explanation,
    Question,
    Reading,
    Series,
    plain,
)
from tocsin.process.deadline import Deadline

QUIET = timedelta(seconds=1)

Ask = Callable[[Callable[[Table], Query]], list[ResultRow]]
"""Runs the query that is made for a table."""


class Calculator:
    """Answers questions as of an instant; every method may raise QueryTooHeavy or Unavailable."""

    def __init__(self, engine: Engine, catalog: Mnemonics, rollups: Rollups, lane: Lane) -> None:
        """Several calculators may share the partial results; each has a lane of its own."""
        self._engine = engine
        self._catalog = catalog
        self._lane = lane
        self.rollups = rollups

    def calculate(self, question: Question, at: datetime, limit: int = DEFAULT_LIMIT) -> Answer:
        """The rows of the question as of `at`, in their order, at most `limit` of them.

        What was slow to read and is asked again is answered from partial results.
        """
        deadline = self._engine.deadline()
        if self.rollups.are_worth_it(question):
            turn = Turn(self._lane, deadline)
            found = self.rollups.answer_one(question, at, limit, self._table(), turn)
            if found is not None:
                return found
        return self._read(question, at, limit, deadline)

    def _read(self, question: Question, at: datetime, limit: int, deadline: Deadline) -> Answer:
        with self.rollups.timing(question):
            return self._answer(
                question, at, limit, partial(self._ask, question, at, deadline=deadline)
            )

    def _answer(self, question: Question, at: datetime, limit: int, ask: Ask) -> Answer:
        rows = self._rows(question, at, limit, ask)
        group_count = None
        if len(rows) > limit and question.group_by:
            rows = rows[:limit]
            counted = ask(partial(compile_group_count, question, at))
            group_count = int(counted[0][0])
        names = question.dimensions
        readings = [
            Reading(value, dict(zip(names, texts, strict=True)) if names else None)
            for value, texts in rows
        ]
        return Answer(at, readings, question.unit, group_count)

    @staticmethod
    def _rows(question: Question, at: datetime, limit: int, ask: Ask) -> list[Ranked]:
        """The first rows in their order, `limit` and one at most."""
        is_sum = question.aggregation.is_sum
        compile = partial(compile_metric, question, at, limit + SPARE if is_sum else limit)
        rows = ask(compile)
        dimensions = len(question.group_by)
        if not is_sum:
            values = [row[0] for row in rows]
            if question.aggregation is Aggregation.RATE:
                values = rounded(np.array(values, dtype=np.float64)).tolist()
            return [(plain(value), row[1:]) for value, row in zip(values, rows, strict=True)]
        if rows and rows[0][0] == math.inf:
            rows = ask(partial(compile_exact, question, at))
            return ranked_integers(question.aggregation, rows, dimensions)[: limit + 1]
        ranked = ranked_parts(question.aggregation, rows, dimensions)
        border = unclear_border([row[0] for row in rows], limit, SPARE)
        if border is None:
            return ranked[: limit + 1]
        rows = ask(partial(compile, between=border))
        close = ranked_parts(question.aggregation, rows, dimensions)
        by_texts = {texts: value for value, texts in [*close, *ranked]}
        return in_order([(value, texts) for texts, value in by_texts.items()])[: limit + 1]

    def calculate_all(
        self, questions: Sequence[Question], at: datetime, limit: int = DEFAULT_LIMIT
    ) -> list[Answer | TocsinError]:
        """Each question's answer, or the error that it alone ended with.

        Whatever can share scans does; the others are calculated by themselves, side by side.
        """
        if len(questions) == 1:
            return [_or_error(self.calculate, questions[0], at, limit)]
        # Each scan that questions share has the seconds of a query; all together have no limit.
        turn = Turn(self._lane, self._engine.deadline(math.inf))
        answers: list[Answer | TocsinError | None] = list(
            self.rollups.answer(questions, at, limit, self._table(), turn)
        )
        alone = [place for place, found in enumerate(answers) if found is None]

        def one(place: int) -> Answer | TocsinError:
            read = partial(self._read, deadline=self._engine.deadline())
            return _or_error(read, questions[place], at, limit)

        for place, found in zip(alone, self._lane.threads.map(one, alone), strict=True):
            answers[place] = found
        return [found for found in answers if found is not None]

    def series(self, question: Question, start: datetime, to: datetime, step: timedelta) -> Series:
        """The question's value at `to`, `to - step`, and so on while later than `start`."""
        points = Points.between(start, to, step)
        compile = partial(compile_series, question, points, self._table())
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

    def explain(self, question: Question, at: datetime) -> Explanation:
        """The query of the question, and what one real run of it read."""
        table = self._table_as_of(at)
        query = compile_metric(question, at, DEFAULT_LIMIT, table)
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
            self.rollups.are_worth_it(question),
        )

    def _run(self, query: Query, deadline: Deadline | None) -> list[ResultRow]:
        return self._lane.queries.run(query, deadline)

    def _ask(
        self,
        question: Question,
        at: datetime,
        compile: Callable[[Table], Query],
        deadline: Deadline | None = None,
    ) -> list[ResultRow]:
        """The rows of a query as of `at`. If meanwhile something was recorded that lies outside of
        its window, at an end that it did not look at, it is asked again so that it does."""
        table = self._table_as_of(at)
        rows = self._run(compile(table), deadline)
        made = time_comparisons(question, at, table.extent)
        needed = time_comparisons(question, at, self._engine.recorded_extent.current)
        if not set(needed).issubset(made):
            rows = self._run(compile(self._table()), deadline)
        return rows

    def _table_as_of(self, at: datetime) -> Table:
        """Where something is dated just now, later is to be expected: then queries had better look
        at it at once."""
        extent = self._engine.recorded_extent.current
        if extent.latest >= at - QUIET:
            extent = extent.open_ended()
        return replace(self._table(), extent=extent)

    def _table(self) -> Table:
        mnemonics = {kind: self._catalog.mnemonics(kind) for kind in Kind}
        promoted = self._engine.materialized_columns
        return Table(
            mnemonics,
            self._engine.field_types.of,
            lambda field, kind: promoted.get((field, kind)),
        )


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
