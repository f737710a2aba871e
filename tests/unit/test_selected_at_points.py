"""A PERCENTILE and a LATEST at many points equal those of the numbers of each point by itself."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from tocsin.errors import QueryTooHeavy
from tocsin.metrics.selected_at_points import (
    MAX_NUMBERS,
    latest_at_points,
    percentiles_at_points,
)

Runs = dict[tuple[int, int], list[tuple[int, float]]]
"""The times and numbers of each run, by its first and last point."""

NUMBERS = (1.5, 2.0, 3.0, -1.0, 0.0, -0.0, 1e300)


def drawn(random: Random, count: int) -> Runs:
    """Rows at random times; points are four units of time apart."""
    window = random.choice([None, 1, 2, 5, 40])
    runs: Runs = {}
    for _ in range(random.choice([0, 1, 3, 40])):
        time = random.randint(-160, 4 * count - 4)
        first = -(-max(time, 0) // 4)
        last = count - 1 if window is None else min((time + window * 4 - 1) // 4, count - 1)
        if first <= last:
            number = random.choice((*NUMBERS, random.random()))
            runs.setdefault((first, last), []).append((time, number))
    shuffled = list(runs.items())
    random.shuffle(shuffled)
    return dict(shuffled)


def at_point(runs: Runs, point: int) -> list[tuple[int, float]]:
    return [row for (lo, hi), rows in runs.items() if lo <= point <= hi for row in rows]


@pytest.mark.parametrize("seed", range(300))
def test_at_each_point_the_value_is_that_of_its_numbers(seed: int) -> None:
    random = Random(seed)
    count = random.randint(1, 30)
    runs = drawn(random, count)
    thousandths = random.choice([1, 50_000, 95_000, 100_000, random.randint(1, 100_000)])
    lo, hi = (np.array([ends[side] for ends in runs], dtype=np.int64) for side in (0, 1))
    sizes = np.array([len(rows) for rows in runs.values()], dtype=np.int64)
    numbers = np.array([number for rows in runs.values() for _, number in rows])
    percentiles = percentiles_at_points(count, thousandths, (lo, hi, sizes), numbers)
    lasts = np.array([max(rows, key=lambda row: row[0])[1] for rows in runs.values()])
    latest = latest_at_points(count, lo, hi, lasts)
    for point in range(count):
        rows = at_point(runs, point)
        if not rows:
            assert np.isnan([percentiles[point], latest[point]]).all()
            continue
        rank = -(-len(rows) * thousandths // 100_000)
        assert percentiles[point] == sorted(number for _, number in rows)[rank - 1]
        assert latest[point] == max(rows, key=lambda row: row[0])[1]


def test_more_numbers_than_the_process_may_sort_are_rejected() -> None:
    first = np.array([0])
    numbers = np.broadcast_to(np.float64(1), MAX_NUMBERS + 1)
    with pytest.raises(QueryTooHeavy, match="at most 16,777,216 numbers of a group"):
        percentiles_at_points(1, 50_000, (first, first, np.array([len(numbers)])), numbers)


def test_a_run_without_a_number_does_not_hide_an_earlier_one() -> None:
    runs = np.array([0, 1]), np.array([2, 3])
    latest = latest_at_points(4, *runs, np.array([5.0, np.nan]))
    assert latest[:3].tolist() == [5, 5, 5]
    assert np.isnan(latest[3])
