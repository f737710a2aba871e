"""Calculates the values of each group of a question at many points.

Backtests use it for all groups, in slabs, and the series of a RATIO or a comparison for the groups
that it shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from tocsin.clickhouse.sql.points import SeriesPoints
from tocsin.clickhouse.sql.query import Query
from tocsin.clickhouse.sql.runs import aggregates
from tocsin.metrics.decimals import Values, as_shown
from tocsin.metrics.retained_time import RetainedTime
from tocsin.metrics.rollups.arrow_columns import exact_integers
from tocsin.metrics.row_selection import GroupTexts
from tocsin.metrics.series import Inexact, sums_at_points, values_of
from tocsin.metrics.sides import empty_values, joined_values, shown_sides, without_base
from tocsin.model.metrics.answer import Reading, ReadingDimensions, plain
from tocsin.model.metrics.question import Question
from tocsin.process.deadline import Deadline


class CompileLines(Protocol):
    """Compiles the query for the lines of one part of a question (`clickhouse/sql/lines.py`)."""

    def __call__(self, part: Question, *, is_exact: bool) -> Query: ...


@dataclass(frozen=True, slots=True)
class GroupLine:
    """A group at all points; `is_present` is False where it had no row. The values of the parts of
    a RATIO or a comparison are not rounded."""

    texts: GroupTexts
    values: Values
    is_present: Values
    parts: tuple[Values, ...] = ()


@dataclass(frozen=True, slots=True)
class LineReader:
    """Reads the lines of a question. `computing` is held while a line is computed."""

    run: Callable[[Query], pa.Table]
    retained: RetainedTime
    deadline: Deadline
    computing: AbstractContextManager[Any] = field(default_factory=nullcontext)

    def lines(
        self, question: Question, points: SeriesPoints, compile: CompileLines
    ) -> Iterator[GroupLine]:
        """The groups of a question at the points, in any order."""
        if question.is_joined:
            yield from self._joined_lines(question, points, compile)
            return
        for line in self._part_lines(question, points.count, compile):
            values = as_shown(question.aggregation, line.values)
            yield GroupLine(line.texts, values, line.is_present)

    def _joined_lines(
        self, question: Question, points: SeriesPoints, compile: CompileLines
    ) -> Iterator[GroupLine]:
        """The groups of any part."""
        by_part = [
            {line.texts: line for line in self._part_lines(part, points.count, compile)}
            for part in question.parts
        ]
        empty = [empty_values(part, points.count) for part in question.parts]
        has_base = self.retained.has_base(question, points.all())
        for texts in dict.fromkeys(texts for lines in by_part for texts in lines):
            self.deadline.check()
            lines = [part.get(texts) for part in by_part]
            with self.computing:
                known = [
                    line.values if line else nothing
                    for line, nothing in zip(lines, empty, strict=True)
                ]
                parts = without_base(question, known, has_base)
                values = joined_values(question, parts)
            is_present = np.any([line.is_present for line in lines if line], axis=0)
            yield GroupLine(texts, values, is_present, tuple(parts))

    def _part_lines(self, part: Question, count: int, compile: CompileLines) -> Iterator[GroupLine]:
        """The groups of a part, with values that are not rounded; those with inexact
        sums are queried a second time."""
        inexact = set()
        for row in self._rows(compile(part, is_exact=False)):
            try:
                with self.computing:
                    line = _line(part, count, row)
            except Inexact:
                inexact.add(_texts(part, row))
            else:
                yield line
        if inexact:
            for row in self._rows(compile(part, is_exact=True)):
                if _texts(part, row) in inexact:
                    with self.computing:
                        line = _line(part, count, row, is_exact=True)
                    yield line

    def _rows(self, query: Query) -> Iterator[dict[str, Any]]:
        for batch in self.run(query).to_batches():
            for number in range(batch.num_rows):
                self.deadline.check()
                yield {name: batch.column(name)[number] for name in batch.schema.names}


def reading_at(
    question: Question, line: GroupLine, dimensions: ReadingDimensions, index: int
) -> Reading:
    """The row of a group at a point, with its sides if it has any."""
    value = plain(line.values[index].item())
    if not line.parts:
        return Reading(value, dimensions)
    sides = shown_sides(question, [part[index : index + 1] for part in line.parts])
    shown = (plain(side[0].item()) for side in sides)
    return Reading(value, dimensions, **dict(zip(question.side_names, shown, strict=True)))


def _texts(question: Question, row: Mapping[str, Any]) -> GroupTexts:
    return tuple(row[f"d{n}"].as_py() for n in range(len(question.group_by)))


def _line(
    question: Question, count: int, row: Mapping[str, Any], *, is_exact: bool = False
) -> GroupLine:
    """The group of a row. Raises Inexact."""
    names = aggregates(question, is_exact=is_exact)
    columns = [_column(row[f"{name}s"].values, name) for name in names]
    values = values_of(question, count, columns)
    # An ungrouped metric always has a row, even over no interactions.
    is_present = np.ones(count, dtype=bool)
    if question.group_by:
        is_present = sums_at_points(count, columns[0], columns[1]) > 0
    return GroupLine(_texts(question, row), values, is_present)


def _column(column: pa.Array, name: str) -> Values:
    if name == "integers":
        return exact_integers(column)
    return np.asarray(column.to_numpy())
