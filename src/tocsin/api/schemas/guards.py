"""The shapes of an alert's guards, and of the values that they had for a group."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, UnsetType

from tocsin.api.schemas.shape import Shape, doc
from tocsin.model.alerts.alert import Comparison, Guard, GuardReading
from tocsin.model.metrics.answer import ReadingValue


class GuardResponse(Shape):
    """A condition on another metric, without which a group of the alert has no value."""

    metric_id: UUID
    operator: Comparison
    threshold: int | float

    @classmethod
    def of(cls, guard: Guard) -> GuardResponse:
        return cls(guard.metric_id, guard.operator, guard.threshold)


class GuardValue(Shape):
    """A guard with the value that its metric had for the group."""

    metric_id: UUID
    metric_name: str
    operator: Comparison
    threshold: int | float
    value: ReadingValue

    @classmethod
    def of(cls, reading: GuardReading) -> GuardValue:
        guard = reading.guard
        return cls(
            guard.metric_id, reading.metric_name, guard.operator, guard.threshold, reading.value
        )


GuardValues = Annotated[list[GuardValue], doc("Only there for an alert with guards")] | UnsetType


def guard_values(readings: Iterable[GuardReading]) -> GuardValues:
    return [GuardValue.of(reading) for reading in readings] or UNSET
