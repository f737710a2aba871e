"""The metrics of a node that shares servers with others."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from tocsin.runtime import Runtime


def coordination_metrics(runtime: Runtime) -> Iterator[Metric]:
    """None for a data folder."""
    node = runtime.storage.coordination()
    if node is None:
        return
    yield GaugeMetricFamily(
        "tocsin_leader", "1 on the leader, 0 on the other nodes.", node.role == "leader"
    )
    yield GaugeMetricFamily(
        "tocsin_append_log_behind_seconds",
        "Age of the last look at the appends of other nodes.",
        node.seconds_behind,
    )
    yield GaugeMetricFamily(
        "tocsin_append_log_oldest_seconds",
        "Age of the oldest append of any node that has not ended; 0 without one.",
        node.oldest_append_seconds,
    )
