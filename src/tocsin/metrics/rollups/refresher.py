"""What the windows of some questions lack is scanned for: as few scans as there may be, each for
many rollups, several of them side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.sql.plan import aggregates_of, compile_scan
from tocsin.clickhouse.sql.scan import Period
from tocsin.clickhouse.sql.table import Table
from tocsin.errors import QueryTooHeavy, TocsinError
from tocsin.metrics.calculation_pool import Lane
from tocsin.metrics.rollups.buckets import LENGTHS, Edge, time_of
from tocsin.metrics.rollups.dirty import Seen
from tocsin.metrics.rollups.read_plan import Kind, Need, cells_needed, minutes_needed, pieces_needed
from tocsin.metrics.rollups.rollup import put_together, with_cells
from tocsin.metrics.rollups.row_reader import Fetcher
from tocsin.metrics.rollups.scan_result import Shared
from tocsin.metrics.rollups.staleness import Lack, Wanted, united
from tocsin.metrics.rollups.view import ONE_CELL, Use, pieces_between
from tocsin.model.instant import from_milliseconds

log = structlog.get_logger()

MAX_TOGETHER = 60
"""Different aggregates in a scan: each takes the engine half a millisecond to plan."""
MOST_APART = 4
ALONE_SECONDS, ROW_SECONDS = 6e-3, 1e-7
"""What a scoped question takes by itself, and what a row takes in a shared scan."""


@dataclass(frozen=True, slots=True)
class _Task:
    """One scan for some rollups: for what they lack, or for their edges, which are stretches
    within minutes and are not kept, or for pieces."""

    uses: Sequence[Use]
    periods: Sequence[Sequence[Edge]]
    lack: Lack | None = None
    pieces: Sequence[int] = ()

    @property
    def lengths(self) -> Sequence[int]:
        """How long a cell is at each level; a piece is one cell."""
        return [ONE_CELL for _ in self.pieces] or LENGTHS


class Scanner:
    """Completes the uses of one calculation, as of one moment of what was recorded."""

    def __init__(self, engine: Engine, lane: Lane, seen: Seen, table: Table) -> None:
        self._engine = engine
        self._lane = lane
        self._seen = seen
        self._table = table
        self._wanted: dict[tuple[timedelta | None, ...], Wanted] = {}

    def complete(self, uses: Sequence[Use]) -> None:
        """Give every use the cells and edges that it lacks; one that is to be calculated alone,
        because it had better be or because its scan failed, says so."""
        left = self._fetcher().fulfil(self._needs(uses))
        of_kind: dict[Kind, dict[Use, None]] = {kind: {} for kind in Kind}
        for need in left:
            of_kind[need.kind][need.use] = None
        lacks = self._lacks(of_kind[Kind.CELLS])
        pieces = self._worth_it(_piece_tasks(of_kind[Kind.PIECES]))
        tasks = [*pieces, *_edge_tasks(of_kind[Kind.EDGES]), *_cell_tasks(lacks)]
        threads = self._lane.threads
        list(threads.map(self._run, tasks) if len(tasks) > 1 else map(self._run, tasks))
        for use, lack in lacks.items():
            for level, cell in sorted(lack.put_together):
                measure = use.rollup.measure
                use.levels = put_together(measure, use.levels, level, cell, self._seen.moment)

    def catch_up(self, uses: Sequence[Use]) -> None:
        """Give every use what is new in the cells and edges that it has, unless that is much."""
        newer = [need for need in self._needs(uses) if need.since is not None]
        self._fetcher().fulfil(newer)

    def _fetcher(self) -> Fetcher:
        return Fetcher(self._lane, self._table, self._seen.moment)

    def _needs(self, uses: Iterable[Use]) -> Iterator[Need]:
        for use in uses:
            if use.is_new:
                yield pieces_needed(use)
            else:
                yield from minutes_needed(use, self._seen)
                yield from cells_needed(use, self._wanted_by(use).missing(use.levels))

    def _worth_it(self, tasks: Iterable[_Task]) -> Iterator[_Task]:
        """A shared scan goes over all rows, where a question by itself reads those of its scope
        only: in a large table few questions are answered sooner alone."""
        shared = None
        for task in tasks:
            shared = shared or self._engine.rows() * ROW_SECONDS
            questions = sum(len(use.covers) for use in task.uses)
            if questions * ALONE_SECONDS >= shared:
                yield task
            else:
                for use in task.uses:
                    use.is_alone = True

    def _lacks(self, uses: Iterable[Use]) -> dict[Use, Lack]:
        lacks = {use: self._wanted_by(use).lacking(use.levels) for use in uses}
        return {use: lack for use, lack in lacks.items() if lack}

    def _wanted_by(self, use: Use) -> Wanted:
        """The cells of its windows; many uses are asked for the same ones."""
        windows = tuple(use.covers)
        if windows not in self._wanted:
            stretches = [s for found in use.covers.values() for s in found.stretches]
            self._wanted[windows] = Wanted(stretches, self._seen)
        return self._wanted[windows]

    def _run(self, task: _Task) -> None:
        """Scan, and give each use its rows; what is too heavy together is scanned by halves."""
        try:
            self._scan(task)
        except QueryTooHeavy:
            half = len(task.uses) // 2
            if half:
                self._run(replace(task, uses=task.uses[:half]))
                self._run(replace(task, uses=task.uses[half:]))
            else:
                task.uses[0].is_too_wide = task.uses[0].is_alone = True
        except TocsinError as error:
            log.warning("shared scan failed", error=str(error), questions=len(task.uses))
            for use in task.uses:
                use.is_alone = True

    def _scan(self, task: _Task) -> None:
        rollups = [use.rollup for use in task.uses]
        questions = [rollup.question for rollup in rollups]
        periods = list(map(_periods, task.periods))
        upto = None if task.pieces else self._seen.moment
        scan = compile_scan(questions, periods, task.lengths, self._table, upto=upto)
        shared = Shared(scan, self._lane.queries.run_arrow(scan.query), rollups[0].groups)
        for place, use in enumerate(task.uses):
            if task.pieces:
                for level, begin in enumerate(task.pieces):
                    use.pieces[begin] = shared.rows_of(use.rollup, place, level)
            elif task.lack:
                self._take(use, shared, place, task.lack)
            else:
                use.edges = shared.rows_of(use.rollup, place, 0)

    def _take(self, use: Use, shared: Shared, place: int, lack: Lack) -> None:
        for level, cells in enumerate(lack.scanned):
            if cells:
                rows = shared.rows_of(use.rollup, place, level)
                use.levels = with_cells(use.levels, level, cells, rows, self._seen.moment)


def _periods(edges: Sequence[Edge]) -> list[Period]:
    return [Period(from_milliseconds(e.after), from_milliseconds(e.upto)) for e in edges]


def _piece_tasks(uses: Iterable[Use]) -> Iterator[_Task]:
    for alike in _grouped_alike(uses):
        spans = {use: use.end - use.begins[0] for use in alike}
        for together in _worth_sharing(spans):
            begins = sorted({begin for use in together for begin in use.begins})
            periods = [[piece] for piece in pieces_between(begins, together[0].end)]
            for some in _some_at_once(together):
                yield _Task(some, periods, pieces=begins)


def _edge_tasks(uses: Iterable[Use]) -> Iterator[_Task]:
    """Edges of different windows lie in different minutes: one scan reads all of them."""
    for alike in _grouped_alike(uses):
        edges = sorted({edge for use in alike for edge in use.all_edges})
        for some in _some_at_once(alike):
            yield _Task(some, [edges])


def _cell_tasks(lacks: dict[Use, Lack]) -> Iterator[_Task]:
    """Adds to the lacks what must be put together because their scans are shared."""
    for alike in _grouped_alike(lacks):
        for together in _worth_sharing({use: lacks[use].span for use in alike}):
            lack = united(lacks[use] for use in together)
            for use in together:
                own = lacks[use]
                lacks[use] = replace(own, put_together=own.put_together | lack.put_together)
            if lack.span:
                periods = [time_of(level, cells) for level, cells in enumerate(lack.scanned)]
                for some in _some_at_once(together):
                    yield _Task(some, periods, lack)


def _worth_sharing(spans: dict[Use, int]) -> Iterator[list[Use]]:
    """Those that look at much time, not with those that look at little: every aggregate of a scan
    goes over all of its rows. Those that ask for no other aggregates come for nothing."""
    left = sorted(spans, key=lambda use: spans[use], reverse=True)
    while left:
        least = spans[left[0]] / MOST_APART
        asked = {aggregates_of(use.rollup.question) for use in left if spans[use] >= least}
        together = [use for use in left if aggregates_of(use.rollup.question) in asked]
        yield together
        taken = set(together)
        left = [use for use in left if use not in taken]


def _grouped_alike(uses: Iterable[Use]) -> Iterable[list[Use]]:
    alike: dict[int, list[Use]] = defaultdict(list)
    for use in uses:
        alike[id(use.rollup.groups)].append(use)
    return alike.values()


def _some_at_once(uses: Iterable[Use]) -> Iterator[list[Use]]:
    """So many that the engine need not plan too much at once; those that ask for the same
    aggregates, of other scopes, stay together."""
    alike: dict[Hashable, list[Use]] = defaultdict(list)
    for use in uses:
        alike[aggregates_of(use.rollup.question)].append(use)
    kinds = list(alike.values())
    for start in range(0, len(kinds), MAX_TOGETHER):
        yield [use for some in kinds[start : start + MAX_TOGETHER] for use in some]
