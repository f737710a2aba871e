"""SQL of the aggregates that select one of a field's numbers: PERCENTILE and LATEST (decision 76).

The engine's `quantileExact(level)` selects the number with the index floor(level * n) of n sorted
numbers, in O(n). A PERCENTILE of p needs the index ceil(p * n / 100) - 1. The two differ only where
p * n / 100 is an integer; so the level is slightly less than p / 100. It is lower by more than any
rounding error of level * n, and by so little that the product passes no other integer for up to
MAX_NUMBERS numbers: the fraction of p * n / 100 is a multiple of 1 / 100,000.
"""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.clickhouse.sql.scan import aggregate_if
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.percentile import WHOLE, thousandths_of
from tocsin.model.metrics.question import Question

MAX_NUMBERS = 2**33
"""Numbers of one group up to which the rank is exact. They would take 64 GiB of memory, so a
calculation reaches its limit first."""
_BELOW = 2.0**-51

TIME = "toUnixTimestamp64Milli(timestamp)"
_ORDER = f"bitOr(bitShiftLeft(toUInt128({TIME}), 64), interactionNumber)"
"""One integer that orders interactions by time and number; comparing tuples takes longer."""


def selected_number(question: Question, number: str, conditions: Sequence[str] = ()) -> str:
    """The aggregate of a PERCENTILE or a LATEST over the rows that meet all conditions: NULL
    without a number, and 0 for -0.0."""
    if question.aggregation is Aggregation.LATEST:
        return f"{latest(number, number, conditions)} + 0"
    if not conditions:
        return f"{quantile(question)}({number}) + 0"
    return f"{quantile(question, 'If')}({number}, {' AND '.join(conditions)}) + 0"


def latest(result: str, number: str, conditions: Sequence[str] = ()) -> str:
    """The value of `result` in the latest row that has a number and meets all conditions."""
    return aggregate_if("argMax", f"{result}, {_ORDER}", [*conditions, f"isNotNull({number})"])


def quantile(question: Question, combinator: str = "") -> str:
    """The engine's function that selects the number of a PERCENTILE."""
    assert question.percentile is not None
    return f"quantileExact{combinator}({level(thousandths_of(question.percentile))!r})"


def level(thousandths: int) -> float:
    """The engine's level for a percentile."""
    return thousandths / WHOLE - _BELOW
