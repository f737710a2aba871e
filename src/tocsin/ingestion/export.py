"""Everything that a search matches, oldest first, in memory that does not grow with it.

Keys are read by the hundred thousand, rows by some megabytes. An export holds the interactions up
to the number that was the latest when it began; what is recorded meanwhile is not in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.sql.export import ExportKey, compile_keys, compile_rows
from tocsin.clickhouse.sql.table import Table
from tocsin.errors import QueryTooHeavy
from tocsin.ingestion.history import Catalog, interaction_of
from tocsin.model.interactions.catalog import Kind
from tocsin.model.interactions.interaction import Interaction
from tocsin.model.interactions.search import Search

KEYS = 200_000
ROWS_AT_FIRST = 1_000
BYTES_WANTED = 8 * 1024 * 1024
_BYTES_BESIDES = 512
"""What a row takes besides its JSON, roughly."""


class _Keys:
    """Keys in their order, as columns: sixteen bytes each, for many exports may be under way."""

    def __init__(self, at: NDArray[np.int64], number: NDArray[np.int64]) -> None:
        self._at = at
        self._number = number

    def __len__(self) -> int:
        return len(self._at)

    def __getitem__(self, place: int) -> ExportKey:
        return ExportKey(int(self._at[place]), int(self._number[place]))


class Export:
    """One export, as of the moment it is made; raises Unavailable then."""

    def __init__(self, engine: Engine, catalog: Catalog, search: Search) -> None:
        self._queries = engine.export_queries
        self._search = search
        self._last = engine.latest_number()
        # After the number: every entry that its interactions have is in it.
        self._mnemonics = {kind: catalog.mnemonics(kind) for kind in Kind}
        self._table = Table(self._mnemonics, engine.field_types.of)
        self._rows = ROWS_AT_FIRST

    def mnemonics(self, kind: Kind) -> Mapping[UUID, str]:
        """The mnemonics of all entries, the same for the whole export."""
        return self._mnemonics[kind]

    def blocks(self) -> Iterator[list[Interaction]]:
        """The interactions in order, as many at a time as take some megabytes.

        Raises QueryTooHeavy or Unavailable.
        """
        after: ExportKey | None = None
        while keys := self._keys(after):
            start = 0
            while start < len(keys):
                block, start = self._block(keys, start)
                yield block
            if len(keys) < KEYS:
                return
            after = keys[-1]

    def _keys(self, after: ExportKey | None) -> _Keys:
        query = compile_keys(self._search, after, self._last, KEYS, self._table)
        found = self._queries.run_arrow(query)
        return _Keys(*(found.column(name).to_numpy() for name in ("at", "number")))

    def _block(self, keys: _Keys, start: int) -> tuple[list[Interaction], int]:
        """The next interactions, and where in the keys the ones after them begin."""
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
            block = sorted(map(interaction_of, rows), key=_place)
            self._rows = _fitting(block)
            return block, end


def _place(interaction: Interaction) -> tuple[int, int]:
    return interaction.timestamp, interaction.interaction_number


def _fitting(block: list[Interaction]) -> int:
    """How many rows such as these take the bytes that are wanted."""
    size = sum(len(one.payload) + len(one.external_response) + _BYTES_BESIDES for one in block)
    return max(BYTES_WANTED * max(len(block), 1) // max(size, 1), 1)
