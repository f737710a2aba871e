"""The fields that enabled metrics use become columns of the table by themselves.

What is promoted is a function of the metrics. A column is added at once, filled for what is
recorded already in the background, and offered to queries once every part of the table has it:
until then the JSON is read. What no metric needs any more is no longer offered from then on, and
dropped only after some patience: editing a metric rebuilds nothing, and no query that was compiled
with the column can still be waiting when it goes. A field that the engine refuses as a column is
read from the JSON; all others are promoted.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
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
)
from tocsin.clickhouse.sql.table import ValueKind
from tocsin.metrics.statement_retry import Isolation
from tocsin.model.interactions.field import Field
from tocsin.model.metrics.metric import Question
from tocsin.process.clock import Clock
from tocsin.process.events import DefinitionsChanged
from tocsin.process.worker import Worker
from tocsin.store.metrics import Metrics

log = structlog.get_logger()

PATIENCE = timedelta(minutes=10)
POLL_SECONDS = 0.2
RETRY_SECONDS = 60.0
# What a field's texts are like is looked at again when there are so many times as many rows.
GROWTH = 4
# Rows for which a column may be computed when it is read, as costs nearly nothing.
LITTLE = 10_000

Columns = dict[FieldValue, MaterializedColumn]


class Promotion:
    """Brings the table's columns to what questions ask for, a step at a time, from whatever
    columns the table has; used by one thread. Methods raise QueryTooHeavy or Unavailable."""

    def __init__(self, engine: Engine, patience: timedelta, little: int = LITTLE) -> None:
        """`patience` before a column that nothing needs is dropped; a column that no more than
        `little` rows lack is as good as filled."""
        self._engine = engine
        self._patience = patience
        self._little = little
        self._unneeded_since: dict[str, datetime] = {}
        self._few: dict[Field, bool] = {}
        self._rows_then = -1
        self._looking = Isolation("looking at a field's texts")
        self._adding = Isolation("adding a column")
        self._filling = Isolation("filling a column or an index")
        self._dropping = Isolation("dropping a column or an index")

    def choose(self, questions: Sequence[Question], at: datetime) -> Columns:
        """The columns that the questions ask for; whatever else was offered no longer is."""
        asks = columns_to_materialize(questions, self._engine.field_types.of)
        offered = self._engine.materialized_columns
        self._engine.materialized_columns = {ask: offered[ask] for ask in asks if ask in offered}
        self._look_at([field for field, kind in asks if kind is ValueKind.TEXT], at)
        looked_for = equality_fields(questions)
        return {
            (field, kind): MaterializedColumn(
                field,
                kind,
                is_low_cardinality=kind is ValueKind.TEXT and self._few.get(field, False),
                has_equality_filter=field in looked_for,
            )
            for field, kind in asks
        }

    def step(self, wanted: Columns, at: datetime) -> bool:
        """Add what is missing, offer what is filled, begin to fill the others, drop what has not
        been needed for long; whether nothing is left to wait for."""
        present = {name for (name,) in self._engine.run_ddl(compile_existing())}
        missing = [column for column in wanted.values() if not column.names <= present]
        added = self._adding.run(missing, at, self._add)
        there = present.union(*(column.names for column in added))
        lacking = self._lacking(there)
        self._engine.materialized_columns = _offered(wanted, there - lacking)
        needed = {name for column in wanted.values() for name in column.names}
        unneeded = present.difference(needed, self._engine.materialized_columns.values())
        overdue = [n for n in self._overdue(unneeded, at) if self._dropping.is_due(n, at)]
        names = [column.name for column in wanted.values() if column.name in lacking]
        unfilled = [name for name in names if self._filling.is_due(name, at)]
        # What is being filled the engine would refuse to drop.
        if (overdue or unfilled) and not self._engine.run_ddl(compile_pending_mutations())[0][0]:
            self._dropping.run(overdue, at, self._drop)
            self._filling.run(unfilled, at, self._fill)
            overdue = []
        # Only now: which parts have an index the engine does not tell.
        self._filling.run([column.index for column in added if column.index], at, self._fill)
        return not unfilled and not overdue

    def _add(self, columns: Sequence[MaterializedColumn]) -> None:
        self._engine.run_ddl(compile_add(columns))

    def _drop(self, names: Sequence[str]) -> None:
        self._engine.run_ddl(compile_drop(names))
        log.info("dropped what no metric needs", columns=names)

    def _fill(self, names: Sequence[str]) -> None:
        self._engine.run_ddl(compile_backfill(names))

    def _look_at(self, fields: Sequence[Field], at: datetime) -> None:
        """Which of the fields have few different texts? Of one that cannot be looked at, many are
        assumed."""
        rows = self._engine.rows()
        if rows > self._rows_then * GROWTH:
            self._few, self._rows_then = {}, rows
        new = [field for field in dict.fromkeys(fields) if field not in self._few]
        self._looking.run(new, at, self._count_texts)

    def _count_texts(self, fields: Sequence[Field]) -> None:
        query = compile_cardinalities(fields, self._engine.field_types.of)
        counts = self._engine.run_ddl(query)[0]
        self._few |= {
            field: count <= LOW_CARDINALITY_LIMIT
            for field, count in zip(fields, counts, strict=True)
        }

    def _lacking(self, names: set[str]) -> set[str]:
        """Those of the columns that more than a little of the table lacks."""
        parts = self._engine.run_ddl(compile_by_part())
        lacking = {name: sum(rows for had, rows in parts if name not in had) for name in names}
        return {name for name, rows in lacking.items() if rows > self._little}

    def _overdue(self, unneeded: set[str], at: datetime) -> list[str]:
        """Which of the columns and indexes have not been needed for long?"""
        self._unneeded_since = {name: self._unneeded_since.get(name, at) for name in unneeded}
        return [n for n, since in self._unneeded_since.items() if at - since >= self._patience]


def _offered(wanted: Columns, filled: set[str]) -> dict[FieldValue, str]:
    """A field whose texts have become many is read as it was until its new column is filled."""
    offered: dict[FieldValue, str] = {}
    for ask, column in wanted.items():
        for choice in (column, replace(column, is_low_cardinality=not column.is_low_cardinality)):
            if choice.name in filled:
                offered.setdefault(ask, choice.name)
    return offered


class ColumnPromoter(Worker):
    """Brings the columns to what the enabled metrics need, whenever it is woken."""

    def __init__(
        self, engine: Engine, metrics: Metrics, clock: Clock, patience: timedelta = PATIENCE
    ) -> None:
        super().__init__("column-promoter", retry_seconds=RETRY_SECONDS)
        self._metrics = metrics
        self._clock = clock
        self._promotion = Promotion(engine, patience)
        self._is_changed = threading.Event()
        self._wanted: Columns | None = None

    def wake(self) -> None:
        """Choose the columns anew: metrics changed, or time passed."""
        self._is_changed.set()
        super().wake()

    def on_definitions_changed(self, _event: DefinitionsChanged) -> None:
        self.wake()

    def run_maintenance(self, _at: datetime) -> None:
        """Time alone makes columns overdue, and a failed statement due again."""
        self.wake()

    def run_once(self) -> float | None:
        """Take one step; nothing before the first wake, because the columns that are worth it
        depend on the types that the fields have. Raises QueryTooHeavy or Unavailable."""
        at = self._clock.now()
        if self._is_changed.is_set():
            self._is_changed.clear()
            enabled = [metric.question for metric in self._metrics.all() if metric.enabled]
            self._wanted = self._promotion.choose(enabled, at)
        if self._wanted is None or self._promotion.step(self._wanted, at):
            return None
        return POLL_SECONDS
