"""From interactions that were fetched one row each to the rows of each rollup."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from uuid import UUID

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tocsin.model.metric import Question
from tocsin.rollups.encoding import doubles, encoded, group_numbers, integers, scope_codes
from tocsin.rollups.numbering import Hashes
from tocsin.rollups.rollup import Rollup
from tocsin.rollups.rows import Doubles, Integers, Rows, Texts, cell_and_group, occurring
from tocsin.sql.cells import Edge
from tocsin.sql.compiler import SCALE_DOWN
from tocsin.sql.fetching import TIME, Asked, Fetch
from tocsin.sql.plan import Measure
from tocsin.sql.writing import scope_of

Flags = NDArray[np.bool_]


class Fetched:
    """The interactions of one fetch; equal things are worked out once."""

    def __init__(self, fetch: Fetch, table: pa.Table) -> None:
        self.kinds = fetch.kinds
        self._table = table
        self._of_scope: dict[tuple[UUID | None, ...], Integers] = {}
        self._flags: dict[str, Flags] = {}
        self._numbers: dict[str, Doubles] = {}
        self._hashes: dict[str, tuple[Integers, Hashes]] = {}
        self._groups: dict[tuple[str, ...], Integers] = {}
        self._texts: dict[str, Integers] = {}

    @cached_property
    def times(self) -> Integers:
        return integers(self._table[TIME])

    @cached_property
    def scopes(self) -> list[tuple[Integers, dict[bytes, int]]]:
        """For each kind, the code of each row's id, and the codes by id."""
        return [scope_codes(self._table[n]) for n in range(len(self.kinds))]

    def of_scope(self, question: Question) -> Integers:
        """The places of the rows that lie in the question's scope."""
        scope = scope_of(question)
        ids = tuple(scope[kind] for kind in self.kinds)
        found = self._of_scope.get(ids)
        if found is None:
            chosen = np.ones(len(self._table), dtype=bool)
            for (codes, known), id in zip(self.scopes, ids, strict=True):
                if id is not None:
                    chosen &= codes == known.get(id.bytes, -1)
            found = self._of_scope[ids] = np.flatnonzero(chosen)
        return found

    def flags(self, name: str) -> Flags:
        found = self._flags.get(name)
        if found is None:
            found = self._flags[name] = integers(self._table[name]).astype(bool)
        return found

    def numbers(self, name: str) -> Doubles:
        """A column of numbers; NaN where there is none."""
        found = self._numbers.get(name)
        if found is None:
            found = self._numbers[name] = doubles(self._table[name], np.nan)
        return found

    def groups(self, rollup: Rollup, dimensions: tuple[str, ...]) -> Integers:
        """The number of each row's group."""
        found = self._groups.get(dimensions)
        if found is None:
            columns = [self._table[name] for name in dimensions]
            found = group_numbers(columns, len(self._table), rollup.groups)
            self._groups[dimensions] = found
        return found

    def texts(self, rollup: Rollup, name: str) -> Integers:
        """The number of each row's text; -1 where there is none."""
        found = self._texts.get(name)
        if found is None:
            codes, hashes = encoded(self._table[name])
            halves = np.frombuffer(hashes.buffers()[1] or b"", dtype=np.uint64).reshape(-1, 2)
            numbers = rollup.numbering.numbers(halves[: len(hashes)]).astype(np.int64)
            found = self._texts[name] = np.append(numbers, -1)[codes]
        return found


class Placed:
    """The interactions of some stretches of time, in cells of one length."""

    def __init__(self, fetched: Fetched, edges: Sequence[Edge], length: int) -> None:
        self._fetched = fetched
        times = fetched.times
        after, upto = np.asarray(edges, dtype=np.int64).reshape(-1, 2).T
        place = np.searchsorted(after, times, "left") - 1
        self._within = (place >= 0) & (times <= upto[place])
        self._length = length
        self._of_scope: dict[int, tuple[Integers, Integers]] = {}

    def rows_of(self, rollup: Rollup, asked: Asked) -> Rows:
        """What the rollup keeps of the rows in its scope that fulfil its conditions."""
        places, cells = self._of(rollup.question)
        for name in asked.conditions:
            holds = self._fetched.flags(name)[places]
            places, cells = places[holds], cells[holds]
        groups = self._fetched.groups(rollup, asked.dimensions)[places]
        first, keys, width, size = cell_and_group(cells, groups)
        found, place = occurring(keys, size)
        values = [np.bincount(place, minlength=len(found)).astype(np.float64)]
        texts = None
        if rollup.measure is Measure.DISTINCT:
            assert asked.operand
            texts = self._texts_of(rollup, asked.operand, places, cells, groups)
        elif asked.operand:
            numbers = self._fetched.numbers(asked.operand)[places]
            values += _values(rollup.measure, numbers, place, len(found))
        in_cell, in_group = np.divmod(found, width)
        return Rows(in_cell + first, in_group, np.stack(values), texts)

    def _of(self, question: Question) -> tuple[Integers, Integers]:
        """The places of the rows in the question's scope, and their cells."""
        places = self._fetched.of_scope(question)
        found = self._of_scope.get(id(places))
        if found is None:
            within = places[self._within[places]]
            cells = -(-self._fetched.times[within] // self._length)
            found = self._of_scope[id(places)] = within, cells
        return found

    def _texts_of(
        self, rollup: Rollup, name: str, places: Integers, cells: Integers, groups: Integers
    ) -> Texts:
        numbers = self._fetched.texts(rollup, name)[places]
        there = numbers >= 0
        return Texts.of(cells[there], groups[there], numbers[there]).once()


def _values(measure: Measure, numbers: Doubles, place: Integers, count: int) -> list[Doubles]:
    """What is kept beside how many rows there are."""
    there = ~np.isnan(numbers)
    numbers, place = numbers[there], place[there]
    if measure is Measure.SUM:
        scaled = numbers * float(SCALE_DOWN)
        with np.errstate(over="ignore", invalid="ignore"):
            weights = (None, numbers, scaled)
            return [np.bincount(place, some, count).astype(np.float64) for some in weights]
    extremes = np.full(count, np.nan)
    how = np.fmin if measure is Measure.MIN else np.fmax
    how.at(extremes, place, numbers)
    return [extremes]
