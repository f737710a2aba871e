"""Answers a RATIO or a comparison by one query, which reads the interactions of all parts once."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pyarrow as pa

from tocsin.clickhouse.sql.exact_sums import PARTS
from tocsin.clickhouse.sql.query import Query
from tocsin.clickhouse.sql.sides import part_columns, prefixes
from tocsin.clickhouse.sql.table import Table
from tocsin.metrics.decimals import (
    Values,
    are_exact,
    values_of_integers,
    values_of_parts,
)
from tocsin.metrics.rollups.arrow_columns import doubles, exact_integers
from tocsin.metrics.series import Inexact
from tocsin.metrics.sides import PartValues
from tocsin.model.metrics.aggregation import Aggregation
from tocsin.model.metrics.question import Question

RunArrow = Callable[[Callable[[Table], Query]], pa.Table]
"""Compiles a query for a table and runs it."""


def query_parts(
    question: Question, compile: Callable[..., Query], run: RunArrow
) -> tuple[pa.Table, PartValues]:
    """The result of a query by `clickhouse/sql/sides.py`, and the values of each part for its
    groups."""
    for is_exact in (False, True):
        result = run(partial(compile, is_exact=is_exact))
        pairs = zip(question.parts, prefixes(question), strict=True)
        try:
            return result, [
                _part_values(part, prefix, result, is_exact=is_exact) for part, prefix in pairs
            ]
        except Inexact:
            continue
    raise AssertionError("sums of integers are exact")


def _part_values(part: Question, prefix: str, result: pa.Table, *, is_exact: bool) -> Values:
    """The values of a part, not rounded. Raises Inexact."""
    first, *rest = part_columns(part, prefix, is_exact=is_exact)
    if not rest:
        values = doubles(result[first], np.nan)
        if part.aggregation is Aggregation.RATE:
            factor = part.rate_factor
            return values * factor.numerator / factor.denominator
        return values
    counts = doubles(result[first], 0)
    if is_exact:
        totals = exact_integers(result[rest[0]])
        return values_of_integers(part.aggregation, counts.astype(np.int64), totals)
    assert len(rest) == PARTS
    sums = [doubles(result[name], 0) for name in rest]
    if not are_exact(sums):
        raise Inexact
    return values_of_parts(part.aggregation, counts, sums)
