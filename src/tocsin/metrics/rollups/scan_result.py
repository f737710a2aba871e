"""Decodes the columns of a shared scan into the partial aggregates of each rollup."""

from __future__ import annotations

from functools import cached_property
from uuid import UUID

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tocsin.clickhouse.sql.plan import Measure, Scan
from tocsin.metrics.decimals import Doubles, Integers
from tocsin.metrics.rollups.arrow_columns import dictionary_encoded, doubles, integers
from tocsin.metrics.rollups.dictionaries import GroupDictionary
from tocsin.metrics.rollups.partials import (
    DistinctValues,
    PartialAggregates,
    combine,
)
from tocsin.metrics.rollups.rollup import Rollup
from tocsin.model.interactions.catalog import Kind

_TEXTS_PER_CHUNK = 1 << 18


class ScanResult:
    """The rows of one scan, which serves several rollups."""

    def __init__(self, scan: Scan, table: pa.Table, groups: GroupDictionary) -> None:
        self._scan = scan
        self._table = table
        self._levels = integers(table["level"])
        self._buckets = integers(table["cell"])
        names = [name for name in table.column_names if name.startswith("d")]
        dimensions = [dictionary_encoded(table[name]) for name in names]
        self._groups = groups.numbers(dimensions, len(table))
        self._scope_rows: dict[tuple[int, tuple[UUID | None, ...]], Integers] = {}
        self._doubles_memo: dict[tuple[str, bool], Doubles] = {}
        self._texts_memo: dict[str, tuple[Integers, NDArray[np.uint32]]] = {}

    def rows_of(self, rollup: Rollup, index: int, level: int) -> PartialAggregates:
        """The rows of a level, for the rollup whose question has this index in the scan."""
        matched, *others = self._scan.columns[index]
        rows = self._in_scope(rollup, level)
        rows = rows[self._doubles(matched, is_extreme=False)[rows] > 0]
        rows = rows[self._buckets[rows].argsort(kind="stable")]
        texts = None
        if rollup.measure is Measure.DISTINCT:
            texts = self._texts_of(rollup, others.pop(), rows)
        is_extreme = rollup.measure in (Measure.MIN, Measure.MAX, Measure.LATEST)
        columns = [self._doubles(name, is_extreme=is_extreme) for name in (matched, *others)]
        values = np.stack([column[rows] for column in columns])
        partials = PartialAggregates(self._buckets[rows], self._groups[rows], values, texts)
        return combine(rollup.measure, partials)

    def _in_scope(self, rollup: Rollup, level: int) -> Integers:
        """The indices of the rows of a level that belong to the rollup's scope."""
        scope = rollup.question.scope.ids
        ids = tuple(scope[kind] for kind in self._scan.kinds)
        rows = self._scope_rows.get((level, ids))
        if rows is None:
            are_in = self._levels == level
            for kind, id in zip(self._scan.kinds, ids, strict=True):
                if id is not None:
                    codes, code_by_id = self._scope_codes[kind]
                    are_in &= codes == code_by_id.get(id.bytes, -1)
            rows = self._scope_rows[level, ids] = np.flatnonzero(are_in)
        return rows

    @cached_property
    def _scope_codes(self) -> dict[Kind, tuple[Integers, dict[bytes, int]]]:
        """For each kind of scope, the code of each row's id, and the codes by id."""
        by_kind = {}
        for number, kind in enumerate(self._scan.kinds):
            codes, ids = dictionary_encoded(self._table.column(number))
            by_kind[kind] = codes, {id: code for code, id in enumerate(ids.to_pylist())}
        return by_kind

    def _doubles(self, name: str, *, is_extreme: bool) -> Doubles:
        """A column; where there is no number, an extreme is NaN and a sum is 0."""
        column = self._doubles_memo.get((name, is_extreme))
        if column is None:
            column = doubles(self._table[name], np.nan if is_extreme else 0)
            self._doubles_memo[name, is_extreme] = column
        return column

    def _texts_of(self, rollup: Rollup, name: str, rows: Integers) -> DistinctValues:
        offsets, numbers = self._text_numbers(rollup, name)
        lengths = np.diff(offsets)[rows]
        keys = np.empty(lengths.sum(), dtype=np.int64)
        begins = lengths.cumsum() - lengths
        # In chunks, because the intermediate arrays take several times the memory of the result.
        ends = begins.searchsorted(np.arange(_TEXTS_PER_CHUNK, len(keys), _TEXTS_PER_CHUNK))
        chunks = (np.split(array, ends) for array in (rows, begins, lengths))
        for chunk, begin, length in zip(*chunks, strict=True):
            if len(chunk):
                end = begin[-1] + length[-1]
                shift = np.repeat(offsets[chunk] - begin, length)
                texts = numbers[np.arange(begin[0], end) + shift]
                keys[begin[0] : end] = np.repeat(self._groups[chunk] << 32, length) | texts
        return DistinctValues(np.repeat(self._buckets[rows], lengths), keys)

    def _text_numbers(self, rollup: Rollup, name: str) -> tuple[Integers, NDArray[np.uint32]]:
        """The offset of each row's texts, and the numbers of all texts."""
        decoded = self._texts_memo.get(name)
        if decoded is None:
            lists = self._table[name].combine_chunks()
            hashes = lists.flatten().buffers()[1] or b""
            offsets = integers(lists.offsets)
            halves = np.frombuffer(hashes, dtype=np.uint64).reshape(-1, 2)[: offsets[-1]]
            decoded = self._texts_memo[name] = offsets, rollup.texts.numbers(halves)
        return decoded
