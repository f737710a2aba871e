"""A module's world, and a larger one for its long tests; its WORLD_SEED makes both."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.worlds import LARGE, World, open_world


@pytest.fixture(scope="module")
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    opened = open_world(tmp_path_factory.mktemp("world"), request.module.WORLD_SEED)
    yield opened
    opened.runtime.close()


@pytest.fixture(scope="module")
def large_world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    opened = open_world(tmp_path_factory.mktemp("large"), request.module.WORLD_SEED, LARGE)
    yield opened
    opened.runtime.close()
