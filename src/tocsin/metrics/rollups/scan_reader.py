"""Reads many interactions as partial aggregates, in as few scans as serve all rollups."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial

import structlog

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.sql.plan import aggregates_of, compile_scan
from tocsin.clickhouse.sql.table import Table
from tocsin.errors import QueryTooHeavy, TocsinError
from tocsin.metrics.calculation_pool import CalculationPool
from tocsin.metrics.rollups import cost
from tocsin.metrics.rollups.partials import PartialAggregates
from tocsin.metrics.rollups.read_plan import Read, Target
from tocsin.metrics.rollups.rollup import RollupView
from tocsin.metrics.rollups.scan_layout import BucketLayout, Layout, SegmentLayout
from tocsin.metrics.rollups.scan_result import ScanResult
from tocsin.model.instant import from_milliseconds
from tocsin.model.metrics.window import Period

log = structlog.get_logger()

ReadsByView = Mapping[RollupView, Sequence[Read]]


@dataclass(frozen=True, slots=True)
class _Task:
    """One scan for the reads of some views; `upto` is the number of the last interaction that it
    includes, None for any."""

    reads: ReadsByView
    layout: Layout
    upto: int | None


class ScanReader:
    """Scans for one calculation, up to a watermark."""

    def __init__(self, engine: Engine, pool: CalculationPool, table: Table, watermark: int) -> None:
        self._engine = engine
        self._pool = pool
        self._table = table
        self._watermark = watermark

    def read(self, reads: Collection[Read]) -> Mapping[Read, PartialAggregates]:
        """The rows of the reads; without those of scans that failed, and of those that take longer
        than the questions one by one. Sets `exceeds_limit` of views that are too heavy alone."""
        tasks = list(self._tasks(reads))
        run = self._pool.threads.map if len(tasks) > 1 else map
        rows: dict[Read, PartialAggregates] = {}
        for rows_of_task in run(self._run, tasks):
            rows |= rows_of_task
        return rows

    def _tasks(self, reads: Iterable[Read]) -> Iterator[_Task]:
        """Views that are grouped alike and span similar times share a scan."""
        by_kind: dict[tuple[Target, bool, int], dict[RollupView, list[Read]]] = {}
        for read in reads:
            view = read.view
            kind = read.target, view.is_transient, id(view.rollup.groups)
            by_kind.setdefault(kind, {}).setdefault(view, []).append(read)
        for (target, is_transient, _), by_view in by_kind.items():
            for views in _worth_sharing(by_view):
                shared = {view: by_view[view] for view in views}
                if is_transient and not self._is_worth_scanning(views):
                    continue
                all_reads = [read for reads in shared.values() for read in reads]
                layout: Layout
                if target is Target.SEGMENTS:
                    layout = SegmentLayout(all_reads)
                else:
                    layout = BucketLayout.of(all_reads)
                upto = None if is_transient else self._watermark
                for part in _limited(shared):
                    yield _Task(part, layout, upto)

    def _is_worth_scanning(self, views: Iterable[RollupView]) -> bool:
        questions = sum(len(view.windows) for view in views)
        return cost.MODEL.is_worth_scanning(self._rows, questions)

    @cached_property
    def _rows(self) -> int:
        return self._engine.rows()

    def _run(self, task: _Task) -> Mapping[Read, PartialAggregates]:
        """The rows of a task. Views that are too heavy together are scanned by halves."""
        views = list(task.reads)
        try:
            return self._scan(task)
        except QueryTooHeavy:
            half = len(views) // 2
            if not half:
                views[0].exceeds_limit = True
                return {}
            return {
                **self._run(_part_of(task, views[:half])),
                **self._run(_part_of(task, views[half:])),
            }
        except TocsinError as error:
            log.warning("shared scan failed", error=str(error), questions=len(views))
            return {}

    def _scan(self, task: _Task) -> Mapping[Read, PartialAggregates]:
        rollups = [view.rollup for view in task.reads]
        layout = task.layout
        periods = [
            [Period(from_milliseconds(i.after), from_milliseconds(i.upto)) for i in intervals]
            for intervals in layout.intervals
        ]
        scan = compile_scan(
            [rollup.question for rollup in rollups],
            periods,
            layout.lengths,
            self._table,
            upto=task.upto,
        )
        result = ScanResult(scan, self._pool.queries.run_arrow(scan.query), rollups[0].groups)
        rows: dict[Read, PartialAggregates] = {}
        for index, (view, reads) in enumerate(task.reads.items()):
            rows_at = cache(partial(result.rows_of, view.rollup, index))
            rows |= {read: layout.rows_of(read, rows_at) for read in reads}
        return rows


def _part_of(task: _Task, views: Iterable[RollupView]) -> _Task:
    return _Task({view: task.reads[view] for view in views}, task.layout, task.upto)


def _worth_sharing(reads: ReadsByView) -> Iterator[list[RollupView]]:
    """Groups views that span similar times, because every aggregate of a scan reads all of its
    rows. Views that need no other aggregates than a group has join it at no cost."""
    spans = {view: sum(read.span for read in reads[view]) for view in reads}
    left = sorted(spans, key=lambda view: spans[view], reverse=True)
    while left:
        least = spans[left[0]] / cost.MODEL.scan_span_ratio
        shared = {aggregates_of(view.rollup.question) for view in left if spans[view] >= least}
        group = [view for view in left if aggregates_of(view.rollup.question) in shared]
        yield group
        grouped = set(group)
        left = [view for view in left if view not in grouped]


def _limited(reads: ReadsByView) -> Iterator[ReadsByView]:
    """Divides views among scans of a limited number of aggregates. Views with the same aggregates,
    in other scopes, stay together."""
    alike: dict[Hashable, list[RollupView]] = defaultdict(list)
    for view in reads:
        alike[aggregates_of(view.rollup.question)].append(view)
    groups = list(alike.values())
    step = cost.MODEL.scan_aggregates
    for start in range(0, len(groups), step):
        yield {view: reads[view] for group in groups[start : start + step] for view in group}
