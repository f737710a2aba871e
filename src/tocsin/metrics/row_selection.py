"""Selects the first groups of an answer.

Only the first rows become Python objects. If hundreds of thousands of groups became tuples and were
sorted, each answer would hold the interpreter lock for seconds and block requests that record.
numpy and Arrow compare without holding it.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.metrics.decimals import Doubles, Integers, Values
from tocsin.model.metrics.answer import LARGEST_EXACT, ReadingValue, plain, row_sort_key

GroupTexts = tuple[str | None, ...]

FEW_GROUPS = 100
_VALUE = "value"


class Groups(Protocol):
    """The texts of numbered groups."""

    def table(self) -> pa.Table:
        """A column `d0`, `d1`, ... for each field, and a row for each group by its number."""

    def texts_of(self, numbers: Integers) -> list[GroupTexts]: ...


class GroupTable:
    """The groups of a query's result, numbered by their rows."""

    def __init__(self, result: pa.Table, dimensions: int) -> None:
        # Texts of few distinct values come as dictionaries, which cannot be compared.
        names = [f"d{n}" for n in range(dimensions)]
        columns = [result[name].cast(pa.large_string()) for name in names]
        self._table = pa.table(dict(zip(names, columns, strict=True)))

    def table(self) -> pa.Table:
        return self._table

    def texts_of(self, numbers: Integers) -> list[GroupTexts]:
        columns = self._table.take(numbers).columns
        return list(zip(*(column.to_pylist() for column in columns), strict=True))


def first_groups(values: Doubles, numbers: Integers, groups: Groups, limit: int) -> Integers:
    """The indices of the first `limit` rows in the order of docs/reference/semantics.md: by value,
    descending, with values that are not finite last; then by texts, ascending, with missing ones
    last.

    `numbers` are the numbers of the rows' groups."""
    candidates = _greatest(values, limit)
    if len(candidates) <= FEW_GROUPS:
        rows = _sorted(candidates, values, numbers, groups)[:limit]
        return np.array([index for index, _, _ in rows], dtype=np.int64)
    return _first_of_many(candidates, values, numbers, groups, limit)


def first_rows(
    values: Doubles, numbers: Integers, groups: Groups, limit: int
) -> list[tuple[ReadingValue, GroupTexts]]:
    """The values and texts of `first_groups`. A calculation of all metrics has thousands of small
    answers, whose texts are read only once by this."""
    candidates = _greatest(values, limit)
    if len(candidates) <= FEW_GROUPS:
        rows = _sorted(candidates, values, numbers, groups)[:limit]
        return [(value, texts) for _, value, texts in rows]
    first = _first_of_many(candidates, values, numbers, groups, limit)
    return [*zip(plain_values(values[first]), groups.texts_of(numbers[first]), strict=True)]


def _first_of_many(
    candidates: Integers, values: Doubles, numbers: Integers, groups: Groups, limit: int
) -> Integers:
    ordered = groups.table().take(numbers[candidates])
    keys = [(_VALUE, "descending"), *((name, "ascending") for name in ordered.column_names)]
    ordered = ordered.append_column(_VALUE, pa.array(_comparable(values[candidates])))
    first = pc.select_k_unstable(ordered, k=min(limit, len(candidates)), sort_keys=keys)
    return candidates[np.asarray(first, dtype=np.int64)]


def _sorted(
    candidates: Integers, values: Doubles, numbers: Integers, groups: Groups
) -> list[tuple[int, ReadingValue, GroupTexts]]:
    """The candidates in order, each with its value and texts; preparing Arrow's comparison takes
    longer than sorting a few."""
    rows = zip(
        candidates.tolist(),
        map(plain, values[candidates].tolist()),
        groups.texts_of(numbers[candidates]),
        strict=True,
    )
    return sorted(rows, key=lambda row: row_sort_key(row[1], row[2]))


def _greatest(values: Doubles, limit: int) -> Integers:
    """The indices of the `limit` greatest values, and of all values equal to the least of them."""
    if len(values) <= limit:
        return np.arange(len(values))
    comparable = _comparable(values)
    least = np.partition(comparable, -limit)[-limit]
    return np.flatnonzero(comparable >= least)


def _comparable(values: Doubles) -> Doubles:
    """Missing values below all numbers; no number of an answer is infinite."""
    return np.where(np.isfinite(values), values, -np.inf)


def plain_values(values: Values) -> list[ReadingValue]:
    """The JSON forms of values (`plain`)."""
    with np.errstate(invalid="ignore"):
        if np.all((np.abs(values) < LARGEST_EXACT) & (np.trunc(values) == values)):
            return [*np.asarray(values, dtype=np.int64).tolist()]
    return [*map(plain, values.tolist())]
