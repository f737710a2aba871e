"""Thousands of random metrics: `make test-long`."""

from __future__ import annotations

from pathlib import Path

import pytest
from worlds import check_all_together, check_metrics, check_series, merge, open_world

METRICS = 5_000
SEEDS = range(10)


@pytest.mark.long
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("seed", SEEDS)
def test_thousands_of_metrics_over_many_worlds(seed: int, tmp_path: Path) -> None:
    world = open_world(tmp_path, seed=100 + seed)
    try:
        check_metrics(world, seed=200 + seed, count=METRICS // len(SEEDS))
        check_series(world, seed=300 + seed, count=METRICS // len(SEEDS) // 5)
        merge(world)
        check_all_together(world, seed=400 + seed, count=METRICS // len(SEEDS) // 5)
    finally:
        world.runtime.close()
