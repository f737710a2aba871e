"""The metrics of the search for repeated ids."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from tocsin.runtime import Runtime


def id_metrics(runtime: Runtime) -> Iterator[Metric]:
    ids = runtime.engine.ids
    yield GaugeMetricFamily(
        "tocsin_id_filter_bytes", "Memory of the filter of interaction ids.", ids.filter.size
    )
    yield GaugeMetricFamily(
        "tocsin_ids_unlearnt",
        "Interactions whose ids are not in the filter yet, after a start.",
        ids.unlearnt_rows,
    )
    yield CounterMetricFamily(
        "tocsin_ids_looked_up",
        "Ids of senders that were looked up in the engine: repeats, false positives of the filter, "
        "and all until it is complete.",
        ids.looked_up,
    )
