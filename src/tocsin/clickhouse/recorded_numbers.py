"""Finds the greatest interaction number in a folder without reading the whole table.

Parts never change, so those whose greatest number is known need not be read again. The store keeps
their names and hashes between two runs: a start reads only parts that were written or merged since
(decision 98).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from tocsin.clickhouse.part_hashes import PartHashes, same_parts
from tocsin.clickhouse.query_runner import QueryRunner
from tocsin.clickhouse.sql.maintenance import compile_latest_number


@dataclass(frozen=True, slots=True)
class NumberedParts:
    """No interaction in these parts has a number past `latest`."""

    latest: int = 0
    parts: PartHashes = field(default_factory=dict)


class RecordedNumbers:
    """Any number of threads may use the object."""

    def __init__(self, queries: QueryRunner, list_parts: Callable[[], PartHashes]) -> None:
        self._queries = queries
        self._list_parts = list_parts
        self._known = NumberedParts()
        self._reading = threading.Lock()

    def recall(self, known: NumberedParts) -> None:
        """Use what was known in an earlier run, as far as the parts are still the same."""
        self._known = NumberedParts(known.latest, same_parts(known.parts, self._list_parts()))

    def read(self) -> NumberedParts:
        """The greatest number in the table, or that was known, and the parts that were there before
        it was read. Raises Unavailable."""
        with self._reading:
            # Before the query, which sees their interactions even if they are merged meanwhile.
            parts = self._list_parts()
            query = compile_latest_number(known_parts=list(self._known.parts))
            ((latest,),) = self._queries.run(query)
            self._known = NumberedParts(max(int(latest), self._known.latest), parts)
            return self._known
