"""Few values are rounded and divided in Python, many in numpy, with the same result."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tocsin.metrics.decimals import (
    FEW,
    are_exact,
    as_shown,
    decimal_difference,
    parts_of,
    rounded,
    values_of_parts,
)
from tocsin.model.metrics.aggregation import Aggregation

DOUBLES = st.floats(allow_nan=True, allow_infinity=True)
ON_THE_GRID = st.integers(-(2**60), 2**60).map(lambda steps: steps / 2**30)
NUMBERS = st.lists(st.one_of(ON_THE_GRID, st.integers(-(10**6), 10**6).map(float)), max_size=8)


@given(st.lists(DOUBLES, min_size=1, max_size=FEW))
def test_few_values_are_rounded_as_many(values: list[float]) -> None:
    few, many = rounded(np.array(values)), rounded(np.array(values * (FEW + 1)))
    assert few.tobytes() == many[: len(values)].tobytes()


@given(st.lists(NUMBERS, min_size=1, max_size=FEW), st.sampled_from(["SUM", "AVG"]))
def test_few_sums_are_divided_as_many(groups: list[list[float]], name: str) -> None:
    aggregation = Aggregation(name)
    counts = np.array([len(numbers) for numbers in groups], dtype=np.float64)
    parts = np.array(
        [[part.sum() for part in parts_of(np.array(numbers, dtype=float))] for numbers in groups]
    ).T
    assert are_exact(parts)
    few = values_of_parts(aggregation, counts, [*parts])
    many = values_of_parts(
        aggregation, np.tile(counts, FEW + 1), [np.tile(part, FEW + 1) for part in parts]
    )
    np.testing.assert_array_equal(few, many[: len(groups)])
    for value, numbers in zip(as_shown(aggregation, few).tolist(), groups, strict=True):
        if numbers:
            exact = sum(map(Fraction, numbers)) / (1 if name == "SUM" else len(numbers))
            assert value == float(format(float(exact), ".15g")) or abs(value) >= 1e15


DECIMALS = st.builds(
    lambda digits, places: digits / 10.0**places,
    st.integers(-(10**15), 10**15),
    st.integers(0, 22),
)


@settings(deadline=None)
@given(st.lists(st.tuples(DOUBLES | DECIMALS, DOUBLES | DECIMALS), min_size=1, max_size=2 * FEW))
def test_a_difference_is_the_double_nearest_to_that_of_the_shortest_decimals(
    pairs: list[tuple[float, float]],
) -> None:
    minuends, subtrahends = (np.array(column) for column in zip(*pairs, strict=True))
    for repeats in (1, FEW + 1):
        differences = decimal_difference(
            np.repeat(minuends, repeats), np.repeat(subtrahends, repeats)
        )
        for (minuend, subtrahend), difference in zip(
            pairs, differences[::repeats].tolist(), strict=True
        ):
            if not np.isfinite(minuend - subtrahend):
                assert not np.isfinite(difference)
            else:
                assert difference == float(_decimal(minuend) - _decimal(subtrahend))


def _decimal(number: float) -> Fraction:
    """An integer as it is, any other number as it is written."""
    return Fraction(number) if number.is_integer() else Fraction(repr(number))
