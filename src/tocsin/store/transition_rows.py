"""Converts transitions to rows of the store, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import RowMapping

from tocsin.model.alerts.alert import Alert, GuardReading
from tocsin.model.alerts.state import Reason, StateChange, Status
from tocsin.model.alerts.transition import Transition
from tocsin.model.group_name import group_hash
from tocsin.model.metrics.metric import Metric


def row_of(transition: Transition) -> dict[str, Any]:
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
        "group_hash": group_hash(str(transition.alert.alert_id), change.dimensions),
        "fired_at": change.fired_at,
        "alert": transition.alert.model_dump_json(),
        "metric": transition.metric.model_dump_json(),
        "is_recorded": transition.action_id is None,
    }


def _guards_text(guards: Sequence[GuardReading]) -> str | None:
    return json.dumps([reading.members for reading in guards], default=str) if guards else None


def transition_of(row: RowMapping) -> Transition:
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
        _alert_of(row["alert"]),
        _metric_of(row["metric"]),
        row["number"],
    )


# The transitions of one evaluation have the same definitions, which are immutable.
@lru_cache(maxsize=32)
def _alert_of(text: str) -> Alert:
    return Alert.model_validate_json(text)


@lru_cache(maxsize=32)
def _metric_of(text: str) -> Metric:
    return Metric.model_validate_json(text)
