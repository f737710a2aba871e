"""From the columns of a shared scan to the rows of each rollup that it serves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from uuid import UUID

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tocsin.model.catalog import Kind
from tocsin.rollups.groups import Groups, Texts
from tocsin.rollups.rollup import Rollup
from tocsin.rollups.rows import Doubles, Integers, Rows, merged
from tocsin.sql.plan import Measure, Scan, scope_of


class Shared:
    """The rows of one scan, of which each rollup gets its own."""

    def __init__(self, scan: Scan, table: pa.Table, groups: Groups) -> None:
        self._scan = scan
        self._table = table
        self._levels = _integers(table["level"])
        self._cells = _integers(table["cell"])
        self._groups = _group_numbers(table, groups)
        self._places: dict[tuple[UUID | None, ...], NDArray[np.bool_]] = {}

    def rows_of(self, rollup: Rollup, place: int, level: int) -> Rows:
        """The rows, in cells of a level, of the rollup whose question stands at a place of the
        scan's questions."""
        names = self._scan.columns[place]
        matched = _doubles(self._table[names[0]], 0)
        mine = self._in_scope(rollup) & self._of_level(level) & (matched > 0)
        texts = None
        if rollup.measure is Measure.DISTINCT:
            texts = self._texts(rollup, self._table[names[1]], mine)
            names = names[:1]
        values = np.stack([self._values(rollup, name)[mine] for name in names])
        rows = Rows(self._cells[mine], self._groups[mine], values, texts)
        return merged(rollup.measure, rows)

    def _of_level(self, level: int) -> NDArray[np.bool_]:
        return np.asarray(self._levels == level)

    def _values(self, rollup: Rollup, name: str) -> Doubles:
        is_extreme = rollup.measure in (Measure.MIN, Measure.MAX)
        return _doubles(self._table[name], np.nan if is_extreme else 0)

    def _in_scope(self, rollup: Rollup) -> NDArray[np.bool_]:
        scope = scope_of(rollup.question)
        ids = tuple(scope[kind] for kind in self._scan.kinds)
        found = self._places.get(ids)
        if found is None:
            found = np.ones(len(self._cells), dtype=bool)
            for kind, id in zip(self._scan.kinds, ids, strict=True):
                if id is not None:
                    codes, known = self._scopes[kind]
                    found &= codes == known.get(id.bytes, -1)
            self._places[ids] = found
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

    def _texts(
        self, rollup: Rollup, column: pa.ChunkedArray, mine: NDArray[np.bool_]
    ) -> NDArray[np.int64]:
        """Rows of (cell, group, number of a text)."""
        lists = column.combine_chunks()
        hashes = lists.flatten().buffers()[1]
        lengths = np.diff(_integers(lists.offsets))
        halves = np.frombuffer(hashes or b"", dtype=np.uint64).reshape(-1, 2)[: lengths.sum()]
        chosen = np.repeat(mine, lengths)
        numbers = rollup.texts.numbers(halves[chosen]).astype(np.int64)
        cells = np.repeat(self._cells, lengths)[chosen]
        return np.stack([cells, np.repeat(self._groups, lengths)[chosen], numbers])


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
    spelled: Sequence[Texts] = list(
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


def _doubles(column: pa.ChunkedArray, missing: float) -> Doubles:
    if column.null_count:
        column = column.cast(pa.float64()).fill_null(missing)
    return np.asarray(column.to_numpy(), dtype=np.float64)
