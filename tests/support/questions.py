"""Concurrent callers with a read key whose calculations take long, for the length of a test."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2 as httpx

from support.serving import Server

NAMED = {"resourceType": "T", "resourceId": "1", "action": "A", "origin": "O"}
BATCH = 10_000
NDJSON = {"content-type": "application/x-ndjson"}


def record_groups(client: httpx.Client, groups: int) -> None:
    """An interaction for each group of the field `wide`, and for each 10,000 of `many`."""
    for first in range(0, groups, BATCH):
        lines = (
            json.dumps({**NAMED, "interaction": {"wide": f"group {n}", "many": n % BATCH}})
            for n in range(first, min(first + BATCH, groups))
        )
        body = "\n".join(lines)
        answer = client.post("/api/interactions/batch", content=body, headers=NDJSON)
        assert answer.status_code == 201, answer.text


def metric(client: httpx.Client, name: str, **members: Any) -> str:
    body = {"name": name, "metricType": "COUNT", **members}
    answer = client.post("/api/interaction-metrics", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["metricId"])


def read_key(client: httpx.Client) -> str:
    answer = client.post("/api/keys", json={"name": "reader", "role": "read"})
    return str(answer.json()["key"])


Ask = Callable[[httpx.Client], httpx.Response]


def calculation(metric_id: str) -> Ask:
    """A calculation of ten rows of a metric."""
    path = f"/api/interaction-metrics/{metric_id}/calculate?limit=10"
    return lambda client: client.post(path)


def backtest(metric_id: str) -> Ask:
    """A backtest of as many points as may be: a second for each 500 groups."""
    to = datetime.now(UTC)
    body = {
        "alert": {"metricId": metric_id, "operator": "gt", "threshold": 5},
        **{"from": (to - timedelta(days=50)).isoformat(), "to": to.isoformat(), "step": "10s"},
    }
    return lambda client: client.post("/api/interaction-alerts/backtest", json=body)


class Answers:
    """The responses: the number of each status, and those that fit neither the API nor a stop."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.wrong: list[str] = []

    def add(self, answer: httpx.Response) -> None:
        self.statuses[answer.status_code] += 1
        kind = answer.headers.get("content-type", "")
        if answer.status_code >= 400 and kind != "application/problem+json":
            self.wrong.append(f"{answer.status_code} {kind}: {answer.text[:200]}")
        if answer.status_code == 503 and "retry-after" not in answer.headers:
            self.wrong.append(f"503 without Retry-After: {answer.text[:200]}")


@contextmanager
def asked_for_ever(server: Server, key: str, asks: list[Ask]) -> Iterator[Answers]:
    """A caller for each of `asks`, who asks again as soon as he is answered."""
    answers, is_over = Answers(), threading.Event()

    def ask_again(ask: Ask) -> None:
        headers = {"x-api-key": key}
        with httpx.Client(base_url=server.url, headers=headers, timeout=300) as client:
            while not is_over.is_set():
                try:
                    answer = ask(client)
                except httpx.HTTPError:
                    # A stopped server takes no new connection.
                    return
                answers.add(answer)
                if "retry-after" in answer.headers:
                    is_over.wait(int(answer.headers["retry-after"]))

    callers = [threading.Thread(target=ask_again, args=(ask,)) for ask in asks]
    for caller in callers:
        caller.start()
    try:
        yield answers
    finally:
        is_over.set()
        if server.process and server.process.poll() is None:
            server.kill()
        for caller in callers:
            caller.join()
