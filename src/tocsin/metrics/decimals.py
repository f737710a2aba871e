"""Exact sums of doubles, and values rounded to 15 significant digits ("Exact decimals" in
docs/reference/semantics.md).

The parts of numbers are on the grids of `clickhouse/sql/exact_sums.py`: a sum of them is exact or
not finite. They are found by other steps, because numpy rounds by adding in half the time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tocsin.clickhouse.sql.exact_sums import (
    BETWEEN,
    EXPONENT_OF_ONE,
    FIRST,
    GRID,
    PARTS,
)
from tocsin.model.metrics.aggregation import Aggregation

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]
Values = NDArray[Any]
Exponents = tuple[Sequence[int], Sequence[int]]

_ROUNDED = {Aggregation.SUM, Aggregation.AVG, Aggregation.RATE, Aggregation.RATIO}
DIGITS, UNROUNDED = 15, 1e15
EXACT = 2.0**53
"""Below this magnitude, all integers are doubles."""
_POWERS = np.array([10.0**n for n in range(23)])
"""All of them are exact."""
_SCALES = (-972, -998, -1025, -1052)
_FINEST = 81
_TO_FIRST, _TO_GRID = 1.5 * 2.0**52, 1.5 * 2.0**1023
"""Adding and subtracting them rounds to a multiple of 1, and of GRID."""
_SECOND = GRID * BETWEEN
_TOO_FINE = 2.0**1023
"""Two multiplications by it make a remainder below the last grid infinite."""
_CLOSE = 0.99
_SPLIT = 2.0**27 + 1
FEW = 16
"""Values up to which Python's arithmetic takes less time than numpy's preparation of each step."""
_SURE = 0.1
"""Beyond this distance from a tie, scaling rounds correctly: its error is at most 1/16."""


def parts_of(numbers: Doubles) -> list[Doubles]:
    """The four parts of each number."""
    with np.errstate(over="ignore", invalid="ignore"):
        whole = (numbers + _TO_FIRST) - _TO_FIRST
        rest = (numbers - whole) * _SECOND
        parts = []
        for _ in range(1, PARTS):
            parts.append((rest + _TO_GRID) - _TO_GRID)
            rest = (rest - parts[-1]) * BETWEEN
        return [whole * FIRST + rest * _TOO_FINE * _TOO_FINE, *parts]


def are_exact(sums: Doubles | Sequence[Doubles]) -> bool:
    """Whether sums of parts determine the sums of the numbers."""
    return bool(np.isfinite(sums).all())


def values_of_parts(aggregation: Aggregation, counts: Values, sums: Sequence[Doubles]) -> Doubles:
    """SUM or AVG, from sums of parts that are exact; NaN for the mean of no numbers, and for a
    value that no double can hold."""
    if len(counts) <= FEW:
        return _values_of_few(aggregation, counts, sums)
    total, *rests = _added(sums)
    divisors = counts.astype(np.float64)
    if aggregation is Aggregation.SUM:
        divisors = np.ones_like(total)
    with np.errstate(invalid="ignore", divide="ignore"):
        nearest = total / divisors
        rest = _remainder(total, nearest, divisors) + (rests[0] + (rests[1] + rests[2]))
        missing = np.abs(rest / divisors)
        values = nearest + rest / divisors
    # `values` is correct unless the exact quotient is almost halfway between two doubles. Doubles
    # towards zero may be closer to each other.
    half = np.spacing(np.nextafter(np.abs(nearest), 0)) / 2
    is_close = (missing > _CLOSE * half) & (counts > 0)
    for place in np.flatnonzero(is_close).tolist():
        values[place] = _quotient_of([part[place] for part in sums], int(divisors[place]))
    empty_value = 0 if aggregation is Aggregation.SUM else np.nan
    return np.where(counts > 0, values, empty_value)


def _values_of_few(aggregation: Aggregation, counts: Values, sums: Sequence[Doubles]) -> Doubles:
    is_mean = aggregation is Aggregation.AVG
    columns = zip(counts.tolist(), *(part.tolist() for part in sums), strict=True)
    quotients = [
        _quotient_of(parts, int(count) if is_mean else 1)
        if count
        else (math.nan if is_mean else 0.0)
        for count, *parts in columns
    ]
    return np.array(quotients, dtype=np.float64)


def values_of_integers(aggregation: Aggregation, counts: Values, totals: Values) -> Doubles:
    """SUM or AVG, from sums in units of 2^-1075; NaN for the mean of no numbers, and for a value
    that no double can hold."""
    is_mean = aggregation is Aggregation.AVG
    divisors = counts.tolist() if is_mean else [1] * len(counts)
    pairs = zip(totals.tolist(), divisors, strict=True)
    quotients = [_quotient(total, divisor) for total, divisor in pairs]
    return np.array(quotients, dtype=np.float64)


def integer_of(by_exponent: Exponents) -> int:
    """A sum in units of 2^-1075, from integers by exponent."""
    return sum(number << exponent for exponent, number in zip(*by_exponent, strict=True))


def as_shown(aggregation: Aggregation, values: Values) -> Values:
    """The values of an aggregation as an answer has them: rounded if they can be inexact."""
    return rounded(values) if aggregation in _ROUNDED else values


def rounded(values: Doubles) -> Doubles:
    """Values rounded to 15 significant digits as `float(format(value, ".15g"))` does; integers and
    values of 1e15 and more in magnitude stay the same."""
    if len(values) <= FEW:
        return np.array([_rounded(value) for value in values.tolist()], dtype=np.float64)
    out = np.array(values, dtype=np.float64)
    with np.errstate(invalid="ignore"):
        places = np.flatnonzero((np.abs(out) < UNROUNDED) & (out != np.trunc(out)))
    fractions = out[places]
    decimals = DIGITS - 1 - np.floor(np.log10(np.abs(fractions))).astype(np.int64)
    powers = _POWERS[decimals.clip(0, len(_POWERS) - 1)]
    scaled = fractions * powers
    whole = np.rint(scaled)
    # Both are exact, so their quotient is the double nearest to the decimal.
    out[places] = whole / powers
    is_sure = (decimals >= 0) & (decimals < len(_POWERS)) & (np.abs(whole) < UNROUNDED)
    is_sure &= (np.abs(whole) >= UNROUNDED / 10) & (np.abs(scaled - whole) < 0.5 - _SURE)
    for place in places[~is_sure].tolist():
        out[place] = _rounded(values[place])
    return out


def decimal_difference(minuends: Doubles, subtrahends: Doubles) -> Doubles:
    """The differences of the numbers, of which fractions are their shortest decimals: 1000.1 less
    1000 is 0.1, not 0.10000000000002274. Not finite where a number or the difference is not."""
    with np.errstate(over="ignore", invalid="ignore"):
        out = minuends - subtrahends
        are_whole = (minuends == np.trunc(minuends)) & (subtrahends == np.trunc(subtrahends))
    places = np.flatnonzero(np.isfinite(out) & ~are_whole)
    pairs = minuends[places], subtrahends[places]
    exact = _scaled_differences(*pairs) if len(places) > FEW else np.full(len(places), np.nan)
    for place in np.flatnonzero(np.isnan(exact)).tolist():
        minuend, subtrahend = (_written(numbers[place].item()) for numbers in pairs)
        exact[place] = float(minuend - subtrahend)
    out[places] = exact
    return out


def _written(number: float) -> Fraction:
    """An integer as it is, any other number in its shortest decimals."""
    return Fraction(number if number.is_integer() else repr(number))


def _scaled_differences(minuends: Doubles, subtrahends: Doubles) -> Doubles:
    """`decimal_difference` where both decimals are short enough to be subtracted as integers; NaN
    elsewhere."""
    (left, left_decimals), (right, right_decimals) = _scaled(minuends), _scaled(subtrahends)
    decimals = np.maximum(left_decimals, right_decimals)
    with np.errstate(over="ignore", invalid="ignore"):
        left *= _POWERS[decimals - left_decimals]
        right *= _POWERS[decimals - right_decimals]
        # All of these are exact, so their quotient is the double nearest to the decimal.
        is_exact = (np.abs(left) < EXACT) & (np.abs(right) < EXACT)
        is_exact &= np.abs(left - right) < EXACT
        return np.where(is_exact, (left - right) / _POWERS[decimals], np.nan)


def _scaled(numbers: Doubles) -> tuple[Doubles, Integers]:
    """The numbers in units of their last decimal, as integers, and the number of their decimals;
    NaN for a number with more than 15 digits."""
    scaled, decimals = np.full_like(numbers, np.nan), np.zeros(len(numbers), dtype=np.int64)
    left = np.arange(len(numbers))
    for count, power in enumerate(_POWERS):
        if not len(left):
            break
        with np.errstate(over="ignore"):
            whole = np.rint(numbers[left] * power)
        fits = (np.abs(whole) < UNROUNDED) & (whole / power == numbers[left])
        scaled[left[fits]], decimals[left[fits]] = whole[fits], count
        left = left[~fits]
    return scaled, decimals


def _rounded(value: float) -> float:
    if value.is_integer() or not abs(value) < UNROUNDED:
        return value
    return float(format(value, f".{DIGITS}g"))


def _added(sums: Sequence[Doubles]) -> list[Doubles]:
    """The sums of parts as one double each, and the rest of the exact sum as three more."""
    terms = [np.ldexp(part, scale) for part, scale in zip(sums, _SCALES, strict=True)]
    for _ in range(2):
        total, rests = terms[-1], []
        for term in terms[-2::-1]:
            total, rest = _two_sum(term, total)
            rests.append(rest)
        terms = [total, *rests[::-1]]
    return terms


def _two_sum(left: Doubles, right: Doubles) -> tuple[Doubles, Doubles]:
    """The sum and its rounding error, exactly."""
    total = left + right
    back = total - left
    return total, (left - (total - back)) + (right - back)


def _remainder(total: Doubles, quotient: Doubles, divisor: Doubles) -> Doubles:
    """The exact difference of the total and quotient times divisor (Dekker's product)."""
    product = quotient * divisor
    (high, low), (divisor_high, divisor_low) = _halves(quotient), _halves(divisor)
    error = (high * divisor_high - product) + high * divisor_low + low * divisor_high
    error += low * divisor_low
    return (total - product) - error


def _halves(numbers: Doubles) -> tuple[Doubles, Doubles]:
    scaled = numbers * _SPLIT
    high = scaled - (scaled - numbers)
    return high, numbers - high


def _quotient_of(sums: Sequence[float], count: int) -> float:
    """The double nearest to the exact quotient; NaN for a value that no double can hold."""
    scaled = (math.ldexp(part, scale + _FINEST) for part, scale in zip(sums, _SCALES, strict=True))
    try:
        return sum(map(int, scaled)) / (count << _FINEST)
    except OverflowError:
        return math.nan


def _quotient(total: int, count: int) -> float:
    """The nearest double; NaN for no numbers, and for a value that no double can hold."""
    try:
        return total / (count << EXPONENT_OF_ONE) if count else math.nan
    except OverflowError:
        return math.nan
