"""An alert: a metric, the rule that its groups are evaluated with, and what a transition writes.

docs/reference/alerts.md defines the members; `state.py` has the state machine.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic import Field as Member
from pydantic.alias_generators import to_camel

from tocsin.model.duration import MINUTE, NONE, Duration, between
from tocsin.model.severity import Severity

Value = int | float | None

INTERVAL = between("10s", "24h")
LONGEST_WAIT = between("0s", "30d")

EvaluationInterval = Annotated[Duration, AfterValidator(INTERVAL)]
Wait = Annotated[Duration, AfterValidator(LONGEST_WAIT)]


class Comparison(StrEnum):
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    EQ = "eq"
    NEQ = "neq"

    def holds(self, value: int | float, threshold: int | float) -> bool:
        return _COMPARE[self](value, threshold)

    @property
    def is_upward(self) -> bool:
        return self in (Comparison.GT, Comparison.GTE)

    @property
    def is_ordering(self) -> bool:
        return self not in (Comparison.EQ, Comparison.NEQ)


_COMPARE: dict[Comparison, Callable[[int | float, int | float], bool]] = {
    Comparison.GT: operator.gt,
    Comparison.GTE: operator.ge,
    Comparison.LT: operator.lt,
    Comparison.LTE: operator.le,
    Comparison.EQ: operator.eq,
    Comparison.NEQ: operator.ne,
}


class NoData(StrEnum):
    """The meaning of a missing row or a null value."""

    OK = "ok"
    KEEP = "keep"
    FIRING = "firing"


class Rule(BaseModel):
    """The condition of an alert and its waits: everything that the state machine reads."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )

    operator: Comparison
    threshold: int | float
    recovery_threshold: int | float | None = None
    for_: Annotated[Duration, Member(alias="for")] = NONE
    keep_firing_for: Duration = NONE
    no_data: NoData = NoData.OK

    def holds(self, value: Value, *, is_firing: bool) -> bool | None:
        """Whether the condition holds; None if the group keeps its state.

        A firing group is compared with the recovery threshold, if there is one.
        """
        if value is None:
            return {NoData.OK: False, NoData.KEEP: None, NoData.FIRING: True}[self.no_data]
        if is_firing and self.recovery_threshold is not None:
            return self.operator.holds(value, self.recovery_threshold)
        return self.operator.holds(value, self.threshold)

    @property
    def remembers_clear_groups(self) -> bool:
        """Whether clear groups are stored: only where a group that disappears fires."""
        return self.no_data is NoData.FIRING


class Guard(BaseModel):
    """A condition on another metric, without which a group of an alert has no value."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True
    )

    metric_id: UUID
    operator: Comparison
    threshold: int | float

    def holds(self, value: Value) -> bool:
        return value is not None and self.operator.holds(value, self.threshold)


@dataclass(frozen=True, slots=True)
class GuardReading:
    """A guard with the value that its metric had for a group."""

    guard: Guard
    metric_name: str
    value: Value

    @property
    def members(self) -> dict[str, Any]:
        """The reading as payloads and the store have it."""
        return {
            "metricId": self.guard.metric_id,
            "metricName": self.metric_name,
            "operator": self.guard.operator,
            "threshold": self.guard.threshold,
            "value": self.value,
        }

    @classmethod
    def from_members(cls, members: Mapping[str, Any]) -> GuardReading:
        guard = {name: members[name] for name in ("metricId", "operator", "threshold")}
        return cls(Guard.model_validate(guard), members["metricName"], members["value"])


class Alert(BaseModel):
    """An alert as it is stored."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    alert_id: UUID
    title: str
    description: str | None = None
    runbook_url: str | None = None
    labels: dict[str, str] = {}
    metric_id: UUID
    rule: Rule
    only_when: tuple[Guard, ...] = ()
    alert_action_id: UUID
    recovery_action_id: UUID | None = None
    resource_type_id: UUID
    severity: Severity = Severity.WARNING
    enabled: bool = True
    interval: Duration = MINUTE
    evaluation_delay: Duration = NONE
    channel_ids: tuple[UUID, ...] = ()
    """The channels that its transitions are sent to without a subscription."""
    key: str | None = None
    managed_by: str | None = None
    created_date: datetime
    modified_date: datetime

    def measures_as(self, other: Alert) -> bool:
        """Whether both measure and compare the same, so that they can share states."""
        return self._measured == other._measured

    @property
    def metric_ids(self) -> tuple[UUID, ...]:
        """The ids of the metric that it watches and of those of its guards."""
        return (self.metric_id, *(guard.metric_id for guard in self.only_when))

    @property
    def _measured(self) -> tuple[object, ...]:
        guards = frozenset(self.only_when)
        return self.metric_id, self.rule.operator, self.rule.threshold, guards


class Health(StrEnum):
    OK = "OK"
    ERROR = "ERROR"
