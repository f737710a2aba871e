"""Orders the groups of a SUM or an AVG by their exact values.

The engine orders groups by approximate values, so groups that are equal once rounded may be on
either side of a limit. `unclear_border` gives the range of values in which that may have happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tocsin.metrics.decimals import as_shown, integer_of, values_of_integers, values_of_parts
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.answer import ReadingValue, plain, row_sort_key

Texts = tuple[str | None, ...]
Ranked = tuple[ReadingValue, Texts]

SPARE = 100
"""Rows queried beyond the limit; more than these are rarely equal to the last one within it."""
_RELATIVE, _ABSOLUTE = 2e-14, 2.0**-21
"""More than rounding to 15 digits changes a value, and more than the error of an approximate value:
2^-54 for each of at most 2^33 numbers."""


def ranked_parts(
    aggregation: Aggregation, rows: Sequence[Sequence[Any]], dimensions: int
) -> list[Ranked]:
    """Ordered groups, from rows of (value, dimension texts..., number of numbers, sums of
    parts...)."""
    columns = [*zip(*(row[1 + dimensions :] for row in rows), strict=True)]
    if not columns:
        return []
    counts, *sums = (np.array(column, dtype=np.float64) for column in columns)
    # A sum of no numbers is null.
    sums = [np.where(counts > 0, part, 0) for part in sums]
    values = as_shown(aggregation, values_of_parts(aggregation, counts, sums))
    return _ranked(values.tolist(), rows, dimensions)


def ranked_integers(
    aggregation: Aggregation, rows: Sequence[Sequence[Any]], dimensions: int
) -> list[Ranked]:
    """Ordered groups, from rows of (number of numbers, dimension texts..., integers by
    exponent)."""
    counts = np.array([row[0] for row in rows], dtype=np.int64)
    totals = np.array([integer_of(row[-1]) for row in rows], dtype=object)
    values = as_shown(aggregation, values_of_integers(aggregation, counts, totals))
    return _ranked(values.tolist(), rows, dimensions)


def _ranked(
    values: Sequence[float], rows: Sequence[Sequence[Any]], dimensions: int
) -> list[Ranked]:
    texts = (tuple(row[1 : 1 + dimensions]) for row in rows)
    return in_order(list(zip(map(plain, values), texts, strict=True)))


def in_order(rows: Sequence[Ranked]) -> list[Ranked]:
    return sorted(rows, key=lambda row: row_sort_key(*row))


def unclear_border(
    values: Sequence[float | None], limit: int, spare: int = 0
) -> tuple[float, float] | None:
    """The values between which the engine may have cut off rows that belong to the first `limit`
    ones, in a query for `limit + spare + 1` rows; None if it cut off none."""
    if len(values) <= limit + spare:
        return None
    last, following = values[limit - 1], values[-1]
    if last is None or following is None:
        return None
    margin = _RELATIVE * abs(last) + _ABSOLUTE
    return (last - margin, last + margin) if last - following <= margin else None
