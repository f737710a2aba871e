"""The first rows of many groups, chosen before any of them becomes an object of Python.

Where hundreds of thousands of groups became tuples and were sorted, each answer held the
interpreter for seconds, and with it everybody who records. numpy and Arrow compare without it.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.metrics.rollups.group_dictionary import Groups
from tocsin.metrics.rollups.partials import Doubles, Integers

_VALUE = "value"


def first_in_order(values: Doubles, numbers: Integers, groups: Groups, limit: int) -> Integers:
    """The indexes of the first `limit` rows in the order of docs/reference/semantics.md.

    By value, greatest first, values that are not finite last; then by texts ascending, a missing
    text last ("Grouping and order").

    `numbers` are the numbers of the rows' groups."""
    places = _greatest(values, limit)
    ordered = groups.table().take(numbers[places])
    keys = [(_VALUE, "descending"), *((name, "ascending") for name in ordered.column_names)]
    ordered = ordered.append_column(_VALUE, pa.array(_comparable(values[places])))
    first = pc.select_k_unstable(ordered, k=min(limit, len(places)), sort_keys=keys)
    return places[np.asarray(first, dtype=np.int64)]


def _greatest(values: Doubles, limit: int) -> Integers:
    """The places of the rows whose values are among the greatest `limit`; all that are equal to the
    least of those."""
    if len(values) <= limit:
        return np.arange(len(values))
    known = _comparable(values)
    least = np.partition(known, -limit)[-limit]
    return np.flatnonzero(known >= least)


def _comparable(values: Doubles) -> Doubles:
    """Nulls below all numbers: no number that is answered is infinite."""
    return np.where(np.isfinite(values), values, -np.inf)
