"""From what a window's cells come to, to the rows of an answer."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tocsin.model.metric import Aggregation, Answer, Question, Reading, plain, rank
from tocsin.rollups.groups import GroupTexts
from tocsin.rollups.rows import Doubles, Rows, totals
from tocsin.sql.plan import Measure
from tocsin.sums import are_exact, rounded, values_of_parts


def answer(
    question: Question,
    at: datetime,
    parts: Sequence[Rows],
    groups: Sequence[GroupTexts],
    limit: int,
) -> Answer | None:
    """The question's answer, given the rows of all cells and edges of its window; None where sums
    are not exact."""
    is_grouped = bool(question.group_by)
    measure = Measure.of(question.aggregation)
    occurring, sums = totals(measure, parts, len(groups) if is_grouped else None)
    if measure is Measure.SUM and not are_exact([*sums[2:]]):
        return None
    values = [plain(value) for value in _values(question, sums).tolist()]
    if not is_grouped:
        return Answer(at, [Reading(values[0])], question.unit)
    rows = [(value, groups[n]) for value, n in zip(values, occurring.tolist(), strict=True)]
    rows.sort(key=lambda row: rank(*row))
    names = question.dimensions
    readings = [
        Reading(value, dict(zip(names, texts, strict=True))) for value, texts in rows[:limit]
    ]
    return Answer(at, readings, question.unit, len(rows) if len(rows) > limit else None)


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
