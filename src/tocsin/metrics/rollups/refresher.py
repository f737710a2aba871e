"""Refreshes the views of one calculation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.sql.table import Table
from tocsin.metrics.calculation_pool import CalculationPool
from tocsin.metrics.rollups.dirty import ReadView
from tocsin.metrics.rollups.read_plan import BucketReader, Read, ReadPlan
from tocsin.metrics.rollups.rollup import RollupView
from tocsin.metrics.rollups.row_reader import RowReader
from tocsin.metrics.rollups.scan_reader import ScanReader


class Refresher:
    """Reads what views lack, as of one watermark: few interactions as rows, many by scans."""

    def __init__(
        self, engine: Engine, pool: CalculationPool, read_view: ReadView, table: Table
    ) -> None:
        self._watermark = read_view.watermark
        self._plan = ReadPlan(read_view)
        self._row_reader = RowReader(pool, table, self._watermark)
        self._scan_reader = ScanReader(engine, pool, table, self._watermark)

    def refresh(self, views: Iterable[RollupView]) -> None:
        """Complete the views. Sets `bypass` where direct queries are cheaper, or a scan failed."""
        unread = self._apply(self._row_reader, list(self._plan.reads(views)))
        unread = self._apply(self._scan_reader, [read.for_scan() for read in unread])
        for read in unread:
            read.view.bypass = True

    def add_new(self, views: Iterable[RollupView]) -> None:
        """Add new interactions to the buckets and minutes that the views have, if they are few."""
        reads = self._plan.reads(views)
        self._apply(self._row_reader, [read for read in reads if read.watermark is not None])

    def _apply(self, reader: BucketReader, reads: Sequence[Read]) -> list[Read]:
        """Store the rows of the reads; the result has those that the reader could not do."""
        rows = reader.read(reads)
        for read, partials in rows.items():
            read.apply(partials, self._watermark)
        return [read for read in reads if read not in rows]
