"""`tocsin erase` against a real server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from support.erasing import order, post
from support.running import Run
from support.serving import Server


@pytest.fixture(scope="module")
def server(shared_server: Server) -> Server:
    return shared_server


def test_a_user_is_counted_erased_and_listed(at_server: Run, server: Any, tmp_path: Path) -> None:
    user, resource = f"ada-{uuid4().hex}", f"r-{uuid4().hex}"
    with server.client() as client:
        post(client, "/api/interactions/batch", [order(user), order(user, resource)])
    counted = at_server("erase", "user", user, "--dry-run")
    assert counted.stdout.startswith("Matched: 2 interactions, 0 deliveries")
    erased = at_server("erase", "resource", "ORDER", resource, "--yes")
    assert "Erased: 1 interactions" in erased.stdout, erased.stderr
    assert "Matched: 1 interactions" in at_server("erase", "user", user, "--dry-run").stdout
    listed = at_server("erase", "list").stdout
    assert "done" in listed
    assert resource not in listed
    to = tmp_path / "ledger.json"
    assert at_server("erase", "ledger", str(to)).returncode == 0
    assert len(json.loads(to.read_text())["erasures"]) == 1
    assert "exists already" in at_server("erase", "ledger", str(to)).stderr


def test_a_wrong_type_is_named(at_server: Run) -> None:
    refused = at_server("erase", "resource", f"NONE-{uuid4().hex}", "1", "--yes")
    assert refused.returncode == 1
    assert "resourceType" in refused.stderr
