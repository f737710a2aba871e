"""The points of a series ("Series" in docs/reference/api.md)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic import Field as Member

from tocsin.errors import InvalidInput
from tocsin.model.duration import Duration
from tocsin.model.instant import parse_instant
from tocsin.model.metrics.calendar import local_day
from tocsin.model.metrics.window import Window
from tocsin.model.validation import problems_of
from tocsin.model.zones import ZoneName, zone

MAX_POINTS = 2_000


def _parse(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise ValueError("must be a string, such as 2026-03-20T14:30:00.000Z")
    return parse_instant(value)


Instant = Annotated[
    datetime, BeforeValidator(_parse), Member(examples=["2026-03-20T14:30:00.000Z"])
]


class TimeRange(BaseModel):
    """`{"from", "to"}`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    start: Annotated[Instant, Member(alias="from")]
    to: Instant

    def count(self, step: Duration) -> int:
        """The number of points `to`, `to - step` and so on that are later than `from`."""
        return -((self.start - self.to) // step.length)


class Span(TimeRange):
    """`{"from", "to", "step"}`: the points `to`, `to - step` and so on, later than `from`; with a
    `timezone`, the midnights of that zone."""

    step: Window
    timezone: (
        Annotated[ZoneName, Member(description="With the step 1d: the points are its midnights")]
        | None
    ) = None

    @property
    def points(self) -> int:
        """The number of points; by local days, the number of dates."""
        if self.timezone is None:
            return self.count(self.step)
        of_zone = zone(self.timezone)
        return (local_day(of_zone, self.to) - local_day(of_zone, self.start)).days


def read_span(body: Any) -> Span:
    """Validate the span of a series; raises InvalidInput with every problem."""
    if not isinstance(body, dict):
        raise InvalidInput.at("", "must be a JSON object with from, to and step")
    try:
        span = Span.model_validate(body)
    except ValidationError as error:
        raise InvalidInput(problems=problems_of(error)) from error
    if span.start >= span.to:
        raise InvalidInput.at("from", "must be earlier than to")
    if span.timezone is not None and str(span.step) != "1d":
        raise InvalidInput.at("step", "must be 1d with a timezone")
    if span.points < 1:
        raise InvalidInput.at("from", f"is of the same local day as to in {span.timezone}")
    if span.points > MAX_POINTS:
        raise InvalidInput.at(
            "step",
            f"makes {span.points:,} points; the maximum is {MAX_POINTS:,}. "
            "Use a larger step or a shorter span",
        )
    return span
