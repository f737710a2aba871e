"""Thousands of random metrics: `make test-long`; `--first-seed 1000` draws others."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.worlds import LARGE, check_all_together, check_metrics, check_series, merge, open_world

METRICS = 5_000
WORLDS = 5
EACH = METRICS // WORLDS


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("number", range(WORLDS))
def test_thousands_of_metrics_have_the_values_of_the_oracle(
    number: int, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    seed = pytestconfig.getoption("first_seed") + number
    world = open_world(tmp_path, seed=100 + seed, size=LARGE)
    try:
        check_metrics(world, seed=200 + seed, count=EACH // 2)
        check_series(world, seed=300 + seed, count=EACH // 10)
        check_all_together(world, seed=400 + seed, count=EACH // 10)
        merge(world)
        check_metrics(world, seed=500 + seed, count=EACH // 2)
        check_series(world, seed=600 + seed, count=EACH // 10)
        check_all_together(world, seed=700 + seed, count=EACH // 10)
    finally:
        world.runtime.close()
