"""`tocsin audit` against a real server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.running import Run
from support.serving import Server


@pytest.fixture(scope="module")
def server(shared_server: Server) -> Server:
    return shared_server


def test_a_change_is_listed_with_its_key_and_the_changed_members(
    at_server: Run, server: Any
) -> None:
    channel = {"name": "Hook", "kind": "email", "settings": {"to": ["a@example.com"]}}
    with server.client() as client:
        metric = client.post(
            "/api/interaction-metrics", json={"name": "m\x1b", "metricType": "COUNT"}
        )
        assert metric.status_code == 201, metric.text
        id = metric.json()["metricId"]
        client.patch(f"/api/interaction-metrics/{id}", json={"timeWindow": "5m", "expose": True})
        client.post("/api/channels", json=channel)
    listed = at_server("audit", "--id", id, "--kind", "metric")
    assert listed.returncode == 0, listed.stderr
    changed, created = [line for line in listed.stdout.splitlines() if id in line]
    assert "\x1b" not in listed.stdout
    assert "TOCSIN_ADMIN_KEY" in changed
    assert 'expose: false -> true; timeWindow: null -> "5m"' in changed or (
        'timeWindow: null -> "5m"; expose: false -> true' in changed
    )
    assert "created" in created


def test_the_rows_of_all_pages_are_printed_as_json_lines(at_server: Run, server: Any) -> None:
    with server.client() as client:
        entries = [{"mnemonic": f"paged-{n}", "title": "t"} for n in range(3)]
        for entry in entries:
            assert client.post("/api/actions", json=entry).status_code == 201
    listed = at_server("audit", "--kind", "action", "--action", "created", "--limit", "3", "--json")
    names = [json.loads(line)["name"] for line in listed.stdout.splitlines()]
    assert names == ["paged-2", "paged-1", "paged-0"]


def test_a_filter_that_is_wrong_is_rejected_in_one_line(at_server: Run) -> None:
    refused = at_server("audit", "--kind", "nothing")
    assert refused.returncode == 1
    assert refused.stderr.startswith("tocsin: ")
    assert "kind" in refused.stderr
