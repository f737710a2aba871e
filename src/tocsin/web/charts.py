"""Turns a series into the data of a chart, and into the points of a sparkline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tocsin.errors import InvalidInput
from tocsin.model.group_name import group_name
from tocsin.model.instant import parse_instant
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.answer import Series
from tocsin.model.metrics.question import Question

MAX_LINES = 10

_MINUTE, _HOUR, _DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
RANGES = {"1h": _HOUR, "6h": 6 * _HOUR, "24h": _DAY, "7d": 7 * _DAY, "30d": 30 * _DAY}
_STEPS = (
    *(n * _MINUTE for n in (1, 2, 5, 10, 15, 30)),
    *(n * _HOUR for n in (1, 2, 4, 8, 12)),
    *(n * _DAY for n in (1, 2, 7, 30)),
)
_POINTS = 150
# The values of these aggregations can be added over groups, so groups may be stacked.
_ADDS_UP = (Aggregation.COUNT, Aggregation.SUM, Aggregation.RATE)


@dataclass(frozen=True, slots=True)
class Range:
    """The time range of a chart; `name` is one of RANGES, or "custom"."""

    name: str
    start: datetime
    to: datetime

    @property
    def step(self) -> timedelta:
        """The smallest round step with at most 150 points, which a chart can still resolve."""
        length = self.to - self.start
        return next((step for step in _STEPS if length / step <= _POINTS), length / _POINTS)


def read_range(name: str | None, start: str | None, to: str | None, now: datetime) -> Range:
    """The range from `start` to `to`, if both are given, else the named one; 24h by default."""
    if not (start and to):
        length = RANGES.get(name or "24h", _DAY)
        return Range(name if name in RANGES else "24h", now - length, now)
    try:
        custom = Range("custom", parse_instant(start), parse_instant(to))
    except ValueError as error:
        raise InvalidInput.at("from", str(error)) from None
    if custom.start >= custom.to:
        raise InvalidInput.at("from", "must be earlier than to")
    return custom


def chart(series: Series, question: Question) -> dict[str, Any]:
    """The first lines of a series, greatest last value first, in the format of `chart.js`."""
    shown = series.lines[:MAX_LINES]
    times = [at.timestamp() for at, _ in shown[0].points] if shown else []
    return {
        "times": times,
        "lines": [
            {
                "name": group_name(line.dimensions) or question.unit or "value",
                "values": [value for _, value in line.points],
            }
            for line in shown
        ],
        "unit": question.unit,
        "stacks": bool(question.group_by) and _adds_up(question),
        "groups": series.group_count or len(series.lines),
    }


def _adds_up(question: Question) -> bool:
    return question.aggregation in _ADDS_UP and question.compare is None


WIDTH, HEIGHT = 96, 24


def small_line(values: Sequence[float | None]) -> str:
    """The values as the data of an SVG path, which is broken where there is no value."""
    known = [value for value in values if value is not None]
    low, high = min(known, default=0), max(known, default=0)
    span = (high - low) or 1
    across = (WIDTH - 2) / max(len(values) - 1, 1)
    steps = []
    is_drawn = False
    for n, value in enumerate(values):
        if value is not None:
            place = f"{1 + n * across:.1f},{HEIGHT - 2 - (value - low) / span * (HEIGHT - 4):.1f}"
            # A single point is drawn as a line of no length.
            steps.append(f"L{place}" if is_drawn else f"M{place}h0")
        is_drawn = value is not None
    return " ".join(steps)
