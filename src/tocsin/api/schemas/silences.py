"""The shapes of silences."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec

from tocsin.api.schemas.shape import InstantText, KeyText, ManagedBy, Shape, doc, instant_or_none
from tocsin.model.instant import format_instant
from tocsin.model.notifications.recurrence import Recurrence, SilencedTime, Weekday
from tocsin.model.notifications.silence import Silence
from tocsin.model.severity import Severity

SHOWN_WINDOWS = 5


class RecurrenceResponse(Shape):
    """Windows in the wall time of a zone."""

    weekdays: list[Weekday]
    start: str = msgspec.field(name="from")
    to: Annotated[str, doc("Before `from` it is of the next day")]
    timezone: str
    until: Annotated[InstantText | None, doc("No window lasts beyond it")]

    @classmethod
    def of(cls, recurs: Recurrence) -> RecurrenceResponse:
        return cls(
            weekdays=list(recurs.weekdays),
            start=recurs.start,
            to=recurs.to,
            timezone=recurs.timezone,
            until=instant_or_none(recurs.until),
        )


class SilenceWindow(Shape):
    start: InstantText = msgspec.field(name="from")
    to: InstantText | None

    @classmethod
    def of(cls, window: SilencedTime) -> SilenceWindow:
        return cls(start=format_instant(window.start), to=instant_or_none(window.end))


class SilenceResponse(Shape):
    silence_id: UUID
    alert_id: UUID | None
    labels: dict[str, str]
    dimensions: dict[str, str | None]
    severities: Annotated[list[Severity], doc("Empty for all")]
    match_all: Annotated[bool, doc("Whether it matches every alert")]
    start: InstantText = msgspec.field(name="from")
    to: Annotated[InstantText | None, doc("null if it recurs")]
    recurs: RecurrenceResponse | None
    author: str | None
    reason: str | None
    active: Annotated[bool, doc("Whether it silences now")]
    next_windows: Annotated[
        list[SilenceWindow],
        doc(f"The next {SHOWN_WINDOWS} times in which it silences, the present one included"),
    ]
    key: KeyText
    managed_by: ManagedBy
    created_date: InstantText
    modified_date: InstantText

    @classmethod
    def of(cls, silence: Silence, at: datetime) -> SilenceResponse:
        """The silence as of an instant."""
        windows = silence.next_windows(at, SHOWN_WINDOWS)
        return cls(
            silence_id=silence.silence_id,
            alert_id=silence.alert_id,
            labels=silence.labels,
            dimensions=silence.dimensions,
            severities=[Severity(each) for each in silence.severities],
            match_all=silence.match_all,
            start=format_instant(silence.start),
            to=instant_or_none(silence.to),
            recurs=RecurrenceResponse.of(silence.recurs) if silence.recurs else None,
            author=silence.author,
            reason=silence.reason,
            active=silence.window_at(at) is not None,
            next_windows=[SilenceWindow.of(window) for window in windows],
            key=silence.key,
            managed_by=silence.managed_by,
            created_date=format_instant(silence.created_date),
            modified_date=format_instant(silence.modified_date),
        )
