"""Runs commands against the shared server of a module."""

from __future__ import annotations

from typing import Any

import pytest

from support.running import Completed, Run, run_here


@pytest.fixture
def at_server(server: Any) -> Run:
    """Runs a command against the shared server, as an admin, in the process of the tests."""

    def run(*arguments: object, **options: Any) -> Completed:
        environment = {"TOCSIN_URL": server.url, "TOCSIN_API_KEY": server.admin_key}
        return run_here(*arguments, environment=environment, **options)

    return run
