"""Learns the ids of recorded interactions after a start, while others are recorded, and saves
them."""

from __future__ import annotations

from tocsin.clickhouse.recorded_ids import InteractionIds
from tocsin.process.worker import Worker

RETRY_SECONDS = 10.0
"""A damaged part fails each time, until an operator detaches it."""
SAVE_SECONDS = 600.0
"""Between two times at which the ids may be saved, for a start after a crash."""


class IdLearner(Worker):
    def __init__(self, ids: InteractionIds) -> None:
        super().__init__("id learner", retry_seconds=RETRY_SECONDS)
        self._ids = ids

    def run_once(self) -> float:
        if self._ids.learn(lambda: not self._is_stopping):
            self._ids.save_many()
        return SAVE_SECONDS
