"""Exports all interactions that match a search, oldest first, in bounded memory.

It reads keys by the hundred thousand, and rows by some megabytes. An export has the interactions up
to the latest number at its start, without those that are recorded meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.sql.export import ExportKey, compile_keys, compile_rows
from tocsin.errors import QueryTooHeavy
from tocsin.ingestion.history import interaction_of
from tocsin.ingestion.time_spans import TimeSpans
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.search import Search
from tocsin.model.interactions.snapshot import Mnemonics

KEYS = 200_000
FIRST_ROWS = 1_000
BLOCK_BYTES = 8 * 1024 * 1024
_ROW_OVERHEAD = 512
"""The approximate bytes of a row without its JSON."""


class _ExportKeys:
    """Keys in order, as columns of sixteen bytes a key: many exports may run concurrently."""

    def __init__(self, at: NDArray[np.int64], number: NDArray[np.int64]) -> None:
        self._at = at
        self._number = number

    def __len__(self) -> int:
        return len(self._at)

    def __getitem__(self, place: int) -> ExportKey:
        return ExportKey(int(self._at[place]), int(self._number[place]))


class Export:
    """One export, as of its construction, which raises Unavailable."""

    def __init__(self, engine: Engine, catalog: Mnemonics, search: Search) -> None:
        self._queries = engine.export_queries
        self._search = search
        self._last = engine.latest_number()
        # After the number, so that the entries of all its interactions are in it.
        self._table = engine.table(catalog)
        self._spans = TimeSpans(engine.recorded_extent.current, engine.rows())
        self._rows = FIRST_ROWS

    def mnemonics(self, kind: Kind) -> Mapping[UUID, str]:
        """The mnemonics of all entries, the same for the whole export."""
        return self._table.mnemonics[kind]

    def blocks(self) -> Iterator[list[Interaction]]:
        """The interactions in order, in blocks of some megabytes.

        Raises QueryTooHeavy or Unavailable.
        """
        for search in self._spans.oldest_first(self._search):
            after: ExportKey | None = None
            while keys := self._keys(search, after):
                start = 0
                while start < len(keys):
                    block, start = self._block(keys, start)
                    yield block
                if len(keys) < KEYS:
                    break
                after = keys[-1]

    def _keys(self, search: Search, after: ExportKey | None) -> _ExportKeys:
        query = compile_keys(search, after, self._last, KEYS, self._table)
        columns = self._queries.run_arrow(query)
        return _ExportKeys(*(columns.column(name).to_numpy() for name in ("at", "number")))

    def _block(self, keys: _ExportKeys, start: int) -> tuple[list[Interaction], int]:
        """The next interactions, and the index in `keys` after them."""
        while True:
            end = min(start + self._rows, len(keys))
            query = compile_rows(self._search, keys[start], keys[end - 1], self._table)
            try:
                rows = self._queries.run(query)
            except QueryTooHeavy:
                if end - start == 1:
                    raise
                self._rows = (end - start) // 2
                continue
            block = sorted(map(interaction_of, rows), key=_position)
            self._rows = _rows_for_block(block)
            return block, end


def _position(interaction: Interaction) -> tuple[int, int]:
    return interaction.timestamp, interaction.interaction_number


def _rows_for_block(block: list[Interaction]) -> int:
    """The number of rows like those of `block` that take BLOCK_BYTES."""
    size = sum(len(row.payload) + len(row.external_response) + _ROW_OVERHEAD for row in block)
    return max(BLOCK_BYTES * max(len(block), 1) // max(size, 1), 1)
