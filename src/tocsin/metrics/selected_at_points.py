"""Calculates a PERCENTILE or a LATEST at the points of a series, from the runs of its rows.

Runs are ordered by their first points, and by their last ones: both grow with the timestamp. So the
runs that include a point are neighbors, and the numbers of a point are a range of all numbers.
"""

from __future__ import annotations

import numpy as np

from tocsin.errors import QueryTooHeavy
from tocsin.metrics.decimals import Doubles, Integers, Values
from tocsin.model.metrics.percentile import WHOLE

MAX_NUMBERS = 1 << 24
"""Numbers of one group at all points together. Selecting from them takes about 30 bytes each in
this process, whose memory the limits of the engine do not bound."""


def latest_at_points(count: int, lo: Values, hi: Values, latest: Values) -> Doubles:
    """At each point, the number of the last run that includes it and has one; NaN for none."""
    numbers = latest.astype(np.float64)
    has_number = ~np.isnan(numbers)
    lo, hi, numbers = lo[has_number], hi[has_number], numbers[has_number]
    order = np.lexsort((hi, lo))
    points = np.arange(count)
    last = np.searchsorted(lo[order], points, "right") - 1
    values = np.full(count, np.nan)
    places = np.flatnonzero(last >= 0)
    runs = order[last[places]]
    is_included = hi[runs] >= places
    values[places[is_included]] = numbers[runs[is_included]]
    return values


def percentiles_at_points(
    count: int, thousandths: int, runs: tuple[Values, Values, Values], numbers: Values
) -> Doubles:
    """At each point, the percentile of the numbers whose runs include it; NaN for none. `runs` are
    the first and the last point of each run, and how many of the numbers it has. Raises
    QueryTooHeavy."""
    if len(numbers) > MAX_NUMBERS:
        raise QueryTooHeavy(
            f"A percentile at several points reads at most {MAX_NUMBERS:,} numbers of a group, not "
            f"{len(numbers):,}: add filters to the metric or use a shorter span"
        )
    lo, hi, sizes = (np.asarray(column, dtype=np.int64) for column in runs)
    order = np.lexsort((hi, lo))
    numbers = _in_order_of(order, sizes, numbers)
    lo, hi = lo[order], hi[order]
    # The numbers change at these points only.
    points = np.unique(np.concatenate([[0], lo, hi + 1]))
    points = points[points < count]
    numbers_before = np.concatenate([[0], np.cumsum(sizes[order])])
    begins = numbers_before[np.searchsorted(hi, points, "left")]
    ends = numbers_before[np.searchsorted(lo, points, "right")]
    totals = ends - begins
    ranks = -(-totals * thousandths // WHOLE) - 1
    has_numbers = totals > 0
    values = np.full(len(points), np.nan)
    values[has_numbers] = _smallest(
        numbers, begins[has_numbers], ends[has_numbers], ranks[has_numbers]
    )
    return np.repeat(values, np.diff(points, append=count))


def _in_order_of(order: Integers, sizes: Integers, numbers: Doubles) -> Doubles:
    """The numbers of runs, which are consecutive, in another order of the runs."""
    begins, moved = np.cumsum(sizes) - sizes, sizes[order]
    shifts = begins[order] - (np.cumsum(moved) - moved)
    return numbers[np.repeat(shifts, moved) + np.arange(len(numbers))]


def _smallest(numbers: Doubles, begins: Integers, ends: Integers, ranks: Integers) -> Doubles:
    """For each range of numbers, that with the given rank, from 0 on.

    A wavelet matrix answers all ranges together: from the highest bit of the numbers' positions in
    sorted order to the lowest, each range is divided into those with a zero and those with a one.
    """
    order = np.argsort(numbers)
    keys = np.empty(len(numbers), dtype=np.int32)
    keys[order] = np.arange(len(numbers), dtype=np.int32)
    places = np.zeros(len(begins), dtype=np.int64)
    zeros_before = np.zeros(len(numbers) + 1, dtype=np.int32)
    for bit in reversed(range(max(len(numbers) - 1, 0).bit_length())):
        is_one = (keys & (1 << bit)).astype(bool)
        np.cumsum(~is_one, out=zeros_before[1:])
        first, last = zeros_before[begins], zeros_before[ends]
        is_above = ranks >= last - first
        zeros = int(zeros_before[-1])
        begins = np.where(is_above, zeros + begins - first, first)
        ends = np.where(is_above, zeros + ends - last, last)
        ranks = np.where(is_above, ranks - (last - first), ranks)
        places |= is_above.astype(np.int64) << bit
        keys = np.concatenate([keys[~is_one], keys[is_one]])
    return numbers[order[places]]
