"""A model of bundles and reminders, written without the rules of the product.

It keeps, for each group, the list of what happened and was not reported yet, and goes from one
moment to the next. `messages` has what must have been sent until then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from tocsin.model.notifications.bundles import GroupId, GroupTransition
from tocsin.model.notifications.grouping import BundleKey, Grouping

Message = tuple[str, datetime, BundleKey, frozenset[tuple[GroupId, str]]]
"""`single`, `bundle` or `reminder`, its time, its key, and the groups with their outcomes."""


@dataclass
class _Group:
    key: BundleKey
    fires: bool = False
    unreported: list[str] = field(default_factory=list)


class BundleReference:
    def __init__(self, grouping: Grouping) -> None:
        self.messages: list[Message] = []
        self._grouping = grouping
        self._groups: dict[GroupId, _Group] = {}
        self._closing: dict[BundleKey, datetime] = {}
        self._reminding: dict[BundleKey, datetime] = {}
        # Keys of which a group recovered without a bundle.
        self._recovered: set[BundleKey] = set()

    def advance(self, until: datetime, *, is_late: bool = False) -> None:
        """Send what is due. A late worker sends the last of several reminders that it missed
        without anything in between."""
        for key in {*self._closing, *self._reminding}:
            skipped: datetime | None = None
            for at in self._moments(key, until):
                is_closing = self._closing.get(key) == at
                if is_closing:
                    self._remind(key, skipped)
                    skipped = None
                    self._close(key, at)
                if self._reminding.get(key) == at:
                    if is_late:
                        skipped = at
                    else:
                        self._remind(key, at)
                    self._plan_next(key, at)
            self._remind(key, skipped)
            if skipped and not self._reported(key):
                self._reminding.pop(key, None)

    def happen(self, evaluation: Sequence[GroupTransition]) -> None:
        """Transitions of one alert in one evaluation."""
        for occurrence in evaluation:
            self._happen(occurrence)
        for key in self._recovered:
            if not any(each.fires for each in self._of(key).values()):
                self._reminding.pop(key, None)
        self._recovered.clear()

    def _happen(self, occurrence: GroupTransition) -> None:
        id = occurrence.group
        group = self._groups.get(id)
        follows = group is not None and group.fires
        is_ours = occurrence.is_matched and occurrence.is_written
        if occurrence.is_firing and not occurrence.is_matched:
            return
        if not occurrence.is_firing and not follows and not is_ours:
            return
        alone = occurrence.severity in self._grouping.immediately
        if not occurrence.is_firing:
            alone = alone and occurrence.is_written
        if group is None or not (group.unreported or (follows and not occurrence.is_firing)):
            key = self._grouping.key_of(
                occurrence.alert_id, occurrence.labels, occurrence.dimensions
            )
            group = self._groups[id] = _Group(key, fires=follows)
        word = "fired" if occurrence.is_firing else "recovered"
        if alone:
            outcome = "exceeded" if occurrence.is_firing else "recovered"
            self._send("single", occurrence.at, group.key, {(id, outcome)})
        group.fires = occurrence.is_firing
        self._note(group, word, occurrence, alone=alone)

    def _note(self, group: _Group, word: str, occurrence: GroupTransition, *, alone: bool) -> None:
        """Remember what is not reported yet, and when it will be."""
        key, at = group.key, occurrence.at
        if group.unreported:
            # The bundle that holds the group says how it ended.
            group.unreported.append(word if not alone else f"{word} alone")
        elif not alone and (occurrence.is_firing or occurrence.is_written):
            group.unreported.append(word)
            self._closing.setdefault(key, at + self._grouping.wait.length)
        elif occurrence.is_firing and self._grouping.repeat:
            self._reminding.setdefault(key, at + self._grouping.repeat.length)
        elif not occurrence.is_firing:
            self._recovered.add(key)

    def _moments(self, key: BundleKey, until: datetime) -> Iterator[datetime]:
        while True:
            times = (self._closing.get(key), self._reminding.get(key))
            at = min((time for time in times if time and time <= until), default=None)
            if at is None:
                return
            yield at

    def _close(self, key: BundleKey, at: datetime) -> None:
        held = {id: group for id, group in self._of(key).items() if group.unreported}
        self._send("bundle", at, key, {(id, _outcome(group)) for id, group in held.items()})
        del self._closing[key]
        for group in held.values():
            group.unreported = []
        if not self._reported(key):
            self._reminding.pop(key, None)
        elif self._grouping.repeat:
            self._reminding.setdefault(key, at + self._grouping.repeat.length)

    def _remind(self, key: BundleKey, at: datetime | None) -> None:
        if at is not None and (groups := self._reported(key)):
            self._send("reminder", at, key, {(id, "exceeded") for id in groups})

    def _plan_next(self, key: BundleKey, at: datetime) -> None:
        if self._reported(key) and self._grouping.repeat:
            self._reminding[key] = at + self._grouping.repeat.length
        else:
            del self._reminding[key]

    def _reported(self, key: BundleKey) -> list[GroupId]:
        """The groups that fire and of which that was reported."""
        of_key = self._of(key)
        return [id for id, group in of_key.items() if group.fires and not group.unreported]

    def _of(self, key: BundleKey) -> dict[GroupId, _Group]:
        return {id: group for id, group in self._groups.items() if group.key == key}

    def _send(
        self, kind: str, at: datetime, key: BundleKey, groups: set[tuple[GroupId, str]]
    ) -> None:
        self.messages.append((kind, at, key, frozenset(groups)))


def _outcome(group: _Group) -> str:
    if group.fires:
        return "exceeded"
    return "both" if "fired" in group.unreported else "recovered"
