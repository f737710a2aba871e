"""Aggregates interactions that were fetched as rows into the partial aggregates of rollups."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tocsin.clickhouse.sql.fetching import NUMBER, TIME, QuestionColumns
from tocsin.clickhouse.sql.plan import Measure
from tocsin.metrics.decimals import Doubles, Integers, parts_of
from tocsin.metrics.rollups.arrow_columns import Codes, dictionary_encoded, doubles, integers
from tocsin.metrics.rollups.dictionaries import HashDictionary
from tocsin.metrics.rollups.latest import latest_of
from tocsin.metrics.rollups.partials import (
    DistinctValues,
    PartialAggregates,
    bucket_group_keys,
    occurring,
)
from tocsin.metrics.rollups.read_plan import BucketSet
from tocsin.metrics.rollups.rollup import Rollup

T = TypeVar("T")
Flags = NDArray[np.bool_]


class FetchedRows:
    """The interactions of one fetch. Results that several rollups need are calculated once."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self._memo: dict[tuple[object, ...], Any] = {}
        self._texts: dict[tuple[int, str], Future[Integers]] = {}

    @property
    def times(self) -> Integers:
        """The timestamp of each interaction, in milliseconds since 1970."""
        return self._integers(TIME)

    @property
    def numbers(self) -> Integers:
        """The number of each interaction."""
        return self._integers(NUMBER)

    def rows_in(self, scope: tuple[tuple[str, int], ...]) -> Integers:
        """The indices of the rows in a scope."""
        return self._once(("scope", scope), lambda: np.flatnonzero(self._are_in(scope)))

    def flags(self, name: str) -> Flags:
        return self._once(("flags", name), lambda: self._array(name).astype(bool))

    def doubles(self, name: str) -> Doubles:
        """A column of numbers; NaN where there is none."""
        return self._once(("doubles", name), lambda: doubles(self._table[name], np.nan))

    def groups(self, rollup: Rollup, dimensions: tuple[str, ...]) -> Integers:
        """The number of each row's group."""

        def number() -> Integers:
            return rollup.groups.numbers([self._codes(d) for d in dimensions], len(self._table))

        # Fields that no interaction has are one column and yet belong to several dictionaries.
        return self._once(("groups", id(rollup.groups), dimensions), number)

    def start_numbering(self, rollup: Rollup, name: str, threads: Executor) -> None:
        """Start to number the texts of a column on another thread."""
        key = id(rollup.texts), name
        if key not in self._texts:
            self._texts[key] = threads.submit(_text_numbers, self._table[name], rollup.texts)

    def texts(self, rollup: Rollup, name: str) -> Integers:
        """The number of each row's text, after `start_numbering`; -1 where there is none."""
        return self._texts[id(rollup.texts), name].result()

    def _integers(self, name: str) -> Integers:
        return self._once(("integers", name), lambda: integers(self._table[name]))

    def _codes(self, name: str) -> Codes:
        return self._once(("codes", name), lambda: dictionary_encoded(self._table[name]))

    def _are_in(self, scope: tuple[tuple[str, int], ...]) -> Flags:
        are_in = np.ones(len(self._table), dtype=bool)
        for name, code in scope:
            are_in &= self._array(name) == code
        return are_in

    def _array(self, name: str) -> NDArray[Any]:
        """A column of integers in the type that it was sent as, which is the smallest."""
        return self._once(("array", name), lambda: self._table[name].to_numpy())

    def _once(self, key: tuple[object, ...], calculate: Callable[[], T]) -> T:
        if key not in self._memo:
            self._memo[key] = calculate()
        result: T = self._memo[key]
        return result


def _text_numbers(column: pa.ChunkedArray, texts: HashDictionary) -> Integers:
    codes, hashes = dictionary_encoded(column)
    halves = np.frombuffer(hashes.buffers()[1] or b"", dtype=np.uint64).reshape(-1, 2)
    numbers = texts.numbers(halves[: len(hashes)])
    return np.append(numbers.astype(np.int64), -1)[codes]


