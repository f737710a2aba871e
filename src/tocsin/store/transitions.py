"""Which alerts fired and recovered, and which interactions of that are still to be appended?

A transition is inserted in the transaction that decided it, with the deliveries it causes; that
its interaction was appended is marked afterwards, and done again where the mark is missing.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, and_, insert, or_, select, update

from tocsin.model.alerts.alert import Alert
from tocsin.model.alerts.state import Reason, StateChange, Status
from tocsin.model.alerts.transition import Transition
from tocsin.model.metrics.metric import Metric
from tocsin.store.database import Database
from tocsin.store.tables import transitions
from tocsin.store.transition_outbox import Outbox

Place = tuple[datetime, int]


class Transitions:
    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database = database
        self._outbox = outbox

    def page(
        self,
        limit: int,
        after: Place | None = None,
        *,
        alert_id: UUID | None = None,
        start: datetime | None = None,
        to: datetime | None = None,
    ) -> list[Transition]:
        """At most `limit`, the newest first, `to` excluded; those after a place, if one is given:
        the instant and number of a transition."""
        at, number = transitions.c.at, transitions.c.number
        conditions = [
            *([transitions.c.alert_id == alert_id] if alert_id else []),
            *([at >= start] if start else []),
            *([at < to] if to else []),
            *([or_(at < after[0], and_(at == after[0], number < after[1]))] if after else []),
        ]
        found = select(transitions).where(*conditions).order_by(at.desc(), number.desc())
        with self._database.reading() as connection:
            rows = connection.execute(found.limit(limit)).mappings().all()
        return [_transition(row) for row in rows]

    def insert(self, connection: Connection, made: Sequence[Transition]) -> None:
        """Keep transitions, and what is to be delivered of them, in this transaction."""
        if not made:
            return
        connection.execute(insert(transitions), [_row(transition) for transition in made])
        by_alert: dict[UUID, list[Transition]] = defaultdict(list)
        for transition in made:
            by_alert[transition.alert.alert_id].append(transition)
        for some in by_alert.values():
            told = [told for transition in some if (told := transition.interaction())]
            if told:
                self._outbox.enqueue(connection, told, some[0].change.at, some[0].alert.labels)

    def unrecorded(self, limit: int) -> list[Transition]:
        """Those whose interaction may not have been appended yet, the first made first."""
        found = select(transitions).where(transitions.c.is_recorded.is_(False))
        with self._database.reading() as connection:
            rows = connection.execute(found.order_by(transitions.c.number).limit(limit))
            return [_transition(row) for row in rows.mappings().all()]

    def mark_recorded(self, ids: Iterable[UUID]) -> None:
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
        "dimensions": json.dumps(change.dimensions),
        "fired_at": change.fired_at,
        "alert": transition.alert.model_dump_json(),
        "metric": transition.metric.model_dump_json(),
        "is_recorded": transition.action_id is None,
    }


def _transition(row: RowMapping) -> Transition:
    change = StateChange(
        status=Status(row["status"]),
        reason=Reason(row["reason"]),
        at=row["at"],
        value=json.loads(row["value"]),
        dimensions=json.loads(row["dimensions"]),
        fired_at=row["fired_at"],
    )
    return Transition(
        row["transition_id"],
        change,
        Alert.model_validate_json(row["alert"]),
        Metric.model_validate_json(row["metric"]),
        row["number"],
    )
