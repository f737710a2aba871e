"""`tocsin keys` against a real server."""

from __future__ import annotations

from typing import Any

import pytest

from support.running import Run, run_here
from support.serving import Server


@pytest.fixture(scope="module")
def server(shared_server: Server) -> Server:
    return shared_server


def test_a_key_works_until_it_is_revoked(at_server: Run, server: Any) -> None:
    created = at_server("keys", "create", "--name", "dashboard", "--role", "read")
    key = created.stdout.removesuffix("\n")
    assert key.split() == [key]
    assert "it is not shown again" in created.stderr
    assert run_here("metrics", "list", "--url", server.url, "--key", key).returncode == 0
    (row,) = [text for text in at_server("keys", "list").stdout.splitlines() if "dashboard" in text]
    assert key not in row
    key_id = row.split("│")[-2].strip()
    assert at_server("keys", "revoke", key_id).stdout == "Revoked.\n"
    refused = run_here("metrics", "list", "--url", server.url, "--key", key)
    assert "does not accept this key" in refused.stderr


def test_a_rotated_key_is_printed_and_the_list_shows_expiry_and_last_use(
    at_server: Run, server: Any
) -> None:
    created = at_server("keys", "create", "--name", "exp", "--role", "read", "--expires", "90d")
    assert created.returncode == 0, created.stderr
    key_id = created.stderr.split("id ")[1].split(")")[0]
    rotated = at_server("keys", "rotate", key_id, "--grace", "0s")
    assert "The former one has ended" in rotated.stderr
    key = rotated.stdout.removesuffix("\n")
    assert key.split() == [key]
    used = run_here("metrics", "list", "--url", server.url, "--key", key)
    assert used.returncode == 0
    (row,) = [text for text in at_server("keys", "list").stdout.splitlines() if key_id in text]
    assert "never" not in row
    refused = at_server("keys", "create", "--name", "x", "--role", "read", "--expires", "soon")
    assert "expiresAt" in refused.stderr


def test_an_unknown_key_cannot_be_revoked(at_server: Run) -> None:
    for key_id in ("nonsense", "../interactions", "6e1d5c7e-0c1b-4e0e-9d3a-70c51a000000"):
        failed = at_server("keys", "revoke", key_id)
        assert failed.returncode == 1
        assert failed.stderr.startswith(f"tocsin: There is no key {key_id};")


def test_a_role_that_does_not_cover_a_command_is_rejected_in_one_line(
    at_server: Run, server: Any
) -> None:
    key = at_server("keys", "create", "--name", "reader", "--role", "read").stdout.strip()
    refused = run_here("keys", "list", "--url", server.url, "--key", key)
    assert refused.returncode == 1
    assert refused.stderr.startswith("tocsin: ")
    assert "role" in refused.stderr
