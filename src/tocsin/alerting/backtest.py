"""Evaluates an alert over a span of the past, with the results that live evaluation would have had.

Rule and state machine are those of live evaluation. The values of a group come from the runs of its
rows, and the state machine runs only at the points where its result can change.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.sql.backtest import compile_size, compile_slab
from tocsin.clickhouse.sql.query import Query
from tocsin.clickhouse.sql.runs import Points, aggregates
from tocsin.errors import QueryTooHeavy
from tocsin.metrics.decimals import Values, integer_of
from tocsin.metrics.series import Inexact, sums_at_points, values_of
from tocsin.model.alerts.alert import Comparison, NoData, Rule
from tocsin.model.alerts.backtest import PastSpan
from tocsin.model.alerts.state import AlertState, Dimensions, StateChange, Status, advance
from tocsin.model.ceilings import ANSWERED_GROUPS
from tocsin.model.interactions.snapshot import Mnemonics
from tocsin.model.metrics.metric import Question, Reading, plain
from tocsin.process.deadline import Deadline

SLAB_ROWS = 1_000_000

_COMPARE = {
    Comparison.GT: np.greater,
    Comparison.GTE: np.greater_equal,
    Comparison.LT: np.less,
    Comparison.LTE: np.less_equal,
    Comparison.EQ: np.equal,
    Comparison.NEQ: np.not_equal,
}


@dataclass(frozen=True, slots=True)
class BacktestInput:
    """The rule, the question of its metric, and the evaluation delay."""

    rule: Rule
    question: Question
    delay: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class GroupHistory:
    """The changes of a group, how often it fired, and for how long until the end of the span."""

    dimensions: Dimensions
    changes: list[StateChange]
    fired: int
    firing: timedelta


class Backtester:
    """Every method may raise QueryTooHeavy or Unavailable."""

    def __init__(self, engine: Engine, catalog: Mnemonics) -> None:
        self._engine = engine
        self._catalog = catalog
        # One at a time: the interpreter runs one thread, so that concurrent backtests would be no
        # faster, and recording would wait for each of them.
        self._evaluating = threading.Lock()

    def backtest(self, input: BacktestInput, span: PastSpan) -> Iterator[GroupHistory]:
        """Every group with a value at `to`, `to - step` and so on while later than `from`, one by
        one."""
        points = self.points(span)
        delayed = Points(points.first - input.delay, points.step, points.count)
        deadline = self._engine.deadline()
        for line in self._lines(input.question, delayed, deadline):
            with self._evaluating:
                history = _history(input.rule, points, line, deadline)
            yield history

    @staticmethod
    def points(span: PastSpan) -> Points:
        return Points.between(span.start, span.to, span.step.length)

    def _lines(self, question: Question, points: Points, deadline: Deadline) -> Iterator[_Line]:
        table = self._engine.table(self._catalog)
        query = compile_size(question, points, table, most=ANSWERED_GROUPS)
        ((rows, groups),) = self._engine.run(query, deadline)
        if groups > ANSWERED_GROUPS:
            raise QueryTooHeavy(
                f"There are more than {ANSWERED_GROUPS:,} groups in this span: add filters to the "
                "metric or use a shorter span"
            )
        slabs = max(-(-rows // SLAB_ROWS), 1) if question.group_by else 1
        for slab in range(slabs):
            compile = partial(compile_slab, question, points, slab, slabs, table)
            yield from self._slab(question, points, compile, deadline)

    def _slab(
        self,
        question: Question,
        points: Points,
        compile: Callable[..., Query],
        deadline: Deadline,
    ) -> Iterator[_Line]:
        """The groups of a slab; those with inexact sums are queried a second time."""
        inexact = set()
        for row in _rows_of(self._engine.run_arrow(compile(), deadline)):
            deadline.check()
            try:
                with self._evaluating:
                    line = _line(question, points.count, row)
            except Inexact:
                inexact.add(_dimension_values(question, row))
            else:
                yield line
        if inexact:
            for row in _rows_of(self._engine.run_arrow(compile(is_exact=True), deadline)):
                deadline.check()
                if _dimension_values(question, row) in inexact:
                    with self._evaluating:
                        line = _line(question, points.count, row, is_exact=True)
                    yield line


def _rows_of(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches():
        for number in range(batch.num_rows):
            yield {name: batch.column(name)[number] for name in batch.schema.names}


@dataclass(frozen=True, slots=True)
class _Line:
    """A group at all points; `is_present` is False where it had no row."""

    dimensions: Dimensions
    values: Values
    is_present: Values

    def reading(self, index: int) -> Reading | None:
        if not self.is_present[index]:
            return None
        return Reading(plain(self.values[index].item()), self.dimensions)


def _dimension_values(question: Question, row: Mapping[str, Any]) -> tuple[str | None, ...]:
    return tuple(row[f"d{n}"].as_py() for n in range(len(question.group_by)))


def _line(
    question: Question, count: int, row: Mapping[str, Any], *, is_exact: bool = False
) -> _Line:
    """The group of a row of a slab. Raises Inexact."""
    names = aggregates(question, is_exact=is_exact)
    columns = [_column(row[f"{name}s"].values, name) for name in names]
    keys = question.dimensions
    dimensions = dict(zip(keys, _dimension_values(question, row), strict=True)) if keys else None
    values = values_of(question, count, columns)
    # An ungrouped metric always has a row, even over no interactions.
    is_present = (
        sums_at_points(count, columns[0], columns[1]) > 0 if keys else np.ones(count, dtype=bool)
    )
    return _Line(dimensions, values, is_present)


def _column(column: pa.Array, name: str) -> Values:
    if name == "integers":
        pairs = (tuple(pair.values()) for pair in column.to_pylist())
        return np.array([integer_of(pair) for pair in pairs], dtype=object)
    return np.asarray(column.to_numpy())


def _history(rule: Rule, points: Points, line: _Line, deadline: Deadline) -> GroupHistory:
    changes = list(_changes(rule, points, line, deadline))
    firing = sum((c.at - c.fired_at for c in changes if c.status is Status.OK), timedelta())
    if changes and changes[-1].status is Status.FIRING:
        firing += points.last - changes[-1].at
    fired = sum(change.status is Status.FIRING for change in changes)
    return GroupHistory(line.dimensions, changes, fired, firing)


def _changes(rule: Rule, points: Points, line: _Line, deadline: Deadline) -> Iterator[StateChange]:
    """Run the state machine at the points where a condition changes or a wait ends."""
    turns = _condition_changes(rule, line)
    state: AlertState | None = None
    point, turn = 0, 0
    while point < points.count:
        deadline.check()
        at = points.first + point * points.step
        before, (state, change) = state, advance(rule, state, line.reading(point), at)
        if change:
            yield change
        while turn < len(turns) and turns[turn] <= point:
            turn += 1
        following = turns[turn] if turn < len(turns) else points.count
        # A state that has just changed is advanced once more. Then it stays until a wait ends, and
        # a wait that ends without effect changes nothing until a condition does.
        due = point + 1 if state is not before else _due(rule, state, points)
        point = min(following, due if due > point else points.count)


def _due(rule: Rule, state: AlertState | None, points: Points) -> int:
    """The first point at or after the end of a wait, the number of points if nothing waits."""
    if state and state.status is Status.PENDING:
        return _point(points, state.since + rule.for_.length)
    if state and state.clear_since:
        return _point(points, state.clear_since + rule.keep_firing_for.length)
    return points.count


def _point(points: Points, at: datetime) -> int:
    """The first point that is not before an instant."""
    return -((points.first - at) // points.step)


def _condition_changes(rule: Rule, line: _Line) -> list[int]:
    """The points at which a condition of the rule differs from the point before."""
    values = line.values
    is_known = line.is_present & np.isfinite(values)
    with np.errstate(invalid="ignore"):
        conditions = np.where(is_known & _COMPARE[rule.operator](values, rule.threshold), 1, 0)
        if rule.recovery_threshold is not None:
            holds_on = _COMPARE[rule.operator](values, rule.recovery_threshold)
            conditions += np.where(is_known & holds_on, 2, 0)
    if rule.no_data is not NoData.OK:
        conditions = np.where(is_known, conditions, np.where(line.is_present, 4, 5))
    changes: list[int] = (np.flatnonzero(np.diff(conditions)) + 1).tolist()
    return changes
