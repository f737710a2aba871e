"""Finalizes partial aggregates into the rows of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tocsin.clickhouse.sql.plan import Measure
from tocsin.metrics.decimals import Doubles, Values, are_exact, as_shown, values_of_parts
from tocsin.metrics.rollups.dictionaries import GroupDictionary
from tocsin.metrics.rollups.partials import PartialAggregates, totals
from tocsin.metrics.row_selection import first_rows
from tocsin.metrics.sides import PartTotals, joined_answer, joined_parts, without_base
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.answer import Answer, Reading, plain
from tocsin.model.metrics.question import Question

Parts = Sequence[PartialAggregates]
"""The partial aggregates of a window."""


def finalize(
    question: Question,
    at: datetime,
    parts: Parts,
    groups: GroupDictionary,
    limit: int,
) -> Answer | None:
    """The question's answer, from the partial aggregates of its window; None where sums are not
    exact."""
    names = question.dimensions
    total = _totals(question, parts, groups)
    if total is None:
        return None
    numbers, values = total.groups, as_shown(question.aggregation, total.values)
    if not names:
        return Answer(at, [Reading(plain(values[0].item()), None)], question.unit)
    if not len(values):
        return Answer(at, [], question.unit)
    readings = [
        Reading(value, dict(zip(names, texts, strict=True)))
        for value, texts in first_rows(values, numbers, groups, limit)
    ]
    return Answer(at, readings, question.unit, len(values) if len(values) > limit else None)


def finalize_joined(
    question: Question,
    at: datetime,
    parts: Sequence[Parts],
    groups: GroupDictionary,
    limit: int,
    *,
    has_base: Values,
) -> Answer | None:
    """The answer of a RATIO or a comparison, from the partial aggregates of each of its parts."""
    totals = []
    for part, aggregates in zip(question.parts, parts, strict=True):
        total = _totals(part, aggregates, groups)
        if total is None:
            return None
        totals.append(total)
    numbers, joined = joined_parts(question, totals)
    joined = without_base(question, joined, has_base)
    return joined_answer(question, at, joined, (numbers, groups), limit)


def _totals(question: Question, parts: Parts, groups: GroupDictionary) -> PartTotals | None:
    """The groups that occur and their values, not rounded; None where sums are not exact."""
    measure = Measure.of(question.aggregation)
    numbers, sums = totals(measure, parts, len(groups.texts) if question.group_by else None)
    if measure is Measure.SUM and not are_exact(sums[2:]):
        return None
    return PartTotals(numbers, _values(question, sums))


def _values(question: Question, sums: Doubles) -> Doubles:
    """The value of the aggregation for each column of partial aggregates; NaN for no value."""
    values: Doubles
    match question.aggregation:
        case Aggregation.COUNT:
            values = sums[0]
        case Aggregation.RATE:
            factor = question.rate_factor
            values = sums[0] * factor.numerator / factor.denominator
        case Aggregation.SUM | Aggregation.AVG:
            values = values_of_parts(question.aggregation, sums[1], [*sums[2:]])
        case _:
            values = sums[1]
    return values
