"""Tests of several nodes start servers of their own, which they kill.

`make test-server` runs the short ones, and `make test-server SERVER_TESTS="-m long tests/nodes"`
those that take minutes.
"""

from __future__ import annotations

import pytest

from support.deployments import IS_ON_SERVERS
from support.nodes import TOOLS


@pytest.fixture(autouse=True, scope="module")
def _servers_can_be_started() -> None:
    if not IS_ON_SERVERS:
        pytest.skip("needs PostgreSQL, which the tests on servers have: run `make test-server`")
    # They are not part of this repository.
    if not TOOLS.is_dir():
        pytest.skip(f"{TOOLS} is missing, which has the programs that start servers")
