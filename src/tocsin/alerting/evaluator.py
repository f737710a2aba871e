"""Evaluates many alerts at one instant in few scans, and saves the results in one transaction.

A failed evaluation changes an alert's health and no state. `store/evaluations.py` decides what is
saved: a result is void if the alert's version changed since its states were read.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from tocsin.alerting.alert_values import (
    AlertMetrics,
    AlertValues,
    Answers,
    calculate,
    metrics_of,
    values_of,
)
from tocsin.errors import Stopping, TocsinError
from tocsin.metrics.calculator import Calculator
from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.evaluation import (
    EvaluationResult,
    Group,
    GroupChanges,
    evaluate_groups,
    evaluate_rising,
    groups_of,
)
from tocsin.model.alerts.transition import Transition
from tocsin.process.events import Events, TransitionsStored
from tocsin.store.alerts import Alerts
from tocsin.store.evaluations import Evaluations, StoredStates
from tocsin.store.metrics import Metrics

log = structlog.get_logger()

_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class _AlertInput:
    """An alert with everything that its evaluation reads but the values."""

    alert: Alert
    metrics: AlertMetrics
    stored: StoredStates

    def as_of(self, at: datetime) -> datetime:
        """The evaluation time.

        If the alert was evaluated or changed after `at`, that later time, so that an older result
        never overwrites a newer one. Times past the next slot are ignored: the clock was set back.
        """
        modified = (metric.modified_date for metric in self.metrics.all)
        known = (self.stored.evaluated_at, self.alert.modified_date, *modified)
        end = at + self.alert.interval.length
        return max((time for time in known if time and at < time < end), default=at)


class Evaluator:
    """`evaluated` and `failed` count alerts since the process started."""

    def __init__(
        self,
        scheduled: Calculator,
        on_demand: Calculator,
        alerts: Alerts,
        metrics: Metrics,
        evaluations: Evaluations,
        events: Events,
    ) -> None:
        """`scheduled` calculates at slots and on arrivals. `on_demand` shares its clients with all
        other questions, so that an evaluation on demand never delays a slot."""
        self.evaluated = 0
        self.failed = 0
        self._scheduled = scheduled
        self._on_demand = on_demand
        self._alerts = alerts
        self._metrics = metrics
        self._evaluations = evaluations
        self._events = events

    def evaluate(
        self, ids: Sequence[UUID], at: datetime, slot: datetime | None = None
    ) -> list[EvaluationResult]:
        """Evaluate every group of these alerts as of `at`, and claim their slot if one is given.

        An alert that was evaluated or changed after `at` is evaluated as of then. Returns the
        saved results: of every alert that still exists, unless other evaluations of it come first
        each time. Raises Unavailable if the store fails.
        """
        calculator = self._scheduled if slot else self._on_demand
        saved: list[EvaluationResult] = []
        remaining = list(ids)
        for _ in range(_ATTEMPTS):
            saved += self._save(
                self._evaluate(remaining, at, evaluate_groups, calculator),
                slot,
                as_leader=slot is not None,
            )
            done = {result.alert.alert_id for result in saved}
            remaining = [id for id in remaining if id not in done]
            if not remaining:
                break
        self.evaluated += len(saved)
        failed = [result for result in saved if result.error]
        self.failed += len(failed)
        if failed:
            # One line for all of them: they mostly fail together, and for one reason.
            log.warning("alert evaluations failed", alerts=len(failed), error=failed[0].error)
        return saved

    def evaluate_rising(self, ids: Sequence[UUID], at: datetime) -> None:
        """Let conditions become true between slots. Slots clear them, and report failures."""
        results = self._evaluate(ids, at, evaluate_rising, self._scheduled)
        rising = [result for result in results if result.states and not result.error]
        self._save(rising, None, as_leader=True)

    def groups(self, alert: Alert) -> list[Group]:
        """The groups of an alert as of its last evaluation: firing, pending, then OK.

        If the engine fails, the groups with a state, with the values that the store has.
        """
        status = self._evaluations.status(alert.alert_id)
        stored = self._evaluations.stored_states([alert.alert_id])
        states = stored[alert.alert_id].states if stored else {}
        evaluated_at = status.evaluated_at
        values = self._values(alert, evaluated_at) if evaluated_at else AlertValues()
        return groups_of(states, values.readings, values.guards)

    def _values(self, alert: Alert, at: datetime) -> AlertValues:
        try:
            metrics = metrics_of(alert, self._metrics)
            at -= alert.evaluation_delay.length
            return values_of(alert, metrics, calculate(self._on_demand, [metrics], at))
        except TocsinError as error:
            log.warning("group values unavailable", alert=str(alert.alert_id), error=str(error))
            return AlertValues()

    def _save(
        self, results: Sequence[EvaluationResult], slot: datetime | None, *, as_leader: bool
    ) -> list[EvaluationResult]:
        if not results:
            return []
        ids = self._evaluations.save(results, slot, as_leader=as_leader)
        saved = [result for result in results if result.alert.alert_id in ids]
        if any(result.transitions for result in saved):
            self._events.publish(TransitionsStored())
        return saved

    def _evaluate(
        self,
        ids: Sequence[UUID],
        at: datetime,
        evaluate: Callable[..., GroupChanges],
        calculator: Calculator,
    ) -> list[EvaluationResult]:
        by_instant: dict[tuple[datetime, timedelta], list[_AlertInput]] = defaultdict(list)
        for input in self._inputs(ids):
            by_instant[input.as_of(at), input.alert.evaluation_delay.length].append(input)
        results = []
        for (as_of, delay), inputs in by_instant.items():
            began = time.perf_counter()
            metrics = [input.metrics for input in inputs]
            answers = calculate(calculator, metrics, as_of - delay)
            elapsed = round((time.perf_counter() - began) * 1000, 3)
            for input in inputs:
                # A stop of the service is no failure of an alert.
                with suppress(Stopping):
                    results.append(_result(input, answers, as_of, elapsed, evaluate))
        return results

    def _inputs(self, ids: Sequence[UUID]) -> list[_AlertInput]:
        """Consistent definitions and states."""
        definitions = [self._alerts.cached, self._metrics.cached]
        with self._evaluations.consistent(ids, definitions) as stored:
            return [
                _AlertInput(alert, metrics_of(alert, self._metrics), stored[alert.alert_id])
                for alert in self._alerts.all()
                if alert.alert_id in stored
            ]


def _result(
    input: _AlertInput,
    answers: Answers,
    at: datetime,
    elapsed_ms: float,
    evaluate: Callable[..., GroupChanges],
) -> EvaluationResult:
    """Raises Stopping."""
    alert, version = input.alert, input.stored.version
    try:
        values = values_of(alert, input.metrics, answers)
    except Stopping:
        raise
    except TocsinError as error:
        return EvaluationResult(alert, at, version, elapsed_ms, str(error))
    changed = evaluate(alert.rule, input.stored.states, values.readings, at, values.guards)
    watched = input.metrics.watched
    return EvaluationResult(
        alert,
        at,
        version,
        elapsed_ms,
        states=changed.states,
        transitions=[Transition.of(change, alert, watched) for change in changed.changes],
        groups=changed.groups,
        firing=changed.firing,
    )
