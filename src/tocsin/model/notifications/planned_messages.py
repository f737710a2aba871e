"""The messages that a grouped subscription would send for a sequence of transitions."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from tocsin.model.notifications.bundles import (
    BundleEntry,
    BundleWindow,
    GroupId,
    GroupOutcome,
    GroupTransition,
    take,
)
from tocsin.model.notifications.grouping import BundleKey, Grouping


class MessageKind(StrEnum):
    SINGLE = "single"
    BUNDLE = "bundle"
    REMINDER = "reminder"


@dataclass(frozen=True, slots=True)
class PlannedMessage:
    """A message with the groups that it reports, in the order of their first transitions;
    `opened_at` is that of a bundle."""

    kind: MessageKind
    at: datetime
    key: BundleKey
    groups: Mapping[GroupId, GroupOutcome]
    opened_at: datetime | None = None


def planned_messages(
    grouping: Grouping, occurrences: Iterable[GroupTransition], until: datetime
) -> list[PlannedMessage]:
    """The messages up to and including `until`; `occurrences` are ordered by time. Silences are
    not considered. Those of an alert at one instant are of one evaluation: reminders end if
    nothing fires after all of them."""
    plan = _Plan(grouping)
    for (at, _), evaluation in itertools.groupby(occurrences, lambda o: (o.at, o.alert_id)):
        plan.advance(at)
        for occurrence in evaluation:
            plan.take(occurrence)
        plan.calm()
    plan.advance(until)
    return plan.messages


@dataclass(slots=True)
class _Key:
    window: BundleWindow = field(default_factory=BundleWindow)
    entries: dict[GroupId, BundleEntry] = field(default_factory=dict)

    def firing(self, *, is_reported: bool = False) -> dict[GroupId, GroupOutcome]:
        return {
            group: GroupOutcome.FIRED
            for group, entry in self.entries.items()
            if entry.is_firing and not (is_reported and entry.is_held)
        }


class _Plan:
    def __init__(self, grouping: Grouping) -> None:
        self.messages: list[PlannedMessage] = []
        self._grouping = grouping
        self._keys: dict[BundleKey, _Key] = {}
        self._key_of: dict[GroupId, BundleKey] = {}
        # When windows are due; some of them have changed since.
        self._due: list[tuple[datetime, int, BundleKey]] = []
        self._order = itertools.count()
        self._recovered: set[BundleKey] = set()

    def advance(self, at: datetime) -> None:
        """Close bundles and remind, up to and including an instant."""
        while self._due and self._due[0][0] <= at:
            due, _, name = heapq.heappop(self._due)
            key = self._keys[name]
            if key.window.due == due:
                self._close(name, key) if key.window.is_closing else self._remind(name, key)

    def take(self, occurrence: GroupTransition) -> None:
        group = occurrence.group
        former = self._key_of.get(group)
        entry = self._keys[former].entries[group] if former is not None else None
        taken = take(self._grouping, entry, occurrence)
        if taken is None:
            return
        if former is not None and (taken.entry is None or taken.entry.key != former):
            del self._keys[former].entries[group], self._key_of[group]
        name = taken.entry.key if taken.entry else former
        if name is None:
            name = self._grouping.key_of(
                occurrence.alert_id, occurrence.labels, occurrence.dimensions
            )
        key = self._keys.setdefault(name, _Key())
        if taken.entry:
            key.entries[group] = taken.entry
            self._key_of[group] = name
        if taken.is_single:
            outcome = GroupOutcome.FIRED if occurrence.is_firing else GroupOutcome.RECOVERED
            self.messages.append(
                PlannedMessage(MessageKind.SINGLE, occurrence.at, name, {group: outcome})
            )
        if taken.entry is None:
            self._recovered.add(name)
        else:
            self._set(name, key, self._window_after(key.window, taken.entry, occurrence.at))

    def calm(self) -> None:
        """End the reminders of keys of which nothing fires any more."""
        for name in self._recovered:
            key = self._keys[name]
            if not key.firing():
                self._set(name, key, key.window.calmed())
        self._recovered.clear()

    def _window_after(self, window: BundleWindow, entry: BundleEntry, at: datetime) -> BundleWindow:
        if entry.is_held:
            return window.opened(at, self._grouping.wait)
        return window.reported(at, self._grouping.repeat)

    def _close(self, name: BundleKey, key: _Key) -> None:
        window = key.window
        assert window.closes_at
        held = {group: entry.outcome for group, entry in key.entries.items() if entry.is_held}
        self.messages.append(
            PlannedMessage(MessageKind.BUNDLE, window.closes_at, name, held, window.opened_at)
        )
        for group in held:
            after = key.entries[group].after_close
            if after:
                key.entries[group] = after
            else:
                del key.entries[group], self._key_of[group]
        closed = window.closed(self._grouping.repeat, is_any_firing=bool(key.entries))
        self._set(name, key, closed)

    def _remind(self, name: BundleKey, key: _Key) -> None:
        at = key.window.remind_at
        assert at
        groups = key.firing(is_reported=True)
        if groups:
            self.messages.append(PlannedMessage(MessageKind.REMINDER, at, name, groups))
        repeat = self._grouping.repeat
        self._set(name, key, key.window.reminded(at, repeat, is_any_reported=bool(groups)))

    def _set(self, name: BundleKey, key: _Key, window: BundleWindow) -> None:
        key.window = window
        if window.due:
            heapq.heappush(self._due, (window.due, next(self._order), name))
