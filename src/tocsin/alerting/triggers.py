"""Selects the alerts to evaluate between slots, because an interaction arrived.

Only conditions that an arriving interaction can make true, and the passing of time cannot: a count
above a threshold, a maximum, a sum of numbers that are not negative. All other conditions, and
every recovery, are evaluated at slots only.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from tocsin.alerting.alert_values import AlertMetrics
from tocsin.model.alerts.alert import Alert, Comparison
from tocsin.model.interactions.field import Field
from tocsin.model.interactions.filter import Filter, Operator
from tocsin.model.interactions.filter_tree import AllOf, AnyOf, FilterTree
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.scalar import number_of
from tocsin.model.interactions.scope import Scope
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.calendar import CalendarWindow
from tocsin.model.metrics.question import Question
from tocsin.process.events import ScopeIds

PAUSE_SECONDS = 0.5
"""The shortest time between two evaluations of an alert by arrivals."""


_GROWING = {
    Aggregation.COUNT,
    Aggregation.RATE,
    Aggregation.DISTINCT_COUNT,
    Aggregation.MAX,
}


class ArrivalTriggers:
    """The committer's thread notifies it of each block; the scheduler pops the alerts."""

    def __init__(self) -> None:
        self._alerts: dict[Scope, list[UUID]] = {}
        self._lock = threading.Lock()
        self._triggered: set[UUID] = set()
        self._popped: dict[UUID, float] = {}

    def watch(self, alerts: Iterable[tuple[Alert, AlertMetrics]]) -> None:
        """Replace the alerts that arrivals may trigger. An interaction that only a guard counts
        triggers its alert, too: the guard may begin to hold."""
        by_scope: dict[Scope, list[UUID]] = {}
        for alert, metrics in alerts:
            if alert.enabled and can_fire_on_arrival(alert, metrics):
                for scope in {metric.question.scope for metric in metrics.all}:
                    by_scope.setdefault(scope, []).append(alert.alert_id)
        self._alerts = by_scope
        with self._lock:
            watched = {id for ids in by_scope.values() for id in ids}
            self._triggered &= watched
            self._popped = {id: at for id, at in self._popped.items() if id in watched}

    def notify(self, interactions: Sequence[Interaction]) -> bool:
        """Trigger the alerts whose metrics may count one of these interactions; whether one was
        triggered that was not yet. Imported interactions trigger none, as late ones do not. Costs
        nothing where no alert can be triggered."""
        if not self._alerts:
            return False
        return self.notify_scopes(
            {
                (i.resource_type_id, i.action_id, i.origin_id)
                for i in interactions
                if not i.is_imported
            }
        )

    def notify_scopes(self, recorded: Collection[ScopeIds]) -> bool:
        """`notify` for interactions of these scopes."""
        alerts = self._alerts
        triggered = {
            id for scope, ids in alerts.items() if any(map(scope.covers, recorded)) for id in ids
        }
        with self._lock:
            is_new = not triggered <= self._triggered
            self._triggered |= triggered
        return is_new

    def seconds_until_ready(self, now: float) -> float | None:
        """The seconds until `pop_ready` returns an alert, None if none is triggered; `now` is in
        seconds of the monotonic clock."""
        with self._lock:
            ready = min(map(self._ready_at, self._triggered), default=None)
        return None if ready is None else max(ready - now, 0.0)

    def pop_ready(self, now: float) -> list[UUID]:
        """Remove and return the triggered alerts; one that was popped less than half a second ago
        stays for later. `now` is in seconds of the monotonic clock."""
        with self._lock:
            ready = [id for id in self._triggered if self._ready_at(id) <= now]
            self._triggered.difference_update(ready)
            self._popped.update(dict.fromkeys(ready, now))
            return ready

    def _ready_at(self, id: UUID) -> float:
        return self._popped.get(id, 0.0) + PAUSE_SECONDS


def can_fire_on_arrival(alert: Alert, metrics: AlertMetrics) -> bool:
    """Whether provably only an arriving interaction can make the condition true, and those of all
    guards."""
    if alert.evaluation_delay.length:
        return False
    operators = [alert.rule.operator, *(guard.operator for guard in alert.only_when)]
    questions = (metric.question for metric in metrics.all)
    return all(map(_rises, operators, questions))


def _rises(operator: Comparison, question: Question) -> bool:
    """Whether only an arriving interaction can make the comparison true."""
    if question.compare:
        # Its base changes as time passes.
        return False
    window = question.time_window
    # Within a period that goes on, values only rise, and at its end they fall to those of no
    # interactions. A period that is over is replaced as a whole by one that may have greater ones.
    if isinstance(window, CalendarWindow) and window.name.is_over:
        return False
    if question.aggregation is Aggregation.MIN:
        return operator.is_ordering and not operator.is_upward
    if not operator.is_upward:
        return False
    return question.aggregation in _GROWING or _sums_no_negatives(question)


def _sums_no_negatives(question: Question) -> bool:
    """Whether a filter of the question excludes every negative number of the field."""
    return question.aggregation is Aggregation.SUM and any(
        _excludes_negatives(tree, question.field) for tree in question.filters
    )


def _excludes_negatives(tree: FilterTree, field: Field | None) -> bool:
    if isinstance(tree, AllOf):
        return any(_excludes_negatives(child, field) for child in tree.children)
    if isinstance(tree, AnyOf):
        return all(_excludes_negatives(child, field) for child in tree.children)
    if not isinstance(tree, Filter) or tree.operator not in (Operator.GT, Operator.GTE):
        return False
    least = number_of(tree.value)
    return tree.field == field and least is not None and least >= 0
