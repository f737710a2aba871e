"""Exact sums of doubles, and values rounded to 15 significant digits ("Exact decimals" in
docs/reference/semantics.md).

The parts of numbers are those of `sql/sums.py`: adding them is exact or not finite.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tocsin.clickhouse.sql.exact_sums import (
    BETWEEN,
    EXPONENT_OF_ONE,
    FIRST,
    PARTS,
    SECOND,
    TO_FIRST,
    TO_GRID,
    TOO_FINE,
)
from tocsin.model.metrics.metric import Aggregation

Doubles = NDArray[np.float64]
Values = NDArray[Any]
Exponents = tuple[Sequence[int], Sequence[int]]

DIGITS, UNROUNDED = 15, 1e15
_POWERS = np.array([10.0**n for n in range(23)])
"""Exact, all of them."""
_SCALES = (-972, -998, -1025, -1052)
_FINEST = 81
_CLOSE = 0.99
_SPLIT = 2.0**27 + 1
_SURE = 0.1
"""Farther from a tie than the error of scaling, which is a sixteenth at most."""


def parts_of(numbers: Doubles) -> list[Doubles]:
    """The four parts of each number."""
    with np.errstate(over="ignore", invalid="ignore"):
        whole = (numbers + TO_FIRST) - TO_FIRST
        rest = (numbers - whole) * SECOND
        parts = []
        for _ in range(1, PARTS):
            parts.append((rest + TO_GRID) - TO_GRID)
            rest = (rest - parts[-1]) * BETWEEN
        return [whole * FIRST + rest * TOO_FINE * TOO_FINE, *parts]


def are_exact(sums: Sequence[Values]) -> bool:
    """Whether sums of parts tell the numbers that they come to."""
    return all(bool(np.isfinite(part).all()) for part in sums)


def values_of_parts(aggregation: Aggregation, counts: Values, sums: Sequence[Doubles]) -> Doubles:
    """SUM or AVG of sums of parts that are exact, rounded; NaN for a mean of nothing."""
    total, *rests = _added(sums)
    divisors = counts.astype(np.float64)
    if aggregation is Aggregation.SUM:
        divisors = np.ones_like(total)
    with np.errstate(invalid="ignore", divide="ignore"):
        nearest = total / divisors
        rest = _remainder(total, nearest, divisors) + (rests[0] + (rests[1] + rests[2]))
        missing = np.abs(rest / divisors)
        values = nearest + rest / divisors
    # `values` is right unless the exact quotient is about halfway between two doubles, of which
    # those towards zero may be closer to each other.
    half = np.spacing(np.nextafter(np.abs(nearest), 0)) / 2
    is_close = (missing > _CLOSE * half) & (counts > 0)
    for place in np.flatnonzero(is_close).tolist():
        values[place] = _quotient_of([part[place] for part in sums], int(divisors[place]))
    empty_value = 0 if aggregation is Aggregation.SUM else np.nan
    return rounded(np.where(counts > 0, values, empty_value))


def values_of_integers(aggregation: Aggregation, counts: Values, totals: Values) -> Doubles:
    """SUM or AVG of sums in units of 2^-1075, rounded; NaN for a mean of nothing and for what no
    double can hold."""
    is_mean = aggregation is Aggregation.AVG
    divisors = counts.tolist() if is_mean else [1] * len(counts)
    found = [_quotient(total, by) for total, by in zip(totals.tolist(), divisors, strict=True)]
    return rounded(np.array(found, dtype=np.float64))


def integer_of(by_exponent: Exponents) -> int:
    """A sum in units of 2^-1075, from integers by exponent."""
    return sum(number << exponent for exponent, number in zip(*by_exponent, strict=True))


def rounded(values: Doubles) -> Doubles:
    """Each value that is no integer and below 1e15 in magnitude, rounded to 15 significant digits
    as `float(format(value, ".15g"))` does."""
    out = np.array(values, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        places = np.flatnonzero((np.abs(out) < UNROUNDED) & (out != np.trunc(out)))
    some = out[places]
    decimals = DIGITS - 1 - np.floor(np.log10(np.abs(some))).astype(np.int64)
    powers = _POWERS[decimals.clip(0, len(_POWERS) - 1)]
    scaled = some * powers
    whole = np.rint(scaled)
    # Both are exact, so that their quotient is the double nearest to the decimal.
    out[places] = whole / powers
    is_sure = (decimals >= 0) & (decimals < len(_POWERS)) & (np.abs(whole) < UNROUNDED)
    is_sure &= (np.abs(whole) >= UNROUNDED / 10) & (np.abs(scaled - whole) < 0.5 - _SURE)
    for place in places[~is_sure].tolist():
        out[place] = float(format(values[place], f".{DIGITS}g"))
    return out


def _added(sums: Sequence[Doubles]) -> list[Doubles]:
    """The sums of parts as one double each, and what is missing to the exact sum as three more."""
    terms = [np.ldexp(part, scale) for part, scale in zip(sums, _SCALES, strict=True)]
    for _ in range(2):
        total, rests = terms[-1], []
        for term in terms[-2::-1]:
            total, rest = _two_sum(term, total)
            rests.append(rest)
        terms = [total, *rests[::-1]]
    return terms


def _two_sum(one: Doubles, other: Doubles) -> tuple[Doubles, Doubles]:
    """The sum and its rounding error, exactly."""
    total = one + other
    back = total - one
    return total, (one - (total - back)) + (other - back)


def _remainder(total: Doubles, quotient: Doubles, divisor: Doubles) -> Doubles:
    """The total less quotient times divisor, exactly (Dekker's product)."""
    product = quotient * divisor
    (one, less), (other, rest) = _halves(quotient), _halves(divisor)
    error = ((one * other - product) + one * rest + less * other) + less * rest
    return (total - product) - error


def _halves(numbers: Doubles) -> tuple[Doubles, Doubles]:
    scaled = numbers * _SPLIT
    high = scaled - (scaled - numbers)
    return high, numbers - high


def _quotient_of(sums: Sequence[float], count: int) -> float:
    """The double nearest to the exact quotient."""
    scaled = (math.ldexp(part, scale + _FINEST) for part, scale in zip(sums, _SCALES, strict=True))
    return sum(map(int, scaled)) / (count << _FINEST)


def _quotient(total: int, count: int) -> float:
    """The nearest double; NaN over nothing, and for what no double can hold."""
    try:
        return total / (count << EXPONENT_OF_ONE) if count else math.nan
    except OverflowError:
        return math.nan
