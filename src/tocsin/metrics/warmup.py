"""Prepares an engine that was just opened, while it answers already."""

from __future__ import annotations

from tocsin.clickhouse.engine import Engine
from tocsin.metrics.column_promoter import ColumnPromoter
from tocsin.process.worker import Worker


class Warmup(Worker):
    """Runs once."""

    def __init__(self, engine: Engine, promoter: ColumnPromoter) -> None:
        super().__init__("warmup")
        self._engine = engine
        self._promoter = promoter

    def run_once(self) -> None:
        """Learn the types of the fields, then have the columns chosen by them."""
        self._engine.warm_up()
        self._promoter.wake()
