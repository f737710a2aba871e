"""From what a window's cells come to, to the rows of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tocsin.clickhouse.sql.plan import Measure
from tocsin.metrics.decimals import are_exact, rounded, values_of_parts
from tocsin.metrics.rollups.group_dictionary import Groups
from tocsin.metrics.rollups.partials import Doubles, Rows, totals
from tocsin.metrics.rollups.top_groups import first_in_order
from tocsin.model.metrics.metric import Aggregation, Answer, Question, Reading, plain


def answer(
    question: Question,
    at: datetime,
    parts: Sequence[Rows],
    groups: Groups,
    limit: int,
) -> Answer | None:
    """The question's answer, given the rows of all cells and edges of its window; None where sums
    are not exact."""
    names = question.dimensions
    measure = Measure.of(question.aggregation)
    numbers, sums = totals(measure, parts, len(groups.texts) if names else None)
    if measure is Measure.SUM and not are_exact([*sums[2:]]):
        return None
    values = _values(question, sums)
    if not names:
        return Answer(at, [Reading(plain(values[0].item()), None)], question.unit)
    if not len(values):
        return Answer(at, [], question.unit)
    first = first_in_order(values, numbers, groups, limit)
    readings = [
        Reading(plain(value), dict(zip(names, groups.texts[number], strict=True)))
        for value, number in zip(values[first].tolist(), numbers[first].tolist(), strict=True)
    ]
    return Answer(at, readings, question.unit, len(values) if len(values) > limit else None)


def _values(question: Question, totals: Doubles) -> Doubles:
    """The aggregation's value for each column of partial results; NaN where there is none."""
    values: Doubles
    match question.aggregation:
        case Aggregation.COUNT:
            values = totals[0]
        case Aggregation.RATE:
            assert question.time_window
            values = rounded(totals[0] / question.time_window.count)
        case Aggregation.SUM | Aggregation.AVG:
            values = values_of_parts(question.aggregation, totals[1], [*totals[2:]])
        case _:
            values = totals[1]
    return values
