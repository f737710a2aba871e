"""The transitions of alerts, and which of their interactions are not recorded yet.

A transition is inserted in the transaction that decided it, together with its deliveries. Its
interaction is appended to the engine afterwards, and again if the mark of that is missing.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import Connection, RowMapping, and_, insert, or_, select, update

from tocsin.model.alerts.alert import Alert, GuardReading
from tocsin.model.alerts.pages import NO_PAGES, AlertPages
from tocsin.model.alerts.state import Reason, StateChange, Status
from tocsin.model.alerts.transition import Transition
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.metrics.metric import Metric
from tocsin.store.database import Database
from tocsin.store.tables import transitions

TransitionPosition = tuple[datetime, int]
"""The instant and the number of a transition, by which pages are ordered."""


class TransitionDeliveries(Protocol):
    def enqueue(
        self,
        connection: Connection,
        interactions: Sequence[Interaction],
        at: datetime,
        alert: Alert,
    ) -> None:
        """Add one delivery for each interaction of the alert and each of its recipients, in this
        transaction."""


class Transitions:
    def __init__(
        self,
        database: Database,
        deliveries: TransitionDeliveries,
        pages: AlertPages = NO_PAGES,
    ) -> None:
        """Interactions of transitions have the addresses that `pages` returns."""
        self._database = database
        self._deliveries = deliveries
        self._pages = pages

    def interaction(self, transition: Transition) -> Interaction | None:
        """The interaction of a transition; None if it writes none."""
        return transition.interaction(self._pages)

    def page(
        self,
        limit: int,
        after: TransitionPosition | None = None,
        *,
        alert_id: UUID | None = None,
        start: datetime | None = None,
        to: datetime | None = None,
    ) -> list[Transition]:
        """At most `limit` transitions of [start, to), newest first; those that follow the position
        `after`, if one is given."""
        at, number = transitions.c.at, transitions.c.number
        conditions = [
            *([transitions.c.alert_id == alert_id] if alert_id else []),
            *([at >= start] if start else []),
            *([at < to] if to else []),
            *([or_(at < after[0], and_(at == after[0], number < after[1]))] if after else []),
        ]
        query = select(transitions).where(*conditions).order_by(at.desc(), number.desc())
        with self._database.reading() as connection:
            rows = connection.execute(query.limit(limit)).mappings().all()
        return [_transition(row) for row in rows]

    def insert(self, connection: Connection, new: Sequence[Transition]) -> None:
        """Store transitions and their deliveries in this transaction."""
        if not new:
            return
        connection.execute(insert(transitions), [_row(transition) for transition in new])
        by_alert: dict[UUID, list[Transition]] = defaultdict(list)
        for transition in new:
            by_alert[transition.alert.alert_id].append(transition)
        for of_alert in by_alert.values():
            if interactions := [i for each in of_alert if (i := self.interaction(each))]:
                at, alert = of_alert[0].change.at, of_alert[0].alert
                self._deliveries.enqueue(connection, interactions, at, alert)

    def unrecorded(self, limit: int) -> list[Transition]:
        """At most `limit` transitions whose interaction may be missing in the engine, oldest
        first."""
        query = select(transitions).where(transitions.c.is_recorded.is_(False))
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(transitions.c.number).limit(limit))
            return [_transition(row) for row in rows.mappings().all()]

    def mark_recorded(self, ids: Iterable[UUID]) -> None:
        """The interactions of these transitions are in the engine."""
        marked = update(transitions).where(transitions.c.transition_id.in_(list(ids)))
        with self._database.writing() as connection:
            connection.execute(marked.values(is_recorded=True))


def _row(transition: Transition) -> dict[str, Any]:
    change = transition.change
    return {
        "transition_id": transition.transition_id,
        "alert_id": transition.alert.alert_id,
        "at": change.at,
        "status": change.status.value,
        "reason": change.reason.value,
        "value": json.dumps(change.value),
        "sides": json.dumps(change.sides) if change.sides else None,
        "guards": _guards_text(change.guards),
        "dimensions": json.dumps(change.dimensions),
        "fired_at": change.fired_at,
        "alert": transition.alert.model_dump_json(),
        "metric": transition.metric.model_dump_json(),
        "is_recorded": transition.action_id is None,
    }


def _guards_text(guards: Sequence[GuardReading]) -> str | None:
    return json.dumps([reading.members for reading in guards], default=str) if guards else None


def _transition(row: RowMapping) -> Transition:
    sides = json.loads(row["sides"]) if row["sides"] else None
    change = StateChange(
        status=Status(row["status"]),
        reason=Reason(row["reason"]),
        at=row["at"],
        value=json.loads(row["value"]),
        dimensions=json.loads(row["dimensions"]),
        fired_at=row["fired_at"],
        sides=tuple(sides) if sides else None,
        guards=tuple(map(GuardReading.from_members, json.loads(row["guards"] or "[]"))),
    )
    return Transition(
        row["transition_id"],
        change,
        Alert.model_validate_json(row["alert"]),
        Metric.model_validate_json(row["metric"]),
        row["number"],
    )
