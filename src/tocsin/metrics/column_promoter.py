"""Keeps columns for the fields that enabled metrics use, and drops unused ones.

The columns are a function of the metrics. A new column is added immediately, filled for recorded
interactions in the background, and readable by queries once every part of the table has it; until
then queries read the JSON. A column that no metric uses is no longer readable from then on, but
dropped only after a grace period: editing a metric rebuilds nothing, and no query compiled with the
column can still be waiting. A field that the engine refuses as a column is read from the JSON.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from tocsin.clickhouse.engine import Engine
from tocsin.clickhouse.sql.materialized_columns import (
    LOW_CARDINALITY_LIMIT,
    FieldValue,
    MaterializedColumn,
    columns_to_materialize,
    compile_add,
    compile_backfill,
    compile_by_part,
    compile_cardinalities,
    compile_drop,
    compile_existing,
    compile_pending_mutations,
    equality_fields,
    is_column,
)
from tocsin.clickhouse.sql.query import Query
from tocsin.clickhouse.sql.table import ValueKind
from tocsin.metrics.statement_retry import StatementRetry
from tocsin.model.interactions.field import Field
from tocsin.model.metrics.question import Question
from tocsin.process.clock import Clock
from tocsin.process.events import DefinitionsChanged, LeadershipGained
from tocsin.process.leadership import ALWAYS_LEADER, Leadership
from tocsin.process.worker import Worker
from tocsin.store.fencing import NO_FENCE, Fence
from tocsin.store.metrics import Metrics

log = structlog.get_logger()

GRACE_PERIOD = timedelta(minutes=10)
POLL_SECONDS = 0.2
FOLLOWER_POLL_SECONDS, FOLLOWER_CHECK_SECONDS = 2.0, 60.0
RETRY_SECONDS = 60.0
GROWTH = 4
"""The cardinality of fields is measured again when the table has this many times the rows."""
BACKFILL_TOLERANCE_ROWS = 10_000
"""Rows that may lack a column which is read: computing it for them costs almost nothing."""

DesiredColumns = dict[FieldValue, MaterializedColumn]


class ColumnReconciler:
    """Reconciles the columns of the table with the desired ones, step by step, from any state of
    the table. Used by one thread. Methods raise QueryTooHeavy or Unavailable."""

    def __init__(
        self,
        engine: Engine,
        grace_period: timedelta,
        tolerance_rows: int = BACKFILL_TOLERANCE_ROWS,
        fence: Fence = NO_FENCE,
    ) -> None:
        """An unused column is dropped after `grace_period`; a column counts as filled if at most
        `tolerance_rows` rows lack it. The fence lets only the leader change the table."""
        self._engine = engine
        self._grace_period = grace_period
        self._tolerance_rows = tolerance_rows
        self._fence = fence
        self._unused_since: dict[str, datetime] = {}
        self._is_low_cardinality: dict[Field, bool] = {}
        self._measured_rows = -1
        self._measuring = StatementRetry("measuring the cardinality of a field")
        self._adding = StatementRetry("adding a column")
        self._filling = StatementRetry("filling a column or an index")
        self._dropping = StatementRetry("dropping a column or an index")

    def desired(self, questions: Sequence[Question], at: datetime) -> DesiredColumns:
        """The columns that the questions use. Other columns are no longer readable."""
        values = columns_to_materialize(questions, self._engine.field_types.of)
        readable = self._engine.materialized_columns
        self._engine.materialized_columns = {
            value: readable[value] for value in values if value in readable
        }
        self._measure_cardinality([field for field, kind in values if kind is ValueKind.TEXT], at)
        compared = equality_fields(questions)
        return {
            (field, kind): MaterializedColumn(
                field,
                kind,
                is_low_cardinality=kind is ValueKind.TEXT
                and self._is_low_cardinality.get(field, False),
                has_equality_filter=field in compared,
            )
            for field, kind in values
        }

    def reconcile(self, desired: DesiredColumns, at: datetime) -> bool:
        """Add missing columns, make filled ones readable, start to fill the others, and drop unused
        ones. Whether nothing is left to be done."""
        present = self._present()
        missing = [column for column in desired.values() if not column.names <= present]
        added = self._adding.run(missing, at, self._add)
        names = present.union(*(column.names for column in added))
        not_backfilled = self._not_backfilled(names)
        self._engine.materialized_columns = _readable(desired, names - not_backfilled)
        used = {name for column in desired.values() for name in column.names}
        unused = present.difference(used, self._engine.materialized_columns.values())
        overdue = [n for n in self._overdue(unused, at) if self._dropping.is_due(n, at)]
        waiting = [column.name for column in desired.values() if column.name in not_backfilled]
        unfilled = [name for name in waiting if self._filling.is_due(name, at)]
        # The engine refuses to drop a column that is being filled.
        if (overdue or unfilled) and not self._has_pending_mutations():
            self._dropping.run(overdue, at, self._drop)
            self._filling.run(unfilled, at, self._fill)
            overdue = []
        # Only indexes that were just added: the engine does not report which parts have an index.
        self._filling.run([column.index for column in added if column.index], at, self._fill)
        return not unfilled and not overdue

    def follow(self, desired: DesiredColumns) -> bool:
        """Make readable what the leader has filled, and change nothing. Whether every desired
        column is readable."""
        present = self._present()
        # Where there are two columns, the leader will drop the one for few distinct texts: the
        # number of texts grows.
        lasting = {
            value: replace(column, is_low_cardinality=False) for value, column in desired.items()
        }
        readable = _readable(lasting, present - self._not_backfilled(present))
        self._engine.materialized_columns = readable
        return readable.keys() == desired.keys()

    def _present(self) -> set[str]:
        """The columns and indexes that every server has."""
        hosts = self._engine.inspect_hosts(compile_existing(self._engine.tables))
        return set.intersection(*({name for (name,) in rows} for rows in hosts))

    def _has_pending_mutations(self) -> bool:
        query = compile_pending_mutations(self._engine.tables[0])
        return any(count for ((count,),) in self._engine.inspect_hosts(query))

    def _add(self, columns: Sequence[MaterializedColumn]) -> None:
        stored, read = self._engine.tables[0], self._engine.tables[-1]
        self._change(self._engine.change_stored, compile_add(columns, stored))
        added = compile_add(columns, read, with_indexes=False)
        self._change(self._engine.change_distributed, added)

    def _drop(self, names: Sequence[str]) -> None:
        stored, read = self._engine.tables[0], self._engine.tables[-1]
        if any(map(is_column, names)):
            dropped = compile_drop(names, read, with_indexes=False)
            self._change(self._engine.change_distributed, dropped)
        self._change(self._engine.change_stored, compile_drop(names, stored))
        log.info("unused columns dropped", columns=names)

    def _fill(self, names: Sequence[str]) -> None:
        filled = compile_backfill(names, self._engine.tables[0])
        self._change(self._engine.change_stored, filled)

    def _change(self, run: Callable[[Query], None], statement: Query) -> None:
        self._fence.confirm()
        run(statement)

    def _measure_cardinality(self, fields: Sequence[Field], at: datetime) -> None:
        """Find which of the fields have few distinct texts. A field for which this fails counts as
        having many."""
        rows = self._engine.rows()
        if rows > self._measured_rows * GROWTH:
            self._is_low_cardinality, self._measured_rows = {}, rows
        new = [field for field in dict.fromkeys(fields) if field not in self._is_low_cardinality]
        self._measuring.run(new, at, self._count_texts)

    def _count_texts(self, fields: Sequence[Field]) -> None:
        query = compile_cardinalities(fields, self._engine.field_types.of)
        counts = self._engine.run_ddl(query)[0]
        self._is_low_cardinality |= {
            field: count <= LOW_CARDINALITY_LIMIT
            for field, count in zip(fields, counts, strict=True)
        }

    def _not_backfilled(self, names: set[str]) -> set[str]:
        """The columns that more rows lack than are tolerated."""
        hosts = self._engine.inspect_hosts(compile_by_part(self._engine.tables[0]))
        parts = [part for rows in hosts for part in rows]
        rows_without = {
            name: sum(rows for columns, rows in parts if name not in columns) for name in names
        }
        return {name for name, rows in rows_without.items() if rows > self._tolerance_rows}

    def _overdue(self, unused: set[str], at: datetime) -> list[str]:
        """The columns and indexes that have been unused for the grace period."""
        self._unused_since = {name: self._unused_since.get(name, at) for name in unused}
        return [n for n, since in self._unused_since.items() if at - since >= self._grace_period]


def _readable(desired: DesiredColumns, filled: set[str]) -> dict[FieldValue, str]:
    """A field whose texts have become many is read from its old column until its new one is
    filled."""
    readable: dict[FieldValue, str] = {}
    for value, column in desired.items():
        for choice in (column, replace(column, is_low_cardinality=not column.is_low_cardinality)):
            if choice.name in filled:
                readable.setdefault(value, choice.name)
    return readable


class ColumnPromoter(Worker):
    """Reconciles the columns with the enabled metrics, whenever it is woken."""

    def __init__(
        self,
        engine: Engine,
        metrics: Metrics,
        clock: Clock,
        grace_period: timedelta = GRACE_PERIOD,
        leadership: Leadership = ALWAYS_LEADER,
        fence: Fence = NO_FENCE,
    ) -> None:
        super().__init__("column-promoter", retry_seconds=RETRY_SECONDS)
        self._metrics = metrics
        self._clock = clock
        self._leadership = leadership
        self._reconciler = ColumnReconciler(engine, grace_period, fence=fence)
        self._is_changed = threading.Event()
        self._desired: DesiredColumns | None = None

    def wake(self) -> None:
        """Determine the desired columns again: metrics changed, or time passed."""
        self._is_changed.set()
        super().wake()

    def on_definitions_changed(self, _event: DefinitionsChanged) -> None:
        self.wake()

    def on_leadership_gained(self, _event: LeadershipGained) -> None:
        # At the start, the types of the fields have not been read yet.
        super().wake()

    def run_maintenance(self, _at: datetime) -> None:
        """Time alone makes columns overdue, and a failed statement due again."""
        self.wake()

    def run_once(self) -> float | None:
        """Take one step; none before the first wake-up, because the desired columns depend on the
        types of the fields, which are read first. Raises QueryTooHeavy, Deposed or Unavailable."""
        at = self._clock.now()
        if self._is_changed.is_set():
            self._is_changed.clear()
            enabled = [metric.question for metric in self._metrics.all() if metric.enabled]
            self._desired = self._reconciler.desired(enabled, at)
        if self._desired is None:
            return None
        if not self._leadership.is_leader:
            is_complete = self._reconciler.follow(self._desired)
            return FOLLOWER_CHECK_SECONDS if is_complete else FOLLOWER_POLL_SECONDS
        return None if self._reconciler.reconcile(self._desired, at) else POLL_SECONDS
