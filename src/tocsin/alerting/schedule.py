"""Evaluates the alerts whose slot has come."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from tocsin.alerting.evaluator import Evaluator
from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.slots import is_due, missed_between, next_slot, slot_at
from tocsin.store.alerts import Alerts
from tocsin.store.evaluations import Evaluations


class AlertSchedule:
    """Evaluates all alerts of one slot together.

    `missed` counts the slots that were skipped since the process started.
    """

    def __init__(self, alerts: Alerts, evaluations: Evaluations, evaluator: Evaluator) -> None:
        self.missed = 0
        self._alerts = alerts
        self._evaluations = evaluations
        self._evaluator = evaluator

    def evaluate_due(self, at: datetime) -> None:
        """Raises Unavailable if the store fails; alerts that were not evaluated stay due."""
        statuses = self._evaluations.statuses()
        due: dict[datetime, list[UUID]] = defaultdict(list)
        for alert in self._enabled():
            status = statuses.get(alert.alert_id)
            if status and is_due(alert, status.slot, at):
                due[slot_at(alert, at)].append(alert.alert_id)
        for slot in sorted(due):
            for result in self._evaluator.evaluate(due[slot], slot, slot):
                last = statuses[result.alert.alert_id].slot
                self.missed += missed_between(result.alert, last, slot)

    def next_after(self, at: datetime) -> datetime | None:
        """The first slot of any enabled alert after `at`."""
        return min((next_slot(alert, at) for alert in self._enabled()), default=None)

    def _enabled(self) -> Iterator[Alert]:
        return (alert for alert in self._alerts.all() if alert.enabled)
