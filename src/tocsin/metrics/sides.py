"""Joins the parts of a RATIO or a comparison, and calculates its values from them ("RATIO" and
"Comparison with an earlier period" in docs/reference/semantics.md).

Every path uses it: calculations, shared scans, rollups, series and backtests. The two sides of a
RATIO are its parts: the numerator and the denominator. The two sides of a comparison are the
current value and the base; each has one part, or the two of a RATIO.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from msgspec import UNSET

from tocsin.metrics.decimals import (
    Doubles,
    Integers,
    Values,
    as_shown,
    decimal_difference,
    rounded,
)
from tocsin.metrics.row_selection import Groups, first_groups, plain_values
from tocsin.model.metrics.answer import Answer, Reading
from tocsin.model.metrics.comparison import Change
from tocsin.model.metrics.question import Question

PartValues = Sequence[Values]
"""The values of each part of a question, by group or by point; not rounded, and not finite where
there is none."""


@dataclass(frozen=True, slots=True)
class PartTotals:
    """The groups of one part, ascending, and their values; not rounded."""

    groups: Integers
    values: Values


def empty_values(part: Question, count: int) -> Doubles:
    """The values of a part where it has no group."""
    empty_value = part.aggregation.empty_value
    return np.full(count, np.nan if empty_value is None else empty_value, dtype=np.float64)


def joined_parts(question: Question, totals: Sequence[PartTotals]) -> tuple[Integers, PartValues]:
    """The groups of any part, and each part's values for each of them."""
    # Groups are numbered from 0, so a mask is faster than sorting their numbers.
    is_group = np.zeros(max(total.groups.max(initial=-1) + 1 for total in totals), dtype=bool)
    for total in totals:
        is_group[total.groups] = True
    groups = np.flatnonzero(is_group)
    places = np.cumsum(is_group) - 1
    joined = []
    for part, total in zip(question.parts, totals, strict=True):
        values = empty_values(part, len(groups))
        values[places[total.groups]] = total.values
        joined.append(values)
    return groups, joined


def without_base(question: Question, parts: PartValues, has_base: Values | bool) -> PartValues:
    """The values of the parts; those of a comparison's base are null where `has_base` is False."""
    if question.compare is None or np.all(has_base):
        return parts
    half = len(parts) // 2
    return [*parts[:half], *(np.where(has_base, part, np.nan) for part in parts[half:])]


def joined_values(question: Question, parts: PartValues) -> Doubles:
    """The values of a RATIO or a comparison, rounded; not finite for null."""
    if question.compare is None:
        return rounded(_value(question, parts))
    current, base = _sides(question, parts)
    with np.errstate(all="ignore"):
        match question.compare.change:
            case Change.DIFFERENCE:
                current, base = (as_shown(question.aggregation, side) for side in (current, base))
                return rounded(decimal_difference(current, base))
            case Change.PERCENT:
                values = _percent(current, base)
            case Change.FACTOR:
                values = current / base
        least = question.compare.minimum_base or 0
        is_null = ~np.isfinite(current) | ~np.isfinite(base) | (base == 0) | (np.abs(base) < least)
        return rounded(np.where(is_null, np.nan, values))


def shown_sides(question: Question, parts: PartValues) -> list[Values]:
    """The values of both sides as rows have them."""
    if question.compare is None:
        pairs = zip(question.parts, parts, strict=True)
        return [as_shown(part.aggregation, values) for part, values in pairs]
    return [as_shown(question.aggregation, side) for side in _sides(question, parts)]


def joined_answer(
    question: Question,
    at: datetime,
    parts: PartValues,
    groups: tuple[Integers, Groups],
    limit: int,
) -> Answer:
    """The answer of a RATIO or a comparison, from the values of its parts for the groups with these
    numbers."""
    names = question.dimensions
    values = joined_values(question, parts)
    numbers, texts = groups
    first = np.arange(len(values))
    if names and len(values):
        first = first_groups(values, numbers, texts, limit)
    shown = shown_sides(question, [part[first] for part in parts])
    dimensions = (
        (dict(zip(names, row, strict=True)) for row in texts.texts_of(numbers[first]))
        if names
        else [None]
    )
    # By position, because names take as long as the rest, and there may be 100,000 rows.
    absent = (UNSET, UNSET) if question.compare else ()
    sides = zip(*map(plain_values, shown), strict=True)
    readings = [
        Reading(value, of, *absent, *pair)
        for value, of, pair in zip(plain_values(values[first]), dimensions, sides, strict=True)
    ]
    return Answer(at, readings, question.unit, len(values) if len(values) > limit else None)


def _sides(question: Question, parts: PartValues) -> tuple[Doubles, Doubles]:
    """The current values of a comparison and those of its base; not rounded."""
    half = len(parts) // 2
    return _value(question, parts[:half]), _value(question, parts[half:])


def _value(question: Question, parts: PartValues) -> Doubles:
    """The values of the question without its comparison; not rounded, and not finite for null."""
    if len(parts) == 1:
        return np.asarray(parts[0], dtype=np.float64)
    return _ratio(question, *(np.asarray(part, dtype=np.float64) for part in parts))


def _ratio(question: Question, numerator: Doubles, denominator: Doubles) -> Doubles:
    with np.errstate(all="ignore"):
        scaled = numerator * question.scale
        values = scaled / denominator
        # The product may overflow although the value does not.
        unscaled = numerator / denominator * question.scale
        values = np.where(np.isinf(scaled), unscaled, values)
        is_null = ~np.isfinite(numerator) | ~np.isfinite(denominator) | (denominator == 0)
        if question.minimum_denominator is not None:
            is_null |= denominator < question.minimum_denominator
        return np.where(is_null, np.nan, values)


def _percent(current: Doubles, base: Doubles) -> Doubles:
    scaled = (current - base) * 100
    # The product may overflow although the value does not.
    halves = (current / 2 - base / 2) / np.abs(base) * 200
    return np.where(np.isinf(scaled), halves, scaled / np.abs(base))
