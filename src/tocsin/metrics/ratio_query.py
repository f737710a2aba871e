"""Answers a RATIO by one query, which reads the interactions of both sides once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial

import numpy as np
import pyarrow as pa

from tocsin.clickhouse.sql.exact_sums import PARTS
from tocsin.clickhouse.sql.query import Query
from tocsin.clickhouse.sql.ratio import PREFIXES, compile_ratio, side_columns
from tocsin.clickhouse.sql.table import Table
from tocsin.metrics.decimals import (
    Values,
    are_exact,
    values_of_integers,
    values_of_parts,
)
from tocsin.metrics.ratio import ValuesOfSides, ratio_answer
from tocsin.metrics.rollups.arrow_columns import doubles, exact_integers
from tocsin.metrics.row_selection import GroupTable
from tocsin.metrics.series import Inexact
from tocsin.model.metrics.answer import Answer
from tocsin.model.metrics.question import Question

RunArrow = Callable[[Callable[[Table], Query]], pa.Table]
"""Compiles a query for a table and runs it."""


def query_ratio(question: Question, at: datetime, limit: int, run: RunArrow) -> Answer:
    """The first `limit` rows of a RATIO as of `at`."""
    result, sides = ratio_groups(question, partial(compile_ratio, question, at), run)
    groups = np.arange(len(result)), GroupTable(result, len(question.group_by))
    return ratio_answer(question, at, sides, groups, limit)


def ratio_groups(
    question: Question, compile: Callable[..., Query], run: RunArrow
) -> tuple[pa.Table, ValuesOfSides]:
    """The result of a query by `compile_ratio`, and both sides' values of its groups."""
    for is_exact in (False, True):
        result = run(partial(compile, is_exact=is_exact))
        pairs = zip(question.parts, PREFIXES, strict=True)
        try:
            return result, [
                _side_values(part, prefix, result, is_exact=is_exact) for part, prefix in pairs
            ]
        except Inexact:
            continue
    raise AssertionError("sums of integers are exact")


def _side_values(part: Question, prefix: str, result: pa.Table, *, is_exact: bool) -> Values:
    """The values of a side, not rounded. Raises Inexact."""
    first, *rest = side_columns(part, prefix, is_exact=is_exact)
    if not rest:
        return doubles(result[first], np.nan)
    counts = doubles(result[first], 0)
    if is_exact:
        totals = exact_integers(result[rest[0]])
        return values_of_integers(part.aggregation, counts.astype(np.int64), totals)
    assert len(rest) == PARTS
    sums = [doubles(result[name], 0) for name in rest]
    if not are_exact(sums):
        raise Inexact
    return values_of_parts(part.aggregation, counts, sums)
