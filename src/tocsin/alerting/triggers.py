"""Which alerts must look at once, because something arrived that can make their condition true?

Only conditions that an arriving interaction can make true and no passing of time can: a count
that is to pass a threshold, a maximum, a sum of numbers that are not negative. All others, and
every recovery, are left to the slots.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from uuid import UUID

from tocsin.model.alerts.alert import Alert
from tocsin.model.interactions.filter import Operator
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.scalar import number_of
from tocsin.model.metrics.metric import Aggregation, Metric, Question

PAUSE_SECONDS = 0.5

Scope = tuple[bytes | None, bytes | None, bytes | None]

_GROWING = {
    Aggregation.COUNT,
    Aggregation.RATE,
    Aggregation.DISTINCT_COUNT,
    Aggregation.MAX,
}


class Arrivals:
    """Told of every block by the thread that appends, asked by the scheduler."""

    def __init__(self) -> None:
        self._alerts: dict[Scope, list[UUID]] = {}
        self._arrived = threading.Condition()
        self._touched: set[UUID] = set()
        self._taken: dict[UUID, float] = {}
        self._is_woken = False

    def watch(self, watched: Iterable[tuple[Alert, Metric]]) -> None:
        """From now on these are the alerts that there are."""
        alerts: dict[Scope, list[UUID]] = {}
        for alert, metric in watched:
            if alert.enabled and can_rise(alert, metric.question):
                alerts.setdefault(_scope(metric.question), []).append(alert.alert_id)
        self._alerts = alerts
        with self._arrived:
            watched_ids = {id for ids in alerts.values() for id in ids}
            self._touched &= watched_ids
            self._taken = {id: at for id, at in self._taken.items() if id in watched_ids}

    def tell(self, interactions: Sequence[Interaction]) -> None:
        """These were recorded; imported ones are left to the slots, as what comes late is. Costs
        nothing where no alert looks at once."""
        alerts = self._alerts
        if not alerts:
            return
        scopes = {
            (i.resource_type_id, i.action_id, i.origin_id)
            for i in interactions
            if not i.is_imported
        }
        touched = {
            id
            for wanted, ids in alerts.items()
            if any(_covers(wanted, scope) for scope in scopes)
            for id in ids
        }
        if touched:
            with self._arrived:
                if not touched <= self._touched:
                    self._touched |= touched
                    self._arrived.notify_all()

    def wake(self) -> None:
        """Let whoever waits, or comes to wait, look at the clock again."""
        with self._arrived:
            self._is_woken = True
            self._arrived.notify_all()

    def wait(self, now: float, seconds: float) -> None:
        """Until there is something to take, or so long."""
        with self._arrived:
            ready = min((self._ready_at(id) for id in self._touched), default=now + seconds)
            if not self._is_woken:
                self._arrived.wait(max(min(ready - now, seconds), 0))
            self._is_woken = False

    def take(self, now: float) -> list[UUID]:
        """The alerts that something arrived for; one that was taken less than half a second ago
        stays for later. `now` is of a clock that nobody sets."""
        with self._arrived:
            ready = [id for id in self._touched if self._ready_at(id) <= now]
            self._touched.difference_update(ready)
            self._taken.update(dict.fromkeys(ready, now))
            return ready

    def _ready_at(self, id: UUID) -> float:
        return self._taken.get(id, 0.0) + PAUSE_SECONDS


def can_rise(alert: Alert, question: Question) -> bool:
    """Whether only an arriving interaction can make the condition true, as far as provable."""
    if alert.evaluation_delay.length:
        return False
    rule = alert.rule
    if question.aggregation is Aggregation.MIN:
        return rule.operator.is_ordering and not rule.operator.is_upward
    if not rule.operator.is_upward:
        return False
    return question.aggregation in _GROWING or _sums_no_negatives(question)


def _sums_no_negatives(question: Question) -> bool:
    """Whether one of the filters lets no negative number of the field through."""
    return question.aggregation is Aggregation.SUM and any(
        filter.field == question.field
        and filter.operator in (Operator.GT, Operator.GTE)
        and (number_of(filter.value) or 0) >= 0
        and number_of(filter.value) is not None
        for filter in question.filters
    )


def _scope(question: Question) -> Scope:
    ids = (question.resource_type_id, question.action_id, question.origin_id)
    return tuple(id.bytes if id else None for id in ids)  # type: ignore[return-value]


def _covers(wanted: Scope, scope: tuple[bytes, bytes, bytes]) -> bool:
    return all(one is None or one == other for one, other in zip(wanted, scope, strict=True))
