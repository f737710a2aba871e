"""What is kept of one basis: its partial results by minute, hour, day and month, and those of some
minutes by millisecond.

A rollup is never the record: it can be dropped at any time, and is then made anew. Its state is
replaced as a whole, so a calculation that has it in hand is not disturbed by others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from tocsin.clickhouse.sql.plan import Measure
from tocsin.metrics.rollups.buckets import LENGTHS, MINUTE, smaller
from tocsin.metrics.rollups.group_dictionary import Groups
from tocsin.metrics.rollups.hash_dictionary import Numbering
from tocsin.metrics.rollups.partials import Rows, Texts, empty, joined, merged
from tocsin.model.metrics.metric import Question

MAX_CELLS = 4_000
MANY_TEXTS, MAX_STRETCHES = 10_000, 8
MAX_MINUTES = 16


@dataclass(frozen=True, slots=True)
class Level:
    """The cells of one length: their rows, and at which moment each was made."""

    rows: Rows
    made: Mapping[int, int]
    _texts: dict[tuple[int, int], Texts] = field(default_factory=dict, compare=False)
    """Those of long stretches: while time goes on, the same ones are asked for again and again."""

    @property
    def bytes(self) -> int:
        return self.rows.bytes + sum(texts.keys.nbytes for texts in self._texts.values())

    def between(self, after: int, upto: int) -> Rows:
        """The rows of the cells later than `after` and up to `upto`, to be added up."""
        rows = self.rows.between(after, upto)
        if rows.texts is None or len(rows.texts.keys) < MANY_TEXTS:
            return rows
        texts = self._texts.get((after, upto))
        if texts is None:
            if len(self._texts) >= MAX_STRETCHES:
                self._texts.clear()
            texts = self._texts[after, upto] = rows.texts.in_any_cell()
        return replace(rows, texts=texts)

    def with_cells(self, cells: Collection[int], rows: Rows, moment: int) -> Level:
        kept = self.rows
        if any(cell in self.made for cell in cells):
            kept = kept.without(cells)
        parts = [part for part in (kept, rows) if len(part.cells)]
        made = {**self.made, **dict.fromkeys(cells, moment)}
        level = Level(joined(parts) if parts else kept, made)
        return level if len(made) <= MAX_CELLS else level.halved()

    def with_added(
        self, measure: Measure, cells: Collection[int], rows: Rows, moment: int
    ) -> Level:
        made = {**self.made, **dict.fromkeys(cells, moment)}
        return Level(self.rows.plus(measure, rows) if len(rows.cells) else self.rows, made)

    def halved(self) -> Level:
        """Without the cells that were made first: the minutes of long ago are asked for no more."""
        first = list(self.made)[: len(self.made) // 2]
        made = {cell: moment for cell, moment in self.made.items() if cell not in set(first)}
        return Level(self.rows.without(first), made)


@dataclass(frozen=True, slots=True)
class Minute:
    """The rows of a minute in cells of a millisecond: a window can begin or end anywhere in it."""

    rows: Rows
    made: int

    @classmethod
    def of(cls, minute: int, rows: Rows, moment: int) -> Minute:
        """A minute whose rows are among others."""
        return cls(rows.between((minute - 1) * MINUTE, minute * MINUTE), moment)

    def plus(self, measure: Measure, newer: Minute) -> Minute:
        return Minute(self.rows.plus(measure, newer.rows), newer.made)


Minutes = Mapping[int, Minute]
Levels = tuple[Level, ...]
"""The state of a rollup: a level for each length of cells, the shortest first."""


class Rollup:
    """The partial results of all questions that share a basis; `question` is one of them."""

    def __init__(self, question: Question, groups: Groups, numbering: Numbering) -> None:
        self.question = question
        self.groups = groups
        self.measure = Measure.of(question.aggregation)
        self.numbering = numbering
        self.used = 0
        self.asked: dict[timedelta | None, float] = {}
        """When each window was last asked for by itself, in seconds of a clock that nobody sets."""
        nothing = Level(empty(self.measure), {})
        self.levels: Levels = tuple(nothing for _ in LENGTHS)
        self.minutes: Minutes = {}

    @property
    def bytes(self) -> int:
        """Without the numbering, which others may share."""
        minutes = sum(minute.rows.bytes for minute in self.minutes.values())
        return minutes + sum(level.bytes for level in self.levels)


def with_cells(
    levels: Levels, level: int, cells: Collection[int], rows: Rows, moment: int
) -> Levels:
    """With cells of a level made anew at a moment."""
    changed = levels[level].with_cells(cells, rows, moment)
    return (*levels[:level], changed, *levels[level + 1 :])


def with_added(
    measure: Measure, levels: Levels, level: int, cells: Collection[int], rows: Rows, moment: int
) -> Levels:
    """With what is new in some cells of a level, as of a moment, added to them."""
    changed = levels[level].with_added(measure, cells, rows, moment)
    return (*levels[:level], changed, *levels[level + 1 :])


def with_minutes(minutes: Minutes, made: Mapping[int, Minute], wanted: Collection[int]) -> Minutes:
    """With some minutes more. Of those that are not wanted now, the ones made first go."""
    spare = [minute for minute in minutes if minute not in wanted][:-MAX_MINUTES]
    kept = {minute: found for minute, found in minutes.items() if minute not in spare}
    return {**kept, **made}


def put_together(measure: Measure, levels: Levels, level: int, cell: int, moment: int) -> Levels:
    """With a cell made of the smaller ones that make it up."""
    _, after, upto = smaller(level, cell)
    rows = levels[level - 1].rows.between(after, upto).in_cell(cell)
    return with_cells(levels, level, (cell,), merged(measure, rows), moment)
