"""Which messages a grouped subscription sends when: the rules of bundles and reminders, as pure
functions of their arguments.

`take` decides about one transition, `BundleWindow` about the times of one key. The store keeps
entries and windows as rows; `planned_messages` keeps them in memory, for a backtest. "Bundles" in
docs/reference/alerts.md defines the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from tocsin.model.duration import Duration
from tocsin.model.notifications.grouping import BundleKey, Grouping
from tocsin.model.severity import Severity

GroupId = tuple[UUID, tuple[str | None, ...]]
"""An alert, and the values of its metric's dimensions."""


class GroupOutcome(StrEnum):
    """The change of a group that a message reports."""

    FIRED = "exceeded"
    RECOVERED = "recovered"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class GroupTransition:
    """A transition as a subscription sees it: whether its type, action, origin and filters match
    it, and whether the alert has an action for it."""

    at: datetime
    alert_id: UUID
    severity: Severity
    is_firing: bool
    dimensions: Mapping[str, str | None] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    is_matched: bool = True
    is_written: bool = True
    transition_id: UUID | None = None

    @property
    def group(self) -> GroupId:
        return self.alert_id, tuple(self.dimensions.values())


@dataclass(frozen=True, slots=True)
class BundleEntry:
    """A group that fires, or that is held by the open bundle of its key. `has_fired` says that it
    fired since that bundle opened. The ids are those of its last transitions."""

    key: BundleKey
    severity: Severity
    is_firing: bool
    is_held: bool
    has_fired: bool = False
    fired_id: UUID | None = None
    recovered_id: UUID | None = None

    @property
    def outcome(self) -> GroupOutcome:
        if self.is_firing:
            return GroupOutcome.FIRED
        return GroupOutcome.BOTH if self.has_fired else GroupOutcome.RECOVERED

    @property
    def after_close(self) -> BundleEntry | None:
        """The entry when its bundle has closed; a group that does not fire is forgotten."""
        if not self.is_firing:
            return None
        return replace(self, is_held=False, has_fired=False, recovered_id=None)


@dataclass(frozen=True, slots=True)
class Taken:
    """The entry of a group after a transition, None if it is forgotten, and whether the transition
    is sent immediately, as a message of its own."""

    entry: BundleEntry | None
    is_single: bool = False


def take(
    grouping: Grouping, entry: BundleEntry | None, occurrence: GroupTransition
) -> Taken | None:
    """The consequence of a transition of a group with this entry; None if the subscription does not
    take it. A recovery follows its firing: the subscription that took one takes the other."""
    if occurrence.is_firing:
        return _fired(grouping, entry, occurrence) if occurrence.is_matched else None
    is_followed = entry is not None and entry.is_firing
    if not is_followed and not (occurrence.is_matched and occurrence.is_written):
        return None
    return _recovered(grouping, entry, occurrence)


def _fired(grouping: Grouping, entry: BundleEntry | None, occurrence: GroupTransition) -> Taken:
    is_single = occurrence.severity in grouping.immediately
    is_held = entry is not None and entry.is_held
    fired = BundleEntry(
        # A group that an open bundle holds stays in it, even if the alert's labels have changed.
        key=entry.key if entry and is_held else _key_of(grouping, occurrence),
        severity=occurrence.severity,
        is_firing=True,
        is_held=is_held or not is_single,
        has_fired=not is_single or (entry is not None and entry.has_fired),
        fired_id=occurrence.transition_id,
    )
    return Taken(fired, is_single)


def _recovered(grouping: Grouping, entry: BundleEntry | None, occurrence: GroupTransition) -> Taken:
    is_single = occurrence.is_written and occurrence.severity in grouping.immediately
    is_held = entry is not None and entry.is_held
    if not is_held and (is_single or not occurrence.is_written):
        return Taken(None, is_single)
    recovered = BundleEntry(
        key=entry.key if entry else _key_of(grouping, occurrence),
        severity=occurrence.severity,
        is_firing=False,
        is_held=True,
        has_fired=entry is not None and entry.has_fired,
        fired_id=entry.fired_id if entry else None,
        recovered_id=occurrence.transition_id,
    )
    return Taken(recovered, is_single)


def _key_of(grouping: Grouping, occurrence: GroupTransition) -> BundleKey:
    return grouping.key_of(occurrence.alert_id, occurrence.labels, occurrence.dimensions)


@dataclass(frozen=True, slots=True)
class BundleWindow:
    """The times of one key: of its open bundle, and of its next reminder."""

    opened_at: datetime | None = None
    closes_at: datetime | None = None
    remind_at: datetime | None = None
    closed_at: datetime | None = None

    @property
    def due(self) -> datetime | None:
        """When the next message is due."""
        return min((at for at in (self.closes_at, self.remind_at) if at), default=None)

    @property
    def is_closing(self) -> bool:
        """Whether the message that is due is the bundle's, which precedes a reminder."""
        return self.closes_at is not None and self.closes_at == self.due

    def opened(self, at: datetime, wait: Duration) -> BundleWindow:
        """With a bundle that opens with a transition; one that is open is never extended. A late
        transition opens it no earlier than the former bundle closed, so that no two have the same
        opening time."""
        if self.closes_at is not None:
            return self
        opened_at = max(at, self.closed_at or at)
        return replace(self, opened_at=opened_at, closes_at=opened_at + wait.length)

    def reported(self, at: datetime, repeat: Duration | None) -> BundleWindow:
        """After a message that reports something that fires; a reminder that is due anyway stays
        where it is."""
        if repeat is None or self.remind_at is not None:
            return self
        return replace(self, remind_at=at + repeat.length)

    def closed(self, repeat: Duration | None, *, is_any_firing: bool) -> BundleWindow:
        """After its bundle has closed. `is_any_firing` is about the groups of the key."""
        assert self.closes_at is not None
        window = replace(self, opened_at=None, closes_at=None, closed_at=self.closes_at)
        return window.reported(self.closes_at, repeat) if is_any_firing else window.calmed()

    def reminded(
        self, at: datetime, repeat: Duration | None, *, is_any_reported: bool
    ) -> BundleWindow:
        """After its reminder was due, at `at` or before. Those that were missed are not repeated.
        `is_any_reported` is about groups that fire and are not held."""
        if not is_any_reported or repeat is None:
            return self.calmed()
        return replace(self, remind_at=self.last_reminder(at, repeat) + repeat.length)

    def last_reminder(self, at: datetime, repeat: Duration) -> datetime:
        """The time of the reminder that is sent at `at`: the last one that was due, before an open
        bundle changes what it reports."""
        assert self.remind_at is not None
        last = min(at, self.closes_at) if self.closes_at else at
        return self.remind_at + (last - self.remind_at) // repeat.length * repeat.length

    def calmed(self) -> BundleWindow:
        """Without a reminder, because nothing of the key fires any more."""
        return replace(self, remind_at=None)
