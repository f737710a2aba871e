"""Defines metrics on a server and waits until their fields are columns of its table."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from benchmarks.tocsin_server import Server, wait_until_quiet

METRICS = "/api/interaction-metrics"
PROMOTED_WITHIN = 900.0  # seconds
POLL_SECONDS = 0.2
Definition = Mapping[str, Any]


def define(server: Server, definitions: Sequence[Definition], at: datetime) -> list[str]:
    """The ids of the server's only metrics, in order, once none of them reads the JSON."""
    for metric in server.ask("GET", METRICS):
        server.ask("DELETE", f"{METRICS}/{metric['metricId']}")
    ids = [server.create(definition) for definition in definitions]
    wait_until_promoted(server, definitions, ids, at)
    wait_until_quiet(server.process.pid)
    return ids


def wait_until_promoted(
    server: Server, definitions: Sequence[Definition], ids: Sequence[str], at: datetime
) -> None:
    """Until `explain` shows a query without the JSON for every metric; RuntimeError if never.

    Each query is really run by that, so the engine is warm afterwards, and keeps nothing of it.
    """
    deadline = time.monotonic() + PROMOTED_WITHIN
    for metric_id in _one_of_each(definitions, ids):
        while reads_json(sql := server.explain(metric_id, at)["sql"]):
            if time.monotonic() > deadline:
                raise RuntimeError(f"After {PROMOTED_WITHIN:.0f} s this is not promoted:\n{sql}")
            time.sleep(POLL_SECONDS)


def reads_json(sql: str) -> bool:
    return "interaction.{" in sql or "JSONExtractRaw(raw" in sql


def _one_of_each(definitions: Sequence[Definition], ids: Sequence[str]) -> list[str]:
    """One metric for each way to use fields: scope and window have none."""
    members = ("metricType", "field", "filters", "groupBy")
    uses = [json.dumps([d.get(name) for name in members], sort_keys=True) for d in definitions]
    return list(dict(zip(uses, ids, strict=True)).values())
