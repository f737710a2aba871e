"""What is kept of one basis: its partial results by minute, hour, day and month, and those of some
minutes by millisecond.

A rollup is never the record: it can be dropped at any time, and is then made anew. Its state is
replaced as a whole, so a calculation that has it in hand is not disturbed by others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tocsin.model.metric import Question
from tocsin.rollups.groups import Groups
from tocsin.rollups.numbering import Numbering
from tocsin.rollups.rows import Rows, empty, joined, merged
from tocsin.rollups.touched import Touched
from tocsin.sql.cells import LENGTHS, MINUTE, Stretch, smaller
from tocsin.sql.plan import Measure

MAX_CELLS = 4_000
MAX_TOUCHED = 8
MAX_MINUTES = 16


@dataclass(frozen=True, slots=True)
class Level:
    """The cells of one length: their rows, and at which moment each was made."""

    rows: Rows
    made: Mapping[int, int]

    def with_cells(self, cells: Collection[int], rows: Rows, moment: int) -> Level:
        kept = self.rows
        if any(cell in self.made for cell in cells):
            kept = kept.without(cells)
        parts = [part for part in (kept, rows) if len(part.cells)]
        made = {**self.made, **dict.fromkeys(cells, moment)}
        level = Level(joined(parts) if parts else kept, made)
        return level if len(made) <= MAX_CELLS else level.halved()

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


Minutes = Mapping[int, Minute]
Levels = tuple[Level, ...]
"""The state of a rollup: a level for each length of cells, the shortest first."""


@dataclass(frozen=True, slots=True)
class Lack:
    """The cells that must be scanned for, of each level, and those (level, cell) to be put together
    from smaller ones."""

    scanned: tuple[frozenset[int], ...]
    put_together: frozenset[tuple[int, int]]

    @property
    def span(self) -> int:
        """How much time must be scanned, in milliseconds."""
        return sum(len(cells) * length for cells, length in zip(self.scanned, LENGTHS, strict=True))


def united(lacks: Iterable[Lack]) -> Lack:
    """What one scan must bring for all: no two of its cells overlap, and those that would are split
    and put together again."""
    scanned = [
        set[int]().union(*cells) for cells in zip(*(lack.scanned for lack in lacks), strict=True)
    ]
    split: set[tuple[int, int]] = set()
    for level in range(len(LENGTHS) - 1, 0, -1):
        fold = LENGTHS[level]
        parents = {
            -(-cell * LENGTHS[lower] // fold) for lower in range(level) for cell in scanned[lower]
        }
        for cell in scanned[level] & parents:
            scanned[level].remove(cell)
            scanned[level - 1].update(smaller(level, cell).cells)
            split.add((level, cell))
    return Lack(tuple(map(frozenset, scanned)), frozenset(split))


class Rollup:
    """The partial results of all questions that share a basis; `question` is one of them."""

    def __init__(self, question: Question, groups: Groups, numbering: Numbering) -> None:
        self.question = question
        self.groups = groups
        self.measure = Measure.of(question.aggregation)
        self.numbering = numbering
        self.used = 0
        nothing = Level(empty(self.measure), {})
        self.levels: Levels = tuple(nothing for _ in LENGTHS)
        self.minutes: Minutes = {}

    @property
    def bytes(self) -> int:
        """Without the numbering, which others may share."""
        kept = [level.rows for level in self.levels]
        kept += [minute.rows for minute in self.minutes.values()]
        return sum(rows.bytes for rows in kept)


def with_cells(
    levels: Levels, level: int, cells: Collection[int], rows: Rows, moment: int
) -> Levels:
    """With cells of a level made anew at a moment."""
    changed = levels[level].with_cells(cells, rows, moment)
    return (*levels[:level], changed, *levels[level + 1 :])


def with_minutes(minutes: Minutes, new: Collection[int], rows: Rows, moment: int) -> Minutes:
    """With some minutes made anew at a moment, of which all rows are given by millisecond; those
    that were made first go."""
    made = {
        minute: Minute(rows.between((minute - 1) * MINUTE, minute * MINUTE), moment)
        for minute in new
    }
    kept = [(minute, found) for minute, found in minutes.items() if minute not in made]
    return dict([*kept[-MAX_MINUTES:], *made.items()])


def put_together(measure: Measure, levels: Levels, level: int, cell: int, moment: int) -> Levels:
    """With a cell made of the smaller ones that make it up."""
    _, after, upto = smaller(level, cell)
    rows = levels[level - 1].rows.between(after, upto).in_cell(cell)
    return with_cells(levels, level, (cell,), merged(measure, rows), moment)


class Wanted:
    """The cells that some windows need, each with the moment it must have been made at least."""

    def __init__(self, stretches: Iterable[Stretch], touched: Touched) -> None:
        self._touched = touched
        self._cells: tuple[dict[int, int], ...] = tuple({} for _ in LENGTHS)
        for stretch in stretches:
            for cell in stretch.cells:
                self._cells[stretch.level][cell] = touched.since(stretch.level, cell)

    def lacking(self, levels: Sequence[Level]) -> Lack | None:
        """What a rollup in this state lacks; None if nothing."""
        lacking = _Lacking(levels, self._touched)
        for level, cells in enumerate(self._cells):
            made = levels[level].made.get
            # A cell that was never made is older than any moment.
            for cell in [cell for cell, since in cells.items() if made(cell, -1) < since]:
                lacking.add(level, cell)
        return lacking.lack() if lacking else None


class _Lacking:
    """Gathers what is lacking."""

    def __init__(self, levels: Sequence[Level], touched: Touched) -> None:
        self._levels = levels
        self._touched = touched
        self._scanned: tuple[set[int], ...] = tuple(set() for _ in LENGTHS)
        self._together: set[tuple[int, int]] = set()

    def __bool__(self) -> bool:
        return any(self._scanned) or bool(self._together)

    def add(self, level: int, cell: int) -> None:
        """A cell that was made before, and in which something was recorded since, is put together
        anew: mostly only one minute of it must be scanned."""
        made = self._levels[level].made.get(cell, -1)
        if made >= self._touched.since(level, cell):
            return
        if made < 0 or level == 0 or self._is_touched_all_over(level, cell, made):
            self._scanned[level].add(cell)
        else:
            self._split(level, cell)

    def _is_touched_all_over(self, level: int, cell: int, made: int) -> bool:
        small = smaller(level, cell).cells
        touched = sum(self._touched.since(level - 1, part) > made for part in small)
        return touched > MAX_TOUCHED

    def lack(self) -> Lack:
        return Lack(tuple(map(frozenset, self._scanned)), frozenset(self._together))

    def _split(self, level: int, cell: int) -> None:
        self._together.add((level, cell))
        for small in smaller(level, cell).cells:
            self.add(level - 1, small)
