"""Finalizes partial aggregates into the rows of an answer.

Only the first rows become Python objects. If hundreds of thousands of groups became tuples and were
sorted, each answer would hold the interpreter lock for seconds and block requests that record.
numpy and Arrow compare without holding it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tocsin.clickhouse.sql.plan import Measure
from tocsin.metrics.decimals import Doubles, are_exact, rounded, values_of_parts
from tocsin.metrics.rollups.dictionaries import GroupDictionary
from tocsin.metrics.rollups.partials import Integers, PartialAggregates, totals
from tocsin.model.metrics.metric import Aggregation, Answer, Question, Reading, plain, row_sort_key

_VALUE = "value"
FEW_GROUPS = 100


def finalize(
    question: Question,
    at: datetime,
    parts: Sequence[PartialAggregates],
    groups: GroupDictionary,
    limit: int,
) -> Answer | None:
    """The question's answer, from the partial aggregates of its window; None where sums are not
    exact."""
    names = question.dimensions
    measure = Measure.of(question.aggregation)
    numbers, sums = totals(measure, parts, len(groups.texts) if names else None)
    if measure is Measure.SUM and not are_exact(sums[2:]):
        return None
    values = _values(question, sums)
    if not names:
        return Answer(at, [Reading(plain(values[0].item()), None)], question.unit)
    if not len(values):
        return Answer(at, [], question.unit)
    first = first_groups(values, numbers, groups, limit)
    readings = [
        Reading(plain(value), dict(zip(names, groups.texts[number], strict=True)))
        for value, number in zip(values[first].tolist(), numbers[first].tolist(), strict=True)
    ]
    return Answer(at, readings, question.unit, len(values) if len(values) > limit else None)


def _values(question: Question, sums: Doubles) -> Doubles:
    """The value of the aggregation for each column of partial aggregates; NaN for no value."""
    values: Doubles
    match question.aggregation:
        case Aggregation.COUNT:
            values = sums[0]
        case Aggregation.RATE:
            assert question.time_window
            values = rounded(sums[0] / question.time_window.count)
        case Aggregation.SUM | Aggregation.AVG:
            values = values_of_parts(question.aggregation, sums[1], [*sums[2:]])
        case _:
            values = sums[1]
    return values


def first_groups(
    values: Doubles, numbers: Integers, groups: GroupDictionary, limit: int
) -> Integers:
    """The indices of the first `limit` rows in the order of docs/reference/semantics.md: by value,
    descending, with values that are not finite last; then by texts, ascending, with missing ones
    last.

    `numbers` are the numbers of the rows' groups."""
    candidates = _greatest(values, limit)
    if len(candidates) <= FEW_GROUPS:
        return _sorted(candidates, values, numbers, groups)[:limit]
    ordered = groups.table().take(numbers[candidates])
    keys = [(_VALUE, "descending"), *((name, "ascending") for name in ordered.column_names)]
    ordered = ordered.append_column(_VALUE, pa.array(_comparable(values[candidates])))
    first = pc.select_k_unstable(ordered, k=min(limit, len(candidates)), sort_keys=keys)
    return candidates[np.asarray(first, dtype=np.int64)]


def _sorted(
    candidates: Integers, values: Doubles, numbers: Integers, groups: GroupDictionary
) -> Integers:
    """The candidates in order; preparing Arrow's comparison takes longer than sorting a few."""
    rows = zip(
        candidates.tolist(),
        map(plain, values[candidates].tolist()),
        (groups.texts[number] for number in numbers[candidates].tolist()),
        strict=True,
    )
    ordered = sorted(rows, key=lambda row: row_sort_key(row[1], row[2]))
    return np.array([index for index, _, _ in ordered], dtype=np.int64)


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
