"""Helpers of the tests of erasures: what still has a value."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

PATH = "/api/erasures"
PATIENCE_SECONDS = 120


def order(user: str, resource: str = "1", **members: Any) -> dict[str, Any]:
    scope = {"resourceType": "ORDER", "resourceId": resource, "action": "paid", "origin": "SHOP"}
    return {**scope, "userId": user, "interaction": {"mail": user, "total": 5}, **members}


def files_with(folder: Path, value: str) -> list[str]:
    """The files of a data folder that have the value."""
    names = []
    for path in folder.rglob("*"):
        try:
            if path.is_file() and value.encode() in path.read_bytes():
                names.append(str(path.relative_to(folder)))
        except FileNotFoundError:
            # The engine has removed a former part meanwhile.
            continue
    return names


def until_done(client: Any, id: str) -> Any:
    """The erasure when it is done."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        erasure = client.get(f"{PATH}/{id}").json()
        if erasure["state"] == "done":
            return erasure
        time.sleep(0.2)
    raise AssertionError(f"not done: {erasure}")


def post(client: Any, path: str, body: Any, status: int = 201) -> Any:
    answer = client.post(path, json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def count_of(client: Any, group_by: str = "userId") -> dict[str, int]:
    """The number of orders of each group."""
    metric = {"metricType": "COUNT", "resourceType": "ORDER", "groupBy": [group_by]}
    rows = post(client, "/api/interaction-metrics/preview", metric, 200)["results"]
    return {row["dimensions"][group_by]: row["value"] for row in rows}
