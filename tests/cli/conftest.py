"""Runs commands against a server: that of a module, or one for several modules."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from support.running import Completed, Run, run_here
from support.serving import Server


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """For modules that have names of their own and neither stop it nor count all that it has: a
    server takes two seconds of a processor to start."""
    started = Server(tmp_path_factory.mktemp("shared") / "data")
    started.start()
    yield started
    started.stop()


@pytest.fixture
def at_server(server: Any) -> Run:
    """Runs a command against the shared server, as an admin, in the process of the tests."""

    def run(*arguments: object, **options: Any) -> Completed:
        environment = {"TOCSIN_URL": server.url, "TOCSIN_API_KEY": server.admin_key}
        return run_here(*arguments, environment=environment, **options)

    return run
