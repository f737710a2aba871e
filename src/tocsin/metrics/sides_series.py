"""Calculates the series of a RATIO or a comparison: its first groups, then the lines of all parts
for these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa

from tocsin.clickhouse.sql.lines import ALL_GROUPS, HashedGroups, Subset, compile_lines
from tocsin.clickhouse.sql.points import PointWindows, SeriesPoints
from tocsin.clickhouse.sql.query import Query
from tocsin.clickhouse.sql.series import MAX_LINES
from tocsin.clickhouse.sql.sides import compile_groups_of_sides
from tocsin.clickhouse.sql.table import Table
from tocsin.metrics.group_lines import LineReader
from tocsin.metrics.row_selection import GroupTable, GroupTexts, first_groups
from tocsin.metrics.sides import joined_values, without_base
from tocsin.metrics.sides_query import query_parts
from tocsin.model.metrics.answer import Line, Series, plain, row_sort_key
from tocsin.model.metrics.question import Question


def joined_series(
    question: Question, points: SeriesPoints, table: Table, reader: LineReader
) -> Series:
    """The values at all points, for the groups with the greatest values at the last point."""
    shown = _shown_groups(question, points, table, reader)

    def compile(part: Question, *, is_exact: bool) -> Query:
        windows = PointWindows.of_series(part, points)
        return compile_lines(part, windows, shown.subset, table, is_exact=is_exact)

    instants, names = points.all(), question.dimensions
    lines = [
        Line(
            dict(zip(names, line.texts, strict=True)) if names else None,
            list(zip(instants, map(plain, line.values.tolist()), strict=True)),
        )
        for line in reader.lines(question, points, compile)
        if line.texts in shown.texts
    ]
    lines.sort(key=lambda line: row_sort_key(line.points[-1][1], (line.dimensions or {}).values()))
    return Series(lines, shown.count if shown.count > MAX_LINES else None)


@dataclass(frozen=True, slots=True)
class _ShownGroups:
    """The groups that a series shows, and the number of all groups."""

    texts: frozenset[GroupTexts]
    subset: Subset
    count: int


def _shown_groups(
    question: Question, points: SeriesPoints, table: Table, reader: LineReader
) -> _ShownGroups:
    if not question.group_by:
        return _ShownGroups(frozenset([()]), ALL_GROUPS, 1)
    compile = partial(compile_groups_of_sides, question, points)

    def run(compile_for: Callable[[Table], Query]) -> pa.Table:
        return reader.run(compile_for(table))

    result, parts = query_parts(question, compile, run)
    parts = without_base(question, parts, reader.retained.has_base(question, [points.last]))
    count, groups = len(result), GroupTable(result, len(question.group_by))
    first = np.arange(0)
    if count:
        first = first_groups(joined_values(question, parts), np.arange(count), groups, MAX_LINES)
    texts = frozenset(groups.texts_of(first))
    if count <= MAX_LINES:
        return _ShownGroups(texts, ALL_GROUPS, count)
    hashes = result["hash"].take(first).to_pylist()
    return _ShownGroups(texts, HashedGroups(hashes), count)
