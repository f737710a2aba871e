"""Silences: deliveries of matching transitions are held back for a time.

Alerts keep being evaluated; held-back deliveries are listed and can still be sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from tocsin.model.notifications.recurrence import Recurrence, SilencedTime


@dataclass(frozen=True, slots=True)
class SilenceTarget:
    """The members of a group of an alert that silences match, as of a transition or now."""

    alert_id: str
    severity: str
    labels: Mapping[str, str]
    dimensions: Mapping[str, str | None]

    @classmethod
    def of_payload(cls, payload: Mapping[str, Any], labels: Mapping[str, str]) -> SilenceTarget:
        """The group of a transition, given by its payload, of an alert with these labels."""
        dimensions = payload.get("dimensions") or {}
        return cls(payload.get("alertId", ""), payload.get("severity", ""), labels, dimensions)


class Silence(BaseModel):
    """A silence as it is stored; `to` is None if it recurs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    silence_id: UUID
    alert_id: UUID | None
    labels: dict[str, str]
    dimensions: dict[str, str | None]
    severities: tuple[str, ...] = ()
    match_all: bool = False
    start: datetime
    to: datetime | None
    recurs: Recurrence | None = None
    author: str | None
    reason: str | None
    key: str | None = None
    managed_by: str | None = None
    created_date: datetime
    modified_date: datetime

    @property
    def end(self) -> datetime | None:
        """The time from which it never applies again, if there is one."""
        return self.recurs.until if self.recurs else self.to

    def silences(self, target: SilenceTarget, at: datetime) -> bool:
        """Whether it matches a group and is active."""
        return self.matches(target) and self.window_at(at) is not None

    def matches(self, target: SilenceTarget) -> bool:
        """Whether it matches a group while it is active."""
        return self.matches_alert(target) and _within(self.dimensions, target.dimensions)

    def matches_alert(self, target: SilenceTarget) -> bool:
        """Whether it matches groups of the alert of a group while it is active."""
        if self.alert_id and str(self.alert_id) != target.alert_id:
            return False
        if self.severities and target.severity not in self.severities:
            return False
        return _within(self.labels, target.labels)

    def window_at(self, at: datetime) -> SilencedTime | None:
        """The time that holds an instant and in which the silence applies; None if it does not."""
        if self.recurs:
            return self.recurs.window_at(at, self.start)
        return self._once if self.start <= at and (self.to is None or at < self.to) else None

    def next_windows(self, after: datetime, limit: int) -> list[SilencedTime]:
        """The first windows that end later than `after`, the one that is active included."""
        return list(islice(self._windows(after), limit))

    def _windows(self, after: datetime) -> Iterator[SilencedTime]:
        if self.recurs:
            yield from self.recurs.windows(after, self.start)
        elif self.to is None or self.to > after:
            yield self._once

    @property
    def _once(self) -> SilencedTime:
        return SilencedTime(self.start, self.to)


def _within(required: Mapping[str, str | None], present: Mapping[str, str | None]) -> bool:
    return all(name in present and present[name] == text for name, text in required.items())
