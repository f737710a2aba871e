"""Prepares an engine that was just opened, while it answers already."""

from __future__ import annotations

from tocsin.clickhouse.engine import Engine
from tocsin.metrics.column_promoter import ColumnPromoter
from tocsin.process.worker import Worker

CLIENTS_AFTER_SECONDS = 2.0
BETWEEN_CLIENTS_SECONDS = 0.1


class Warmup(Worker):
    """Ends with the clients that calculations will need when they run concurrently."""

    def __init__(self, engine: Engine, promoter: ColumnPromoter) -> None:
        super().__init__("warmup")
        self._engine = engine
        self._promoter = promoter
        self._is_warm = False

    def run_once(self) -> float | None:
        """First learn the types of the fields, and have the columns chosen by them; then open one
        client at a time."""
        if self._is_warm:
            return BETWEEN_CLIENTS_SECONDS if self._engine.open_another_client() else None
        self._engine.warm_up()
        self._promoter.wake()
        self._is_warm = True
        return CLIENTS_AFTER_SECONDS
