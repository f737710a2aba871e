"""Silences once more, written another way: a list of who has to be notified of which firing.

Plain enough to be believed: it keeps every episode of every group, and looks at all silences
whenever time passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from support.wall_times import is_silent

Group = tuple[str, str | None]
"""The title of an alert and the name of a group."""

Notification = tuple[str, Group, datetime]
"""`exceeded` or `recovered`, the group, and the time of the transition."""


@dataclass
class Reference:
    """`alerts` has the labels and the severity of each alert by its title."""

    alerts: Mapping[str, tuple[Mapping[str, str], str]]
    silences: dict[Any, dict[str, Any]] = field(default_factory=dict)
    firing: dict[Group, datetime] = field(default_factory=dict)
    held: set[Group] = field(default_factory=set)
    notified: list[Notification] = field(default_factory=list)

    def evaluate(self, title: str, names: set[str | None], at: datetime) -> None:
        """These groups of an alert fire, and no others."""
        for group in [each for each in self.firing if each[0] == title and each[1] not in names]:
            del self.firing[group]
            self.held.discard(group)
            if not self.is_silenced(group, at):
                self.notified.append(("recovered", group, at))
        for name in names:
            group = (title, name)
            if group not in self.firing:
                self.firing[group] = at
                self.held.add(group)
                self._notify(group, at)

    def look(self, at: datetime) -> None:
        """Time has passed, or silences have changed."""
        for group in list(self.held):
            self._notify(group, at)

    def is_silenced(self, group: Group, at: datetime) -> bool:
        return any(self._silences(silence, group, at) for silence in self.silences.values())

    def _notify(self, group: Group, at: datetime) -> None:
        if not self.is_silenced(group, at):
            self.held.discard(group)
            self.notified.append(("exceeded", group, self.firing[group]))

    def _silences(self, silence: dict[str, Any], group: Group, at: datetime) -> bool:
        labels, severity = self.alerts[group[0]]
        if silence.get("title") not in (None, group[0]):
            return False
        if any(labels.get(key) != text for key, text in silence.get("labels", {}).items()):
            return False
        if "severities" in silence and severity not in silence["severities"]:
            return False
        if "name" in silence and silence["name"] != group[1]:
            return False
        start = datetime.fromisoformat(silence["from"])
        if "recurs" in silence:
            return is_silent(silence["recurs"], at, start)
        return start <= at < datetime.fromisoformat(silence["to"])
