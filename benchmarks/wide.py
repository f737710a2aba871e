"""Measures wide metrics that were calculated before, at every size of the table.

The first calculation reads all rows of the window, and so does the second, which stores the result.
The same three metrics are measured at every size, so that results can be compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from benchmarks.askers import TOCSIN, by_calculating
from benchmarks.compare import Asker, Result, compare
from benchmarks.defining import Definition
from benchmarks.queries import PG_COUNTRY, PG_TOTAL, PG_UNTIL, Case
from benchmarks.tocsin_server import Server

MOVES_BY = timedelta(seconds=7)
TIMES_BEFORE = 4
"""Read twice from the interactions, then twice with all that is kept still to be made."""

WIDE = (
    Case(
        "Average total by country, 30d",
        {"metricType": "AVG", "field": "interaction.total", "timeWindow": "30d",
         "groupBy": ["interaction.country"]},
        (),
        (f"SELECT avg({PG_TOTAL}), {PG_COUNTRY} FROM interactions "
         f"WHERE ts > %(at)s - interval '30 days' AND {PG_UNTIL} GROUP BY 2",),
    ),
    Case(
        "Sum of totals, all time",
        {"metricType": "SUM", "field": "interaction.total"},
        (),
        (f"SELECT sum({PG_TOTAL}) FROM interactions WHERE {PG_UNTIL}",),
    ),
    Case(
        "Distinct users, 7d",
        {"metricType": "DISTINCT_COUNT", "field": "interaction.user.id", "timeWindow": "7d"},
        (),
        (
            "SELECT count(*) FROM (SELECT DISTINCT payload->'user'->>'id' AS u FROM interactions "
            f"WHERE ts > %(at)s - interval '7 days' AND {PG_UNTIL}) AS users WHERE u IS NOT NULL",
            "SELECT count(DISTINCT payload->'user'->>'id') FROM interactions "
            f"WHERE ts > %(at)s - interval '7 days' AND {PG_UNTIL}",
        ),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wide:
    """Seconds of the first times it was asked, in order, and how it compares from then on."""

    before: list[float]
    warm: Result

    @property
    def warm_seconds(self) -> float:
        return self.warm.timings[TOCSIN].median


def definitions() -> list[Definition]:
    return [{"name": case.name, **case.metric} for case in WIDE]


def measure(
    server: Server, case: Case, metric_id: str, others: Mapping[str, Asker], until: datetime
) -> Wide:
    """On a server that has not been asked for it; `others` answer the same question."""
    before = [_seconds(server.calculate, metric_id, until) for _ in range(TIMES_BEFORE)]
    askers = {TOCSIN: by_calculating(server, case, metric_id), **others}
    return Wide(before, compare(case, askers, until, MOVES_BY))


def _seconds(do: Callable[..., Any], *arguments: Any) -> float:
    began = time.perf_counter()
    do(*arguments)
    return time.perf_counter() - began
