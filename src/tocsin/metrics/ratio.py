"""Joins and divides the two sides of a RATIO ("RATIO" in docs/reference/semantics.md).

Every path uses it: calculations, shared scans, rollups, series and backtests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from tocsin.metrics.decimals import Doubles, Integers, Values, as_shown, rounded
from tocsin.metrics.row_selection import Groups, first_groups
from tocsin.model.metrics.answer import Answer, Reading, plain
from tocsin.model.metrics.question import Question

ValuesOfSides = Sequence[Values]
"""The values of the numerator and those of the denominator, by group or by point; not rounded, and
not finite where there is none."""


@dataclass(frozen=True, slots=True)
class SideTotals:
    """The groups of one side, ascending, and their values; not rounded."""

    groups: Integers
    values: Values


def ratio_of(question: Question, sides: ValuesOfSides) -> Doubles:
    """The values of a RATIO, rounded; not finite for null."""
    numerator, denominator = (np.asarray(side, dtype=np.float64) for side in sides)
    with np.errstate(all="ignore"):
        scaled = numerator * question.scale
        values = scaled / denominator
        # The product may overflow although the value does not.
        unscaled = numerator / denominator * question.scale
        values = np.where(np.isinf(scaled), unscaled, values)
        is_null = ~np.isfinite(numerator) | ~np.isfinite(denominator) | (denominator == 0)
        if question.minimum_denominator is not None:
            is_null |= denominator < question.minimum_denominator
    return rounded(np.where(is_null, np.nan, values))


def empty_side(part: Question, count: int) -> Doubles:
    """The values of a side where it has no group."""
    empty_value = part.aggregation.empty_value
    return np.full(count, np.nan if empty_value is None else empty_value, dtype=np.float64)


def joined_sides(
    question: Question, totals: Sequence[SideTotals]
) -> tuple[Integers, ValuesOfSides]:
    """The groups of either side, and both sides' values for each of them."""
    groups = np.union1d(*(total.groups for total in totals))
    sides = []
    for part, total in zip(question.parts, totals, strict=True):
        values = empty_side(part, len(groups))
        values[np.searchsorted(groups, total.groups)] = total.values
        sides.append(values)
    return groups, sides


def ratio_answer(
    question: Question,
    at: datetime,
    sides: ValuesOfSides,
    groups: tuple[Integers, Groups],
    limit: int,
) -> Answer:
    """The answer of a RATIO, from both sides' values for the groups with these numbers."""
    names = question.dimensions
    values = ratio_of(question, sides)
    numbers, texts = groups
    first = np.arange(len(values))
    if names and len(values):
        first = first_groups(values, numbers, texts, limit)
    shown = [
        map(plain, as_shown(part.aggregation, side[first]).tolist())
        for part, side in zip(question.parts, sides, strict=True)
    ]
    dimensions = (
        (dict(zip(names, row, strict=True)) for row in texts.texts_of(numbers[first]))
        if names
        else [None]
    )
    rows = zip(map(plain, values[first].tolist()), dimensions, *shown, strict=True)
    readings = [Reading(*row) for row in rows]
    return Answer(at, readings, question.unit, len(values) if len(values) > limit else None)
