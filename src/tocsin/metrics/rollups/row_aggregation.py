"""From interactions that were fetched one row each to the rows of each rollup."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tocsin.clickhouse.sql.fetching import NUMBER, TIME, QuestionColumns
from tocsin.clickhouse.sql.plan import Measure
from tocsin.metrics.decimals import parts_of
from tocsin.metrics.rollups.encoding import Codes, doubles, encoded, group_numbers, integers
from tocsin.metrics.rollups.hash_dictionary import Numbering
from tocsin.metrics.rollups.partials import (
    Doubles,
    Integers,
    Rows,
    Texts,
    cell_and_group,
    occurring,
)
from tocsin.metrics.rollups.read_plan import Part
from tocsin.metrics.rollups.rollup import Rollup

T = TypeVar("T")
Flags = NDArray[np.bool_]


class Fetched:
    """The interactions of one fetch; equal things are worked out once."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._known: dict[tuple[object, ...], Any] = {}
        self._texts: dict[tuple[int, str], Future[Integers]] = {}

    @property
    def times(self) -> Integers:
        """Milliseconds since 1970."""
        return self._integers(TIME)

    def of_scope(self, scope: tuple[tuple[str, int], ...]) -> Integers:
        """The places of the rows that lie in a scope."""
        return self._once(("scope", scope), lambda: np.flatnonzero(self._lie_in(scope)))

    @property
    def numbered(self) -> Integers:
        """The number of each interaction."""
        return self._integers(NUMBER)

    def flags(self, name: str) -> Flags:
        return self._once(("flags", name), lambda: self._small(name).astype(bool))

    def numbers(self, name: str) -> Doubles:
        """A column of numbers; NaN where there is none."""
        return self._once(("numbers", name), lambda: doubles(self._table[name], np.nan))

    def groups(self, rollup: Rollup, dimensions: tuple[str, ...]) -> Integers:
        """The number of each row's group."""

        def number() -> Integers:
            codes = [self._codes(name) for name in dimensions]
            return group_numbers(codes, len(self._table), rollup.groups)

        # Fields that nobody sent are one column, and yet several groupings.
        return self._once(("groups", id(rollup.groups), dimensions), number)

    def tell_apart(self, rollup: Rollup, name: str, threads: Executor) -> None:
        """Begin to number the texts of a column."""
        key = id(rollup.numbering), name
        if key not in self._texts:
            self._texts[key] = threads.submit(_numbered, self._table[name], rollup.numbering)

    def texts(self, rollup: Rollup, name: str) -> Integers:
        """The number of each row's text, which was begun; -1 where there is none."""
        return self._texts[id(rollup.numbering), name].result()

    def _integers(self, name: str) -> Integers:
        return self._once(("integers", name), lambda: integers(self._table[name]))

    def _codes(self, name: str) -> Codes:
        return self._once(("codes", name), lambda: encoded(self._table[name]))

    def _lie_in(self, scope: tuple[tuple[str, int], ...]) -> Flags:
        chosen = np.ones(len(self._table), dtype=bool)
        for name, code in scope:
            chosen &= self._small(name) == code
        return chosen

    def _small(self, name: str) -> NDArray[Any]:
        """A column of integers, each in as few bytes as it came."""
        return self._once(("small", name), lambda: self._table[name].to_numpy())

    def _once(self, key: tuple[object, ...], make: Callable[[], T]) -> T:
        if key not in self._known:
            self._known[key] = make()
        found: T = self._known[key]
        return found


def _numbered(column: pa.ChunkedArray, numbering: Numbering) -> Integers:
    codes, hashes = encoded(column)
    halves = np.frombuffer(hashes.buffers()[1] or b"", dtype=np.uint64).reshape(-1, 2)
    numbers = numbering.numbers(halves[: len(hashes)])
    return np.append(numbers.astype(np.int64), -1)[codes]


class Placed:
    """The interactions of a part of what is lacking."""

    def __init__(self, fetched: Fetched, part: Part) -> None:
        self._fetched = fetched
        self._length = part.length
        self._within = _within(part, fetched)
        self._scopes: dict[object, tuple[Integers, Integers]] = {}

    def rows_of(self, rollup: Rollup, asked: QuestionColumns) -> Rows:
        """What the rollup keeps of the rows in its scope that fulfil its conditions."""
        places, cells = self._of(asked.scope)
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

    def _of(self, scope: tuple[tuple[str, int], ...]) -> tuple[Integers, Integers]:
        """The places of the rows in a scope, and their cells."""
        found = self._scopes.get(scope)
        if found is None:
            places = self._fetched.of_scope(scope)
            places = places[self._within[places]]
            cells = -(-self._fetched.times[places] // self._length)
            found = self._scopes[scope] = places, cells
        return found

    def _texts_of(
        self, rollup: Rollup, name: str, places: Integers, cells: Integers, groups: Integers
    ) -> Texts:
        numbers = self._fetched.texts(rollup, name)[places]
        there = numbers >= 0
        return Texts.of(cells[there], groups[there], numbers[there]).once()


def _within(part: Part, fetched: Fetched) -> Flags:
    """Which rows belong to a part."""
    times = fetched.times
    if len(part.edges) == 1 and not part.made:
        ((after, upto),) = part.edges
        return (times > after) & (times <= upto)
    after, upto = np.asarray(part.edges, dtype=np.int64).T
    place = np.searchsorted(after, times, "left") - 1
    within = (place >= 0) & (times <= upto[place])
    if part.made:
        within &= fetched.numbered > np.asarray(part.made)[place]
    return np.asarray(within)


def _values(measure: Measure, numbers: Doubles, place: Integers, count: int) -> list[Doubles]:
    """What is kept beside how many rows there are."""
    there = ~np.isnan(numbers)
    numbers, place = numbers[there], place[there]
    if measure is Measure.SUM:
        weights = (None, *parts_of(numbers))
        with np.errstate(over="ignore", invalid="ignore"):
            return [np.bincount(place, some, count).astype(np.float64) for some in weights]
    extremes = np.full(count, np.nan)
    how = np.fmin if measure is Measure.MIN else np.fmax
    how.at(extremes, place, numbers)
    return [extremes]
