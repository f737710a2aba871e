"""When would an alert have fired: a span of the past, judged as it would have been.

The same rule and the same state machine as live; but a group's values come from the runs of its
rows, and the state machine is only asked where its answer can be another than just before.
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
from tocsin.metrics.series import Inexact, covering, values_of
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
    """What is tried: how values are judged, which values, and how late they are asked for."""

    rule: Rule
    question: Question
    delay: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class GroupHistory:
    """What a group would have done; `firing` is how long it would have fired, up to the end."""

    dimensions: Dimensions
    changes: list[StateChange]
    fired: int
    firing: timedelta


class Backtester:
    """Every method may raise QueryTooHeavy or Unavailable."""

    def __init__(self, engine: Engine, catalog: Mnemonics) -> None:
        self._engine = engine
        self._catalog = catalog
        # Only one thread has the interpreter: several backtests would be no faster together, and
        # those who record would wait for each of them.
        self._judging = threading.Lock()

    def backtest(self, trial: BacktestInput, span: PastSpan) -> Iterator[GroupHistory]:
        """Every group that would have been judged at `to`, `to - step` and so on while later than
        `from`, one after the other."""
        points = self.points(span)
        asked = Points(points.first - trial.delay, points.step, points.count)
        deadline = self._engine.deadline()
        for line in self._lines(trial.question, asked, deadline):
            with self._judging:
                past = _judged(trial.rule, points, line, deadline)
            yield past

    @staticmethod
    def points(span: PastSpan) -> Points:
        return Points.between(span.start, span.to, span.step.length)

    def _lines(self, question: Question, points: Points, deadline: Deadline) -> Iterator[_Line]:
        table = self._engine.table(self._catalog)
        query = compile_size(question, points, table, most=ANSWERED_GROUPS)
        ((rows, groups),) = self._engine.run(query, deadline)
        if groups > ANSWERED_GROUPS:
            raise QueryTooHeavy(
                f"There are more than {ANSWERED_GROUPS:,} groups in this span: narrow the metric, "
                "or bring from and to together"
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
        """The groups of a slab; those whose sums are not exact are asked for once more."""
        inexact = set()
        for row in _rows_of(self._engine.run_arrow(compile(), deadline)):
            deadline.check()
            try:
                with self._judging:
                    line = _line(question, points.count, row)
            except Inexact:
                inexact.add(_texts(question, row))
            else:
                yield line
        if inexact:
            for row in _rows_of(self._engine.run_arrow(compile(is_exact=True), deadline)):
                deadline.check()
                if _texts(question, row) in inexact:
                    with self._judging:
                        line = _line(question, points.count, row, is_exact=True)
                    yield line


def _rows_of(table: pa.Table) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches():
        for number in range(batch.num_rows):
            yield {name: batch.column(name)[number] for name in batch.schema.names}


@dataclass(frozen=True, slots=True)
class _Line:
    """A group at all points; `is_there` is False where it would not have been among the rows."""

    dimensions: Dimensions
    values: Values
    is_there: Values

    def reading(self, place: int) -> Reading | None:
        if not self.is_there[place]:
            return None
        return Reading(plain(self.values[place].item()), self.dimensions)


def _texts(question: Question, row: Mapping[str, Any]) -> tuple[str | None, ...]:
    return tuple(row[f"d{n}"].as_py() for n in range(len(question.group_by)))


def _line(
    question: Question, count: int, row: Mapping[str, Any], *, is_exact: bool = False
) -> _Line:
    """The group of a row of a slab. Raises Inexact."""
    names = aggregates(question, is_exact=is_exact)
    columns = [_column(row[f"{name}s"].values, name) for name in names]
    keys = question.dimensions
    dimensions = dict(zip(keys, _texts(question, row), strict=True)) if keys else None
    values = values_of(question, count, columns)
    # Ungrouped there always is a row, over nothing too.
    is_there = covering(count, columns[0], columns[1]) > 0 if keys else np.ones(count, dtype=bool)
    return _Line(dimensions, values, is_there)


def _column(column: pa.Array, name: str) -> Values:
    if name == "integers":
        pairs = (tuple(pair.values()) for pair in column.to_pylist())
        return np.array([integer_of(pair) for pair in pairs], dtype=object)
    return np.asarray(column.to_numpy())


def _judged(rule: Rule, points: Points, line: _Line, deadline: Deadline) -> GroupHistory:
    changes = list(_changes(rule, points, line, deadline))
    firing = sum((c.at - c.fired_at for c in changes if c.status is Status.OK), timedelta())
    if changes and changes[-1].status is Status.FIRING:
        firing += points.last - changes[-1].at
    fired = sum(change.status is Status.FIRING for change in changes)
    return GroupHistory(line.dimensions, changes, fired, firing)


def _changes(rule: Rule, points: Points, line: _Line, deadline: Deadline) -> Iterator[StateChange]:
    """The state machine, at the places where a signal changes or a wait is over."""
    turns = _turns(rule, line)
    state: AlertState | None = None
    place, turn = 0, 0
    while place < points.count:
        deadline.check()
        at = points.first + place * points.step
        before, (state, change) = state, advance(rule, state, line.reading(place), at)
        if change:
            yield change
        while turn < len(turns) and turns[turn] <= place:
            turn += 1
        following = turns[turn] if turn < len(turns) else points.count
        # A state that has just changed is looked at once more; then it stays until a wait is over,
        # and one that is over without effect changes nothing until a signal does.
        due = place + 1 if state is not before else _due(rule, state, points)
        place = min(following, due if due > place else points.count)


def _due(rule: Rule, state: AlertState | None, points: Points) -> int:
    """The first place at which a wait is over, if there is one."""
    if state and state.status is Status.PENDING:
        return _place(points, state.since + rule.for_.length)
    if state and state.clear_since:
        return _place(points, state.clear_since + rule.keep_firing_for.length)
    return points.count


def _place(points: Points, at: datetime) -> int:
    """The first place that is not before an instant."""
    return -((points.first - at) // points.step)


def _turns(rule: Rule, line: _Line) -> list[int]:
    """The places at which what the rule says of the group is another than before."""
    values = line.values
    is_known = line.is_there & np.isfinite(values)
    with np.errstate(invalid="ignore"):
        signal = np.where(is_known & _COMPARE[rule.operator](values, rule.threshold), 1, 0)
        if rule.recovery_threshold is not None:
            holds_on = _COMPARE[rule.operator](values, rule.recovery_threshold)
            signal += np.where(is_known & holds_on, 2, 0)
    if rule.no_data is not NoData.OK:
        signal = np.where(is_known, signal, np.where(line.is_there, 4, 5))
    places: list[int] = (np.flatnonzero(np.diff(signal)) + 1).tolist()
    return places