class BucketedRows:
    """The fetched interactions that belong to a set of buckets."""

    def __init__(self, fetched: FetchedRows, bucket_set: BucketSet) -> None:
        self._fetched = fetched
        self._length = bucket_set.length
        self._intervals, self._are_in_set = _intervals_of(bucket_set, fetched)
        self._scopes: dict[object, tuple[Integers, Integers]] = {}

    def rows_of(self, rollup: Rollup, columns: QuestionColumns) -> PartialAggregates:
        """The partial aggregates of the rows that match the rollup's scope and filters."""
        indices, buckets = self._in_scope(columns.scope)
        for name in columns.conditions:
            holds = self._fetched.flags(name)[indices]
            indices, buckets = indices[holds], buckets[holds]
        groups = self._fetched.groups(rollup, columns.dimensions)[indices]
        first, keys, width, size = bucket_group_keys(buckets, groups)
        distinct, index = occurring(keys, size)
        values = [np.bincount(index, minlength=len(distinct)).astype(np.float64)]
        texts = None
        if rollup.measure is Measure.DISTINCT:
            assert columns.operand
            texts = self._texts_of(rollup, columns.operand, indices, buckets, groups)
        elif columns.operand:
            numbers = self._fetched.doubles(columns.operand)[indices]
            if rollup.measure is Measure.LATEST:
                order = self._fetched.times[indices], self._fetched.numbers[indices]
                fields = np.stack([numbers, *order]).astype(np.float64)
                values += [*latest_of(fields, index, len(distinct))]
            else:
                values += _values(rollup.measure, numbers, index, len(distinct))
        of_bucket, of_group = np.divmod(distinct, width)
        return PartialAggregates(of_bucket + first, of_group, np.stack(values), texts)

    def _in_scope(self, scope: tuple[tuple[str, int], ...]) -> tuple[Integers, Integers]:
        """The indices of the rows in a scope, and their buckets."""
        rows = self._scopes.get(scope)
        if rows is None:
            indices = self._fetched.rows_in(scope)
            indices = indices[self._are_in_set[indices]]
            if self._length is None:
                buckets = self._intervals[indices]
            else:
                buckets = -(-self._fetched.times[indices] // self._length)
            rows = self._scopes[scope] = indices, buckets
        return rows

    def _texts_of(
        self, rollup: Rollup, name: str, indices: Integers, buckets: Integers, groups: Integers
    ) -> DistinctValues:
        numbers = self._fetched.texts(rollup, name)[indices]
        has_text = numbers >= 0
        rows = DistinctValues.of(buckets[has_text], groups[has_text], numbers[has_text])
        return rows.deduplicated()


def _intervals_of(bucket_set: BucketSet, fetched: FetchedRows) -> tuple[Integers, Flags]:
    """The index of the last interval that begins before each row, and whether the row belongs to
    it."""
    times = fetched.times
    after, upto = np.asarray(bucket_set.intervals, dtype=np.int64).T
    intervals = np.searchsorted(after, times, "left") - 1
    belongs = (intervals >= 0) & (times <= upto[intervals])
    if bucket_set.watermarks:
        belongs &= fetched.numbers > np.asarray(bucket_set.watermarks)[intervals]
    return intervals, np.asarray(belongs)


def _values(measure: Measure, numbers: Doubles, index: Integers, count: int) -> list[Doubles]:
    """The partial aggregates beyond the number of rows."""
    is_number = ~np.isnan(numbers)
    numbers, index = numbers[is_number], index[is_number]
    if measure is Measure.SUM:
        weights = (None, *parts_of(numbers))
        with np.errstate(over="ignore", invalid="ignore"):
            return [np.bincount(index, part, count).astype(np.float64) for part in weights]
    extremes = np.full(count, np.nan)
    reduction = np.fmin if measure is Measure.MIN else np.fmax
    reduction.at(extremes, index, numbers)
    return [extremes]
