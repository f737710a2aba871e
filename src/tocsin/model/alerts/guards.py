"""Applies the guards of an alert to the rows of its metric ("Guards" in docs/reference/alerts.md).

A group takes the row of a guard that has the same values of the guard's dimensions. A guard without
such a row has the value of its metric over no interactions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tocsin.model.alerts.alert import Guard, GuardReading, Value
from tocsin.model.alerts.state import Dimensions, GroupKey, key_of
from tocsin.model.metrics.answer import Reading
from tocsin.model.metrics.metric import Metric
from tocsin.model.metrics.question import Question

MAX_GUARDS = 5


@dataclass(frozen=True, slots=True)
class GuardRows:
    """A guard with the values of its metric at an instant, and that of a group without a row."""

    guard: Guard
    metric: Metric
    values: Mapping[GroupKey, Value]
    without_row: Value

    @classmethod
    def of(
        cls, guard: Guard, metric: Metric, readings: Iterable[Reading], without_row: Value
    ) -> GuardRows:
        values = {key_of(reading.dimensions): reading.value for reading in readings}
        return cls(guard, metric, values, without_row)

    def reading(self, dimensions: Dimensions) -> GuardReading:
        """The guard as it applies to a group of the alert's metric."""
        key = tuple((dimensions or {})[name] for name in self.metric.question.dimensions)
        value = self.values.get(key, self.without_row)
        return GuardReading(self.guard, self.metric.name, value)


Guards = Sequence[GuardRows]


def guarded(readings: Iterable[Reading], guards: Guards) -> Iterator[Reading]:
    """The readings; those of groups for which a guard does not hold are without a value."""
    for reading in readings:
        is_open = all(g.guard.holds(g.reading(reading.dimensions).value) for g in guards)
        yield reading if is_open else replace(reading, value=None)


def guard_readings(guards: Guards, dimensions: Dimensions) -> tuple[GuardReading, ...]:
    return tuple(rows.reading(dimensions) for rows in guards)


def unmatched_fields(guard: Question, watched: Question) -> list[str]:
    """The fields by which a guard is grouped and the alert's metric is not."""
    return [str(field) for field in guard.group_by if field not in watched.group_by]
