"""From the columns of a shared scan to the rows of each rollup that it serves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from uuid import UUID

import numpy as np
import pyarrow as pa

from tocsin.model.catalog import Kind
from tocsin.rollups.groups import Groups, GroupTexts
from tocsin.rollups.rollup import Rollup
from tocsin.rollups.rows import Doubles, Integers, Rows, Texts, merged
from tocsin.sql.plan import Measure, Scan, scope_of


class Shared:
    """The rows of one scan, of which each rollup gets its own."""

    def __init__(self, scan: Scan, table: pa.Table, groups: Groups) -> None:
        self._scan = scan
        self._table = table
        self._levels = _integers(table["level"])
        self._cells = _integers(table["cell"])
        self._groups = _group_numbers(table, groups)
        self._places: dict[tuple[int, tuple[UUID | None, ...]], Integers] = {}
        self._columns: dict[tuple[str, bool], Doubles] = {}
        self._texts: dict[str, tuple[Integers, Integers]] = {}

    def rows_of(self, rollup: Rollup, place: int, level: int) -> Rows:
        """The rows, in cells of a level, of the rollup whose question stands at a place of the
        scan's questions."""
        matched, *others = self._scan.columns[place]
        mine = self._in_scope(rollup, level)
        mine = mine[self._doubles(matched, is_extreme=False)[mine] > 0]
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
        scope = scope_of(rollup.question)
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
        scopes = {}
        for number, kind in enumerate(self._scan.kinds):
            ids = self._table.column(number).combine_chunks()
            encoded = getattr(ids, "storage", ids).dictionary_encode()
            known = {id: code for code, id in enumerate(encoded.dictionary.to_pylist())}
            scopes[kind] = (_integers(encoded.indices), known)
        return scopes

    def _doubles(self, name: str, *, is_extreme: bool) -> Doubles:
        """A column; where there is no number, an extreme is none, and a sum is nothing."""
        found = self._columns.get((name, is_extreme))
        if found is None:
            column = self._table[name]
            if column.null_count:
                column = column.cast(pa.float64()).fill_null(np.nan if is_extreme else 0)
            found = np.asarray(column.to_numpy(), dtype=np.float64)
            self._columns[name, is_extreme] = found
        return found

    def _texts_of(self, rollup: Rollup, name: str, mine: Integers) -> Texts:
        found = self._texts.get(name)
        if found is None:
            lists = self._table[name].combine_chunks()
            hashes = lists.flatten().buffers()[1] or b""
            offsets = _integers(lists.offsets)
            halves = np.frombuffer(hashes, dtype=np.uint64).reshape(-1, 2)[: offsets[-1]]
            found = self._texts[name] = offsets, rollup.numbering.numbers(halves).astype(np.int64)
        offsets, numbers = found
        starts, lengths = offsets[mine], np.diff(offsets)[mine]
        within = np.arange(lengths.sum()) - np.repeat(lengths.cumsum() - lengths, lengths)
        chosen = numbers[np.repeat(starts, lengths) + within]
        cells, groups = self._cells[mine], self._groups[mine]
        return Texts.of(np.repeat(cells, lengths), np.repeat(groups, lengths), chosen)


def _group_numbers(table: pa.Table, groups: Groups) -> Integers:
    """The number of each row's group; 0 where nothing is grouped."""
    names = [name for name in table.column_names if name.startswith("d")]
    codes = np.zeros(len(table), dtype=np.int64)
    if not names:
        return codes
    columns = [_encoded(table[name]) for name in names]
    for indices, values in columns:
        _, codes = np.unique(codes * (len(values) + 1) + indices + 1, return_inverse=True)
    _, first = np.unique(codes, return_index=True)
    spelled: Sequence[GroupTexts] = list(
        zip(
            *(
                [values[i] if i >= 0 else None for i in indices[first].tolist()]
                for indices, values in columns
            ),
            strict=True,
        )
    )
    numbers = np.asarray([groups.number(texts) for texts in spelled], dtype=np.int64)
    return numbers[codes] if len(numbers) else codes


def _encoded(column: pa.ChunkedArray) -> tuple[Integers, list[str]]:
    """The code of each row's text, -1 where it is missing, and the texts by code."""
    array = column.combine_chunks()
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    return _integers(array.indices.fill_null(-1)), array.dictionary.to_pylist()


def _integers(array: pa.Array | pa.ChunkedArray) -> Integers:
    return np.asarray(array.to_numpy(), dtype=np.int64)
