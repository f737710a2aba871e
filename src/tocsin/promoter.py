"""The fields that enabled metrics use become columns of the table by themselves.

What is promoted is a function of the metrics. A column is added at once, filled for what is
recorded already in the background, and offered to queries once every part of the table has it:
until then the JSON is read. What no metric needs any more is no longer offered from then on, and
dropped only after some patience: editing a metric rebuilds nothing, and no query that was compiled
with the column can still be waiting when it goes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from tocsin.engine.engine import Engine
from tocsin.model.field import Field
from tocsin.model.metric import Metric, Question
from tocsin.sql.promoted import (
    FEW,
    Ask,
    PromotedColumn,
    compile_add,
    compile_by_part,
    compile_different,
    compile_drop,
    compile_fill,
    compile_present,
    compile_under_way,
    worth_promoting,
)
from tocsin.sql.table import Aspect

log = structlog.get_logger()

PATIENCE = timedelta(minutes=10)
POLL_SECONDS = 0.2
# Together they are one pass over the parts; the engine takes 30 ms to understand each (26.9).
FILLED_AT_ONCE = 8
# What a field's texts are like is looked at again when there are so many times as many rows.
GROWTH = 4

Columns = dict[Ask, PromotedColumn]


class Promotion:
    """Brings the table's columns to what questions ask for, a step at a time, from whatever
    columns the table has; used by one thread. Methods raise QueryTooHeavy or Unavailable."""

    def __init__(self, engine: Engine, patience: timedelta) -> None:
        self._engine = engine
        self._patience = patience
        self._unneeded_since: dict[str, datetime] = {}
        self._looked_at: dict[Field, tuple[bool, int]] = {}

    def choose(self, questions: Sequence[Question]) -> Columns:
        """The columns that the questions ask for; whatever else was offered no longer is."""
        asks = worth_promoting(questions, self._engine.field_types.of)
        offered = self._engine.promoted
        self._engine.promoted = {ask: offered[ask] for ask in asks if ask in offered}
        rows = self._engine.rows()
        return {ask: self._column(ask, rows) for ask in asks}

    def step(self, wanted: Columns, at: datetime) -> bool:
        """Add what is missing, offer what is filled, begin to fill some of the others, drop what
        has not been needed for long; whether nothing is left to wait for."""
        names = [column.name for column in wanted.values()]
        present = self._present()
        for column in wanted.values():
            if column.name not in present:
                self._engine.upkeep(compile_add(column))
        filled = self._filled()
        self._engine.promoted = _offered(wanted, filled)
        self._drop_unneeded(present.difference(names, self._engine.promoted.values()), at)
        lacking = [name for name in names if name not in filled]
        if lacking and not self._is_under_way():
            self._engine.upkeep(compile_fill(lacking[:FILLED_AT_ONCE]))
        return not lacking

    def _column(self, ask: Ask, rows: int) -> PromotedColumn:
        field, aspect = ask
        return PromotedColumn(field, aspect, aspect is Aspect.TEXT and self._is_few(field, rows))

    def _is_few(self, field: Field, rows: int) -> bool:
        is_few, rows_then = self._looked_at.get(field, (True, -1))
        if rows > rows_then * GROWTH:
            query = compile_different(field, self._engine.field_types.of)
            is_few = self._engine.upkeep(query)[0][0] <= FEW
            self._looked_at[field] = is_few, rows
        return is_few

    def _drop_unneeded(self, names: set[str], at: datetime) -> None:
        self._unneeded_since = {name: self._unneeded_since.get(name, at) for name in names}
        for name, since in self._unneeded_since.items():
            if at - since >= self._patience:
                self._engine.upkeep(compile_drop(name))
                log.info("dropped a column that no metric needs", column=name)

    def _present(self) -> set[str]:
        return {name for (name,) in self._engine.upkeep(compile_present())}

    def _filled(self) -> set[str]:
        """The columns that no part lacks."""
        parts = [set(names) for (names,) in self._engine.upkeep(compile_by_part())]
        return set.intersection(*parts) if parts else self._present()

    def _is_under_way(self) -> bool:
        return bool(self._engine.upkeep(compile_under_way())[0][0])


def _offered(wanted: Columns, filled: set[str]) -> dict[Ask, str]:
    """A field whose texts have become many is read as it was until its new column is filled."""
    offered: dict[Ask, str] = {}
    for ask, column in wanted.items():
        for choice in (column, replace(column, is_few=not column.is_few)):
            if choice.name in filled:
                offered.setdefault(ask, choice.name)
    return offered


class Promoter:
    """The thread that promotes, whenever it is woken; a failure is tried again at the next time."""

    def __init__(
        self,
        engine: Engine,
        metrics: Callable[[], Sequence[Metric]],
        patience: timedelta = PATIENCE,
    ) -> None:
        self._metrics = metrics
        self._promotion = Promotion(engine, patience)
        self._woken = threading.Condition()
        self._at: datetime | None = None
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="promoter", daemon=True)
        self._thread.start()

    def wake(self, at: datetime) -> None:
        """The metrics may have changed, or time has passed: it is `at` now."""
        with self._woken:
            self._at = at
            self._woken.notify()

    def close(self) -> None:
        with self._woken:
            self._is_closed = True
            self._woken.notify()
        self._thread.join()

    def _work(self) -> None:
        while (at := self._next()) is not None:
            try:
                self._settle(at)
            except Exception:
                log.exception("promotion failed; it is tried again when metrics change")

    def _next(self) -> datetime | None:
        """The instant that was last told, once; None when closed."""
        with self._woken:
            self._woken.wait_for(lambda: self._at or self._is_closed)
            at, self._at = self._at, None
            return None if self._is_closed else at

    def _settle(self, at: datetime) -> None:
        enabled = [metric.question for metric in self._metrics() if metric.enabled]
        wanted = self._promotion.choose(enabled)
        while not self._promotion.step(wanted, at):
            with self._woken:
                if self._woken.wait_for(lambda: self._at or self._is_closed, POLL_SECONDS):
                    return
