"""Checks the rules between a window, its time zone and the other members of a definition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tocsin.errors import Problem
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.time_window import PERIODS, is_calendar, is_sliding

_SLIDING = "such as 5m, 24h or 7d"


def window_problems(aggregation: Aggregation | None, body: Mapping[str, Any]) -> Iterator[Problem]:
    window, has_zone = body.get("timeWindow"), body.get("timezone") is not None
    if not is_calendar(window):
        # An invalid window is reported by its own problem; it may be a misspelled period.
        if has_zone and (window is None or is_sliding(window)):
            periods = ", ".join(PERIODS)
            yield Problem("timezone", f"must be left out: only the windows {periods} have one")
        return
    if not has_zone:
        yield Problem("timezone", f"is required for {window}: a name such as Europe/Berlin")
    if aggregation is Aggregation.RATE:
        yield Problem("timeWindow", f"must be a sliding window for RATE, {_SLIDING}")
    if body.get("compare") is not None:
        yield Problem("timeWindow", f"must be a sliding window with compare, {_SLIDING}")
