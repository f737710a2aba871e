"""Calculates a PERCENTILE or a LATEST at the points of a series, from the runs of its rows.

Runs are ordered by their first points, and by their last ones: both grow with the timestamp. So the
runs that include a point are neighbors, and the numbers of a point are a range of all numbers.
"""

from __future__ import annotations

import numpy as np

from tocsin.metrics.decimals import Doubles, Integers, Values
from tocsin.model.metrics.percentile import WHOLE


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
    count: int, thousandths: int, lo: Values, hi: Values, numbers: Values
) -> Doubles:
    """At each point, the percentile of the numbers whose runs include it; NaN for none. `lo` and
    `hi` are those of each number's run."""
    order = np.lexsort((hi, lo))
    lo, hi, numbers = lo[order], hi[order], numbers[order]
    # The numbers change at these points only.
    points = np.unique(np.concatenate([[0], lo, hi + 1]))
    points = points[points < count].astype(np.int64)
    begins, ends = np.searchsorted(hi, points, "left"), np.searchsorted(lo, points, "right")
    sizes = ends - begins
    ranks = -(-sizes * thousandths // WHOLE) - 1
    has_numbers = sizes > 0
    values = np.full(len(points), np.nan)
    values[has_numbers] = _smallest(
        numbers, begins[has_numbers], ends[has_numbers], ranks[has_numbers]
    )
    return np.repeat(values, np.diff(points, append=count))


def _smallest(numbers: Doubles, begins: Integers, ends: Integers, ranks: Integers) -> Doubles:
    """For each range of numbers, that with the given rank, from 0 on.

    A wavelet matrix answers all ranges together: from the highest bit of the numbers' positions in
    sorted order to the lowest, each range is divided into those with a zero and those with a one.
    """
    distinct, keys = np.unique(numbers, return_inverse=True)
    keys_of_ranges = np.zeros(len(begins), dtype=np.int64)
    for bit in reversed(range(int(len(distinct) - 1).bit_length())):
        is_zero = (keys >> bit) & 1 == 0
        zeros_before = np.concatenate([[0], np.cumsum(is_zero)])
        first, last = zeros_before[begins], zeros_before[ends]
        is_one = ranks >= last - first
        zeros = int(zeros_before[-1])
        begins = np.where(is_one, zeros + begins - first, first)
        ends = np.where(is_one, zeros + ends - last, last)
        ranks = np.where(is_one, ranks - (last - first), ranks)
        keys_of_ranges |= is_one.astype(np.int64) << bit
        keys = np.concatenate([keys[is_zero], keys[~is_zero]])
    return distinct[keys_of_ranges]
