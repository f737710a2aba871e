"""From the columns of a shared scan to the rows of each rollup that it serves."""

from __future__ import annotations

from functools import cached_property
from uuid import UUID

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tocsin.clickhouse.sql.plan import Measure, Scan
from tocsin.metrics.rollups.encoding import doubles, encoded, group_numbers, integers, scope_codes
from tocsin.metrics.rollups.group_dictionary import Groups
from tocsin.metrics.rollups.partials import Doubles, Integers, Rows, Texts, merged
from tocsin.metrics.rollups.rollup import Rollup
from tocsin.model.interactions.catalog import Kind

_AT_ONCE = 1 << 18


class Shared:
    """The rows of one scan, of which each rollup gets its own."""

    def __init__(self, scan: Scan, table: pa.Table, groups: Groups) -> None:
        self._scan = scan
        self._table = table
        self._levels = integers(table["level"])
        self._cells = integers(table["cell"])
        names = [name for name in table.column_names if name.startswith("d")]
        dimensions = [encoded(table[name]) for name in names]
        self._groups = group_numbers(dimensions, len(table), groups)
        self._places: dict[tuple[int, tuple[UUID | None, ...]], Integers] = {}
        self._columns: dict[tuple[str, bool], Doubles] = {}
        self._texts: dict[str, tuple[Integers, NDArray[np.uint32]]] = {}

    def rows_of(self, rollup: Rollup, place: int, level: int) -> Rows:
        """The rows, in cells of a level, of the rollup whose question stands at a place of the
        scan's questions."""
        matched, *others = self._scan.columns[place]
        mine = self._in_scope(rollup, level)
        mine = mine[self._doubles(matched, is_extreme=False)[mine] > 0]
        mine = mine[self._cells[mine].argsort(kind="stable")]
        texts = None
        if rollup.measure is Measure.DISTINCT:
            texts = self._texts_of(rollup, others.pop(), mine)
        is_extreme = rollup.measure in (Measure.MIN, Measure.MAX)
        columns = [self._doubles(name, is_extreme=is_extreme) for name in (matched, *others)]
        values = np.stack([column[mine] for column in columns])
        rows = Rows(self._cells[mine], self._groups[mine], values, texts)
        return merged(rollup.measure, rows)

    def _in_scope(self, rollup: Rollup, level: int) -> Integers:
        """The places of the rows of a level that lie in the rollup's scope."""
        scope = rollup.question.scope.ids
        ids = tuple(scope[kind] for kind in self._scan.kinds)
        found = self._places.get((level, ids))
        if found is None:
            chosen = self._levels == level
            for kind, id in zip(self._scan.kinds, ids, strict=True):
                if id is not None:
                    codes, known = self._scopes[kind]
                    chosen &= codes == known.get(id.bytes, -1)
            found = self._places[level, ids] = np.flatnonzero(chosen)
        return found

    @cached_property
    def _scopes(self) -> dict[Kind, tuple[Integers, dict[bytes, int]]]:
        return {
            kind: scope_codes(self._table.column(number))
            for number, kind in enumerate(self._scan.kinds)
        }

    def _doubles(self, name: str, *, is_extreme: bool) -> Doubles:
        """A column; where there is no number, an extreme is none, and a sum is nothing."""
        found = self._columns.get((name, is_extreme))
        if found is None:
            found = doubles(self._table[name], np.nan if is_extreme else 0)
            self._columns[name, is_extreme] = found
        return found

    def _texts_of(self, rollup: Rollup, name: str, mine: Integers) -> Texts:
        found = self._texts.get(name)
        if found is None:
            lists = self._table[name].combine_chunks()
            hashes = lists.flatten().buffers()[1] or b""
            offsets = integers(lists.offsets)
            halves = np.frombuffer(hashes, dtype=np.uint64).reshape(-1, 2)[: offsets[-1]]
            found = self._texts[name] = offsets, rollup.numbering.numbers(halves)
        offsets, numbers = found
        lengths = np.diff(offsets)[mine]
        keys = np.empty(lengths.sum(), dtype=np.int64)
        begins = lengths.cumsum() - lengths
        # Bit by bit: what is needed meanwhile takes several times the room of what comes of it.
        parts = begins.searchsorted(np.arange(_AT_ONCE, len(keys), _AT_ONCE))
        for rows, begin, length in zip(
            *(np.split(some, parts) for some in (mine, begins, lengths)), strict=True
        ):
            if len(rows):
                end = begin[-1] + length[-1]
                shift = np.repeat(offsets[rows] - begin, length)
                texts = numbers[np.arange(begin[0], end) + shift]
                keys[begin[0] : end] = np.repeat(self._groups[rows] << 32, length) | texts
        return Texts(np.repeat(self._cells[mine], lengths), keys)
