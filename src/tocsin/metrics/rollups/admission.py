"""Decides which metrics the cache serves and which rollups it keeps.

Methods that answer a question change nothing; methods that record something answer nothing. Any
number of threads may use an object.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterable
from dataclasses import dataclass

SLOW_SECONDS = 0.008
"""Seconds of a query from which on it counts as slow. Refreshing a rollup takes half of that."""
SLOW_QUERIES = 2
"""Slow queries after which a metric is served from the cache."""
SLOWER_RESULTS = 3
"""Consecutive results that took longer than the query before the metric leaves the cache: a single
one may be chance."""
REJECTED_QUERIES = 100
"""Slow queries before a metric that left the cache is admitted again."""
REJECTED_CALCULATIONS = 100
"""Calculations before a rollup that exceeded a limit is built again."""
MAX_KEYS = 10_000
"""Keys remembered; with one more, all are forgotten."""


@dataclass(slots=True)
class _Timings:
    """The observations of one metric."""

    slow_queries: int = 0
    query_seconds: float = float("inf")
    slower_results: int = 0
    has_rollup: bool = False


class MetricAdmission:
    """Admits metrics that are slow to query, requested again, and faster from the cache."""

    def __init__(self) -> None:
        self._timings: dict[Hashable, _Timings] = {}
        self._lock = threading.Lock()

    def should_cache(self, key: Hashable) -> bool:
        """Whether enough queries of the metric were slow."""
        timings = self._timings.get(key)
        return timings is not None and timings.slow_queries >= SLOW_QUERIES

    def is_slower_cached(self, key: Hashable) -> bool:
        """Whether the last results from the cache all took longer than the query."""
        timings = self._timings.get(key)
        return timings is not None and timings.slower_results >= SLOWER_RESULTS

    def observe_query(self, key: Hashable, seconds: float) -> None:
        """Record the duration of a query that read the interactions."""
        with self._lock:
            timings = self._of(key)
            timings.slow_queries += seconds >= SLOW_SECONDS
            timings.query_seconds = min(timings.query_seconds, seconds)

    def observe_cached(self, key: Hashable, seconds: float) -> None:
        """Record the processor time of a result from the cache.

        The first one does not count, because it built the rollup."""
        with self._lock:
            timings = self._of(key)
            is_slower = timings.has_rollup and seconds > timings.query_seconds
            timings.slower_results = timings.slower_results + 1 if is_slower else 0
            timings.has_rollup = True

    def reject(self, key: Hashable) -> None:
        """Keep the metric out of the cache for the next REJECTED_QUERIES slow queries."""
        with self._lock:
            self._timings[key] = _Timings(slow_queries=SLOW_QUERIES - REJECTED_QUERIES)

    def _of(self, key: Hashable) -> _Timings:
        if len(self._timings) >= MAX_KEYS:
            self._timings.clear()
        return self._timings.setdefault(key, _Timings())


class RollupAdmission:
    """Admits rollups that were requested before and did not exceed a limit recently."""

    def __init__(self) -> None:
        self._requested: set[Hashable] = set()
        self._rejections: dict[Hashable, int] = {}
        self._lock = threading.Lock()

    def was_requested(self, key: Hashable) -> bool:
        return key in self._requested

    def is_rejected(self, key: Hashable) -> bool:
        return key in self._rejections

    def observe_requests(self, keys: Iterable[Hashable]) -> None:
        """Record that one calculation requests these rollups."""
        with self._lock:
            for key in keys:
                self._observe_request(key)

    def reject(self, key: Hashable) -> None:
        """Keep the rollup out of the cache for REJECTED_CALCULATIONS calculations."""
        with self._lock:
            self._rejections[key] = REJECTED_CALCULATIONS

    def _observe_request(self, key: Hashable) -> None:
        left = self._rejections.pop(key, 0)
        if left > 1:
            self._rejections[key] = left - 1
        if len(self._requested) >= MAX_KEYS:
            self._requested.clear()
        self._requested.add(key)
