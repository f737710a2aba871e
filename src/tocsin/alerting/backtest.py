"""Evaluates an alert over a span of the past, with the results that live evaluation would have had.

Rule and state machine are those of live evaluation. The values of a group come from the runs of its
rows, and the state machine runs only at the points where its result can change.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import numpy as np

from tocsin.alerting.guard_turns import COMPARE, GuardTurns, guarded
from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.sql.backtest import compile_size, compile_slab
from tocsin.clickhouse.sql.lines import Slab
from tocsin.clickhouse.sql.points import Points
from tocsin.clickhouse.sql.query import Query
from tocsin.errors import QueryTooHeavy
from tocsin.metrics.group_lines import GroupLine, LineReader, reading_at
from tocsin.metrics.retained_time import RetainedTime
from tocsin.model.alerts.alert import Guard, NoData, Rule
from tocsin.model.alerts.backtest import PastSpan
from tocsin.model.alerts.state import AlertState, Dimensions, StateChange, Status, advance
from tocsin.model.ceilings import ANSWERED_GROUPS
from tocsin.model.interactions.snapshot import Mnemonics
from tocsin.model.metrics.answer import Reading
from tocsin.model.metrics.question import Question
from tocsin.process.deadline import Deadline

SLAB_ROWS = 1_000_000


@dataclass(frozen=True, slots=True)
class BacktestInput:
    """The rule, the question of its metric, the evaluation delay, and the guards with the questions
    of their metrics."""

    rule: Rule
    question: Question
    delay: timedelta = timedelta()
    guards: tuple[tuple[Guard, Question], ...] = ()


@dataclass(frozen=True, slots=True)
class GroupHistory:
    """The changes of a group, how often it fired, and for how long until the end of the span."""

    dimensions: Dimensions
    changes: list[StateChange]
    fired: int
    firing: timedelta


class Backtester:
    """Every method may raise QueryTooHeavy or Unavailable."""

    def __init__(self, engine: Engine, catalog: Mnemonics, retained: RetainedTime) -> None:
        self._engine = engine
        self._catalog = catalog
        self._retained = retained
        # One at a time: the interpreter runs one thread, so that concurrent backtests would be no
        # faster, and recording would wait for each of them.
        self._evaluating = threading.Lock()

    def backtest(self, input: BacktestInput, span: PastSpan) -> Iterator[GroupHistory]:
        """Every group with a value at `to`, `to - step` and so on while later than `from`, one by
        one."""
        points = self.points(span)
        delayed = Points(points.first - input.delay, points.step, points.count)
        deadline = self._engine.deadline()
        guards = [
            GuardTurns.of(
                guard,
                question,
                input.question,
                self._lines(question, delayed, deadline),
                self._retained.has_base(question, delayed.all()),
            )
            for guard, question in input.guards
        ]
        for line in self._lines(input.question, delayed, deadline):
            with self._evaluating:
                history = _history(
                    input.rule, points, _Line(input.question, guarded(line, guards)), deadline
                )
            yield history

    @staticmethod
    def points(span: PastSpan) -> Points:
        return Points.between(span.start, span.to, span.step.length)

    def _lines(self, question: Question, points: Points, deadline: Deadline) -> Iterator[GroupLine]:
        table = self._engine.table(self._catalog)
        sizes = [
            self._engine.run(compile_size(part, points, table, most=ANSWERED_GROUPS), deadline)[0]
            for part in question.parts
        ]
        rows, groups = map(max, zip(*sizes, strict=True))
        if groups > ANSWERED_GROUPS:
            raise QueryTooHeavy(
                f"There are more than {ANSWERED_GROUPS:,} groups in this span: add filters to the "
                "metric or use a shorter span"
            )
        slabs = max(-(-rows // SLAB_ROWS), 1) if question.group_by else 1
        run = partial(self._engine.run_arrow, deadline=deadline)
        reader = LineReader(run, self._retained, deadline, self._evaluating)
        for number in range(slabs):
            slab = Slab(number, slabs)

            def compile(part: Question, *, is_exact: bool, slab: Slab = slab) -> Query:
                return compile_slab(part, points, slab, table, is_exact=is_exact)

            yield from reader.lines(question, points, compile)


@dataclass(frozen=True, slots=True)
class _Line:
    """A group at all points."""

    question: Question
    line: GroupLine

    @property
    def dimensions(self) -> Dimensions:
        keys = self.question.dimensions
        return dict(zip(keys, self.line.texts, strict=True)) if keys else None

    def reading(self, index: int) -> Reading | None:
        if not self.line.is_present[index]:
            return None
        return reading_at(self.question, self.line, self.dimensions, index)


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
    values, is_present = line.line.values, line.line.is_present
    is_known = is_present & np.isfinite(values)
    with np.errstate(invalid="ignore"):
        conditions = np.where(is_known & COMPARE[rule.operator](values, rule.threshold), 1, 0)
        if rule.recovery_threshold is not None:
            holds_on = COMPARE[rule.operator](values, rule.recovery_threshold)
            conditions += np.where(is_known & holds_on, 2, 0)
    if rule.no_data is not NoData.OK:
        conditions = np.where(is_known, conditions, np.where(is_present, 4, 5))
    changes: list[int] = (np.flatnonzero(np.diff(conditions)) + 1).tolist()
    return changes
