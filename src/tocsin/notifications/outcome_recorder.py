"""The worker that records how deliveries ended, each as an interaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from tocsin.model.notifications.outcome import outcome_interaction
from tocsin.process.leadership import ALWAYS_LEADER, Leadership
from tocsin.process.worker import Worker
from tocsin.store.channels import Channels
from tocsin.store.delivery_queue import DeliveryQueue

IDLE_SECONDS = 0.25
FAILED_SECONDS = 5.0

_BATCH = 500


class OwnInteractions(Protocol):
    def record_own(self, interactions: Sequence[dict[str, Any]]) -> None:
        """Record interactions of Tocsin itself; blocks, and raises Unavailable."""


class OutcomeRecorder(Worker):
    """Apart from the dispatcher, because recording waits for the engine and sending must not."""

    def __init__(
        self,
        queue: DeliveryQueue,
        channels: Channels,
        recorder: OwnInteractions,
        leadership: Leadership = ALWAYS_LEADER,
    ) -> None:
        super().__init__("outcome-recorder", retry_seconds=FAILED_SECONDS)
        self._queue = queue
        self._channels = channels
        self._recorder = recorder
        self._leadership = leadership

    def run_once(self) -> float:
        """Record every outcome that is not recorded yet, on the leader. Raises Unavailable."""
        while self._leadership.is_leader and (ended := self._queue.unrecorded(_BATCH)):
            self._recorder.record_own(
                [outcome_interaction(each, self._channels.find(each.channel_id)) for each in ended]
            )
            self._queue.mark_recorded([each.delivery_id for each in ended])
        return IDLE_SECONDS
