"""A stored change of state, and the interaction that it writes.

"The interaction of a transition" in docs/reference/alerts.md defines the interaction. Its id is
derived from the transition's, so that appending it again after a crash records nothing twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4, uuid5

import msgspec

from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.pages import NO_PAGES, AlertPages
from tocsin.model.alerts.state import StateChange, Status
from tocsin.model.instant import format_instant, to_milliseconds
from tocsin.model.interactions.catalog import Kind, system_id
from tocsin.model.interactions.field import Field
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.payload import PayloadHints, read_payload
from tocsin.model.metrics.metric import Metric

_ORIGIN = system_id(Kind.ORIGIN, "METRIC_EVAL")
_STATUS_WORDS = {Status.FIRING: "exceeded", Status.OK: "recovered"}
_REFERENCE_WORDS = {Status.FIRING: "firing", Status.OK: "recovery"}


@dataclass(frozen=True, slots=True)
class Transition:
    """A change with the definition it was evaluated with; `number` grows with each stored one."""

    transition_id: UUID
    change: StateChange
    alert: Alert
    metric: Metric
    number: int = 0

    @classmethod
    def of(cls, change: StateChange, alert: Alert, metric: Metric) -> Transition:
        return cls(uuid4(), change, alert, metric)

    @property
    def action_id(self) -> UUID | None:
        """The action of the interaction that it writes; None if it writes none."""
        is_firing = self.change.status is Status.FIRING
        return self.alert.alert_action_id if is_firing else self.alert.recovery_action_id

    @property
    def interaction_id(self) -> UUID | None:
        return interaction_id_of(self.transition_id) if self.action_id else None

    @property
    def duration_seconds(self) -> float | None:
        """How long the group had fired; None for a transition to FIRING."""
        change = self.change
        if change.status is Status.FIRING:
            return None
        return (change.at - change.fired_at).total_seconds()

    def interaction(self, pages: AlertPages = NO_PAGES) -> Interaction | None:
        """The interaction that it writes; None if the alert has no action for it. Its payload has
        the address of the alert's page, if there is one."""
        if self.action_id is None or self.interaction_id is None:
            return None
        raw = msgspec.json.encode(self.payload(pages), enc_hook=str)
        hollow = read_payload(raw, PayloadHints.of(raw)).leafless_objects
        return Interaction(
            interaction_id=self.interaction_id.bytes,
            resource_type_id=self.alert.resource_type_id.bytes,
            action_id=self.action_id.bytes,
            origin_id=_ORIGIN.bytes,
            resource_id=str(self.alert.alert_id),
            timestamp=to_milliseconds(self.change.at),
            payload=raw,
            external_response=b"",
            uow_id=None,
            user_id=None,
            external_reference=self._reference(),
            big_integers=[],
            leafless_objects=[str(Field.of_path(path)) for path in hollow],
            has_deliveries=True,
        )

    def _reference(self) -> str:
        word = _REFERENCE_WORDS[self.change.status]
        return f"alert-{self.alert.alert_id}-{word}-{format_instant(self.change.at)}"

    def payload(self, pages: AlertPages) -> dict[str, Any]:
        """The payload of its interaction."""
        alert, change = self.alert, self.change
        payload = {
            "alertId": alert.alert_id,
            "alertTitle": alert.title,
            "metricId": self.metric.metric_id,
            "metricName": self.metric.name,
            "metricType": self.metric.question.aggregation,
            "threshold": alert.rule.threshold,
            "operator": alert.rule.operator,
            "severity": alert.severity,
            "status": _STATUS_WORDS[change.status],
            "value": change.value,
            "dimensions": change.dimensions or {},
            "evaluatedAt": format_instant(change.at),
        }
        optional = {
            "description": alert.description,
            "runbookUrl": alert.runbook_url,
            "labels": alert.labels,
            "unit": self.metric.question.unit,
            "url": pages.url_of(alert.alert_id),
        }
        payload |= {name: value for name, value in optional.items() if value}
        if change.sides:
            payload |= zip(self.metric.question.side_names, change.sides, strict=True)
        if change.guards:
            payload["guards"] = [reading.members for reading in change.guards]
        if change.status is Status.OK:
            payload["firedAt"] = format_instant(change.fired_at)
            payload["durationSeconds"] = self.duration_seconds
        return payload


def interaction_id_of(transition_id: UUID) -> UUID:
    """The id of the interaction that a transition writes, if it writes one."""
    return uuid5(transition_id, "interaction")
