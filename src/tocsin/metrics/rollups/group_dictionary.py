"""Which number does a group have? Rows of partial results hold numbers in place of texts.

The texts are kept twice: as tuples, which answers show, and as columns of Arrow, which are compared
without holding the interpreter.
"""

from __future__ import annotations

import threading

import pyarrow as pa

GroupTexts = tuple[str | None, ...]

_AT_ONCE = 10_000
"""Texts that become a column at once: in a millisecond."""


class Groups:
    """The groups that some fields make, numbered in the order in which they were met."""

    def __init__(self) -> None:
        self.texts: list[GroupTexts] = []
        self._numbers: dict[GroupTexts, int] = {}
        self._changing = threading.Lock()
        self._table: pa.Table | None = None
        self._extending = threading.Lock()

    def table(self) -> pa.Table:
        """The texts of all groups so far: a column `d0`, `d1`, ... for each field, a row for each
        group by its number."""
        with self._extending:
            table = self._table
            rows = 0 if table is None else len(table)
            for start in range(rows, len(self.texts), _AT_ONCE):
                columns = zip(*self.texts[start : start + _AT_ONCE], strict=True)
                arrays = [pa.array(column, pa.large_string()) for column in columns]
                chunk = pa.table({f"d{n}": array for n, array in enumerate(arrays)})
                table = chunk if table is None else pa.concat_tables([table, chunk])
            assert table is not None
            if len(table) > rows:
                # Rows of many chunks are slow to take.
                self._table = table = table.combine_chunks()
        return table

    def number(self, texts: GroupTexts) -> int:
        found = self._numbers.get(texts)
        if found is None:
            with self._changing:
                found = self._numbers.setdefault(texts, len(self.texts))
                if found == len(self.texts):
                    self.texts.append(texts)
        return found
