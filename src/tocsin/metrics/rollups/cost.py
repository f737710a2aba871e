"""The costs by which the cache chooses between fetching rows, scanning, and querying one by one."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class CostModel:
    """Measured costs and limits; decision 7 has the measurements.

    Fetching and scanning were measured with `benchmarks/many.py` on one to ten million
    interactions, the rollups of metrics that are calculated alone with `benchmarks/mixed.py`, and
    memory with `benchmarks/cardinality.py`.
    """

    scan_start_rows: int = 20_000
    """Interactions fetched in the time that a scan takes to start (`many.py`)."""
    aggregate_rows: int = 10_000
    """Interactions fetched in the time that the engine takes to plan an aggregate (`many.py`)."""
    aggregates_per_row: int = 25
    """Aggregates that a scan calculates of an interaction in the time that fetching it takes
    (`many.py`)."""
    query_rows: int = 10_000
    """Interactions fetched in the time that one question takes by itself (`many.py`)."""
    fetch_rows: int = 400_000
    """Interactions that one fetch aims at, of about 150 bytes each (`many.py`, peak memory)."""
    max_fetch_rows: int = 1_000_000
    """Interactions of one fetch at most."""
    fetches: int = 16
    """Fetches of one read at most."""
    max_rows: int = 6_400_000
    """Interactions of one read at most, which take all fetches."""
    uncounted_span: int = 60 * 60 * 1_000
    """Milliseconds that hold few interactions: counting them first takes longer
    (`many.py`)."""
    narrowing: int = 4
    """Where too many interactions would be fetched, reads are left out that span more than the
    longest span divided by this."""

    scan_aggregates: int = 60
    """Different aggregates in one scan; the engine takes half a millisecond to plan each
    (`many.py`)."""
    scan_span_ratio: int = 4
    """Reads share a scan if the shorter span is at least the longer one divided by this: every
    aggregate of a scan reads all of its rows (`many.py`)."""
    query_seconds: float = 6e-3
    """Seconds that a scoped question takes by itself (`many.py`)."""
    scan_row_seconds: float = 1e-7
    """Seconds that one interaction takes in a shared scan (`many.py`)."""

    recent_seconds: float = 1.0
    """Seconds for which a metric that was calculated alone counts as recently requested
    (`mixed.py`)."""
    recent_rollups: int = 50
    """Recently requested rollups that are refreshed together at most (`mixed.py`)."""
    cache_bytes: int = 256 * MIB
    """Bytes of all rollups (`cardinality.py`)."""
    rollup_bytes: int = 128 * MIB
    """Bytes of one rollup with its dictionary of texts (`cardinality.py`)."""

    def rows_worth_fetching(self, aggregates: int, questions: int | None = None) -> int:
        """How many interactions are fetched in the time of a scan for this number of aggregates. If
        nothing is kept, `questions` is the number of questions that would be queried one by one
        instead."""
        rows = self.max_rows
        if aggregates < self.aggregates_per_row:
            fixed = self.scan_start_rows + self.aggregate_rows * aggregates
            rows = int(fixed / (1 - aggregates / self.aggregates_per_row))
        if questions is not None:
            rows = min(rows, self.scan_start_rows + self.query_rows * questions)
        return min(rows, self.max_rows)

    def is_worth_scanning(self, rows: int, questions: int) -> bool:
        """Whether a scan of all rows takes no longer than questions one by one, which read the rows
        of their scopes only."""
        return questions * self.query_seconds >= rows * self.scan_row_seconds


MODEL = CostModel()
"""The costs that the cache uses; read where they apply, so a test can replace them."""
