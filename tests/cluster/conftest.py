"""Tests of clusters start servers of their own, which they kill.

`make test-cluster` runs the short ones, and `make test-cluster SERVER_TESTS="-m long
tests/cluster"` those that take minutes.
"""

from __future__ import annotations

import importlib.util

import pytest

from support.deployments import IS_ON_SERVERS
from support.nodes import TOOLS


@pytest.fixture(autouse=True, scope="module")
def _clusters_can_be_started() -> None:
    if not IS_ON_SERVERS:
        pytest.skip("needs PostgreSQL, which the tests on servers have: run `make test-cluster`")
    # They are not part of this repository.
    if not TOOLS.is_dir():
        pytest.skip(f"{TOOLS} is missing, which has the programs that start servers")
    if importlib.util.find_spec("clickhouse_cityhash") is None:
        pytest.skip("replication needs the package clickhouse-cityhash: run `make test-cluster`")
