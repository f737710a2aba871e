"""Builds alerts that need no store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tocsin.model.alerts.alert import Alert, Comparison, Rule
from tocsin.model.duration import Duration

AT = datetime(2026, 3, 20, 14, 30, 7, 123_000, tzinfo=UTC)


def alert(interval: str, id: int = 0, **members: Any) -> Alert:
    """An alert with the given interval; further members by name."""
    return Alert(
        alert_id=UUID(int=id),
        title="t",
        metric_id=UUID(int=1),
        rule=Rule(operator=Comparison.GT, threshold=1),
        alert_action_id=UUID(int=2),
        resource_type_id=UUID(int=3),
        interval=Duration.parse(interval),
        created_date=AT,
        modified_date=AT,
        **members,
    )
