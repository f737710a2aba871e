"""Partial aggregates of a LATEST: the last number of each row, with its time and its interaction's
number, by which rows are merged."""

from __future__ import annotations

import numpy as np

from tocsin.metrics.decimals import Doubles, Integers

FIELDS = 3
"""Number, time in milliseconds, interaction number. As doubles, all three are exact."""


def latest_of(rows: Doubles, index: Integers, width: int) -> Doubles:
    """Of rows with the same index, the fields of the last one with a number; NaN for an index
    without any. `rows` has a row for each field."""
    latest = np.full((FIELDS, width), np.nan)
    has_number = ~np.isnan(rows[0])
    rows, index = rows[:, has_number], index[has_number]
    order = np.lexsort((rows[2], rows[1], index))
    ordered = index[order]
    is_last = np.ones(len(ordered), dtype=bool)
    is_last[:-1] = ordered[1:] != ordered[:-1]
    latest[:, ordered[is_last]] = rows[:, order[is_last]]
    return latest
