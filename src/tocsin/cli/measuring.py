"""Measures the metrics of a running server, for `tocsin doctor --metrics`."""

from __future__ import annotations

from tocsin.cli.client import Client
from tocsin.cli.routes import METRICS
from tocsin.errors import TocsinError
from tocsin.storage.doctor import Examination

SLOW_MS = 1_000.0


def measure_metrics(url: str, key: str | None) -> Examination:
    """One calculation of each enabled metric; slow and failing ones are problems."""
    slowest, count, problems = 0.0, 0, list[str]()
    try:
        with Client(url, key) as client:
            for metric in client.get(METRICS):
                if not metric["enabled"]:
                    continue
                count += 1
                elapsed, problem = _measure(client, metric["metricId"], metric["name"])
                slowest = max(slowest, elapsed)
                problems += problem
    except TocsinError as error:
        return Examination("metrics", "not examined", (str(error),))
    return Examination(
        "metrics", f"{count} calculated; the slowest took {slowest:,.0f} ms", tuple(problems)
    )


def _measure(client: Client, id: str, name: str) -> tuple[float, list[str]]:
    """The milliseconds of one calculation, and its problem."""
    try:
        cost = client.get(f"{METRICS}/{id}/explain")
    except TocsinError as error:
        return 0.0, [f"The metric {name} cannot be calculated: {error}"]
    elapsed = float(cost["elapsedMs"])
    if elapsed <= SLOW_MS:
        return elapsed, []
    return elapsed, [
        f"The metric {name} takes {elapsed / 1000:.1f} s and reads {cost['rowsRead']:,} rows: give "
        "it a shorter time window or fewer groups"
    ]
