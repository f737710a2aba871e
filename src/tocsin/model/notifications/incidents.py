"""Decides what PagerDuty is sent about a transition, if messages are late or out of order.

PagerDuty has one incident for each group of an alert. A late trigger would open one for a group
that has recovered, and a late resolve would close that of a group that fires again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class EventAction(StrEnum):
    TRIGGER = "trigger"
    RESOLVE = "resolve"


@dataclass(frozen=True, slots=True)
class GroupEvent:
    """A transition of a group, in the order of transitions; `is_sent` and `is_waiting` are true if
    the channel's delivery of it was sent, or will be attempted again."""

    is_firing: bool
    is_own: bool = False
    is_sent: bool = False
    is_waiting: bool = False


@dataclass(frozen=True, slots=True)
class EventPlan:
    """The events to send, in this order, or the reason why there are none."""

    actions: tuple[EventAction, ...] = ()
    skip_reason: str | None = None


def plan(events: Iterable[GroupEvent], *, is_firing: bool) -> EventPlan:
    """A trigger is sent unless a newer transition of its group exists, and after each resolve that
    still waits. So a resolve is always sent: by its own delivery, or before the next trigger."""
    earlier, later = _around_own(list(events))
    if is_firing:
        if later:
            return EventPlan(skip_reason=_OVERTAKEN)
        if any(event.is_waiting and not event.is_firing for event in earlier):
            return EventPlan((EventAction.RESOLVE, EventAction.TRIGGER))
        return EventPlan((EventAction.TRIGGER,))
    if any(event.is_firing and event.is_sent for event in later):
        return EventPlan(skip_reason=_RESOLVED)
    return EventPlan((EventAction.RESOLVE,))


_OVERTAKEN = "A newer transition of the group has overtaken it"
_RESOLVED = "The incident was resolved together with the next trigger of the group"


def _around_own(events: list[GroupEvent]) -> tuple[list[GroupEvent], list[GroupEvent]]:
    for position, event in enumerate(events):
        if event.is_own:
            return events[:position], events[position + 1 :]
    return [], []
